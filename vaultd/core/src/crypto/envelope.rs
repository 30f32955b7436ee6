//! Envelopes: sealed bytes that open only with the right key, at the right place.
//!
//! ```text
//! envelope = format u8 ‖ suite u8 ‖ class u8 ‖ scope u16 ‖ term u32 ‖ nonce [24] ‖ commitment [32]
//!            ‖ ciphertext ‖ tag [16]
//! AD       = for each part: u32 length ‖ part
//!            parts: format, suite, cluster, tenant u32, class, scope, term, record key
//! key ‖ commitment = HKDF-SHA-256 (ikm = sealing key, salt = nonce,
//!                    info = "vault envelope v1" ‖ suite ‖ SHA-256 (AD))                   RFC 5869
//! ciphertext ‖ tag = XChaCha20-Poly1305 (key, nonce, AD, plaintext)
//!                                                     RFC 8439, draft-irtf-cfrg-xchacha-03
//! ```
//! Integers are big-endian. The commitment binds key, nonce and associated data, because Poly1305 alone
//! binds none of them: a ciphertext can be made that opens under two chosen keys. It is compared in
//! constant time before the cipher runs. Everything that can be wrong is one error.

use chacha20poly1305::aead::{AeadInOut, inout::InOutBuf};
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::entropy::Entropy;
use super::secret::{Dek, Kek, Plaintext, RecordKey, RootKey, SealKey, UnwrapKey, WrappingKey};

/// The format that this release writes.
pub const FORMAT: u8 = 1;
/// XChaCha20-Poly1305, committed to by HKDF-SHA-256.
pub const SUITE: u8 = 1;
/// How much longer an envelope is than what it seals.
pub const OVERHEAD: usize = PREFIX + TAG;

const HEADER: usize = 1 + 1 + 1 + 2 + 4;
const NONCE: usize = 24;
const COMMITMENT: usize = 32;
const TAG: usize = 16;
const PREFIX: usize = HEADER + NONCE + COMMITMENT;
const LABEL: &[u8] = b"vault envelope v1";

/// Who may open a record. Numbers are on disk: never reuse or change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Not sealed.
    Clear = 0,
    /// Nodes of the home trust domain.
    Voter = 1,
    /// Every unsealed node.
    Shared = 2,
    /// Sealed by a data key of its own.
    Value = 3,
    /// A data key, under a region's KEK.
    Wrap = 4,
    /// A region's keyring, under its wrapping key.
    Keyring = 5,
    /// Opened by a root key, or a root key itself.
    Root = 6,
}

impl TryFrom<u8> for Class {
    type Error = OpenError;

    fn try_from(number: u8) -> Result<Self, OpenError> {
        match number {
            0 => Ok(Self::Clear),
            1 => Ok(Self::Voter),
            2 => Ok(Self::Shared),
            3 => Ok(Self::Value),
            4 => Ok(Self::Wrap),
            5 => Ok(Self::Keyring),
            6 => Ok(Self::Root),
            _ => Err(OpenError),
        }
    }
}

/// Where an envelope belongs; it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The cluster's id.
    pub cluster: &'a [u8; 16],
    /// The tenant; 0 today.
    pub tenant: u32,
    /// The class of the record.
    pub class: Class,
    /// The scope of the record; 0 is all regions.
    pub scope: u16,
    /// Term of the sealing key; 0 where the key has none.
    pub term: u32,
    /// The record's key: ids and tags, never a name.
    pub key: &'a [u8],
}

/// What an envelope says of itself in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The class of the record.
    pub class: Class,
    /// The scope of the record.
    pub scope: u16,
    /// Term of the sealing key.
    pub term: u32,
}

/// Sealed bytes do not open: damaged, moved, or under another key. It does not say which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open")]
pub struct OpenError;

/// A key that seals envelopes.
pub trait SealingKey: sealing::Bytes {}

mod sealing {
    /// Keeps the list of sealing keys closed.
    #[expect(unnameable_types, reason = "so that no other crate adds a sealing key")]
    pub trait Bytes {
        /// The input key material.
        fn bytes(&self) -> &[u8; 32];
    }
}

