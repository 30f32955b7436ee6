//! Reading records: the trait that engines read through, and the in-memory model of the store.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Check, Key, Record, Revision, Transaction, Write};

/// A page of a scan, in key order.
pub type Page = Vec<(Key, Record)>;

/// Records as of one moment, or close enough that revisions tell the difference.
pub trait View {
    /// The record under a key.
    ///
    /// # Errors
    /// When the store cannot say: I/O, or a damaged row.
    fn get(&self, key: &Key) -> Result<Option<Record>, ViewError>;

    /// Up to `limit` records whose keys begin with `prefix`, from the first key after `after`.
    ///
    /// # Errors
    /// As [`View::get`].
    fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Page, ViewError>;

    /// How many records there are whose keys begin with `prefix`, `limit` at most.
    ///
    /// # Errors
    /// As [`View::get`].
    fn count(&self, prefix: &[u8], limit: usize) -> Result<usize, ViewError> {
        self.scan(prefix, None, limit).map(|page| page.len())
    }

    /// Revision of the last write into a guarded collection; zero if there was none.
    ///
    /// # Errors
    /// As [`View::get`].
    fn generation(&self, collection: u8) -> Result<Revision, ViewError>;

    /// Which life of the cluster this is: it grows with each restore from a backup.
    fn incarnation(&self) -> u64;
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The row's digest does not match: the node quarantines it.
    #[error("record {0:?} is damaged on disk")]
    Damaged(Key),
    /// The database failed.
    #[error("the record store failed: {0}")]
    Io(String),
}

/// The model: what the SQLite state must agree with, and what core tests run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mem {
    records: BTreeMap<Key, Record>,
    generations: BTreeMap<u8, Revision>,
    incarnation: u64,
}

impl Default for Mem {
    /// Empty, in the life that a vault is born in.
    fn default() -> Self {
        Self {
            records: BTreeMap::new(),
            generations: BTreeMap::new(),
            incarnation: 1,
        }
    }
}

impl Mem {
    /// As after a restore from a backup.
    pub fn restored(&mut self) {
        self.incarnation += 1;
    }

    /// All records, in key order.
    pub fn records(&self) -> impl Iterator<Item = (&Key, &Record)> {
        self.records.iter()
    }

    /// Applies a transaction at a revision: `false`, and nothing changed, when a check fails.
    pub fn apply(&mut self, revision: Revision, transaction: &Transaction) -> bool {
        let holds = transaction.checks.iter().all(|check| match check {
            Check::Unchanged(key, expected) => self
                .records
                .get(key)
                .is_some_and(|r| r.revision == *expected),
            Check::Absent(key) => !self.records.contains_key(key),
            Check::Collection(id, expected) => {
                self.generations.get(id).copied().unwrap_or_default() == *expected
            }
        });
        if holds {
            for write in &transaction.writes {
                let key = match write {
                    Write::Put(key, sealed) => {
                        self.records.insert(
                            key.clone(),
                            Record {
                                revision,
                                sealed: sealed.clone(),
                            },
                        );
                        key
                    }
                    Write::Delete(key) => {
                        self.records.remove(key);
                        key
                    }
                };
                if let Some(id) = key.collection() {
                    self.generations.insert(id, revision);
                }
            }
        }
        holds
    }
}

impl View for Mem {
    fn get(&self, key: &Key) -> Result<Option<Record>, ViewError> {
        Ok(self.records.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Page, ViewError> {
        let start = after.map_or(prefix, Key::as_bytes);
        Ok(self
            .records
            .range::<[u8], _>((Bound::Included(start), Bound::Unbounded))
            .filter(|(key, _)| after.is_none_or(|after| *key > after))
            .take_while(|(key, _)| key.as_bytes().starts_with(prefix))
            .take(limit)
            .map(|(key, record)| (key.clone(), record.clone()))
            .collect())
    }

    fn generation(&self, collection: u8) -> Result<Revision, ViewError> {
        Ok(self
            .generations
            .get(&collection)
            .copied()
            .unwrap_or_default())
    }

    fn incarnation(&self) -> u64 {
        self.incarnation
    }
}
