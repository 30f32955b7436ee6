//! Texts that are copied as a whole and stand for 256 random bits: a prefix, the bits, a checksum.
//!
//! ```text
//! text     = prefix ‖ base64url (secret [32] ‖ checksum [4])                         RFC 4648 §5
//! checksum = first 4 bytes of SHA-256 (label ‖ secret)
//! ```
//! The prefix lets leak scanners find such a text, the checksum lets them be sure, and refuses a typo before
//! anything is looked up. Each kind has a prefix and labels of its own.

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::secret::KEY_BYTES;

const CHECKSUM: usize = 4;
const BODY: usize = KEY_BYTES + CHECKSUM;
/// Characters after the prefix: four for every three bytes.
const ENCODED: usize = BODY / 3 * 4;

/// One kind of such texts.
pub(super) struct Bearer {
    pub(super) prefix: &'static str,
    /// Label of the checksum.
    pub(super) checksum: &'static [u8],
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Another prefix, length or alphabet.
    Shape,
    /// It was mistyped or cut and pasted badly.
    Checksum,
}

impl Bearer {
    /// The text, with spare capacity for none, so that growth leaves no copy behind.
    pub(super) fn write(&self, secret: &[u8; KEY_BYTES]) -> String {
        let mut body = Zeroizing::new([0; BODY]);
        let (start, sum) = body.split_at_mut(KEY_BYTES);
        start.copy_from_slice(secret);
        sum.copy_from_slice(&self.sum(secret));
        let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(&*body));
        let mut text = String::with_capacity(self.prefix.len() + ENCODED);
        text.push_str(self.prefix);
        text.push_str(&encoded);
        text
    }

    /// Reads a text. Whether the secret is known is another question.
    pub(super) fn read(&self, text: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>, Flaw> {
        let encoded = text.strip_prefix(self.prefix).ok_or(Flaw::Shape)?;
        if encoded.len() != ENCODED {
            return Err(Flaw::Shape);
        }
        let mut body = Zeroizing::new([0; BODY]);
        Base64UrlUnpadded::decode(encoded, &mut *body).map_err(|_| Flaw::Shape)?;
        let (secret, sum) = body.split_first_chunk::<KEY_BYTES>().ok_or(Flaw::Shape)?;
        if bool::from(self.sum(secret).ct_eq(sum)) {
            Ok(Zeroizing::new(*secret))
        } else {
            Err(Flaw::Checksum)
        }
    }

    fn sum(&self, secret: &[u8; KEY_BYTES]) -> [u8; CHECKSUM] {
        let [a, b, c, d, ..] = hash(self.checksum, secret);
        [a, b, c, d]
    }
}

/// SHA-256 (label ‖ secret).
pub(super) fn hash(label: &[u8], secret: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(label)
        .chain_update(secret)
        .finalize()
        .into()
}
