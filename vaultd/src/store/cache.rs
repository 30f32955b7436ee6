//! Records in memory, bounded in bytes, always those of the applied state.
//!
//! The applier puts what it committed and removes what it deleted; a reader that misses leaves a
//! placeholder first, reads the database, and fills the placeholder. A put or removal in between takes
//! the placeholder away, so that a late fill is dropped: an old record never covers a newer one.
//! Locks are per shard and held for a look-up only.

use std::time::Duration;

use bytes::Bytes;
use quick_cache::sync::{Cache as Shards, GuardResult};
use vault_core::record::{Key, Record, Revision, ViewError};

/// Bytes that an entry takes beside its key and its sealed bytes.
const OVERHEAD: u64 = 160;

/// Records over this are read from the database.
const LARGEST: usize = 64 << 10;

/// Guess of a record's size, to size the tables.
const TYPICAL: u64 = 512;

#[derive(Clone, Debug)]
struct Weigh;

impl quick_cache::Weighter<Key, Record> for Weigh {
    fn weight(&self, key: &Key, record: &Record) -> u64 {
        OVERHEAD + (key.as_bytes().len() + record.sealed.len()) as u64
    }
}

/// The cache.
#[derive(Debug)]
pub(crate) struct Cache(Shards<Key, Record, Weigh>);

impl Cache {
    /// Holds about `bytes`.
    pub(crate) fn new(bytes: u64) -> Self {
        let entries = usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX);
        Self(Shards::with_weighter(entries.max(16), bytes, Weigh))
    }

    /// The record, from memory or else by `read`, which is remembered unless the record was written
    /// since.
    pub(crate) fn get(
        &self,
        key: &Key,
        read: impl FnOnce() -> Result<Option<Record>, ViewError>,
    ) -> Result<Option<Record>, ViewError> {
        // ORDER: the placeholder is there before the database is read.
        match self.0.get_value_or_guard(key, Some(Duration::ZERO)) {
            GuardResult::Value(record) => Ok(Some(record)),
            GuardResult::Guard(guard) => {
                let record = read()?;
                if let Some(record) = &record
                    && record.sealed.len() <= LARGEST
                {
                    // Refused when the applier was faster: then the next reader finds its record.
                    drop(guard.insert(record.clone()));
                }
                Ok(record)
            }
            // Another reader is filling it.
            GuardResult::Timeout => read(),
        }
    }

    /// Revision of a record in memory, for the applier.
    pub(crate) fn revision(&self, key: &Key) -> Option<Revision> {
        self.0.peek(key).map(|record| record.revision)
    }

    /// What the applier has committed. The bytes are copied: they are a slice of a whole log entry.
    pub(crate) fn committed(&self, key: &Key, record: Option<&Record>) {
        match record {
            Some(record) if record.sealed.len() <= LARGEST => {
                let Ok(key) = Key::from_bytes(Bytes::copy_from_slice(key.as_bytes())) else {
                    return;
                };
                let sealed = Bytes::copy_from_slice(&record.sealed);
                let revision = record.revision;
                self.0.insert(key, Record { revision, sealed });
            }
            Some(_) | None => {
                self.0.remove(key);
            }
        }
    }

    /// Forgets everything, fills under way included.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use vault_core::record::Kind;

    use super::*;

    fn key(n: u8) -> Key {
        Key::new(Kind::Secret, &[&[n]])
    }

    #[expect(clippy::unnecessary_wraps, reason = "what a read returns")]
    fn record(sequence: u64, length: usize) -> Option<Record> {
        Some(Record {
            revision: Revision { term: 1, sequence },
            sealed: vec![7; length].into(),
        })
    }

    fn unread() -> Result<Option<Record>, ViewError> {
        Err(ViewError::Io("read".into()))
    }

    #[test]
    fn a_record_is_read_once() {
        let cache = Cache::new(1 << 20);
        assert_eq!(
            cache.get(&key(1), || Ok(record(1, 9))).unwrap(),
            record(1, 9)
        );
        assert_eq!(cache.get(&key(1), unread).unwrap(), record(1, 9));
        assert_eq!(cache.revision(&key(1)).unwrap().sequence, 1);
    }

    #[test]
    fn a_fill_that_is_late_is_dropped() {
        let cache = Cache::new(1 << 20);
        let newer = record(2, 9);
        let old = cache.get(&key(1), || {
            cache.committed(&key(1), newer.as_ref());
            Ok(record(1, 9))
        });
        assert_eq!(old.unwrap(), record(1, 9));
        assert_eq!(cache.get(&key(1), unread).unwrap(), newer);
    }

    #[test]
    fn a_fill_of_what_was_deleted_or_replaced_whole_is_dropped() {
        let cache = Cache::new(1 << 20);
        let steps: [&dyn Fn(); 3] = [
            &|| cache.committed(&key(1), None),
            &|| cache.committed(&key(1), record(3, LARGEST + 1).as_ref()),
            &|| cache.clear(),
        ];
        for step in steps {
            cache
                .get(&key(1), || {
                    step();
                    Ok(record(1, 9))
                })
                .unwrap();
            assert_eq!(cache.revision(&key(1)), None);
        }
    }

    #[test]
    fn absence_and_failure_are_not_remembered() {
        let cache = Cache::new(1 << 20);
        assert_eq!(cache.get(&key(1), || Ok(None)).unwrap(), None);
        assert!(cache.get(&key(1), unread).is_err());
        assert_eq!(
            cache.get(&key(1), || Ok(record(1, 9))).unwrap(),
            record(1, 9)
        );
    }

    #[test]
    fn it_holds_no_more_than_its_bytes() {
        let cache = Cache::new(64 << 10);
        for n in 0..=255 {
            cache.committed(&key(n), record(1, 4096).as_ref());
        }
        let held = (0..=255).filter(|n| cache.revision(&key(*n)).is_some());
        assert!(held.count() <= 16);
    }
}
