//! The path grammar: `dir/name[#field][@version|@label]`.
//!
//! In a reference the characters `%`, `#`, `@` and `:` of a name are percent-encoded; here they are
//! decoded, once. A label is never all digits, so `@7` is a version. What makes a path canonical is
//! the server's to decide; this file decides only where one part ends and the next begins.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use vault_proto::v1;

/// A parsed reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The path, decoded.
    pub path: String,
    /// `#field`.
    pub field: Option<String>,
    /// `@version` or `@label`.
    pub selector: Option<Selector>,
}

/// Which version is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// `@7`.
    Version(u64),
    /// `@previous`.
    Label(String),
}

/// Why a reference is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing before `#` or `@`.
    #[error("a reference needs a path: dir/name[#field][@version|@label]")]
    NoPath,
    /// A `:` that is not encoded.
    #[error("`:` in a name is written %3A")]
    Colon,
    /// A `%` without two hexadecimal digits.
    #[error("`%` in a name is written %25; other uses are two hexadecimal digits, as in %40")]
    Percent,
    /// Decoded bytes that are not text, or that would be another path.
    #[error("percent-encoding in a name must not spell `/` or invalid UTF-8")]
    Decoded,
    /// After `#`.
    #[error("`{0}` is not a field name: 1 to 128 letters, digits, `_`, `.` or `-`")]
    Field(String),
    /// After `@`.
    #[error("`{0}` is not a version or a label")]
    Selector(String),
    /// A second `#` or `@`.
    #[error("`{0}` appears twice; in a name it is percent-encoded")]
    Twice(char),
    /// `@` before `#`.
    #[error("the field comes before the version: dir/name#field@version")]
    Order,
}

impl Reference {
    /// A reference to all fields of the current version.
    pub fn to_path(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            field: None,
            selector: None,
        }
    }

    pub(crate) fn into_request(self) -> v1::GetSecretRequest {
        v1::GetSecretRequest {
            path: self.path,
            selector: self.selector.map(Selector::into_wire),
            fields: self.field.into_iter().collect(),
        }
    }
}

impl Selector {
    fn into_wire(self) -> v1::Selector {
        match self {
            Self::Version(version) => v1::Selector {
                version: Some(version),
                label: None,
            },
            Self::Label(label) => v1::Selector {
                version: None,
                label: Some(label),
            },
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (rest, selector) = match text.split_once('@') {
            Some((rest, selector)) => (rest, Some(parse_selector(selector)?)),
            None => (text, None),
        };
        let (path, field) = match rest.split_once('#') {
            Some((path, field)) => (path, Some(parse_field(field)?)),
            None => (rest, None),
        };
        Ok(Self {
            path: decode_path(path)?,
            field,
            selector,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode_path(&self.path))?;
        if let Some(field) = &self.field {
            write!(f, "#{field}")?;
        }
        match &self.selector {
            Some(Selector::Version(version)) => write!(f, "@{version}"),
            Some(Selector::Label(label)) => write!(f, "@{label}"),
            None => Ok(()),
        }
    }
}

/// A path as it is written in references.
pub fn encode_path(path: &str) -> Cow<'_, str> {
    utf8_percent_encode(path, RESERVED).into()
}

fn parse_selector(text: &str) -> Result<Selector, ReferenceError> {
    if text.contains('#') {
        return Err(ReferenceError::Order);
    }
    if text.contains('@') {
        return Err(ReferenceError::Twice('@'));
    }
    let bad = || ReferenceError::Selector(text.to_owned());
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map(Selector::Version).map_err(|_| bad());
    }
    if is_name(text) {
        Ok(Selector::Label(text.to_owned()))
    } else {
        Err(bad())
    }
}

fn parse_field(text: &str) -> Result<String, ReferenceError> {
    if text.contains('#') {
        return Err(ReferenceError::Twice('#'));
    }
    if is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(ReferenceError::Field(text.to_owned()))
    }
}

/// Fields and labels share their alphabet and length.
fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

fn decode_path(text: &str) -> Result<String, ReferenceError> {
    if text.is_empty() {
        return Err(ReferenceError::NoPath);
    }
    if text.contains(':') {
        return Err(ReferenceError::Colon);
    }
    let strict = text.split('%').skip(1).all(|after| {
        let mut digits = after.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.next().is_some() && digits.next().is_some()
    });
    if !strict {
        return Err(ReferenceError::Percent);
    }
    let slashes = |s: &str| s.bytes().filter(|&b| b == b'/').count();
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| ReferenceError::Decoded)?;
    if slashes(&decoded) != slashes(text) {
        return Err(ReferenceError::Decoded);
    }
    Ok(decoded.into_owned())
}

/// What a reference encodes: the grammar's own characters, and what a terminal or a shell would
/// swallow.
const RESERVED: &AsciiSet = &CONTROLS.add(b'%').add(b'#').add(b'@').add(b':');

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Reference, ReferenceError, Selector};

    fn parse(text: &str) -> Result<Reference, ReferenceError> {
        text.parse()
    }

    #[test]
    fn all_parts_are_found() {
        let reference = parse("prod/db#password@previous").unwrap();
        assert_eq!(reference.path, "prod/db");
        assert_eq!(reference.field.as_deref(), Some("password"));
        assert_eq!(reference.selector, Some(Selector::Label("previous".into())));
        assert_eq!(parse("a@7").unwrap().selector, Some(Selector::Version(7)));
        assert_eq!(
            parse("a@v7").unwrap().selector,
            Some(Selector::Label("v7".into()))
        );
    }

    #[test]
    fn encoded_characters_of_a_name_are_decoded_once() {
        assert_eq!(parse("a%40b/c%23d%3Ae%25").unwrap().path, "a@b/c#d:e%");
        assert_eq!(parse("a%2540").unwrap().path, "a%40");
    }

    #[test]
    fn malformed_references_are_refused() {
        use ReferenceError as E;
        for (text, error) in [
            ("", E::NoPath),
            ("#f", E::NoPath),
            ("@1", E::NoPath),
            ("a:b", E::Colon),
            ("a%", E::Percent),
            ("a%4", E::Percent),
            ("a%zz", E::Percent),
            ("a%4%40", E::Percent),
            ("a%2Fb", E::Decoded),
            ("a%ff", E::Decoded),
            ("a#", E::Field(String::new())),
            ("a#b c", E::Field("b c".into())),
            ("a#b#c", E::Twice('#')),
            ("a@", E::Selector(String::new())),
            ("a@1@2", E::Twice('@')),
            ("a@1#f", E::Order),
            (
                "a@99999999999999999999999",
                E::Selector("99999999999999999999999".into()),
            ),
            ("a@pre vious", E::Selector("pre vious".into())),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        assert!(parse(&format!("a#{}", "f".repeat(129))).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(path in "[a-zA-Z0-9 _%#@:é日/.-]{1,40}", version: Option<u64>, field in proptest::option::of("[A-Za-z0-9_.-]{1,12}")) {
            let reference = Reference { path, field, selector: version.map(Selector::Version) };
            prop_assert_eq!(parse(&reference.to_string()), Ok(reference));
        }

        #[test]
        fn no_text_panics(text: String) {
            drop(parse(&text));
        }
    }
}
