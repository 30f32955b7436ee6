//! The store: what it refuses to apply, and what readers see.

mod crafted;
mod model;
mod opening;

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use vault_core::record::{Batch, Check, Key, Kind, Outcome, Revision, Transaction, Write};

use super::testing::{Leader, key, options, put, signer_key, writes};
use super::*;

/// Takes a batch through log and state as raft would.
fn commit(store: &Store, at: Position, batch: Bytes) -> Response {
    let payload = batch.clone();
    store
        .log()
        .append([(at, payload)], Box::new(|_| ()))
        .unwrap();
    let (done, wait) = sync_channel(1);
    let entry = Entry {
        at,
        body: Body::Batch(batch),
    };
    store.state().apply(
        vec![entry],
        Box::new(move |responses| done.send(responses).unwrap()),
    );
    wait.recv().unwrap().remove(0)
}

fn next(store: &Store, term: u64) -> Position {
    let index = store.log().bounds().1.map_or(0, |last| last.index + 1);
    Position { term, index }
}

fn founded(dir: &Path) -> (Store, Leader) {
    let store = Store::open(dir, &options().0).unwrap();
    let mut leader = Leader::new(1);
    let founding = leader.founding();
    commit(&store, next(&store, 1), founding);
    (store, leader)
}

fn apply(store: &Store, leader: &mut Leader, transactions: Vec<Transaction>) -> Response {
    let batch = leader.batch(transactions);
    commit(store, next(store, leader.term), batch)
}

#[test]
fn a_batch_that_is_not_the_leaders_next_one_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let (store, leader) = founded(dir.path());
    let hash = store.state_hash().unwrap().digest;
    let change = |change: &dyn Fn(&mut Leader)| {
        let mut other = leader.clone();
        change(&mut other);
        other.batch(vec![writes(vec![put(1, 10)])])
    };
    let foreign = vault_core::crypto::secret::LogSigningKey::make(&mut testing::Fixed(4));
    let foreign = Arc::new(foreign);
    let huge = || Transaction {
        checks: vec![],
        writes: (0..=Transaction::MAX_WRITES as u64)
            .map(|n| put(n, 1))
            .collect(),
    };
    let unsigned = |write: Write| leader.clone().batch(vec![writes(vec![write])]);
    for (batch, reason) in [
        (change(&|l| l.sequence += 1), Refused::Sequence),
        (change(&|l| l.sequence -= 1), Refused::Sequence),
        (change(&|l| l.term = 2), Refused::Term),
        (change(&|l| l.term = 0), Refused::Term),
        (change(&|l| l.incarnation = 2), Refused::Incarnation),
        (change(&|l| l.cluster = [1; 16]), Refused::Cluster),
        (
            change(&|l| l.key = Arc::clone(&foreign)),
            Refused::Signature,
        ),
        (leader.clone().batch(vec![huge()]), Refused::TooLarge),
        (unsigned(Write::Delete(signer_key())), Refused::Signer),
        (
            unsigned(Write::Put(signer_key(), Bytes::from_static(b"short"))),
            Refused::Signer,
        ),
        (Bytes::from_static(b"garbage"), Refused::Malformed),
        (Bytes::new(), Refused::Malformed),
    ] {
        let response = commit(&store, next(&store, 1), batch);
        assert_eq!(response, Response::Refused(reason));
        assert_eq!(store.state_hash().unwrap().digest, hash);
    }
    assert_eq!(store.applied().index, 12);
    assert_eq!(store.stamp().last.sequence, 1);
}

#[test]
fn a_state_without_a_signer_takes_only_a_batch_that_brings_one() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path(), &options().0).unwrap();
    let leader = Leader::new(1);
    let batch = leader.clone().batch(vec![writes(vec![put(1, 10)])]);
    let response = commit(&store, next(&store, 1), batch);
    assert_eq!(response, Response::Refused(Refused::Signer));
    assert_eq!(store.stamp(), Stamp::default());
    let mut other = leader.clone();
    let mut forged = other.founding().to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let response = commit(&store, next(&store, 1), forged.into());
    assert_eq!(response, Response::Refused(Refused::Signature));
    let mut leader = leader;
    let response = commit(&store, next(&store, 1), leader.founding());
    assert!(matches!(response, Response::Outcomes(_)));
    assert_eq!(store.stamp().cluster, Some([9; 16]));
}

