//! Paths of secrets and folders: `dir/sub/name`, in one canonical form.
//!
//! A path is UTF-8 in normal form C, case-sensitive, without control, bidirectional or zero-width
//! characters; 1 to 32 segments of 1 to 255 bytes, 1,024 bytes in all; no segment is empty, `.` or `..`.
//! Nothing is percent-decoded here.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::character::is_hidden;

/// Longest path.
pub const MAX_PATH_BYTES: usize = 1024;
/// Most segments of a path.
pub const MAX_SEGMENTS: usize = 32;
/// Longest segment.
pub const MAX_SEGMENT_BYTES: usize = 255;

/// The path of a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretPath(Box<str>);

/// The path of a folder; empty for the root.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderPath(Box<str>);

/// The rule that a path breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing at all.
    #[error("a path is not empty")]
    Empty,
    /// Over [`MAX_PATH_BYTES`].
    #[error("a path has at most 1024 bytes")]
    TooLong,
    /// Over [`MAX_SEGMENTS`].
    #[error("a path has at most 32 segments")]
    TooManySegments,
    /// `/` at the beginning or the end.
    #[error("a path neither begins nor ends with `/`")]
    EdgeSlash,
    /// `a//b`.
    #[error("a path has no empty segment")]
    EmptySegment,
    /// Over [`MAX_SEGMENT_BYTES`].
    #[error("a segment of a path has at most 255 bytes")]
    SegmentTooLong,
    /// `.` or `..`.
    #[error("a segment of a path is neither `.` nor `..`")]
    Dots,
    /// A control, bidirectional or zero-width character.
    #[error("a path has no control, bidirectional or zero-width characters")]
    HiddenCharacter,
    /// Not in Unicode normal form C.
    #[error("a path is in unicode normal form c")]
    NotNormalised,
}

impl SecretPath {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From the root down.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// The folder that the secret lies in.
    pub fn parent(&self) -> FolderPath {
        FolderPath(
            self.0
                .rsplit_once('/')
                .map_or("", |(parent, _)| parent)
                .into(),
        )
    }
}

impl FolderPath {
    /// The folder that everything lies in.
    pub fn root() -> Self {
        Self("".into())
    }

    /// The canonical text, without a `/` at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// From the root down; none for the root.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// The last segment; none for the root.
    pub fn name(&self) -> Option<&str> {
        self.segments().next_back()
    }

    /// The folder that this one lies in; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let parent = || self.0.rsplit_once('/').map_or("", |(parent, _)| parent);
        (!self.is_root()).then(|| Self(parent().into()))
    }

    /// Whether the other folder is this one, or lies anywhere below it.
    pub fn covers(&self, other: &Self) -> bool {
        self.0 == other.0 || self.is_above(&other.0)
    }

    /// Whether the secret lies anywhere below this folder.
    pub fn contains(&self, secret: &SecretPath) -> bool {
        self.is_above(&secret.0)
    }

    fn is_above(&self, path: &str) -> bool {
        self.is_root()
            || path
                .strip_prefix(&*self.0)
                .is_some_and(|rest| rest.starts_with('/'))
    }
}

impl TryFrom<&str> for SecretPath {
    type Error = PathError;

    fn try_from(text: &str) -> Result<Self, PathError> {
        canonical(text).map(|text| Self(text.into()))
    }
}

impl From<SecretPath> for FolderPath {
    /// The folder of the same name: a name may be both.
    fn from(path: SecretPath) -> Self {
        Self(path.0)
    }
}

impl TryFrom<&str> for FolderPath {
    type Error = PathError;

    fn try_from(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            Ok(Self::root())
        } else {
            canonical(text).map(|text| Self(text.into()))
        }
    }
}

impl std::str::FromStr for SecretPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::try_from(text)
    }
}

impl std::str::FromStr for FolderPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::try_from(text)
    }
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> Encode<C> for FolderPath {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

/// Stored records are authenticated: what was accepted once is read back as it is.
impl<'b, C> Decode<'b, C> for FolderPath {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.str().map(|text| Self(text.into()))
    }
}

/// Paths stay out of logs, which carry ids.
impl fmt::Debug for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPath(..)")
    }
}

/// Paths stay out of logs, which carry ids.
impl fmt::Debug for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FolderPath(..)")
    }
}

/// Refuses what is not in canonical form; changes nothing.
fn canonical(text: &str) -> Result<&str, PathError> {
    if text.is_empty() {
        return Err(PathError::Empty);
    }
    // ORDER: lengths first, so that the cost of the rest is bounded.
    if text.len() > MAX_PATH_BYTES {
        return Err(PathError::TooLong);
    }
    if text.starts_with('/') || text.ends_with('/') {
        return Err(PathError::EdgeSlash);
    }
    if text.split('/').count() > MAX_SEGMENTS {
        return Err(PathError::TooManySegments);
    }
    text.split('/').try_for_each(segment)?;
    if text.chars().any(is_hidden) {
        return Err(PathError::HiddenCharacter);
    }
    if !text.is_ascii() && !unicode_normalization::is_nfc(text) {
        return Err(PathError::NotNormalised);
    }
    Ok(text)
}

fn segment(segment: &str) -> Result<(), PathError> {
    match segment {
        "" => Err(PathError::EmptySegment),
        "." | ".." => Err(PathError::Dots),
        long if long.len() > MAX_SEGMENT_BYTES => Err(PathError::SegmentTooLong),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
