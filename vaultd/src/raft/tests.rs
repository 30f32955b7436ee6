//! openraft's own storage suite on our storage, and a node of one from start to restart.

use std::path::Path;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;
use vault_core::record::{Check, Outcome, Revision, Transaction, View};

use super::log::LogStore;
use super::machine::Machine;
use super::types::Types;
use super::{Node, NodeOptions, ProposeError, RaftError, ReadError, Timing, restore};
use crate::store::testing::{Leader, key, options, put, writes};
use crate::store::{Refused, Store};

pub(crate) mod cluster;
mod many;
mod reads;
mod strangers;

struct Builder;

impl StoreBuilder<Types, LogStore, Machine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, Machine), StorageError<Types>> {
        let dir = TempDir::new().unwrap();
        let store = Store::open(dir.path(), &options().0).unwrap();
        let log = LogStore::new(std::sync::Arc::clone(store.log()));
        Ok((dir, log, Machine::new(store)))
    }
}

#[tokio::test]
async fn openrafts_own_storage_suite_passes() {
    Suite::test_all(Builder).await.unwrap();
}

fn start(dir: &Path) -> (Store, Node) {
    let store = Store::open(dir, &options().0).unwrap();
    let node = Node::start(store.clone(), node_options(), None).unwrap();
    (store, node)
}

fn node_options() -> NodeOptions {
    NodeOptions {
        id: 1,
        address: "127.0.0.1:8201".into(),
        key: None,
        timing: Timing::Region,
    }
}

#[tokio::test]
async fn a_node_of_one_writes_reads_and_restarts() {
    let dir = TempDir::new().unwrap();
    let (store, node) = start(dir.path());
    assert!(!node.initialised());
    assert_eq!(node.leader_term(), None);
    assert!(matches!(
        node.read_index().await,
        Err(ReadError::NotLeader { .. })
    ));
    node.initialise().await.unwrap();
    assert!(node.initialised());
    assert!(matches!(
        node.initialise().await,
        Err(RaftError::Initialised)
    ));
    let term = node.wait_leader().await.unwrap();

    let mut leader = Leader::new(term);
    node.propose(leader.founding(), term).await.unwrap();
    let mut proposals = Vec::new();
    for n in 0..50 {
        let batch = leader.batch(vec![writes(vec![put(n, 300)])]);
        proposals.push((n, node.propose(batch, term)));
    }
    for (n, proposal) in proposals {
        let done = proposal.await.unwrap();
        assert!(store.applied().index >= done.index);
        let sequence = n + 2;
        assert_eq!(
            done.outcomes,
            [Outcome::Applied(Revision { term, sequence })]
        );
        assert_eq!(
            store.get(&key(n)).unwrap().unwrap().revision.sequence,
            sequence
        );
    }
    let index = node.read_index().await.unwrap();
    assert!(store.wait_applied(index).await.index >= index);
    let hash = store.state_hash().unwrap().digest;
    node.snapshot().await.unwrap();
    assert!(node.metrics().purged.is_some());
    node.shutdown().await;
    drop((store, node));

    let (store, node) = start(dir.path());
    let again = node.wait_leader().await.unwrap();
    assert!(again > term);
    assert_eq!(store.state_hash().unwrap().digest, hash);
    assert_eq!(store.rows(), 51);
    let stale = node.propose(leader.batch(vec![]), term).await;
    assert!(
        matches!(stale, Err(ProposeError::NotLeader { .. })),
        "{stale:?}"
    );
    let wrong = node.propose(leader.batch(vec![]), again).await;
    assert_eq!(wrong, Err(ProposeError::Refused(Refused::Term)));
    node.shutdown().await;
}

#[tokio::test]
async fn a_conflict_writes_nothing_and_is_told() {
    let dir = TempDir::new().unwrap();
    let (store, node) = start(dir.path());
    node.initialise().await.unwrap();
    let term = node.wait_leader().await.unwrap();
    let mut leader = Leader::new(term);
    node.propose(leader.founding(), term).await.unwrap();
    let create = || Transaction {
        checks: vec![Check::Absent(key(1))],
        writes: vec![put(1, 10)],
    };
    let done = node
        .propose(leader.batch(vec![create(), create()]), term)
        .await
        .unwrap();
    let first = Revision { term, sequence: 2 };
    assert_eq!(done.outcomes, [Outcome::Applied(first), Outcome::Conflict]);
    assert_eq!(store.get(&key(1)).unwrap().unwrap().revision, first);
    assert_eq!(store.stamp().last.sequence, 3);
    node.shutdown().await;
    assert!(matches!(
        node.propose(leader.batch(vec![]), term).await,
        Err(ProposeError::NotLeader { .. } | ProposeError::Unknown)
    ));
}

#[tokio::test]
async fn a_backup_becomes_a_cluster_of_its_own_in_a_higher_term() {
    let dir = TempDir::new().unwrap();
    let (store, node) = start(dir.path());
    node.initialise().await.unwrap();
    let term = node.wait_leader().await.unwrap();
    let mut leader = Leader::new(term);
    node.propose(leader.founding(), term).await.unwrap();
    for n in 0..200 {
        let batch = leader.batch(vec![writes(vec![put(n, 1000)])]);
        node.propose(batch, term).await.unwrap();
    }
    let mut backup = Vec::new();
    for chunk in store.snapshot().unwrap() {
        backup.extend_from_slice(&chunk.unwrap());
    }
    node.shutdown().await;

    let other = TempDir::new().unwrap();
    let new = other.path().join("node");
    let opened = options().0;
    assert!(restore(&new, &opened, &node_options(), 1, &mut backup.as_slice()).is_err());
    let info = restore(&new, &opened, &node_options(), 2, &mut backup.as_slice()).unwrap();
    assert_eq!((info.rows, info.incarnation), (201, 2));
    assert!(restore(&new, &opened, &node_options(), 3, &mut backup.as_slice()).is_err());
    let (store, node) = start(&new);
    let again = node.wait_leader().await.unwrap();
    assert!(again > term);
    assert_eq!(store.applied().incarnation, 2);
    assert_eq!(store.get(&key(199)).unwrap().unwrap().sealed.len(), 1000);
    leader.term = again;
    let old = node.propose(leader.clone().batch(vec![]), again).await;
    assert_eq!(old, Err(ProposeError::Refused(Refused::Incarnation)));
    leader.incarnation = 2;
    let batch = leader.batch(vec![writes(vec![put(1, 1)])]);
    node.propose(batch, again).await.unwrap();
    node.shutdown().await;
}
