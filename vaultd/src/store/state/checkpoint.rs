//! Housekeeping once a second: the log of the database is copied back, and the applied position made
//! durable. Passive: it never makes the writer or a reader wait.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::super::space::Space;
use super::Shared;
use super::applier::Job;

const INTERVAL: Duration = Duration::from_secs(1);

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
        if jobs.send(Job::Tick).is_err() {
            return;
        }
        match checkpoint(&mut connection, path) {
            Ok(()) => seen = applied,
            // Tried again at the next tick; the writer meets the same disk and reports it.
            Err(error) => tracing::debug!(%error, "no checkpoint"),
        }
    }
}

fn checkpoint(connection: &mut Option<Connection>, path: &Path) -> rusqlite::Result<()> {
    let open = match connection.take() {
        Some(open) => open,
        None => connect(path)?,
    };
    connection
        .insert(open)
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags)?;
    opened.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -200;")?;
    Ok(opened)
}
