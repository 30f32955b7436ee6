//! A backup that waits: taken up once, never over data, and never lost to a crash in between.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::app::audit::AuditConfig;
use crate::raft::{Node, Timing};
use crate::store::Fatal;
use crate::store::testing::{Leader, options, put, writes};

fn identity() -> NodeOptions {
    NodeOptions {
        id: 1,
        address: String::new(),
        key: None,
        timing: Timing::Region,
    }
}

fn begin(dir: &Path) -> Result<Option<TakenUp>, RestoreError> {
    take_up(dir, &options().0, &identity(), Clock::default())
}

/// As a start does.
async fn take(dir: &Path) -> Result<(), RestoreError> {
    let Some(taken) = begin(dir)? else {
        return Ok(());
    };
    let config = AuditConfig::in_directory(dir.join("audit"));
    let fatal = Fatal::new(|_| std::process::abort());
    let audit = Audit::open(&config, 1, Arc::new(Clock::default()), &fatal)?;
    taken.finish(&audit).await
}

/// What was done by itself, of all that the audit has.
fn recorded(dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(dir.join("audit/audit.jsonl")).unwrap_or_default();
    let lines = text.lines();
    let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let requests = lines.filter(|line| line["type"] == "request");
    requests
        .map(|line| format!("{} {}", line["method"], line["status"]).replace('"', ""))
        .collect()
}

async fn lead(node: &Node) {
    node.wait_leader().await.expect("leader");
}

/// Opens the store, has a node of it do something, and closes it.
async fn with_node(dir: &Path, act: impl AsyncFnOnce(&Node)) {
    let store = Store::open(&store_dir(dir), &options().0).expect("store");
    let node = Node::start(store, identity(), None).expect("node");
    act(&node).await;
    node.shutdown().await;
}

/// A backup of a cluster with ten records and its signer.
async fn backup() -> Vec<u8> {
    let dir = TempDir::new().expect("dir");
    let store = Store::open(dir.path(), &options().0).expect("store");
    let node = Node::start(store.clone(), identity(), None).expect("node");
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
    let age = (Clock::default().wall_ms() / 1000).checked_sub(stamp.incarnation);
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
    take(dir.path()).await.expect("taken up");
    assert_eq!(state(dir.path()), (Some([9; 16]), 11, true));
    assert!(!dir.path().join(PENDING).exists());
    // It held no vault, and is there to be looked at all the same.
    let aside = dir.path().join("store.replaced-1");
    Store::open(&aside, &options().0)
        .expect("kept whole")
        .close();
    take(dir.path()).await.expect("nothing waits");
    assert_eq!(state(dir.path()), (Some([9; 16]), 11, true));
    assert_eq!(recorded(dir.path()), ["inside/TakeUpBackup ok"]);
}

#[tokio::test]
async fn a_start_that_was_cut_off_is_finished_by_the_next() {
    let backup = backup().await;
    let dir = waiting(&backup);
    // Half a store of an earlier attempt is in the way.
    fs::create_dir(dir.path().join("store.restoring")).expect("dir");
    fs::write(dir.path().join("store.restoring/junk"), "x").expect("write");
    fs::write(dir.path().join("restore.part"), &backup[..100]).expect("write");
    take(dir.path()).await.expect("taken up");
    // The crash came after the move, before the backup was removed.
    fs::write(dir.path().join(PENDING), &backup).expect("write");
    take(dir.path()).await.expect("finished");
    assert_eq!(state(dir.path()), (Some([9; 16]), 11, true));
    assert!(!dir.path().join(PENDING).exists());
}

#[tokio::test]
async fn what_an_upload_left_that_was_cut_off_is_removed() {
    let dir = TempDir::new().expect("dir");
    fs::write(dir.path().join("restore.part"), "half a backup").expect("write");
    fs::create_dir(dir.path().join("store.restoring")).expect("dir");
    take(dir.path()).await.expect("nothing waits");
    assert_eq!(fs::read_dir(dir.path()).expect("dir").count(), 0);
}

#[tokio::test]
async fn a_store_with_a_vault_in_it_is_never_replaced() {
    let backup = backup().await;
    let dir = waiting(&backup);
    take(dir.path()).await.expect("taken up");
    // The same backup once more, over what has become of it since.
    with_node(dir.path(), lead).await;
    fs::write(dir.path().join(PENDING), &backup).expect("write");
    let error = take(dir.path()).await.expect_err("occupied");
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
        let error = take(dir.path()).await.expect_err("damaged").to_string();
        assert!(error.contains(PENDING), "{error}");
        assert!(!store_dir(dir.path()).exists());
        assert!(dir.path().join(PENDING).exists());
    }
}