macro_rules! sealing_keys {
    ($($key:ident)+) => {$(
        impl SealingKey for $key {}

        impl sealing::Bytes for $key {
            fn bytes(&self) -> &[u8; 32] {
                // EXPOSE: into HKDF, whose outputs are wiped
                self.expose()
            }
        }
    )+};
}

sealing_keys!(RootKey WrappingKey RecordKey Kek Dek SealKey UnwrapKey);

/// Seals `plain` for one place; the formula is above.
///
/// # Panics
/// When `plain` is longer than 256 GiB.
pub fn seal<K: SealingKey>(
    key: &K,
    place: &Place<'_>,
    entropy: &mut dyn Entropy,
    plain: &[u8],
) -> Vec<u8> {
    seal_at(key, place, &[], entropy, plain)
}

/// Opens what [`seal`] made for the same key and place.
///
/// # Errors
/// One for every cause: cut, changed, moved, another key, another format.
pub fn open<K: SealingKey>(
    key: &K,
    place: &Place<'_>,
    sealed: &[u8],
) -> Result<Plaintext, OpenError> {
    let length = sealed.len().checked_sub(OVERHEAD).ok_or(OpenError)?;
    Plaintext::fill_with(length, |out| open_into(key, place, &[], sealed, out))
}

/// Reads an envelope's header, unverified: enough to choose the key that verifies it.
///
/// # Errors
/// When the bytes are too short, or of another format, suite or class than this release knows.
pub fn header(sealed: &[u8]) -> Result<Header, OpenError> {
    if sealed.len() < OVERHEAD {
        return Err(OpenError);
    }
    let (head, _) = sealed.split_first_chunk::<HEADER>().ok_or(OpenError)?;
    let [format, suite, class, s0, s1, t0, t1, t2, t3] = *head;
    if (format, suite) != (FORMAT, SUITE) {
        return Err(OpenError);
    }
    Ok(Header {
        class: Class::try_from(class)?,
        scope: u16::from_be_bytes([s0, s1]),
        term: u32::from_be_bytes([t0, t1, t2, t3]),
    })
}

/// [`seal`], with `suffix` appended to the place's key.
pub(crate) fn seal_at<K: SealingKey>(
    key: &K,
    place: &Place<'_>,
    suffix: &[u8],
    entropy: &mut dyn Entropy,
    plain: &[u8],
) -> Vec<u8> {
    let mut nonce = [0; NONCE];
    entropy.fill(&mut nonce);
    let mut out = Vec::with_capacity(OVERHEAD + plain.len());
    out.extend_from_slice(&header_of(place));
    out.extend_from_slice(&nonce);
    let tag = with_associated_data(place, suffix, |ad| {
        let derived = Derived::from(key, &nonce, ad);
        out.extend_from_slice(derived.commitment());
        out.extend_from_slice(plain);
        let body = out.get_mut(PREFIX..).unwrap_or_default();
        encrypt(&derived, &nonce, ad, body)
    });
    out.extend_from_slice(&tag);
    out
}

#[expect(
    clippy::expect_used,
    reason = "only a message of over 256 GiB is refused, and sealing must not fail silently"
)]
fn encrypt(derived: &Derived, nonce: &[u8; NONCE], ad: &[u8], body: &mut [u8]) -> Tag {
    derived
        .cipher()
        .encrypt_inout_detached(&XNonce::from(*nonce), ad, InOutBuf::from(body))
        .expect("a message fits the cipher")
}

