//! Public keys of an issuer: a JWK set (RFC 7517), and which algorithms each is fit for.
//!
//! A key is good for what its type is good for and, if it says so itself, for one algorithm only. Nothing that a token
//! says changes which key or what sort of signature it is verified by. Shared secrets and private keys are refused
//! where they are stored; keys of types that are not used here are passed over.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::strict;

/// Largest JWK set, and most keys of one.
pub(super) const MAX_SET: usize = 64 << 10;
const MAX_KEYS: usize = 64;
/// RSA modulus, in bytes.
const RSA: std::ops::RangeInclusive<usize> = 256..=1024;

/// The keys of an issuer that tokens can be verified by.
#[derive(Debug)]
pub(super) struct Keys {
    fit: Vec<Fit>,
    digest: [u8; 32],
}

#[derive(Debug)]
struct Fit {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Why a text is no set of keys that tokens can be verified by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeysError {
    #[error("a set of keys has at most {MAX_SET} bytes and {MAX_KEYS} keys")]
    TooLarge,
    #[error("this is no JWK set: a JSON object with a list `keys`, and no key given twice")]
    Malformed,
    #[error("a key is private: give the public ones only, and take that key out of use")]
    Private,
    #[error("a key is a shared secret: whoever can verify with it can sign with it")]
    Shared,
    #[error("two keys have the same `kid`")]
    Twice,
    #[error("of several keys each has a `kid`")]
    Unnamed,
    #[error("an RSA key has 2048 to 8192 bits")]
    Size,
    #[error("a key is damaged")]
    Damaged,
    #[error("there is no RSA, P-256, P-384 or Ed25519 key for signatures in the set")]
    None,
}

impl Keys {
    /// Reads a JWK set.
    pub(super) fn parse(text: &str) -> Result<Self, KeysError> {
        if text.len() > MAX_SET {
            return Err(KeysError::TooLarge);
        }
        let set = strict::object(text.as_bytes()).ok_or(KeysError::Malformed)?;
        let items = set.get("keys").and_then(Value::as_array);
        let items = items.ok_or(KeysError::Malformed)?;
        if items.len() > MAX_KEYS {
            return Err(KeysError::TooLarge);
        }
        let mut fit: Vec<Fit> = Vec::new();
        let mut texts = BTreeSet::new();
        for item in items {
            match item.get("kty").and_then(Value::as_str) {
                Some("oct") => return Err(KeysError::Shared),
                Some(_) if item.get("d").is_some() => return Err(KeysError::Private),
                Some("RSA" | "EC" | "OKP") => {}
                Some(_) => continue,
                None => return Err(KeysError::Malformed),
            }
            // Curves that the library does not know are none of ours.
            let Ok(jwk) = serde_json::from_value::<Jwk>(item.clone()) else {
                continue;
            };
            let Some(found) = Fit::of(&jwk)? else {
                continue;
            };
            if found.id.is_some() && fit.iter().any(|other| other.id == found.id) {
                return Err(KeysError::Twice);
            }
            fit.push(found);
            texts.insert(item.to_string());
        }
        match fit.as_slice() {
            [] => Err(KeysError::None),
            [_, _, ..] if fit.iter().any(|key| key.id.is_none()) => Err(KeysError::Unnamed),
            [..] => Ok(Self {
                fit,
                digest: digest(&texts),
            }),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.fit.len()
    }

    /// The same for the same keys, in whatever order and among whatever else they stand.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether there is a key of that name, or a token without one may mean the only one.
    pub(super) fn names(&self, id: Option<&str>) -> bool {
        id.is_none_or(|id| self.fit.iter().any(|key| key.id.as_deref() == Some(id)))
    }

    /// The key of that name, if it is fit for the algorithm; without a name the only one there is.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let found = match (id, self.fit.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let fit = found.filter(|key| key.algorithms.contains(&algorithm))?;
        Some(&fit.key)
    }
}

fn digest(texts: &BTreeSet<String>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        // A control character stands in no text that was written here.
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hash.finalize().into()
}

impl Fit {
    /// `None`: it is for something else.
    fn of(jwk: &Jwk) -> Result<Option<Self>, KeysError> {
        let common = &jwk.common;
        let signs = common
            .public_key_use
            .as_ref()
            .is_none_or(|to| *to == PublicKeyUse::Signature);
        let verifies = common
            .key_operations
            .as_ref()
            .is_none_or(|may| may.contains(&KeyOperations::Verify));
        if !signs || !verifies {
            return Ok(None);
        }
        let mut algorithms = of_type(&jwk.algorithm)?;
        if let Some(only) = &common.key_algorithm {
            algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == *only);
        }
        if algorithms.is_empty() {
            return Ok(None);
        }
        let key = DecodingKey::from_jwk(jwk).map_err(|_| KeysError::Damaged)?;
        Ok(Some(Self {
            id: common.key_id.clone(),
            algorithms,
            key,
        }))
    }
}

const ALGORITHMS_OF_RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// RFC 7518 §3.1, RFC 8037: what a type of key is good for.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "types that the library comes to know are not ours by that"
)]
fn of_type(parameters: &AlgorithmParameters) -> Result<Vec<Algorithm>, KeysError> {
    let bytes = |text: &str| B64.decode(text).map_err(|_| KeysError::Damaged);
    Ok(match parameters {
        AlgorithmParameters::RSA(key) => {
            let modulus = bytes(&key.n)?;
            let length = modulus.iter().skip_while(|byte| **byte == 0).count();
            if !RSA.contains(&length) {
                return Err(KeysError::Size);
            }
            ALGORITHMS_OF_RSA.to_vec()
        }
        AlgorithmParameters::EllipticCurve(key) => {
            let (length, algorithm) = match key.curve {
                EllipticCurve::P256 => (32, Algorithm::ES256),
                EllipticCurve::P384 => (48, Algorithm::ES384),
                _ => return Ok(Vec::new()),
            };
            if bytes(&key.x)?.len() != length || bytes(&key.y)?.len() != length {
                return Err(KeysError::Damaged);
            }
            vec![algorithm]
        }
        AlgorithmParameters::OctetKeyPair(key) => {
            if key.curve != EllipticCurve::Ed25519 {
                return Ok(Vec::new());
            }
            if bytes(&key.x)?.len() != 32 {
                return Err(KeysError::Damaged);
            }
            vec![Algorithm::EdDSA]
        }
        _ => Vec::new(),
    })
}
