//! One-time codes as text, and the hash that the store knows them by.

use std::fmt;

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::crypto::{
    entropy::Entropy,
    secret::OneTimeCode,
    typed::{self, TypedError},
};

/// 160 bits.
const SECRET: usize = 20;

/// What a code is for. Numbers are on disk and in hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Purpose {
    /// A first authenticator.
    #[n(1)]
    Enrol,
    /// A new password.
    #[n(2)]
    Reset,
}

impl Purpose {
    pub(super) const ALL: [Self; 2] = [Self::Enrol, Self::Reset];

    /// What its codes begin with, so that people and leak scanners know them.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Enrol => "vlt-enrol",
            Self::Reset => "vlt-reset",
        }
    }

    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Enrol => 1,
            Self::Reset => 2,
        }
    }

    pub(super) fn of_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.number() == number)
    }
}

/// Why a text is not a one-time code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OneTimeError {
    /// Begins like none of them, or is cut off.
    #[error("a one-time code begins with `vlt-enrol` or `vlt-reset` and has nine groups of four")]
    Shape,
    /// Its checksum does not fit.
    #[error("the one-time code has a typing error: its last group does not fit the others")]
    Typo,
}

/// What transactions carry in place of a code.
#[derive(Clone, Copy)]
pub struct OneTimeHash {
    pub(super) purpose: Purpose,
    pub(super) hash: [u8; 32],
}

impl OneTimeHash {
    /// Of a code as it was typed.
    ///
    /// # Errors
    /// When it is none, or has a typing error. Whether it is known is another question.
    pub fn parse(typed: &str) -> Result<Self, OneTimeError> {
        for purpose in Purpose::ALL {
            match typed::read::<SECRET>(purpose.prefix(), typed) {
                Ok(secret) => return Ok(Self::of(purpose, &secret)),
                Err(TypedError::Typo) => return Err(OneTimeError::Typo),
                Err(TypedError::Shape) => {}
            }
        }
        Err(OneTimeError::Shape)
    }

    /// What it is for: told by its text, so no secret.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    fn of(purpose: Purpose, secret: &[u8; SECRET]) -> Self {
        let hash = Sha256::new()
            .chain_update(b"vault one-time code v1")
            .chain_update([purpose.number()])
            .chain_update(secret)
            .finalize();
        Self {
            purpose,
            hash: hash.into(),
        }
    }
}

/// Codes stay out of logs, and so do their hashes.
impl fmt::Debug for OneTimeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeHash(..)")
    }
}

/// Draws a code: the text to hand over, once, and the hash to store.
pub fn make(purpose: Purpose, entropy: &mut dyn Entropy) -> (OneTimeCode, OneTimeHash) {
    let secret = typed::make::<SECRET>(entropy);
    let text = typed::write(purpose.prefix(), &secret);
    (OneTimeCode::from(text), OneTimeHash::of(purpose, &secret))
}
