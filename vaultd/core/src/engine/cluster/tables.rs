//! Where the roster lies.

use bytes::Bytes;

use super::roster::Roster;
use crate::record::{Key, Kind, RecordError, Tx, View};

/// The record of the roster.
pub fn roster_key() -> Key {
    Key::new(Kind::Header, &[b"roster"])
}

/// The roster, if the cluster has ever had peers; of any node, sealed or not.
///
/// # Errors
/// When the store fails, or the record is damaged.
pub fn read(state: &dyn View) -> Result<Option<Roster>, RecordError> {
    let record = state.get(&roster_key())?;
    record.map(|record| decode(&record.sealed)).transpose()
}

/// Changes the roster. What `change` leaves is written, unless it refuses or changes nothing.
///
/// # Errors
/// Those of `change`, inside; outside, when the store fails.
pub fn change<R, E>(
    tx: &mut Tx<'_>,
    change: impl FnOnce(&mut Option<Roster>) -> Result<R, E>,
) -> Result<Result<R, E>, RecordError> {
    let stored = tx.get_stored(&roster_key())?;
    let before = stored.map(|record| decode(&record.sealed)).transpose()?;
    let mut after = before.clone();
    let changed = change(&mut after);
    if changed.is_ok()
        && after != before
        && let Some(roster) = &after
    {
        let bytes = minicbor::to_vec(roster).map_err(|_| RecordError::Damaged(roster_key()))?;
        tx.put_stored(roster_key(), Bytes::from(bytes));
    }
    Ok(changed)
}

fn decode(bytes: &[u8]) -> Result<Roster, RecordError> {
    minicbor::decode(bytes).map_err(|_| RecordError::Damaged(roster_key()))
}
