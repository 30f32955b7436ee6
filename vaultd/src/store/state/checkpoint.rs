//! Housekeeping once a second, and whenever much was written: the applied position is made durable, and
//! the database's write-ahead log copied back. Passive: nobody waits for it. A log that has grown all
//! the same is finished by the writer, between two commits, so that it can begin anew: under steady
//! writes a checkpoint beside the writer never catches up.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::super::space::Space;
use super::Shared;
use super::applier::Job;

const INTERVAL: Duration = Duration::from_secs(1);

/// Pages of write-ahead log from which the writer finishes it: 16 MiB.
const LONG: i64 = 4096;

/// Runs until the state is closed.
pub(super) fn run(path: &Path, shared: &Shared, space: &Space, jobs: Option<Sender<Job>>) {
    let Some(jobs) = jobs else { return };
    let mut connection = None;
    let mut seen = 0;
    loop {
        std::thread::park_timeout(INTERVAL);
        if shared.stop.load(Relaxed) {
            return;
        }
        space.look();
        let applied = shared.published().as_applied().index;
        if applied == seen {
            continue;
        }
        let mut sent = jobs.send(Job::Tick);
        match checkpoint(&mut connection, path) {
            Ok(pages) => {
                seen = applied;
                if pages >= LONG {
                    sent = sent.and_then(|()| jobs.send(Job::Backfill));
                }
            }
            // Tried again at the next tick; the writer meets the same disk and reports it.
            Err(error) => tracing::debug!(%error, "no checkpoint"),
        }
        if sent.is_err() {
            return;
        }
    }
}

fn checkpoint(connection: &mut Option<Connection>, path: &Path) -> rusqlite::Result<i64> {
    let open = match connection.take() {
        Some(open) => open,
        None => connect(path)?,
    };
    backfill(connection.insert(open))
}

/// Copies back what it can; returns the length of the write-ahead log in pages.
pub(super) fn backfill(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags)?;
    opened.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -200;")?;
    Ok(opened)
}
