//! A JSON Web Token (RFC 7519, RFC 8725): what it says, and whether an issuer said it.
//!
//! ```text
//! bounds      16 KiB, three parts of base64url, two objects with no key twice
//! header      an algorithm of ours, never `none` or a MAC; no `crit`; no `typ` but a JWT's. Keys and addresses of
//!             keys that it brings along are not looked at
//! signature   the issuer's key of that `kid`, which must be fit for that algorithm    jsonwebtoken, aws-lc
//! claims      issuer and audience to the letter; `exp`, `nbf`, `iat`, and how old it may be
//! ```
//! Why it is refused is for the audit, never for whoever brought it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::crypto;
use serde_json::Value;
use vault_core::access::trust::Issuer;
use zeroize::Zeroizing;

use super::key_sets::Why;
use super::keys::Keys;
use super::strict;

/// Longest token.
pub(super) const MAX_TOKEN: usize = 16 << 10;
/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 60;

/// Algorithms that tokens may be signed with, and an issuer be limited to.
pub(super) const ALGORITHMS: [(&str, Algorithm); 9] = [
    ("RS256", Algorithm::RS256),
    ("RS384", Algorithm::RS384),
    ("RS512", Algorithm::RS512),
    ("PS256", Algorithm::PS256),
    ("PS384", Algorithm::PS384),
    ("PS512", Algorithm::PS512),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Bad {
    #[error("the token is too large")]
    TooLarge,
    #[error("the token is malformed")]
    Malformed,
    #[error("the token is signed with an algorithm that is not used here")]
    Algorithm,
    #[error("the token demands an extension")]
    Critical,
    #[error("the token is of another type")]
    Type,
    #[error("the issuer is not trusted")]
    Issuer,
    #[error("the issuer has no such key for this algorithm")]
    Key,
    #[error("the issuer's keys cannot be had: {0}")]
    NoKeys(Why),
    #[error("the signature is wrong")]
    Signature,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token has no end")]
    NoEnd,
    #[error("the token has ended")]
    Ended,
    #[error("the token is not good yet")]
    NotYet,
    #[error("the token is older than the issuer's may be, or good for longer")]
    TooOld,
}

/// A token that nobody has vouched for yet.
#[derive(Debug)]
pub(super) struct Unverified {
    signed: Zeroizing<String>,
    signature: String,
    algorithm: (&'static str, Algorithm),
    key: Option<String>,
    claims: Value,
}

impl Unverified {
    pub(super) fn read(token: &str) -> Result<Self, Bad> {
        if token.len() > MAX_TOKEN {
            return Err(Bad::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Bad::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Bad::Malformed)?;
        let decoded = URL_SAFE_NO_PAD.decode(signature);
        if claims.contains('.') || !decoded.is_ok_and(|bytes| !bytes.is_empty()) {
            return Err(Bad::Malformed);
        }
        let part = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Bad::Malformed)?;
            strict::object(&bytes).ok_or(Bad::Malformed)
        };
        let header = part(header)?;
        let text = |name: &str| match header.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Bad::Malformed),
        };
        let name = text("alg")?.ok_or(Bad::Malformed)?;
        let algorithm = ALGORITHMS.into_iter().find(|(known, _)| *known == name);
        let algorithm = algorithm.ok_or(Bad::Algorithm)?;
        if header.get("crit").is_some() || header.get("b64").is_some() {
            return Err(Bad::Critical);
        }
        let typed = text("typ")?.is_none_or(|typ| {
            let typ = typ.to_ascii_lowercase();
            matches!(
                typ.as_str(),
                "jwt" | "at+jwt" | "application/jwt" | "application/at+jwt"
            )
        });
        if !typed {
            return Err(Bad::Type);
        }
        Ok(Self {
            signed: signed.to_owned().into(),
            signature: signature.to_owned(),
            algorithm,
            key: text("kid")?.map(str::to_owned),
            claims: part(claims)?,
        })
    }

    /// Whom it says to be from.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// Which key it says that it was signed with.
    pub(super) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Whether it says that it is the issuer's, and is signed as those may be: looked at before there are keys.
    pub(super) fn may_be_of(&self, issuer: &Issuer) -> Result<(), Bad> {
        if self.issuer() != Some(&issuer.issuer) {
            return Err(Bad::Issuer);
        }
        self.is_signed_as(issuer)
    }

    fn is_signed_as(&self, issuer: &Issuer) -> Result<(), Bad> {
        let (name, _) = self.algorithm;
        if issuer.algorithms.is_empty() || issuer.algorithms.iter().any(|one| one == name) {
            Ok(())
        } else {
            Err(Bad::Algorithm)
        }
    }

    /// Whether the issuer said it, to this vault, and it is good now (seconds since the epoch).
    pub(super) fn verify(&self, issuer: &Issuer, keys: &Keys, now: u64) -> Result<(), Bad> {
        self.is_signed_as(issuer)?;
        let (_, algorithm) = self.algorithm;
        let key = keys.find(self.key.as_deref(), algorithm).ok_or(Bad::Key)?;
        let signed = self.signed.as_bytes();
        match crypto::verify(&self.signature, signed, key, algorithm) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(Bad::Signature),
        }
        // ORDER: what is not signed is not believed to be wrong either
        if self.issuer() != Some(&issuer.issuer) {
            return Err(Bad::Issuer);
        }
        if !self.is_for(&issuer.audiences) {
            return Err(Bad::Audience);
        }
        self.is_good(issuer.max_age / 1000, now)
    }

    fn is_for(&self, audiences: &[String]) -> bool {
        let ours = |value: &Value| {
            value
                .as_str()
                .is_some_and(|text| audiences.iter().any(|a| a == text))
        };
        match self.claims.get("aud") {
            Some(Value::Array(items)) => {
                items.iter().all(Value::is_string) && items.iter().any(ours)
            }
            Some(one) => ours(one),
            None => false,
        }
    }

    fn is_good(&self, max_age: u64, now: u64) -> Result<(), Bad> {
        let end = self.seconds("exp")?.ok_or(Bad::NoEnd)?;
        let begin = self.seconds("nbf")?;
        let made = self.seconds("iat")?;
        if end.saturating_add(LEEWAY) <= now {
            return Err(Bad::Ended);
        }
        let early = |at: Option<u64>| at.is_some_and(|at| at > now.saturating_add(LEEWAY));
        if early(begin) || early(made) {
            return Err(Bad::NotYet);
        }
        let oldest = max_age.saturating_add(LEEWAY);
        // One that does not say when it was made is as old as it could be: it ends within what is allowed.
        let fits = match made.or(begin) {
            Some(made) => now.saturating_sub(made) <= oldest,
            None => end.saturating_sub(now) <= oldest,
        };
        if fits { Ok(()) } else { Err(Bad::TooOld) }
    }

    fn seconds(&self, name: &str) -> Result<Option<u64>, Bad> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or(Bad::Malformed),
        }
    }

    /// When it ends, in seconds since the epoch.
    pub(super) fn end(&self) -> u64 {
        self.seconds("exp").ok().flatten().unwrap_or_default()
    }

    /// What it says.
    pub(super) fn into_claims(self) -> Value {
        self.claims
    }
}

#[cfg(test)]
mod tests;
