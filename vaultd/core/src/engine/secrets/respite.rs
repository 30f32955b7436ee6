//! The respite after a restore: what the backup holds as deleted came back to be looked at, and its time may have run
//! out long ago. Nothing of it is destroyed before the vault has run for a day in its new life.
//!
//! A day of running, which the leader counts and records, and not of any clock: a clock that was wrong when the vault
//! was restored, or a leader time that the backup brings from the future, says nothing of how long anyone could look.

use minicbor::{Decode, Encode};

use crate::crypto::envelope::Class;
use crate::record::{Document, Key, Kind, RecordError, Tx};

/// How much of its respite a life has had.
#[derive(Debug, Encode, Decode)]
struct Respite {
    /// Of which life; a backup brings the record of an earlier one.
    #[n(0)]
    incarnation: u64,
    /// Milliseconds.
    #[n(1)]
    had: u64,
}

impl Document for Respite {
    const CLASS: Class = Class::Shared;
}

/// Counts milliseconds that the vault has run since this was last called; whether the respite goes on.
///
/// # Errors
/// When the store fails.
pub(super) fn goes_on(tx: &mut Tx<'_>, ran: u64) -> Result<bool, RecordError> {
    let Some(had) = had(tx)? else {
        return Ok(false);
    };
    let had = had.saturating_add(ran);
    if ran > 0 {
        let incarnation = tx.incarnation();
        tx.put(key(), &Respite { incarnation, had })?;
    }
    Ok(had < RESPITE)
}

/// The time that has come for what is deleted: in the respite for none of it, so that all can be seen and restored.
///
/// # Errors
/// When the store fails.
pub(super) fn come(tx: &mut Tx<'_>) -> Result<u64, RecordError> {
    Ok(if had(tx)?.is_some() { 0 } else { tx.now() })
}

/// What this life has had of its respite, as long as that is not all.
fn had(tx: &mut Tx<'_>) -> Result<Option<u64>, RecordError> {
    let incarnation = tx.incarnation();
    if incarnation <= BIRTH {
        return Ok(None);
    }
    let found = tx.get::<Respite>(&key())?;
    let mine = found.filter(|respite| respite.incarnation == incarnation);
    let had = mine.map_or(0, |respite| respite.had);
    Ok((had < RESPITE).then_some(had))
}

fn key() -> Key {
    Key::new(Kind::Job, &[b"respite"])
}

/// The incarnation of a vault that was never restored.
const BIRTH: u64 = 1;

/// A day, in milliseconds.
const RESPITE: u64 = 24 * 60 * 60 * 1000;
