//! One share as text: what a holder writes down and types in.
//!
//! ```text
//! text     = "vault-share-" ‖ 13 groups of 8 characters of Crockford base32, joined by "-"
//! bytes    = format u8 ‖ cluster [16] ‖ region u16 ‖ set [8] ‖ index u8 ‖ threshold u8 ‖ body [32]
//!            ‖ checksum [4]
//! checksum = first 4 bytes of SHA-256 ("vault share checksum v1" ‖ all before)
//! hash     = SHA-256 ("vault share v1" ‖ all before the checksum): what the seal header lists
//! ```
//! Case, white space and hyphens do not count; O reads as 0, I and L as 1.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::secret::{KEY_BYTES, Share};
use super::shamir::Point;
use super::text;

const FORMAT: u8 = 1;
const PREFIX: &str = "vault-share";
const HEAD: usize = 1 + 16 + 2 + SET_BYTES + 1 + 1;
const HASHED: usize = HEAD + KEY_BYTES;
const BYTES: usize = HASHED + 4;
const SYMBOLS: usize = BYTES / 5 * 8;
const GROUP: usize = 8;
/// Longest text that is looked at: spaced out generously.
const MAX_TEXT: usize = 512;

/// Bytes of a set's id.
pub(super) const SET_BYTES: usize = 8;

/// Why a share was not accepted. None of these changes the progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Not a share, or mistyped: the checksum tells.
    #[error("this is not a share, or it was mistyped")]
    Malformed,
    /// A share of another cluster, or of a set that was replaced.
    #[error("this share belongs to another cluster, or to a set of shares that was replaced")]
    Foreign,
    /// A share of another region of this cluster, by its number.
    #[error("this share is one of region number {0}, and opens nothing here")]
    OtherRegion(u16),
    /// It claims to be of this set, but was not dealt with it.
    #[error("this share was not dealt for this seal")]
    Wrong,
    /// It was entered before.
    #[error("this share was entered already")]
    Duplicate,
    /// The shares are right, yet do not open the seal: the header is damaged.
    #[error("the shares are right but the seal does not open: its header is damaged")]
    Damaged,
}

/// Whose share it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) cluster: [u8; 16],
    pub(super) region: u16,
    pub(super) set: [u8; SET_BYTES],
}

/// A share that was read.
pub(super) struct Parsed {
    pub(super) owner: Owner,
    pub(super) threshold: u8,
    pub(super) point: Point,
    pub(super) hash: [u8; 32],
}

impl Parsed {
    /// Reads a share's text.
    pub(super) fn of(share: &Share) -> Result<Self, ShareError> {
        // EXPOSE: into the parser, whose buffer is wiped
        Self::read(share.expose()).ok_or(ShareError::Malformed)
    }

    fn read(typed: &str) -> Option<Self> {
        if typed.len() > MAX_TEXT {
            return None;
        }
        let counts = |c: &char| *c != '-' && !c.is_whitespace();
        let mut typed = typed.chars().filter(counts);
        for expected in PREFIX.chars().filter(counts) {
            if !typed.next()?.eq_ignore_ascii_case(&expected) {
                return None;
            }
        }
        let mut bytes = Zeroizing::new([0; BYTES]);
        text::read(typed, bytes.as_mut_slice())?;
        let (hashed, sum) = bytes.split_first_chunk::<HASHED>()?;
        if !bool::from(checksum(hashed).ct_eq(sum)) {
            return None;
        }
        Self::cut(hashed)
    }

    fn cut(hashed: &[u8; HASHED]) -> Option<Self> {
        let (format, rest) = hashed.split_first()?;
        let (cluster, rest) = rest.split_first_chunk()?;
        let (region, rest) = rest.split_first_chunk()?;
        let (set, rest) = rest.split_first_chunk()?;
        let ([x, threshold], body) = rest.split_first_chunk()?;
        let mut y = Box::new(Zeroizing::new([0; KEY_BYTES]));
        y.copy_from_slice(body.first_chunk::<KEY_BYTES>()?);
        (*format == FORMAT).then(|| Self {
            owner: Owner {
                cluster: *cluster,
                region: u16::from_be_bytes(*region),
                set: *set,
            },
            threshold: *threshold,
            point: Point { x: *x, y },
            hash: hash(b"vault share v1", hashed),
        })
    }
}

/// Prints a point as a share, with the hash for the header.
pub(super) fn print(owner: &Owner, threshold: u8, point: &Point) -> (Share, [u8; 32]) {
    let mut bytes = Zeroizing::new([0; BYTES]);
    let head = [FORMAT].into_iter().chain(owner.cluster);
    let head = head.chain(owner.region.to_be_bytes()).chain(owner.set);
    let hashed = head
        .chain([point.x, threshold])
        .chain(point.y.iter().copied());
    for (out, byte) in bytes.iter_mut().zip(hashed) {
        *out = byte;
    }
    let (hashed, sum) = bytes.split_at_mut(HASHED);
    sum.copy_from_slice(&checksum(hashed));
    let hash = hash(b"vault share v1", hashed);
    // the capacity is exact, so that growth leaves no copy behind
    let mut text = String::with_capacity(PREFIX.len() + SYMBOLS / GROUP * (1 + GROUP));
    text.push_str(PREFIX);
    for (at, symbol) in text::symbols(bytes.as_slice()).enumerate() {
        if at % GROUP == 0 {
            text.push('-');
        }
        text.push(symbol);
    }
    (Share::from(text), hash)
}

fn checksum(hashed: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = hash(b"vault share checksum v1", hashed);
    [a, b, c, d]
}

fn hash(label: &[u8], hashed: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(label)
        .chain_update(hashed)
        .finalize()
        .into()
}

#[cfg(test)]
pub(super) mod tests;
