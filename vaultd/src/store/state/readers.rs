//! A pool of read-only connections, enough for the threads there are.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;
use vault_core::record::ViewError;

use super::schema;

/// Most connections; one more reader waits for one of them.
const SLOTS: usize = 16;

/// The pool. A thread begins looking at a slot of its own, so threads seldom meet.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    slots: [Mutex<Option<Connection>>; SLOTS],
}

impl Readers {
    /// An empty pool; connections are made when they are needed.
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            slots: std::array::from_fn(|_| Mutex::new(None)),
        }
    }

    /// A connection of one's own, outside the pool.
    pub(crate) fn open(&self) -> Result<Connection, ViewError> {
        schema::open_reader(&self.path).map_err(|error| ViewError::Io(error.to_string()))
    }

    /// Runs `read` with a connection.
    pub(crate) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ViewError>,
    ) -> Result<T, ViewError> {
        let mut slot = self.slot();
        let connection = match slot.take() {
            Some(connection) => connection,
            None => self.open()?,
        };
        read(slot.insert(connection))
    }

    fn slot(&self) -> MutexGuard<'_, Option<Connection>> {
        let mut hasher = DefaultHasher::new();
        std::thread::current().id().hash(&mut hasher);
        let start = usize::try_from(hasher.finish() % SLOTS as u64).unwrap_or(0);
        let (after, before) = self.slots.split_at(start);
        let free = before.iter().chain(after).find_map(|slot| {
            match slot.try_lock() {
                Ok(guard) => Some(guard),
                // A panic while reading leaves a connection that is still good.
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            }
        });
        match (free, before.first()) {
            (Some(free), _) => free,
            (None, Some(own)) => own.lock().unwrap_or_else(PoisonError::into_inner),
            (None, None) => self.slots[0].lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Closes the idle connections.
    pub(crate) fn close(&self) {
        for slot in &self.slots {
            slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}
