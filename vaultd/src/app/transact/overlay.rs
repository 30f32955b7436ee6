//! The state as it will be once everything in flight is applied.
//!
//! The proposer evaluates over its own proposed, not yet applied writes. Entries leave when their
//! batch has been applied, which is after the store shows them.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use vault_core::record::{Key, Page, Record, Revision, Transaction, View, ViewError, Write};

/// Writes in flight, newest per key.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    writes: BTreeMap<Key, (Revision, Option<Bytes>)>,
    generations: BTreeMap<u8, Revision>,
}

impl InFlight {
    /// Adds a transaction's writes.
    pub(super) fn add(&mut self, revision: Revision, transaction: &Transaction) {
        for write in &transaction.writes {
            let (key, sealed) = match write {
                Write::Put(key, sealed) => (key, Some(sealed.clone())),
                Write::Delete(key) => (key, None),
            };
            if let Some(collection) = key.collection() {
                self.generations.insert(collection, revision);
            }
            self.writes.insert(key.clone(), (revision, sealed));
        }
    }

    /// Forgets what the store shows by now: all up to `last`.
    pub(super) fn applied(&mut self, last: Revision) {
        self.writes.retain(|_, (revision, _)| *revision > last);
        self.generations.retain(|_, revision| *revision > last);
    }

    /// Forgets all: what was in flight may not happen.
    pub(super) fn clear(&mut self) {
        self.writes.clear();
        self.generations.clear();
    }
}

/// A view of the store with the writes in flight laid over it.
pub(super) struct Overlay<'a> {
    pub(super) state: &'a dyn View,
    pub(super) in_flight: &'a InFlight,
}

impl View for Overlay<'_> {
    fn get(&self, key: &Key) -> Result<Option<Record>, ViewError> {
        match self.in_flight.writes.get(key) {
            Some((revision, Some(sealed))) => Ok(Some(Record {
                revision: *revision,
                sealed: sealed.clone(),
            })),
            Some((_, None)) => Ok(None),
            None => self.state.get(key),
        }
    }

    fn scan(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Page, ViewError> {
        // Deletions in flight may thin a page out: ask for as many more as there are.
        let fresh = self.between(prefix, after);
        if fresh.is_empty() {
            return self.state.scan(prefix, after, limit);
        }
        let page = self
            .state
            .scan(prefix, after, limit.saturating_add(fresh.len()))?;
        let mut merged: BTreeMap<Key, Record> = page.into_iter().collect();
        for (key, (revision, sealed)) in fresh {
            match sealed {
                Some(sealed) => {
                    merged.insert(
                        key.clone(),
                        Record {
                            revision: *revision,
                            sealed: sealed.clone(),
                        },
                    );
                }
                None => {
                    merged.remove(key);
                }
            }
        }
        Ok(merged.into_iter().take(limit).collect())
    }

    fn count(&self, prefix: &[u8], limit: usize) -> Result<usize, ViewError> {
        let fresh = self.between(prefix, None);
        // As many more as may go; what is beyond is beyond the limit either way.
        let mut count = self
            .state
            .count(prefix, limit.saturating_add(fresh.len()))?;
        for (key, (_, sealed)) in fresh {
            match (sealed, self.state.get(key)?) {
                (Some(_), None) => count += 1,
                (None, Some(_)) => count = count.saturating_sub(1),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        Ok(count.min(limit))
    }

    fn incarnation(&self) -> u64 {
        self.state.incarnation()
    }

    fn generation(&self, collection: u8) -> Result<Revision, ViewError> {
        match self.in_flight.generations.get(&collection) {
            Some(revision) => Ok(*revision),
            None => self.state.generation(collection),
        }
    }
}

type Fresh<'a> = Vec<(&'a Key, &'a (Revision, Option<Bytes>))>;

impl Overlay<'_> {
    fn between(&self, prefix: &[u8], after: Option<&Key>) -> Fresh<'_> {
        let from = match after {
            Some(after) => Bound::Excluded(after.clone()),
            None => match Key::from_bytes(Bytes::copy_from_slice(prefix)) {
                Ok(first) => Bound::Included(first),
                Err(_) => Bound::Unbounded,
            },
        };
        self.in_flight
            .writes
            .range((from, Bound::Unbounded))
            .take_while(|(key, _)| key.as_bytes().starts_with(prefix))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use vault_core::record::{Kind, Mem};

    use super::*;

    fn key(n: u8) -> Key {
        Key::new(Kind::Entry, &[&[n]])
    }

    fn put(n: u8) -> Transaction {
        Transaction {
            checks: vec![],
            writes: vec![Write::Put(key(n), Bytes::from_static(b"x"))],
        }
    }

    fn revision(sequence: u64) -> Revision {
        Revision { term: 1, sequence }
    }

    #[test]
    fn the_overlay_shows_what_the_state_will_be() {
        let mut state = Mem::default();
        let mut expected = Mem::default();
        let mut in_flight = InFlight::default();
        for n in [1, 3, 5] {
            state.apply(revision(u64::from(n)), &put(n));
        }
        expected.clone_from(&state);
        let delete = Transaction {
            checks: vec![],
            writes: vec![Write::Delete(key(3))],
        };
        for (sequence, transaction) in [(6, put(2)), (7, delete), (8, put(5)), (9, put(7))] {
            in_flight.add(revision(sequence), &transaction);
            expected.apply(revision(sequence), &transaction);
        }
        let overlay = Overlay {
            state: &state,
            in_flight: &in_flight,
        };
        let first = key(0);
        let prefix = &first.as_bytes()[..7];
        for limit in 0..6 {
            assert_eq!(
                overlay.count(prefix, limit).unwrap(),
                expected.count(prefix, limit).unwrap()
            );
            for after in [None, Some(key(1)), Some(key(2)), Some(key(3)), Some(key(9))] {
                let seen = overlay.scan(prefix, after.as_ref(), limit).unwrap();
                assert_eq!(
                    seen,
                    expected.scan(prefix, after.as_ref(), limit).unwrap(),
                    "{limit} after {after:?}"
                );
            }
        }
        for n in 0..9 {
            assert_eq!(
                overlay.get(&key(n)).unwrap(),
                expected.get(&key(n)).unwrap()
            );
        }
    }

    #[test]
    fn applied_writes_leave_and_newer_ones_stay() {
        let mut in_flight = InFlight::default();
        in_flight.add(revision(1), &put(1));
        in_flight.add(revision(2), &put(2));
        in_flight.applied(revision(1));
        let state = Mem::default();
        let overlay = Overlay {
            state: &state,
            in_flight: &in_flight,
        };
        assert!(overlay.get(&key(1)).unwrap().is_none());
        assert!(overlay.get(&key(2)).unwrap().is_some());
    }
}