/// [`open`] into a buffer of exactly the plaintext's length, with `suffix` appended to the place's key.
pub(crate) fn open_into<K: SealingKey>(
    key: &K,
    place: &Place<'_>,
    suffix: &[u8],
    sealed: &[u8],
    out: &mut [u8],
) -> Result<(), OpenError> {
    let (head, rest) = sealed.split_first_chunk::<HEADER>().ok_or(OpenError)?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(OpenError)?;
    let (commitment, rest) = rest.split_first_chunk::<COMMITMENT>().ok_or(OpenError)?;
    let (body, tag) = rest.split_last_chunk::<TAG>().ok_or(OpenError)?;
    if *head != header_of(place) {
        return Err(OpenError);
    }
    with_associated_data(place, suffix, |ad| {
        let derived = Derived::from(key, nonce, ad);
        // ORDER: the commitment is checked first; the cipher never runs under a key it does not name
        if !bool::from(derived.commitment().ct_eq(commitment)) {
            return Err(OpenError);
        }
        let buffer = InOutBuf::new(body, out).map_err(|_| OpenError)?;
        derived
            .cipher()
            .decrypt_inout_detached(&XNonce::from(*nonce), ad, buffer, &Tag::from(*tag))
            .map_err(|_| OpenError)
    })
}

fn header_of(place: &Place<'_>) -> [u8; HEADER] {
    let [s0, s1] = place.scope.to_be_bytes();
    let [t0, t1, t2, t3] = place.term.to_be_bytes();
    [FORMAT, SUITE, place.class as u8, s0, s1, t0, t1, t2, t3]
}

/// What one envelope is sealed with: the cipher's key, then the commitment.
struct Derived(Zeroizing<[[u8; 32]; 2]>);

impl Derived {
    #[expect(
        clippy::expect_used,
        reason = "RFC 5869 §2.3: only an output of over 255 hashes is refused, this one has two"
    )]
    fn from<K: SealingKey>(key: &K, nonce: &[u8; NONCE], ad: &[u8]) -> Self {
        let mut info = [0; LABEL.len() + 1 + 32];
        let rest = put(&mut info, LABEL);
        let rest = put(rest, &[SUITE]);
        put(rest, &Sha256::digest(ad));
        let mut halves = Zeroizing::new([[0; 32]; 2]);
        Hkdf::<Sha256>::new(Some(nonce), key.bytes())
            .expand(&info, halves.as_flattened_mut())
            .expect("two blocks of output");
        Self(halves)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let [key, _] = &*self.0;
        XChaCha20Poly1305::new(key.into())
    }

    fn commitment(&self) -> &[u8; 32] {
        let [_, commitment] = &*self.0;
        commitment
    }
}

/// Parts of fixed size with their lengths, and the length of the key.
const AD_FIXED: usize = 7 * 4 + (1 + 1 + 16 + 4 + 1 + 2 + 4) + 4;
/// Associated data of every real record fits: keys have at most 255 bytes, suffixes two.
const AD_STACK: usize = AD_FIXED + 255 + 4;

/// Builds the associated data, on the stack unless the key is absurdly long.
fn with_associated_data<R>(place: &Place<'_>, suffix: &[u8], run: impl FnOnce(&[u8]) -> R) -> R {
    let length = AD_FIXED + place.key.len() + suffix.len();
    let (mut stack, mut heap) = ([0; AD_STACK], Vec::new());
    let ad = if let Some(ad) = stack.get_mut(..length) {
        ad
    } else {
        heap.resize(length, 0);
        heap.as_mut_slice()
    };
    let rest = put_part(ad, &[FORMAT]);
    let rest = put_part(rest, &[SUITE]);
    let rest = put_part(rest, place.cluster);
    let rest = put_part(rest, &place.tenant.to_be_bytes());
    let rest = put_part(rest, &[place.class as u8]);
    let rest = put_part(rest, &place.scope.to_be_bytes());
    let rest = put_part(rest, &place.term.to_be_bytes());
    let rest = put(rest, &part_length(place.key.len() + suffix.len()));
    let rest = put(rest, place.key);
    put(rest, suffix);
    run(ad)
}

fn put_part<'a>(out: &'a mut [u8], part: &[u8]) -> &'a mut [u8] {
    let out = put(out, &part_length(part.len()));
    put(out, part)
}

/// INVARIANT: the callers' buffers are sized by the same parts, so the split is within bounds.
fn put<'a>(out: &'a mut [u8], part: &[u8]) -> &'a mut [u8] {
    let (head, rest) = out.split_at_mut(part.len());
    head.copy_from_slice(part);
    rest
}

/// No slice that fits an address space of today and is a record key reaches `u32::MAX`.
fn part_length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests;
