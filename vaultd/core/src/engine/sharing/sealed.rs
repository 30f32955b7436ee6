//! Sealing a value under its code, and the name under which it lies.

use std::fmt;

use super::Refusal;
use crate::{
    crypto::{
        code::{self, LOOKUP_BYTES},
        entropy::Entropy,
        envelope::{self, Class, Place},
        keyring::Keyring,
        secret::{Plaintext, UnwrapCode},
    },
    record::{Key, Kind},
};

/// Names a wrapped value; opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accessor([u8; LOOKUP_BYTES]);

/// A text is not an accessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an accessor is 32 digits of lower-case hexadecimal")]
pub struct AccessorError;

impl Accessor {
    /// Of what a code opens.
    pub fn of(code: &UnwrapCode) -> Self {
        Self(code::lookup_hash(code))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn key(&self) -> Key {
        Key::new(Kind::Wrapped, &[&self.0])
    }
}

impl TryFrom<&str> for Accessor {
    type Error = AccessorError;

    fn try_from(text: &str) -> Result<Self, AccessorError> {
        let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 2 * LOOKUP_BYTES || !text.bytes().all(digit) {
            return Err(AccessorError);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| AccessorError)?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Accessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// A value that only its code opens.
#[derive(Debug)]
pub struct Wrapped {
    pub(super) accessor: Accessor,
    pub(super) envelope: Plaintext,
}

/// Seals a value under a code, for this cluster only.
pub fn wrap(
    keys: &Keyring,
    code: &UnwrapCode,
    value: &Plaintext,
    entropy: &mut dyn Entropy,
) -> Wrapped {
    let accessor = Accessor::of(code);
    let (key, lies) = (code::derive_key(code), accessor.key());
    // EXPOSE: into the envelope
    let envelope = envelope::seal(&key, &place(keys, &lies), entropy, value.expose());
    Wrapped {
        accessor,
        envelope: envelope.into(),
    }
}

/// Opens it. A code that merely has the same lookup hash is as unknown as any other.
pub(super) fn open(
    keys: &Keyring,
    code: &UnwrapCode,
    sealed: &Plaintext,
) -> Result<Plaintext, Refusal> {
    let lies = Accessor::of(code).key();
    // EXPOSE: what is opened is an envelope of its own
    envelope::open(
        &code::derive_key(code),
        &place(keys, &lies),
        sealed.expose(),
    )
    .map_err(|_| Refusal::Unknown)
}

fn place<'a>(keys: &'a Keyring, key: &'a Key) -> Place<'a> {
    Place {
        cluster: keys.cluster(),
        tenant: key.tenant(),
        class: Class::Value,
        scope: key.scope(),
        term: 0,
        key: key.as_bytes(),
    }
}