#[test]
fn a_new_signer_is_brought_under_the_old_ones_signature() {
    let dir = TempDir::new().unwrap();
    let (store, mut leader) = founded(dir.path());
    let new = vault_core::crypto::secret::LogSigningKey::make(&mut testing::Fixed(5));
    let public = vault_core::crypto::sign::public(&new);
    let replace = Write::Put(signer_key(), Bytes::copy_from_slice(&public));
    apply(&store, &mut leader, vec![writes(vec![replace])]);
    let old = leader.clone().batch(vec![]);
    let response = commit(&store, next(&store, 1), old);
    assert_eq!(response, Response::Refused(Refused::Signature));
    leader.key = Arc::new(new);
    let response = apply(&store, &mut leader, vec![writes(vec![put(1, 1)])]);
    assert!(matches!(response, Response::Outcomes(_)));
}

#[test]
fn an_operation_of_a_later_release_stops_the_node() {
    let dir = TempDir::new().unwrap();
    let (options, reasons) = options();
    let store = Store::open(dir.path(), &options).unwrap();
    let mut batch = Leader::new(1).founding().to_vec();
    batch[4] = 2;
    let at = next(&store, 1);
    let (done, wait) = sync_channel::<()>(1);
    let body = Body::Batch(batch.into());
    store.state().apply(
        vec![Entry { at, body }],
        Box::new(move |_| done.send(()).unwrap()),
    );
    assert!(wait.recv().is_err());
    // The answer goes before the reason is told.
    while reasons.lock().unwrap().is_empty() {
        std::thread::yield_now();
    }
    assert!(reasons.lock().unwrap()[0].contains("upgrade"));
    assert_eq!(store.applied().index, 0);
}

#[test]
fn readers_see_one_state_or_are_told() {
    let dir = TempDir::new().unwrap();
    let (store, mut leader) = founded(dir.path());
    apply(
        &store,
        &mut leader,
        vec![writes(vec![put(1, 10), put(2, 10)])],
    );
    let moment = store.moment();
    let read = |n| {
        (
            key(n),
            store.get(&key(n)).unwrap().map(|record| record.revision),
        )
    };
    let set = |keys: &[_]| ReadSet {
        keys: keys.to_vec(),
        collections: vec![(8, store.generation(8).unwrap())],
    };
    let reads = set(&[read(1), read(2), read(3)]);
    assert!(store.unchanged_since(moment));
    assert!(store.revalidate(&reads).unwrap());
    apply(&store, &mut leader, vec![writes(vec![put(9, 10)])]);
    assert!(!store.unchanged_since(moment));
    assert!(store.revalidate(&reads).unwrap());
    apply(&store, &mut leader, vec![writes(vec![put(3, 10)])]);
    assert!(!store.revalidate(&reads).unwrap());
    let others = set(&[read(1), read(3)]);
    assert!(store.revalidate(&others).unwrap());
    let guarded = Write::Put(Key::new(Kind::Principal, &[b"x"]), Bytes::new());
    apply(&store, &mut leader, vec![writes(vec![guarded])]);
    assert!(!store.revalidate(&others).unwrap(), "who may do what moved");
    let first = set(&[read(1)]);
    apply(
        &store,
        &mut leader,
        vec![writes(vec![Write::Delete(key(1))])],
    );
    assert!(!store.revalidate(&first).unwrap());
}

#[test]
fn a_guarded_collections_generation_moves_with_every_write_into_it() {
    let dir = TempDir::new().unwrap();
    let (store, mut leader) = founded(dir.path());
    let guarded = Key::new(Kind::Principal, &[b"user"]);
    assert_eq!(store.generation(8).unwrap(), Revision::ZERO);
    let add = writes(vec![Write::Put(guarded.clone(), Bytes::from_static(b"x"))]);
    apply(&store, &mut leader, vec![add]);
    let generation = store.generation(8).unwrap();
    assert_eq!(generation.sequence, 2);
    let stale = Transaction {
        checks: vec![Check::Collection(8, Revision::ZERO)],
        writes: vec![put(1, 1)],
    };
    let outcome = apply(&store, &mut leader, vec![stale]);
    assert_eq!(outcome, Response::Outcomes(vec![Outcome::Conflict]));
    apply(
        &store,
        &mut leader,
        vec![writes(vec![Write::Delete(guarded)])],
    );
    assert_eq!(store.generation(8).unwrap().sequence, 4);
    store.close();
    let store = Store::open(dir.path(), &options().0).unwrap();
    assert_eq!(store.generation(8).unwrap().sequence, 4);
}

