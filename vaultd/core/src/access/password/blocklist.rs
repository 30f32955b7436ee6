//! An administrator's own list of passwords that nobody may have, compared as whole strings.
//!
//! Entries are kept as 64-bit hashes of their folded form, so that a file of millions of lines stays small; a
//! collision refuses a good password once in 10^12 tries. Reading the file is the daemon's business.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Most entries of a list.
const MAX_ENTRIES: usize = 10_000_000;

/// Passwords that nobody may have.
#[derive(Clone, Default)]
pub struct Blocklist {
    /// Sorted.
    hashes: Vec<u64>,
}

/// A list is too long to be held in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a list of blocked passwords has at most {MAX_ENTRIES} lines")]
pub struct TooManyWords;

impl Blocklist {
    /// One entry a line; empty lines, and spaces around an entry, do not count.
    ///
    /// # Errors
    /// When there are over ten million.
    pub fn from_lines(text: &str) -> Result<Self, TooManyWords> {
        let mut hashes = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if hashes.len() == MAX_ENTRIES {
                return Err(TooManyWords);
            }
            hashes.push(hash(&fold(line)));
        }
        hashes.sort_unstable();
        hashes.dedup();
        hashes.shrink_to_fit();
        Ok(Self { hashes })
    }

    /// How many different entries there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    pub(super) fn contains(&self, folded: &str) -> bool {
        self.hashes.binary_search(&hash(folded)).is_ok()
    }
}

impl std::fmt::Debug for Blocklist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocklist")
            .field("len", &self.len())
            .finish()
    }
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
    let hash = blake3::hash(folded.as_bytes());
    let first = hash.as_bytes().first_chunk();
    first.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
