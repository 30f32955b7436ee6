//! Members of the cluster, as the replicated membership has them.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where peers reach it: a host and a port.
    #[serde(rename = "addr")]
    pub address: String,
    /// The key that it proves on every connection. A node that is alone needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyPin>,
}

/// SHA-256 of a public key as certificates carry it (RFC 5280 section 4.1.2.7, `SubjectPublicKeyInfo`): a node is its
/// key, whatever name and issuer its certificate has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPin([u8; 32]);

/// Why a text is not a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key's pin is `sha256:` and 64 hexadecimal digits")]
pub struct KeyPinError;

const PREFIX: &str = "sha256:";

impl KeyPin {
    /// Of a public key in DER.
    pub fn of(public_key: &[u8]) -> Self {
        Self(Sha256::digest(public_key).into())
    }

    /// Of the key in a certificate in DER; nothing if it is not one.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        Some(Self::of(certificate.public_key().raw))
    }
}

impl fmt::Display for KeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", hex::encode(self.0))
    }
}

impl fmt::Debug for KeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<KeyPin> for String {
    fn from(pin: KeyPin) -> Self {
        pin.to_string()
    }
}

impl TryFrom<String> for KeyPin {
    type Error = KeyPinError;

    fn try_from(text: String) -> Result<Self, KeyPinError> {
        let digits = text.strip_prefix(PREFIX).ok_or(KeyPinError)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| KeyPinError)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_reads_back_and_one_without_a_key_is_written_as_before() {
        let key = Some(KeyPin::of(b"key"));
        let address = "10.0.0.1:8201".to_owned();
        let alone = Member {
            address: address.clone(),
            key: None,
        };
        let text = serde_json::to_string(&alone).unwrap();
        assert_eq!(text, r#"{"addr":"10.0.0.1:8201"}"#);
        for member in [alone, Member { address, key }] {
            let text = serde_json::to_string(&member).unwrap();
            assert_eq!(serde_json::from_str::<Member>(&text).unwrap(), member);
        }
    }

    #[test]
    fn what_is_no_pin_is_refused() {
        let good = KeyPin::of(b"key").to_string();
        assert_eq!(KeyPin::try_from(good.clone()), Ok(KeyPin::of(b"key")));
        let (bare, longer) = (good.replace(PREFIX, ""), format!("{good}00"));
        for bad in ["", "sha256:", &bare, &longer, "sha256:zz", "sha1:00"] {
            assert_eq!(KeyPin::try_from(bad.to_owned()), Err(KeyPinError), "{bad}");
        }
        assert_eq!(KeyPin::of_certificate(b"no certificate"), None);
    }
}