#[test]
fn every_change_to_a_snapshot_is_refused_and_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let (store, mut leader) = founded(dir.path());
    for n in 0..5 {
        apply(&store, &mut leader, vec![writes(vec![put(n, 100)])]);
    }
    let chunks: Result<Vec<Bytes>, _> = store.snapshot().unwrap().collect();
    let snapshot = chunks.unwrap().concat();
    let info = verify_snapshot(&mut snapshot.as_slice()).unwrap();
    assert_eq!(info.rows, 6);
    assert_eq!(info.state_hash, store.state_hash().unwrap().digest);
    for at in 0..snapshot.len() {
        let mut other = snapshot.clone();
        other[at] ^= 1;
        assert!(verify_snapshot(&mut other.as_slice()).is_err(), "byte {at}");
        assert!(verify_snapshot(&mut &snapshot[..at]).is_err(), "cut {at}");
    }
    let hash = store.state_hash().unwrap();
    let mut bad = snapshot;
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    assert!(
        store
            .state()
            .install(Box::new(std::io::Cursor::new(bad)))
            .is_err()
    );
    assert_eq!(store.state_hash().unwrap(), hash);
    let response = apply(&store, &mut leader, vec![writes(vec![put(7, 1)])]);
    assert!(matches!(response, Response::Outcomes(_)));
}

#[test]
fn a_log_that_ends_before_an_installed_snapshot_is_cut_at_open() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (store, mut leader) = founded(dir.path());
    for n in 0..5 {
        apply(&store, &mut leader, vec![writes(vec![put(n, 100)])]);
    }
    let lagging = Store::open(other.path(), &options().0).unwrap();
    let source = StreamReader::new(store.snapshot().unwrap());
    lagging.state().install(Box::new(source)).unwrap();
    lagging.close();
    let lagging = Store::open(other.path(), &options().0).unwrap();
    assert_eq!(lagging.log().bounds().0.unwrap().index, 5);
    assert_eq!(lagging.state_hash().unwrap(), store.state_hash().unwrap());
}

#[test]
fn growth_stops_below_the_reserve_and_comes_back_by_itself() {
    let dir = TempDir::new().unwrap();
    let free = Arc::new(AtomicU64::new(1 << 30));
    let mut options = options().0;
    let told = Arc::clone(&free);
    options.reserve_bytes = 1 << 20;
    options.faults.space = Some(Arc::new(move || told.load(SeqCst)));
    let space = Space::new(dir.path(), &options);
    let ballast = dir.path().join("ballast");
    assert!(space.can_grow() && ballast.exists());
    for (left, grows, held) in [
        (1 << 20, true, true),
        (1 << 19, false, true),
        (1 << 10, false, false),
        (3 << 19, false, false),
        (4 << 20, true, true),
    ] {
        free.store(left, SeqCst);
        space.look();
        assert_eq!(
            (space.can_grow(), ballast.exists()),
            (grows, held),
            "{left}"
        );
    }
}

#[test]
fn batches_of_the_same_history_lead_to_the_same_hash() {
    let (one, two) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let stores = [one.path(), two.path()].map(|dir| Store::open(dir, &options().0).unwrap());
    let mut leader = Leader::new(1);
    let mut batches = vec![leader.founding()];
    for (n, length) in (0..30).zip((0..).step_by(10)) {
        batches.push(leader.batch(vec![writes(vec![put(n % 7, length)])]));
    }
    for batch in &batches {
        assert!(Batch::decode(batch).is_ok());
        for store in &stores {
            commit(store, next(store, 1), batch.clone());
        }
    }
    let [one, two] = stores.map(|store| store.state_hash().unwrap());
    assert_eq!(one, two);
}

#[test]
fn nothing_is_committed_before_the_log_is_durable() {
    let dir = TempDir::new().unwrap();
    let mut options = options().0;
    let (release, released) = channel();
    let released = Mutex::new(released);
    options.faults.sync = Some(Arc::new(move |_| {
        released
            .lock()
            .unwrap()
            .recv()
            .map_err(std::io::Error::other)
    }));
    let store = Store::open(dir.path(), &options).unwrap();
    let at = next(&store, 1);
    let batch = Leader::new(1).founding();
    store
        .log()
        .append([(at, batch.clone())], Box::new(|_| ()))
        .unwrap();
    let (done, wait) = sync_channel(1);
    let body = Body::Batch(batch);
    store.state().apply(
        vec![Entry { at, body }],
        Box::new(move |_| done.send(()).unwrap()),
    );
    assert!(wait.recv_timeout(Duration::from_millis(100)).is_err());
    assert_eq!(store.rows(), 0);
    release.send(()).unwrap();
    wait.recv().unwrap();
    assert_eq!(store.rows(), 1);
    drop(release);
}

#[test]
fn the_database_is_the_bundled_one_and_only_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    assert!(rusqlite::version_number() >= 3_054_000);
    let dir = TempDir::new().unwrap();
    let (_store, _) = founded(dir.path());
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", entry.path());
    }
}
