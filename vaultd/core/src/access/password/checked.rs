//! A right password as a value: of one attempt, of one user, of the hash that it was compared with.
//!
//! Made by [`super::Hasher::verify`] alone. Hashing takes longer than a reset does, so the transaction that makes
//! the session looks again: a login that began with a password that was replaced since comes to nothing.

use super::{Credential, NoMemory, PasswordHash};
use crate::access::lockout::{self, Attempt};
use crate::record::{RecordError, Tx};

/// A password that was right when it was compared.
#[derive(Debug)]
#[must_use]
pub struct Checked {
    attempt: Attempt,
    user: u64,
    seen: PasswordHash,
}

/// An attempt whose password was compared with nothing: what it would have come to is known to nobody.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Uncompared {
    #[source]
    error: NoMemory,
    attempt: Attempt,
}

impl Uncompared {
    pub(super) fn new(attempt: Attempt, error: NoMemory) -> Self {
        Self { error, attempt }
    }

    /// Why.
    pub fn why(&self) -> NoMemory {
        self.error
    }

    /// Takes back the count of this attempt and of no other.
    ///
    /// # Errors
    /// When the store fails.
    pub fn take_back(&self, tx: &mut Tx<'_>) -> Result<(), RecordError> {
        lockout::take_back(tx, &self.attempt)
    }
}

/// Why a right password makes no session.
#[derive(Debug, thiserror::Error)]
pub enum SucceedRefusal {
    /// Its user has another one by now, or the same at another cost, or none.
    #[error("the password was changed while it was compared: log in again")]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Checked {
    pub(super) fn new(attempt: Attempt, user: u64, seen: PasswordHash) -> Self {
        Self {
            attempt,
            user,
            seen,
        }
    }

    /// Whose password it is.
    pub fn user(&self) -> u64 {
        self.user
    }

    /// What it was compared with: what a change of it is decided on.
    pub fn hash(&self) -> &PasswordHash {
        &self.seen
    }

    /// Takes the attempt's count back and knows its place from now on. Run it after everything that a login takes
    /// was right, in the transaction that makes the session, before the hash is upgraded or spent in it. The
    /// credential is for asking what the password is good for ([`Credential::standing`]).
    ///
    /// # Errors
    /// When the user's stored hash is no longer the one that was seen.
    pub fn succeed(&self, tx: &mut Tx<'_>) -> Result<Credential, SucceedRefusal> {
        let credential = self.credential(tx)?;
        lockout::succeeded(tx, &self.attempt)?;
        Ok(credential)
    }

    /// Takes back the count of this attempt and of no other: for a right password that comes to nothing yet, and
    /// beside which nothing else was guessed. Whoever has the password can tell nothing by it, and a code is not
    /// guessed more often for it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn excuse(&self, tx: &mut Tx<'_>) -> Result<(), RecordError> {
        lockout::take_back(tx, &self.attempt)
    }

    /// The credential, if its hash is still the one that was seen.
    ///
    /// # Errors
    /// When it is not.
    pub fn credential(&self, tx: &mut Tx<'_>) -> Result<Credential, SucceedRefusal> {
        Credential::load(tx, self.user)?
            .filter(|credential| credential.hash().is(&self.seen))
            .ok_or(SucceedRefusal::Overtaken)
    }
}
