//! Destroyed data and the files of a node, on a clock of the test's own.

use std::path::Path;

use tempfile::TempDir;
use vault_core::record::Write;

use super::*;
use crate::raft::{Node, NodeOptions, Timing};
use crate::store::testing::{Leader, key, options, put, writes};

const HALF: Duration = Duration::from_hours(12);
/// What row 77 is filled with, as [`put`] does it.
const NEEDLE: [u8; 64] = [77; 64];

fn start(dir: &Path) -> (Store, Node) {
    let store = Store::open(dir, &options().0).unwrap();
    let identity = NodeOptions {
        id: 1,
        address: String::new(),
        key: None,
        timing: Timing::Region,
    };
    let node = Node::start(store.clone(), identity, None).unwrap();
    (store, node)
}

async fn founded(dir: &Path) -> (Store, Node, Leader) {
    let (store, node) = start(dir);
    node.initialise().await.unwrap();
    let mut leader = Leader::new(node.wait_leader().await.unwrap());
    node.propose(leader.founding(), leader.term).await.unwrap();
    (store, node, leader)
}

async fn write(node: &Node, leader: &mut Leader, write: Write) {
    let batch = leader.batch(vec![writes(vec![write])]);
    node.propose(batch, leader.term).await.unwrap();
}

/// Looks until everything that is due has happened.
async fn look(ageing: &mut Ageing, node: &Node, now: Duration) {
    loop {
        ageing.look(node.core(), node.store(), now).await.unwrap();
        let done = ageing.closed.is_some_and(|(at, _)| at == now) && !ageing.lingers;
        if done {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Files of the node that hold the needle.
fn found(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(self::found(&path));
        } else if std::fs::read(&path)
            .unwrap()
            .windows(NEEDLE.len())
            .any(|bytes| bytes == NEEDLE)
        {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_destroyed_leaves_the_disk_of_a_quiet_vault_within_a_day() {
    for length in [150, 3000, 9000] {
        let dir = TempDir::new().unwrap();
        let (store, node, mut leader) = founded(dir.path()).await;
        let mut ageing = Ageing::default();
        look(&mut ageing, &node, Duration::ZERO).await;
        for n in 70..85 {
            write(&node, &mut leader, put(n, length)).await;
        }
        write(&node, &mut leader, Write::Delete(key(77))).await;
        assert!(!found(dir.path()).is_empty());
        // Not a moment before it is due.
        let early = HALF.checked_sub(Duration::from_secs(1)).unwrap();
        ageing.look(node.core(), &store, early).await.unwrap();
        assert_eq!(ageing.closed.unwrap().0, Duration::ZERO);
        look(&mut ageing, &node, HALF).await;
        let kept = found(dir.path());
        assert!(
            kept.iter().all(|file| file.starts_with("segment-")),
            "{kept:?}"
        );
        look(&mut ageing, &node, RETENTION).await;
        assert_eq!(found(dir.path()), [""; 0], "{length}");
        assert!(node.metrics().purged.unwrap() <= store.durable_applied());
        // Nothing written, nothing due: no segment is begun for its own sake.
        let segments = store.log().segments();
        look(&mut ageing, &node, RETENTION * 2).await;
        look(&mut ageing, &node, RETENTION * 3).await;
        assert_eq!(store.log().segments(), segments);
        write(&node, &mut leader, put(1, 10)).await;
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restart_finds_in_the_log_goes_at_the_first_look() {
    let dir = TempDir::new().unwrap();
    let (store, node, mut leader) = founded(dir.path()).await;
    write(&node, &mut leader, put(77, 3000)).await;
    write(&node, &mut leader, Write::Delete(key(77))).await;
    node.shutdown().await;
    drop((store, node));
    assert!(!found(dir.path()).is_empty());

    let (store, node) = start(dir.path());
    node.wait_leader().await.unwrap();
    look(&mut Ageing::default(), &node, Duration::ZERO).await;
    assert_eq!(found(dir.path()), [""; 0]);
    assert!(node.metrics().purged.unwrap() <= store.durable_applied());
    node.shutdown().await;
    drop((store, node));
    let (store, node) = start(dir.path());
    node.wait_leader().await.unwrap();
    assert_eq!(store.rows(), 1);
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_cut_from_a_node_without_a_cluster() {
    let dir = TempDir::new().unwrap();
    let (store, node) = start(dir.path());
    let mut ageing = Ageing::default();
    ageing.look(node.core(), &store, RETENTION).await.unwrap();
    assert!(ageing.closed.is_none());
    assert_eq!(store.log().segments(), 1);
    node.shutdown().await;
}