#[tokio::test]
async fn what_is_taken_up_waits_for_its_audit_line_over_any_number_of_starts() {
    let dir = waiting(&backup().await);
    for _ in 0..3 {
        // Cut off before it was recorded, which changes nothing of what the next start finds.
        drop(
            begin(dir.path())
                .expect("taken up")
                .expect("to be finished"),
        );
        assert_eq!(state(dir.path()), (Some([9; 16]), 11, true));
        assert!(dir.path().join(PENDING).exists());
    }
    let audit = dir.path().join("audit");
    fs::write(&audit, "no directory").expect("write");
    let error = take(dir.path()).await.expect_err("no audit");
    assert!(matches!(error, RestoreError::Unrecorded(_)), "{error}");
    assert!(dir.path().join(PENDING).exists());
    fs::remove_file(&audit).expect("removed");
    take(dir.path()).await.expect("finished");
    assert_eq!(recorded(dir.path()), ["inside/TakeUpBackup ok"]);
    assert!(!dir.path().join(PENDING).exists());
    assert!(!dir.path().join("store.replaced-1").exists());
}

#[tokio::test]
async fn a_log_that_goes_on_where_its_database_ends_is_never_replaced() {
    let backup = backup().await;
    let dir = waiting(&backup);
    let store = store_dir(dir.path());
    Store::open(&store, &options().0).expect("store").close();
    let database = store.join("state.db");
    let empty = fs::read(&database).expect("a database");
    // A vault is born; what a power cut leaves of it may be in the log alone.
    with_node(dir.path(), async |node: &Node| {
        node.initialise().await.expect("cluster");
        let term = node.wait_leader().await.expect("leader");
        let founding = Leader::new(term).founding();
        node.propose(founding, term).await.expect("founded");
    })
    .await;
    fs::write(&database, empty).expect("written");
    for beside in ["state.db-wal", "state.db-shm"] {
        remove_file(&store.join(beside)).expect("removed");
    }
    let error = take(dir.path()).await.expect_err("perhaps a vault");
    assert!(matches!(error, RestoreError::Unapplied { .. }), "{error}");
    assert!(error.to_string().contains("vaultctl status"), "{error}");
    assert!(dir.path().join(PENDING).exists());
    // As it says: without the backup the log is applied, and there is a vault.
    fs::rename(dir.path().join(PENDING), dir.path().join("away")).expect("moved");
    with_node(dir.path(), lead).await;
    assert_eq!(state(dir.path()).0, Some([9; 16]));
    fs::rename(dir.path().join("away"), dir.path().join(PENDING)).expect("moved");
    let error = take(dir.path()).await.expect_err("a vault");
    assert!(matches!(error, RestoreError::Occupied { .. }), "{error}");
}

#[tokio::test]
async fn a_node_that_got_no_further_than_its_log_makes_way_and_is_kept_beside_what_was_kept_before()
{
    let dir = waiting(&backup().await);
    let earlier = dir.path().join("store.replaced-1");
    fs::create_dir(&earlier).expect("dir");
    fs::write(earlier.join("mine"), "kept").expect("write");
    // An init that broke off before its first record.
    with_node(dir.path(), async |node: &Node| {
        node.initialise().await.expect("cluster");
        node.wait_leader().await.expect("leader");
    })
    .await;
    take(dir.path()).await.expect("taken up");
    assert_eq!(state(dir.path()), (Some([9; 16]), 11, true));
    assert_eq!(fs::read(earlier.join("mine")).expect("kept"), b"kept");
    let aside = Store::open(&dir.path().join("store.replaced-2"), &options().0).expect("kept");
    assert!(aside.applied().index > 0 && aside.stamp().cluster.is_none());
    aside.close();
}

#[tokio::test]
async fn a_backup_that_cannot_be_removed_keeps_the_node_from_starting() {
    let dir = waiting(&backup().await);
    let taken = begin(dir.path())
        .expect("taken up")
        .expect("to be finished");
    // No file any more, but a directory with something in it.
    fs::remove_file(dir.path().join(PENDING)).expect("removed");
    fs::create_dir_all(dir.path().join(PENDING).join("x")).expect("dir");
    let config = AuditConfig::in_directory(dir.path().join("audit"));
    let fatal = Fatal::new(|_| std::process::abort());
    let audit = Audit::open(&config, 1, Arc::new(Clock::default()), &fatal).expect("audit");
    let error = taken.finish(&audit).await.expect_err("not removed");
    assert!(error.to_string().contains(PENDING), "{error}");
}
