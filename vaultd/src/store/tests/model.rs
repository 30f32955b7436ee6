//! Random histories: the SQLite state is the core's in-memory model, through restarts and snapshots.

use bytes::Bytes;
use proptest::prelude::*;
use tempfile::TempDir;
use vault_core::record::{Check, Key, Kind, Mem, Outcome, Revision, Transaction, View, Write};

use super::super::testing::{Leader, options, signer_key};
use super::super::{Response, Store, StreamReader};
use super::{commit, next};

/// What a history is made of.
#[derive(Clone, Debug)]
enum Step {
    /// A batch.
    Batch(Vec<Sketch>),
    /// The store is closed and opened again.
    Restart,
    /// The state moves into an empty store through a snapshot.
    Snapshot,
}

/// A transaction before revisions are known.
#[derive(Clone, Debug)]
struct Sketch {
    /// Key, and whether the check is to hold.
    checks: Vec<(u8, bool)>,
    /// Key, and bytes to put or nothing to delete.
    writes: Vec<(u8, Option<u16>)>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let checks = proptest::collection::vec((0..14_u8, prop::bool::weighted(0.9)), 0..3);
    // Lengths on both sides of what is kept beside the key.
    let length = prop_oneof![Just(0), 1..40_u16, 195..206_u16, 1000..3000_u16];
    let writes = proptest::collection::vec((0..12_u8, prop::option::weighted(0.7, length)), 0..5);
    (checks, writes).prop_map(|(checks, writes)| Sketch { checks, writes })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => proptest::collection::vec(sketch(), 0..4).prop_map(Step::Batch),
        1 => Just(Step::Restart),
        1 => Just(Step::Snapshot),
    ]
}

fn key(n: u8) -> Key {
    let kind = if n.is_multiple_of(3) {
        Kind::Principal
    } else {
        Kind::Secret
    };
    Key::new(kind, &[&[n], &vec![n; usize::from(n) * 10]])
}

fn transaction(model: &Mem, sketch: &Sketch) -> Transaction {
    let wrong = Revision {
        term: 99,
        sequence: 99,
    };
    let check = |(n, holds): &(u8, bool)| {
        if *n >= 12 {
            let generation = model.generation(8).unwrap();
            return Check::Collection(8, if *holds { generation } else { wrong });
        }
        match (model.get(&key(*n)).unwrap(), holds) {
            (Some(record), true) => Check::Unchanged(key(*n), record.revision),
            (Some(_), false) | (None, true) => Check::Absent(key(*n)),
            (None, false) => Check::Unchanged(key(*n), wrong),
        }
    };
    let write = |(n, length): &(u8, Option<u16>)| match length {
        Some(length) => Write::Put(key(*n), vec![*n; usize::from(*length)].into()),
        None => Write::Delete(key(*n)),
    };
    Transaction {
        checks: sketch.checks.iter().map(check).collect(),
        writes: sketch.writes.iter().map(write).collect(),
    }
}

struct World {
    dir: TempDir,
    store: Store,
    /// A second store that only ever applies.
    twin: (TempDir, Store),
    leader: Leader,
    model: Mem,
}

