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
use super::applier::Job;
use super::{Shared, State};

const INTERVAL: Duration = Duration::from_secs(1);

/// How long a connection waits for another, as rusqlite sets it.
const BUSY: Duration = Duration::from_secs(5);

/// Pages of write-ahead log from which the writer finishes it: 16 MiB.
const LONG: i64 = 4096;

impl State {
    /// Empties the database's write-ahead log; `false` when a reader is in the way.
    pub(crate) async fn empty_write_ahead(&self) -> bool {
        let (done, wait) = tokio::sync::oneshot::channel();
        let sent = self.sender().map(|jobs| jobs.send(Job::Empty(done)));
        matches!(sent, Ok(Ok(()))) && wait.await.unwrap_or(false)
    }

    /// Bytes of the database's files.
    pub(crate) fn bytes(&self) -> u64 {
        let mut wal = self.path.clone().into_os_string();
        wal.push("-wal");
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        length(&self.path).saturating_add(length(Path::new(&wal)))
    }
}

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

/// Copies all back and cuts the write-ahead log to nothing, so that no old page is left in it; `false` while a
/// reader holds it, at once: the connection is the applier's, and no write waits for a backup to be read.
pub(super) fn empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(Duration::ZERO)?;
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0).map(|busy| busy == 0)
    });
    connection.busy_timeout(BUSY)?;
    emptied
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags)?;
    opened.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -200;")?;
    Ok(opened)
}
