//! A backup that waits: taken up once, never over data, and never lost to a crash in between.

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::raft::{Node, Timing};
use crate::store::testing::{Leader, options, put, writes};

fn identity() -> NodeOptions {
    NodeOptions {
        id: 1,
        address: String::new(),
        timing: Timing::Region,
    }
}

fn take(dir: &Path) -> Result<(), RestoreError> {
    take_up(dir, &options().0, &identity(), Clock)
}

/// A backup of a cluster with ten records and its signer.
async fn backup() -> Vec<u8> {
    let dir = TempDir::new().expect("dir");
    let store = Store::open(dir.path(), &options().0).expect("store");
    let node = Node::start(store.clone(), identity()).expect("node");
    node.initialise().await.expect("cluster");
    let term = node.wait_leader().await.expect("leader");
    let mut leader = Leader::new(term);
    node.propose(leader.founding(), term)
        .await
        .expect("founded");
    for n in 0..10 {
        node.propose(leader.batch(vec![writes(vec![put(n, 100)])]), term)
            .await
            .expect("put");
    }
    let chunks = store
        .snapshot()
        .expect("snapshot")
        .map(|chunk| chunk.expect("chunk"));
    let bytes = chunks.flatten().collect();
    node.shutdown().await;
    bytes
}

fn waiting(backup: &[u8]) -> TempDir {
    let dir = TempDir::new().expect("dir");
    fs::write(dir.path().join(PENDING), backup).expect("write");
    dir
}

/// Cluster, rows, and whether the incarnation is the present second.
fn state(dir: &Path) -> (Option<[u8; 16]>, u64, bool) {
    let store = Store::open(&store_dir(dir), &options().0).expect("store");
    let stamp = store.stamp();
    let age = (Clock.wall_ms() / 1000).checked_sub(stamp.incarnation);
    let found = (stamp.cluster, store.rows(), age.is_some_and(|age| age < 60));
    store.close();
    found
}

#[tokio::test]
async fn a_backup_is_taken_up_once_under_a_new_incarnation() {
    let dir = waiting(&backup().await);
    // A node that ran without a cluster has left an empty store.
    Store::open(&store_dir(dir.path()), &options().0)
        .expect("store")
        .close();
    take(dir.path()).expect("taken up");
    assert_eq!(state(dir.path()), (Some([9; 16]), 11, true));
    assert!(!dir.path().join(PENDING).exists());
    take(dir.path()).expect("nothing waits");
    assert_eq!(state(dir.path()), (Some([9; 16]), 11, true));
}

#[tokio::test]
async fn a_start_that_was_cut_off_is_finished_by_the_next() {
    let backup = backup().await;
    let dir = waiting(&backup);
    // Half a store of an earlier attempt is in the way.
    fs::create_dir(dir.path().join("store.restoring")).expect("dir");
    fs::write(dir.path().join("store.restoring/junk"), "x").expect("write");
    fs::write(dir.path().join("restore.part"), &backup[..100]).expect("write");
    take(dir.path()).expect("taken up");
    // The crash came after the move, before the backup was removed.
    fs::write(dir.path().join(PENDING), &backup).expect("write");
    take(dir.path()).expect("finished");
    assert_eq!(state(dir.path()), (Some([9; 16]), 11, true));
    assert!(!dir.path().join(PENDING).exists());
}

#[test]
fn what_an_upload_left_that_was_cut_off_is_removed() {
    let dir = TempDir::new().expect("dir");
    fs::write(dir.path().join("restore.part"), "half a backup").expect("write");
    fs::create_dir(dir.path().join("store.restoring")).expect("dir");
    take(dir.path()).expect("nothing waits");
    assert_eq!(fs::read_dir(dir.path()).expect("dir").count(), 0);
}

#[tokio::test]
async fn a_store_with_a_vault_in_it_is_never_replaced() {
    let backup = backup().await;
    let dir = waiting(&backup);
    take(dir.path()).expect("taken up");
    // The same backup once more, over what has become of it since.
    let store = Store::open(&store_dir(dir.path()), &options().0).expect("store");
    let node = Node::start(store, identity()).expect("node");
    node.wait_leader().await.expect("leader");
    node.shutdown().await;
    fs::write(dir.path().join(PENDING), &backup).expect("write");
    let error = take(dir.path()).expect_err("occupied");
    assert!(matches!(error, RestoreError::Occupied { .. }), "{error}");
    assert_eq!(state(dir.path()), (Some([9; 16]), 11, true));
    assert!(dir.path().join(PENDING).exists());
}

#[tokio::test]
async fn a_damaged_backup_is_named_and_changes_nothing() {
    let whole = backup().await;
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for bad in [
        &b""[..],
        b"garbage",
        &whole[..whole.len() - 1],
        &whole[..40],
        &flipped,
    ] {
        let dir = waiting(bad);
        let error = take(dir.path()).expect_err("damaged").to_string();
        assert!(error.contains(PENDING), "{error}");
        assert!(!store_dir(dir.path()).exists());
        assert!(dir.path().join(PENDING).exists());
    }
}
