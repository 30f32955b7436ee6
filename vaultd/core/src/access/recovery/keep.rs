//! Recovery codes made, stored as hashes, spent and counted.

use std::fmt;

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    access::totp::{self, Elevation, NotAllowed},
    crypto::{
        entropy::Entropy,
        envelope::Class,
        secret::RecoveryCode,
        typed::{self, TypedError},
    },
    record::{Document, Key, Kind, RecordError, Tx},
};

/// Codes of one set.
const COUNT: u8 = 10;
/// 120 bits.
const SECRET: usize = 15;

/// Why a text is not a recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// Another length or alphabet.
    #[error("a recovery code has seven groups of four letters and digits")]
    Shape,
    /// Its checksum does not fit.
    #[error("the recovery code has a typing error: its last group does not fit the others")]
    Typo,
}

impl From<TypedError> for RecoveryError {
    fn from(error: TypedError) -> Self {
        match error {
            TypedError::Shape => Self::Shape,
            TypedError::Typo => Self::Typo,
        }
    }
}

/// What transactions carry in place of a code. It is of one user: another's code has another hash.
#[derive(Clone, Copy, Encode, Decode)]
#[cbor(transparent)]
pub struct RecoveryHash(#[cbor(n(0), with = "minicbor::bytes")] [u8; 32]);

impl RecoveryHash {
    /// Of a code as `user` typed it.
    ///
    /// # Errors
    /// When it is none, or has a typing error. Whether it is known is another question.
    pub fn parse(user: u64, typed: &str) -> Result<Self, RecoveryError> {
        let secret = typed::read::<SECRET>("", typed)?;
        Ok(Self::of(user, &secret))
    }

    fn of(user: u64, secret: &[u8; SECRET]) -> Self {
        let hash = Sha256::new()
            .chain_update(b"vault recovery code v1")
            .chain_update(user.to_be_bytes())
            .chain_update(secret)
            .finalize();
        Self(hash.into())
    }

    #[cfg(test)]
    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Codes stay out of logs, and so do their hashes.
impl fmt::Debug for RecoveryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryHash(..)")
    }
}

/// A set of codes that was just drawn: show them once, store the rest with [`replace`].
#[derive(Debug)]
pub struct Fresh {
    user: u64,
    codes: Vec<RecoveryCode>,
    hashes: Vec<RecoveryHash>,
}

impl Fresh {
    /// Draws ten codes.
    pub fn make(user: u64, entropy: &mut dyn Entropy) -> Self {
        let (mut codes, mut hashes) = (Vec::new(), Vec::new());
        for _ in 0..COUNT {
            let secret = typed::make::<SECRET>(entropy);
            hashes.push(RecoveryHash::of(user, &secret));
            codes.push(RecoveryCode::from(typed::write("", &secret)));
        }
        Self {
            user,
            codes,
            hashes,
        }
    }

    /// To show, once they are stored.
    pub fn into_codes(self) -> Vec<RecoveryCode> {
        self.codes
    }

    /// To show.
    pub fn codes(&self) -> &[RecoveryCode] {
        &self.codes
    }
}

/// What is left of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// How many codes.
    pub codes: usize,
    /// When they were made, in milliseconds since the epoch.
    pub made_at: u64,
}

/// Why there are no new codes.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceRefusal {
    /// No second factor was just shown.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Why a code is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SpendRefusal {
    /// Not this user's, spent, of a set that was replaced, or of before a reset or a restore: one answer for all.
    #[error("the recovery code is not valid: it may have been used, or replaced by newer ones")]
    Unknown,
    /// The store could not say.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A user's codes, as stored.
#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    hashes: Vec<RecoveryHash>,
    #[n(1)]
    made_at: u64,
    /// In which life of the cluster they were made: a backup does not know which were spent since.
    #[n(2)]
    incarnation: u64,
}

impl Document for Stored {
    const CLASS: Class = Class::Voter;
}

impl Stored {
    /// A user's, if any of it counts: he has an authenticator, and neither a reset nor a restore came since.
    fn of(tx: &mut Tx<'_>, user: u64) -> Result<Option<Self>, RecordError> {
        let Some(stored) = tx.get::<Self>(&key(user))? else {
            return Ok(None);
        };
        let counts =
            stored.incarnation == tx.incarnation() && totp::stands_in(tx, user, stored.made_at)?;
        Ok(counts.then_some(stored))
    }

    fn left(&self) -> Left {
        Left {
            codes: self.hashes.len(),
            made_at: self.made_at,
        }
    }
}

/// Stores a set in place of the one before, whose codes are void from then on. The elevation is of the user's
/// own session.
///
/// # Errors
/// When no second factor was just shown: a stolen password must not draw itself a way around it.
pub fn replace(
    tx: &mut Tx<'_>,
    elevation: &Elevation,
    fresh: &Fresh,
) -> Result<(), ReplaceRefusal> {
    totp::may_change::<ReplaceRefusal>(tx, fresh.user, elevation)?;
    let stored = Stored {
        hashes: fresh.hashes.clone(),
        made_at: tx.now(),
        incarnation: tx.incarnation(),
    };
    tx.put(key(fresh.user), &stored)?;
    Ok(())
}

/// Accepts a code in place of an authenticator's, and takes it out of its set; returns what is left.
///
/// # Errors
/// When it is not one of the user's that are left, he has no authenticator, or they were reset, or the vault
/// restored from a backup, since the set was made.
pub fn spend(tx: &mut Tx<'_>, user: u64, code: &RecoveryHash) -> Result<Left, SpendRefusal> {
    let mut stored = Stored::of(tx, user)?.ok_or(SpendRefusal::Unknown)?;
    let before = stored.hashes.len();
    // All are compared, so that time does not tell which one it was.
    stored
        .hashes
        .retain(|kept| !bool::from(kept.0.ct_eq(&code.0)));
    if stored.hashes.len() == before {
        return Err(SpendRefusal::Unknown);
    }
    tx.put(key(user), &stored)?;
    Ok(stored.left())
}

/// What is left of a user's set; `None` when he has none that counts, and should draw one.
///
/// # Errors
/// When the store fails.
pub fn left(tx: &mut Tx<'_>, user: u64) -> Result<Option<Left>, RecordError> {
    Ok(Stored::of(tx, user)?.map(|stored| stored.left()))
}

/// Removes a user's codes, as when he is deleted. A reset of his second factors has voided them already.
///
/// # Errors
/// When the store fails.
pub fn clear(tx: &mut Tx<'_>, user: u64) -> Result<(), RecordError> {
    if tx.get::<Stored>(&key(user))?.is_some() {
        tx.delete(key(user));
    }
    Ok(())
}

fn key(user: u64) -> Key {
    Key::new(Kind::Recovery, &[&user.to_be_bytes()])
}
