//! Looking for damage: every row's digest, their sum, and SQLite's own structure check.
//!
//! A small database is verified before it is used, a large one in the background right after, each
//! again once a day: in between every row that is read is verified by its own digest.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rusqlite::Connection;
use vault_core::record::Key;

use super::super::{Fatal, OpenError};
use super::lthash::LtHash;
use super::meta::Meta;
use super::readers::Readers;
use super::{Shared, rows};

/// Databases up to this size are verified before they are used.
const SMALL: u64 = 16 << 20;

/// Between two scrubs.
const INTERVAL: Duration = Duration::from_hours(24);

/// Rows between two looks at whether to stop.
const PAGE: usize = 1024;

/// Verifies at open; says whether the rest is to be verified later.
pub(super) fn at_open(
    path: &Path,
    connection: &Connection,
    readers: &Readers,
) -> Result<bool, OpenError> {
    let reading = |error| OpenError::reading(path, error);
    let length = std::fs::metadata(path).map_err(reading)?.len();
    if length > SMALL {
        return Ok(true);
    }
    let found = structure(connection)
        .and_then(|()| readers.open().map_err(|error| error.to_string()))
        .and_then(|reader| content(&reader, &|| false));
    found
        .map(|()| false)
        .map_err(|reason| OpenError::damaged(path, &reason))
}

/// Verifies the database while it is in use, once a day, the first time at once if `now`; damage ends
/// the process.
pub(super) fn in_background(path: &Path, shared: &Shared, fatal: &Fatal, now: bool) {
    let mut due = now;
    while !shared.stop.load(Relaxed) {
        if due {
            scrub(path, shared, fatal);
        }
        // Woken early only to stop.
        std::thread::park_timeout(INTERVAL);
        due = true;
    }
}

fn scrub(path: &Path, shared: &Shared, fatal: &Fatal) {
    let stop = || shared.stop.load(Relaxed);
    let found = shared
        .readers
        .open()
        .map_err(|error| error.to_string())
        .and_then(|reader| content(&reader, &stop));
    if let Err(reason) = found {
        fatal.call(&format!("`{}` is damaged: {reason}", path.display()));
    }
}

fn structure(connection: &Connection) -> Result<(), String> {
    let verdict: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| error.to_string())?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(verdict)
    }
}

/// Verifies every row, their number and their sum, in one read transaction.
fn content(reader: &Connection, stop: &dyn Fn() -> bool) -> Result<(), String> {
    reader
        .execute_batch("BEGIN")
        .map_err(|error| error.to_string())?;
    let meta = Meta::load(reader)
        .map_err(|error| error.to_string())?
        .ok_or("its position does not match its digest")?;
    let (mut lanes, mut count) = (LtHash::default(), 0);
    let mut after: Option<Key> = None;
    loop {
        let (mut last, mut page) = (None, 0);
        rows::scan(reader, &[], after.as_ref(), PAGE, &mut |key, _, digest| {
            lanes.add(digest);
            last = Some(key);
            page += 1;
        })
        .map_err(|error| error.to_string())?;
        count += page;
        if page < PAGE as u64 || stop() {
            break;
        }
        after = last;
    }
    let complete = count == meta.rows && lanes == meta.lanes;
    // Only reading: nothing is lost if it cannot be ended in order.
    drop(reader.execute_batch("ROLLBACK"));
    if complete || stop() {
        Ok(())
    } else {
        Err("its rows do not match the state hash".into())
    }
}
