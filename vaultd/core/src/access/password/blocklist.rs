//! An administrator's own list of passwords that nobody may have, compared as whole strings.
//!
//! A list has one of two forms, which its first line tells: words, compared in folded form; or SHA-1 in hex with or
//! without `:count` behind it, as "Pwned Passwords" is handed out, of passwords as they are typed and as they fold.
//! Entries are kept as 64-bit hashes, so that a file of millions of lines stays small; a collision refuses a good
//! password once in 10^12 tries. Reading the file is the daemon's business.

use sha1::{Digest as _, Sha1};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::MAX_BYTES;

/// Most entries of a list.
const MAX_ENTRIES: usize = 10_000_000;
/// Digits of a SHA-1 in hex.
const SHA1_DIGITS: usize = 40;
/// The same of hashes that lists are also handed out as: NTLM, MD5, and SHA-2.
const OTHER_DIGITS: [usize; 4] = [32, 64, 96, 128];

/// Passwords that nobody may have.
#[derive(Clone, Default)]
pub struct Blocklist {
    form: Form,
    /// Sorted.
    hashes: Vec<u64>,
}

/// What the lines of a list are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    Words,
    Sha1,
}

/// Why a line is no part of a list. It does not say what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// Other bytes than text.
    #[error("the line is not UTF-8; convert the list, as `iconv -c -t UTF-8` does")]
    Encoding,
    /// No password is as long.
    #[error("the line has over {MAX_BYTES} bytes, which no password has")]
    TooLong,
    /// A list of hashes that passwords cannot be compared with.
    #[error(
        "the list is of hashes that are not SHA-1; take one of passwords, or of their SHA-1 in hex"
    )]
    OtherHash,
    /// Among hashes.
    #[error("the list is of SHA-1 in hex, by its first line, and this line is none")]
    NoSha1,
    /// The list is too long to be held in memory.
    #[error("the list has over {MAX_ENTRIES} entries; keep those that are met most often")]
    TooMany,
}

/// A list that is being read, line by line.
#[derive(Debug, Default)]
pub struct Reading {
    form: Option<Form>,
    hashes: Vec<u64>,
}

impl Reading {
    /// Takes the next line, without its end. Empty lines, and spaces around an entry, do not count.
    ///
    /// # Errors
    /// When it is no part of such a list: the list is not to be used then.
    pub fn line(&mut self, line: &[u8]) -> Result<(), BadLine> {
        if line.len() > MAX_BYTES {
            return Err(BadLine::TooLong);
        }
        let line = std::str::from_utf8(line).map_err(|_| BadLine::Encoding)?;
        // some editors write a byte-order mark in front
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() {
            return Ok(());
        }
        if self.hashes.len() == MAX_ENTRIES {
            return Err(BadLine::TooMany);
        }
        let digits = hex_of(line);
        let form = match self.form {
            Some(form) => form,
            None => *self.form.insert(form_of(digits)?),
        };
        self.hashes.push(match form {
            Form::Words => hash(&fold(line)),
            Form::Sha1 => digits.and_then(of_sha1).ok_or(BadLine::NoSha1)?,
        });
        Ok(())
    }

    /// The list.
    pub fn done(self) -> Blocklist {
        let Self { form, mut hashes } = self;
        hashes.sort_unstable();
        hashes.dedup();
        hashes.shrink_to_fit();
        Blocklist {
            form: form.unwrap_or_default(),
            hashes,
        }
    }
}

impl Blocklist {
    /// How many different entries there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// What its lines are, for people.
    pub fn form(&self) -> &'static str {
        match self.form {
            Form::Words => "passwords",
            Form::Sha1 => "SHA-1 of passwords",
        }
    }

    /// Whether a password, as it was typed and as it folds, is on it.
    pub(super) fn contains(&self, typed: &str, folded: &str) -> bool {
        let has = |hash| self.hashes.binary_search(&hash).is_ok();
        match self.form {
            Form::Words => has(hash(folded)),
            Form::Sha1 => has(sha1(typed)) || has(sha1(folded)),
        }
    }
}

impl std::fmt::Debug for Blocklist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocklist")
            .field("form", &self.form)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// What a list is whose first line has these digits, or is something else.
fn form_of(digits: Option<&str>) -> Result<Form, BadLine> {
    match digits.map(str::len) {
        Some(SHA1_DIGITS) => Ok(Form::Sha1),
        Some(length) if OTHER_DIGITS.contains(&length) => Err(BadLine::OtherHash),
        _ => Ok(Form::Words),
    }
}

/// The digits of `HEX` or `HEX:count`.
fn hex_of(line: &str) -> Option<&str> {
    let (digits, count) = line.split_once(':').unwrap_or((line, "0"));
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    let counted = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
    (hex && counted).then_some(digits)
}

fn of_sha1(digits: &str) -> Option<u64> {
    let whole = digits.len() == SHA1_DIGITS;
    let first = digits.get(..16).filter(|_| whole)?;
    u64::from_str_radix(first, 16).ok()
}

/// The form in which passwords and words are compared: NFKC and lower case, so that neither full-width letters
/// nor capitals make a listed password another one.
pub(super) fn fold(text: &str) -> Zeroizing<String> {
    // UAX 15: NFKC grows a UTF-8 text elevenfold at most, lower case by half; growth would leave copies behind
    let mut folded = Zeroizing::new(String::with_capacity(17 * text.len()));
    folded.extend(text.nfkc().flat_map(char::to_lowercase));
    folded
}

fn hash(folded: &str) -> u64 {
    first(blake3::hash(folded.as_bytes()).as_bytes())
}

fn sha1(text: &str) -> u64 {
    first(&Sha1::digest(text.as_bytes()))
}

fn first(hash: &[u8]) -> u64 {
    let first = hash.first_chunk();
    first.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
