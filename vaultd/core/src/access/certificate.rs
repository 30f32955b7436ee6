//! What a client's certificate is good for here: to show a key that the connection has proved to hold.
//!
//! Nothing that it says of names or issuers is read anywhere. A key is known by the SHA-256 of its
//! SubjectPublicKeyInfo (RFC 7469 section 2.4), so a certificate that is made anew for the same key is the same to
//! this vault, whoever signed it.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder, bytes::ByteArray, decode, encode};
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "sha256:";
const DIGITS: usize = 64;

/// The SHA-256 of a public key; written `sha256:` and 64 digits, 0-9 and a-f.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Of a SubjectPublicKeyInfo in DER (RFC 5280 section 4.1).
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Reads one; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?.as_bytes();
        if digits.len() != DIGITS {
            return None;
        }
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = digit(high)? << 4 | digit(low)?;
        }
        Some(Self(hash))
    }

    /// From bytes that [`KeyHash::as_bytes`] gave.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<C> Encode<C> for KeyHash {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for KeyHash {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        ByteArray::decode(d, context).map(|hash| Self(hash.into()))
    }
}

/// A certificate whose key the other end of the connection has proved to hold, in this connection's handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its key.
    pub key: KeyHash,
    /// Milliseconds since the epoch from which on it is valid.
    pub from: u64,
    /// The first millisecond since the epoch at which it is valid no more.
    pub until: u64,
    /// Whether it says nothing of what it is for, or that it is for clients (RFC 5280 section 4.2.1.12).
    pub for_clients: bool,
}

/// Why nobody logs in with a certificate, whoever's key it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is none.
    #[error(
        "this connection shows no client certificate: it takes one over TLS, and no proxy that ends TLS between"
    )]
    Missing,
    /// Its time has passed.
    #[error("the client certificate has expired")]
    Expired,
    /// Its time has not come.
    #[error("the client certificate is not valid yet: is the clock right where it was made?")]
    Early,
    /// It says that it is for something else.
    #[error(
        "the client certificate says what it is for, and that is not clients: it needs clientAuth, and digitalSignature where it names usages"
    )]
    Purpose,
}

impl Certificate {
    /// Whether a login with it is looked at.
    ///
    /// # Errors
    /// When it is not for now, or not for this.
    pub fn check(&self, now: u64) -> Result<(), Unfit> {
        if now < self.from {
            Err(Unfit::Early)
        } else if now >= self.until {
            Err(Unfit::Expired)
        } else if !self.for_clients {
            Err(Unfit::Purpose)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_hash_is_written_in_one_way() {
        // FIPS 180-4: SHA-256 of "abc".
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let hash = KeyHash::of(b"abc");
        assert_eq!(hash.to_string(), text);
        assert_eq!(KeyHash::parse(text), Some(hash));
        let digits = text.strip_prefix(PREFIX).unwrap();
        for bad in [
            "",
            PREFIX,
            digits,
            text.strip_suffix('d').unwrap(),
            &format!("{text}0"),
            &text.replace("sha256", "SHA256"),
            &format!("{PREFIX}{}", digits.to_uppercase()),
            &format!(" {text}"),
            &text.replacen(":b", ":+", 1),
            &text.replacen('f', "g", 1),
            &text.replacen("ba", "ä", 1),
            &text.replace("sha256", "sha512"),
        ] {
            assert_eq!(KeyHash::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_certificate_is_fit_between_its_times_and_for_clients_only() {
        let fit = Certificate {
            key: KeyHash::of(b"key"),
            from: 1_000,
            until: 2_000,
            for_clients: true,
        };
        for (now, judged) in [
            (0, Err(Unfit::Early)),
            (999, Err(Unfit::Early)),
            (1_000, Ok(())),
            (1_999, Ok(())),
            (2_000, Err(Unfit::Expired)),
            (u64::MAX, Err(Unfit::Expired)),
        ] {
            assert_eq!(fit.check(now), judged, "{now}");
        }
        let other = Certificate {
            for_clients: false,
            ..fit
        };
        assert_eq!(other.check(1_500), Err(Unfit::Purpose));
        let never = Certificate {
            from: 2_000,
            until: 1_000,
            ..fit
        };
        for now in [0, 1_000, 1_500, 2_000, 3_000] {
            assert!(never.check(now).is_err(), "{now}");
        }
    }
}