impl World {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(dir.path(), &options().0).unwrap();
        let twin = TempDir::new().unwrap();
        let second = Store::open(twin.path(), &options().0).unwrap();
        let mut world = Self {
            dir,
            store,
            twin: (twin, second),
            leader: Leader::new(1),
            model: Mem::default(),
        };
        let founding = world.leader.clone().founding();
        let (batch, ..) = vault_core::record::Batch::decode(&founding).unwrap();
        world.batch(batch.transactions);
        world
    }

    fn batch(&mut self, transactions: Vec<Transaction>) {
        let first = self.leader.sequence + 1;
        let expected: Vec<Outcome> = (first..)
            .zip(&transactions)
            .map(|(sequence, transaction)| {
                let revision = Revision { term: 1, sequence };
                if self.model.apply(revision, transaction) {
                    Outcome::Applied(revision)
                } else {
                    Outcome::Conflict
                }
            })
            .collect();
        let batch = self.leader.batch(transactions);
        for store in [&self.store, &self.twin.1] {
            let response = commit(store, next(store, 1), batch.clone());
            assert_eq!(response, Response::Outcomes(expected.clone()));
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Batch(sketches) => {
                // Checks are made on the state before the batch: later ones may well fail.
                let transactions = sketches.iter().map(|s| transaction(&self.model, s));
                self.batch(transactions.collect());
            }
            Step::Restart => {
                self.store.close();
                self.store = Store::open(self.dir.path(), &options().0).unwrap();
            }
            Step::Snapshot => {
                let dir = TempDir::new().unwrap();
                let store = Store::open(dir.path(), &options().0).unwrap();
                let source = StreamReader::new(self.store.snapshot().unwrap());
                let at = store.state().install(Box::new(source)).unwrap();
                store.log().purge(at.unwrap(), Box::new(|_| ())).unwrap();
                (self.dir, self.store) = (dir, store);
            }
        }
    }

    fn agrees(&self) {
        let found = self.store.scan(&[], None, usize::MAX).unwrap();
        let expected: Vec<_> = self
            .model
            .records()
            .map(|(key, record)| (key.clone(), record.clone()))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(self.store.rows(), expected.len() as u64);
        for n in 0..12 {
            let key = key(n);
            assert_eq!(self.store.get(&key).unwrap(), self.model.get(&key).unwrap());
        }
        let prefix = [Kind::Secret as u8, 0, 0];
        for (after, limit) in [(None, 3), (Some(key(4)), 2), (Some(key(0)), 100)] {
            assert_eq!(
                self.store.scan(&prefix, after.as_ref(), limit).unwrap(),
                self.model.scan(&prefix, after.as_ref(), limit).unwrap()
            );
            assert_eq!(
                self.store.count(&prefix, limit).unwrap(),
                self.model.count(&prefix, limit).unwrap()
            );
        }
        assert_eq!(
            self.store.generation(8).unwrap(),
            self.model.generation(8).unwrap()
        );
        let twin = self.twin.1.state_hash().unwrap().digest;
        assert_eq!(self.store.state_hash().unwrap().digest, twin);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn sqlite_is_the_model_through_restarts_and_snapshots(
        history in proptest::collection::vec(step(), 1..40)
    ) {
        let mut world = World::new();
        for step in &history {
            world.step(step);
            world.agrees();
        }
        world.step(&Step::Restart);
        world.agrees();
        assert!(world.store.get(&signer_key()).unwrap().is_some());
    }
}

#[test]
fn a_scan_ends_where_its_prefix_does() {
    let mut world = World::new();
    let name = |bytes: &[u8]| Key::from_bytes(Bytes::copy_from_slice(bytes)).unwrap();
    let keys: Vec<Key> = [
        &[0xff; 7][..],
        &[0xff; 8],
        &[0xff, 0xff, 0xff, 0, 0, 0, 0],
        &[0x7f; 7],
        &[0x7f, 0xff, 0, 0, 0, 0, 0],
        &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x80, 0, 0, 0, 0, 0, 0],
    ]
    .map(name)
    .to_vec();
    let put = |key: &Key| Write::Put(key.clone(), Bytes::from_static(b"x"));
    let writes = keys.iter().map(put).collect();
    world.batch(vec![Transaction {
        checks: vec![],
        writes,
    }]);
    for prefix in [
        &[][..],
        &[0x7f],
        &[0x7f, 0xff],
        &[0xff],
        &[0xff; 7],
        &[0xff; 8],
        &[0x80],
    ] {
        // A cursor is a key of the listing that it continues.
        let cursors = keys.iter().filter(|key| key.as_bytes().starts_with(prefix));
        for after in cursors.map(Some).chain([None]) {
            assert_eq!(
                world.store.scan(prefix, after, 3).unwrap(),
                world.model.scan(prefix, after, 3).unwrap(),
                "{prefix:x?} after {after:?}"
            );
        }
    }
}
