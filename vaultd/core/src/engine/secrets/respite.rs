//! The respite of what is deleted, after a restore and after a leap of the clock: the time of what came back may have
//! run out long ago, or not at all if the clock is wrong. Nothing of it is destroyed before the vault has run for a day.
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
    /// The time that the clock leapt to, where it did, in milliseconds since 1970.
    #[n(2)]
    leapt: Option<u64>,
}

impl Document for Respite {
    const CLASS: Class = Class::Shared;
}

/// Begins the respite after a leap of the clock to `leapt`, in milliseconds since 1970. The same leap begins one only: to
/// each node, which starts at a time of its own, it is another one by a little, and leaders may change often.
///
/// # Errors
/// When the store fails.
pub fn hold_deletions(tx: &mut Tx<'_>, leapt: u64) -> Result<(), RecordError> {
    let found = tx.get::<Respite>(&key())?;
    let known = found
        .filter(|respite| respite.incarnation == tx.incarnation())
        .and_then(|respite| respite.leapt);
    if known.is_some_and(|known| leapt < known.saturating_add(RESPITE)) {
        return Ok(());
    }
    let respite = Respite {
        incarnation: tx.incarnation(),
        had: 0,
        leapt: Some(leapt),
    };
    tx.put(key(), &respite)
}

/// Counts milliseconds that the vault has run since this was last called; whether the respite goes on.
///
/// # Errors
/// When the store fails.
pub(super) fn goes_on(tx: &mut Tx<'_>, ran: u64) -> Result<bool, RecordError> {
    let Some(mut respite) = respite(tx)? else {
        return Ok(false);
    };
    respite.had = respite.had.saturating_add(ran);
    if ran > 0 {
        tx.put(key(), &respite)?;
    }
    Ok(respite.had < RESPITE)
}

/// The time that has come for what is deleted: in the respite for none of it, so that all can be seen and restored.
///
/// # Errors
/// When the store fails.
pub(super) fn come(tx: &mut Tx<'_>) -> Result<u64, RecordError> {
    Ok(if respite(tx)?.is_some() { 0 } else { tx.now() })
}

/// What this life has had of its respite, as long as that is not all.
fn respite(tx: &mut Tx<'_>) -> Result<Option<Respite>, RecordError> {
    let incarnation = tx.incarnation();
    let found = tx.get::<Respite>(&key())?;
    let mine = found.filter(|respite| respite.incarnation == incarnation);
    let restored = (incarnation > BIRTH).then_some(Respite {
        incarnation,
        had: 0,
        leapt: None,
    });
    Ok(mine.or(restored).filter(|respite| respite.had < RESPITE))
}

fn key() -> Key {
    Key::new(Kind::Job, &[b"respite"])
}

/// The incarnation of a vault that was never restored.
const BIRTH: u64 = 1;

/// A day, in milliseconds.
const RESPITE: u64 = 24 * 60 * 60 * 1000;
