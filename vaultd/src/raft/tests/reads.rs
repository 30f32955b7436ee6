//! Read indexes and acknowledgements across real nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::cluster::{Cluster, PATIENCE};
use crate::clock::Clock;
use crate::raft::ReadError;

/// More than any answer about an index may take.
const BOUNDED: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_is_told_of_what_was_acknowledged_before() {
    let mut cluster = Cluster::of(3).await;
    cluster.take_in(4).await;
    for _ in 0..5 {
        let leader = cluster.write(1).await;
        let written = cluster.machine(leader).node().read_index().await.unwrap();
        for id in 1..=4 {
            let node = cluster.machine(id).node().clone();
            let asked = (0..8).map(|_| node.read_index());
            for index in futures::future::join_all(asked).await {
                assert!(index.unwrap() >= written, "node {id}");
            }
            assert_eq!(node.confirm_lead().await.is_ok(), id == leader);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_nobody_is_told_anything_and_nobody_waits_for_ever() {
    let mut cluster = Cluster::of(3).await;
    cluster.take_in(4).await;
    let leader = cluster.write(1).await;
    for id in (1..=3).filter(|id| *id != leader) {
        cluster.machine(id).stop().await;
    }
    for id in [leader, 4] {
        let node = cluster.machine(id).node().clone();
        let asked = timeout(BOUNDED, node.read_index()).await;
        asked.expect("an answer in time").unwrap_err();
    }
    cluster.machine(leader).stop().await;
    let learner = cluster.machine(4).node().clone();
    let asked = timeout(BOUNDED, learner.read_index()).await;
    asked.expect("an answer in time").unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_node_is_told_nothing() {
    let mut cluster = Cluster::of(3).await;
    cluster.take_in(4).await;
    cluster.write(1).await;
    let gone = cluster.machine(4).node().clone();
    gone.read_index().await.expect("a member is told");
    let leader = cluster.leader().await.node().clone();
    leader.remove([4].into()).await.unwrap();
    let refused = timeout(PATIENCE, async {
        // Over the connection that it has, and over new ones.
        while gone.read_index().await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
        gone.read_index().await
    });
    let refused = refused.await.unwrap().unwrap_err();
    assert_ne!(refused, ReadError::Stopped);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_member_has_applied_is_everywhere_at_once() {
    let mut cluster = Cluster::of(3).await;
    let bound = Duration::from_mins(1);
    for _ in 0..5 {
        let leader = cluster.write(1).await;
        let node = cluster.machine(leader).node().clone();
        let index = node.read_index().await.unwrap();
        for id in 1..=3 {
            cluster.machine(id).node().read_index().await.unwrap();
        }
        timeout(PATIENCE, node.spread(index, bound)).await.unwrap();
        for machine in &cluster.machines {
            assert!(machine.store().applied().index >= index, "{}", machine.id);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_answer_is_waited_for_until_its_state_is_old() {
    let mut cluster = Cluster::of(3).await;
    cluster.write(1).await;
    let leader = cluster.leader().await.id;
    let cut_off = leader % 3 + 1;
    let clock = Clock::default();
    let asked = clock.boottime();
    cluster.machine(cut_off).node().read_index().await.unwrap();
    cluster.machine(cut_off).stop().await;
    let now = cluster.write(1).await;
    assert_eq!(now, leader, "it leads on");
    let node = cluster.machine(leader).node().clone();
    let index = node.read_index().await.unwrap();
    let bound = Duration::from_secs(4);
    timeout(PATIENCE, node.spread(index, bound)).await.unwrap();
    assert!(clock.boottime() >= asked + bound);
    let again = clock.boottime();
    timeout(PATIENCE, node.spread(index, bound)).await.unwrap();
    assert!(clock.boottime() < again + bound / 2, "it is old for good");
    // Back again, it counts as soon as it asks.
    cluster.machine(cut_off).start(BTreeMap::new());
    cluster.agree().await;
    let back = cluster.machine(cut_off).node().clone();
    let told = timeout(PATIENCE, async {
        while back.read_index().await.is_err() {}
    });
    told.await.unwrap();
    let index = node.read_index().await.unwrap();
    timeout(PATIENCE, node.spread(index, PATIENCE * 2))
        .await
        .unwrap();
    assert!(cluster.machine(cut_off).store().applied().index >= index);
}
