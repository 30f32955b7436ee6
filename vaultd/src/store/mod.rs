//! The sealed record store: a replicated log and the state it leads to. It knows bytes, keys and
//! revisions, and no meaning.
//!
//! | part | what it does |
//! |---|---|
//! | [`log`] | append-only segments, group commit, one sync per batch |
//! | [`state`] | SQLite: rows, position and state hash in one transaction; snapshots |
//! | [`cache`] | records in memory, fed by apply |
//! | [`space`] | reserve of disk |
//!
//! Raft is a user of this module: nothing here names it. Everything is synchronous.

mod cache;
mod create;
mod error;
mod log;
mod marker;
mod options;
mod space;
mod state;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod types;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use vault_core::record::{Key, Page, ReadSet, Record, Revision, View, ViewError};

pub(crate) use self::create::{MakeOrigin, Origin, restore};
pub use self::create::{inspect_snapshot, verify_snapshot};
pub use self::error::{OpenError, RestoreError, SnapshotError};
pub use self::log::LogStats;
pub(crate) use self::log::{Callback, Log};
pub use self::options::{Faults, Options, SpaceFault, SyncFault};
use self::space::Space;
pub use self::state::install::Inspect;
pub(crate) use self::state::stream::StreamReader;
pub use self::state::stream::{CHUNK as SNAPSHOT_CHUNK, SnapshotStream};
pub(crate) use self::state::{Published, State};
pub(crate) use self::types::PLAUSIBLE;
pub use self::types::{Applied, Fatal, Moment, Position, Refused, SnapshotInfo, Stamp, StateHash};
pub(crate) use self::types::{Body, Entry, Response};

/// A handle on the store of one node. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    log: Arc<Log>,
    space: Arc<Space>,
    fatal: Fatal,
    lock: Mutex<Option<File>>,
}

impl Store {
    /// Opens the store in `dir`, making it at the first start.
    ///
    /// # Errors
    /// When anything is missing or damaged; the error names the file, and nothing was changed.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let (lock, options) = create::prepare(dir, options)?;
        let space = Arc::new(Space::new(dir, &options));
        let log = Arc::new(Log::open(&create::log_dir(dir), &options)?);
        let state = State::open(dir, &options, Arc::clone(&log), Arc::clone(&space))?;
        create::agree(dir, &log, &state)?;
        let inner = Inner {
            state,
            log,
            space,
            fatal: options.fatal,
            lock: Mutex::new(Some(lock)),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// How far the state has applied the log.
    pub fn applied(&self) -> Applied {
        self.inner.state.shared.published().as_applied()
    }

    /// Follows [`Store::applied`].
    pub fn watch(&self) -> tokio::sync::watch::Receiver<Applied> {
        self.inner.state.shared.watch()
    }

    /// Returns once the state has applied `index`. Put a deadline of your own around it.
    pub async fn wait_applied(&self, index: u64) -> Applied {
        let mut watch = self.watch();
        let found = watch.wait_for(|applied| applied.index >= index).await;
        found.map_or_else(|_| self.applied(), |applied| *applied)
    }

    /// Index of the last applied entry that survives a power cut without the log.
    pub fn durable_applied(&self) -> u64 {
        self.inner.state.shared.durable()
    }

    /// What the next batch continues from.
    pub fn stamp(&self) -> Stamp {
        self.inner.state.shared.published().stamp
    }

    /// Number of records.
    pub fn rows(&self) -> u64 {
        self.inner.state.shared.published().rows
    }

    /// Take it before the first read of a request.
    pub fn moment(&self) -> Moment {
        self.inner.state.shared.moment()
    }

    /// Whether every read since `moment` was of one state.
    pub fn unchanged_since(&self, moment: Moment) -> bool {
        self.inner.state.shared.unchanged_since(moment)
    }

    /// Whether every key still has the revision that was read, or is still absent, and nothing was written to
    /// the guarded collections. Then all those reads were of the state as it was when this was called.
    ///
    /// # Errors
    /// As [`View::get`].
    pub fn revalidate(&self, reads: &ReadSet) -> Result<bool, ViewError> {
        for (collection, generation) in &reads.collections {
            if self.generation(*collection)? != *generation {
                return Ok(false);
            }
        }
        for (key, revision) in &reads.keys {
            let now = self.get(key)?.map(|record| record.revision);
            if now != *revision {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The digest that members compare, and the position it is of.
    ///
    /// # Errors
    /// As [`View::get`].
    pub fn state_hash(&self) -> Result<StateHash, ViewError> {
        let (applied, digest) = self.inner.state.hash()?;
        Ok(StateHash {
            index: applied.map_or(0, |applied| applied.index),
            digest,
        })
    }

    /// Whether a write that makes the store larger may be accepted. Deleting, revoking and sealing
    /// are accepted anyway.
    pub fn can_grow(&self) -> bool {
        self.inner.space.can_grow()
    }

    /// Whether the disk has room for so many bytes beside the reserve.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.inner.space.has_room(bytes)
    }

    /// About how many bytes a snapshot takes.
    pub fn snapshot_bytes(&self) -> u64 {
        self.inner.state.bytes()
    }

    /// Empties the database's write-ahead log of old pages; `false` when a reader is in the way.
    pub(crate) async fn empty_write_ahead(&self) -> bool {
        self.inner.state.empty_write_ahead().await
    }

    /// What the log has done since the store was opened.
    pub fn log_stats(&self) -> LogStats {
        self.inner.log.stats()
    }

    /// The applied state as a stream, durable up to its position. It holds a read transaction: do
    /// not keep it longer than it takes to copy.
    ///
    /// # Errors
    /// When the database fails, or the store is closed.
    pub fn snapshot(&self) -> Result<SnapshotStream, SnapshotError> {
        self.inner.state.snapshot()
    }

    /// Makes everything durable, ends the store's threads, and lets another open the directory.
    /// Reads go on working.
    pub fn close(&self) {
        self.inner.state.close();
        self.inner.log.close();
        let mut lock = self
            .inner
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        drop(lock.take());
    }

    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.inner.log
    }

    pub(crate) fn state(&self) -> &State {
        &self.inner.state
    }

    pub(crate) fn fatal(&self) -> &Fatal {
        &self.inner.fatal
    }

    pub(crate) fn published(&self) -> Arc<Published> {
        Arc::clone(&self.inner.state.shared.published())
    }
}

impl View for Store {
    fn get(&self, key: &Key) -> Result<Option<Record>, ViewError> {
        self.inner.state.shared.get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Page, ViewError> {
        self.inner.state.shared.scan(prefix, after, limit)
    }

    fn count(&self, prefix: &[u8], limit: usize) -> Result<usize, ViewError> {
        self.inner.state.shared.count(prefix, limit)
    }

    fn generation(&self, collection: u8) -> Result<Revision, ViewError> {
        self.inner.state.shared.generation(collection)
    }

    fn incarnation(&self) -> u64 {
        self.inner.state.shared.incarnation()
    }
}
