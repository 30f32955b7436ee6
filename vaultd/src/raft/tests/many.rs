//! Several nodes over real connections: they agree, outlive a minority, and catch up.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::cluster::{Cluster, PATIENCE};
use crate::raft::{MembershipError, ReadError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_outlive_their_leader_and_the_one_that_comes_back_catches_up() {
    let mut cluster = Cluster::of(3).await;
    let first = cluster.write(50).await;
    cluster.agree().await;
    cluster.machine(first).stop().await;
    let second = cluster.write(50).await;
    assert_ne!(second, first);
    cluster.agree().await;
    let nobody = std::collections::BTreeMap::new();
    // It knows the cluster from its own log; nobody introduces it again.
    cluster.machine(first).start(nobody);
    cluster.write(10).await;
    cluster.agree().await;
    for machine in &mut cluster.machines {
        machine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_out_of_reach_is_tried_now_and_then() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.write(5).await;
    let gone = (1..=3).find(|id| *id != leader).unwrap();
    cluster.machine(gone).stop().await;
    let address = cluster.machine(gone).address;
    let listener = timeout(PATIENCE, async {
        loop {
            match tokio::net::TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    });
    let listener = listener.await.unwrap();
    let mut tries = 0;
    let counted = timeout(Duration::from_secs(2), async {
        loop {
            drop(listener.accept().await);
            tries += 1;
        }
    });
    assert!(counted.await.is_err());
    // Without a pause there are thousands in a second.
    assert!((1..400).contains(&tries), "{tries}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_nothing_is_acknowledged() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.write(5).await;
    for id in (1..=3).filter(|id| *id != leader) {
        cluster.machine(id).stop().await;
    }
    let alone = cluster.machine(leader).node().clone();
    let read = timeout(Duration::from_secs(5), alone.read_index()).await;
    assert!(
        matches!(
            read,
            Err(_) | Ok(Err(ReadError::NoQuorum | ReadError::NotLeader { .. }))
        ),
        "{read:?}"
    );
    for id in (1..=3).filter(|id| *id != leader) {
        cluster.machine(id).start(std::collections::BTreeMap::new());
    }
    cluster.write(5).await;
    cluster.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_when_the_log_is_cut_gets_a_snapshot() {
    let mut cluster = Cluster::of(1).await;
    cluster.write(300).await;
    cluster.machine(1).node().snapshot().await.unwrap();
    assert!(cluster.machine(1).node().metrics().purged.is_some());
    cluster.take_in(2).await;
    cluster.write(20).await;
    cluster.agree().await;
    // It has no vote: the other alone is the majority.
    cluster.machine(2).stop().await;
    cluster.write(20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lead_is_handed_over_and_not_to_who_could_not_serve() {
    let mut cluster = Cluster::of(3).await;
    let first = cluster.write(5).await;
    cluster.agree().await;
    let others: Vec<u64> = (1..=3).filter(|id| *id != first).collect();
    let (sealed, fit) = (others[0], others[1]);
    cluster.machine(sealed).may_lead.send_replace(false);
    let leader = cluster.machine(first).node().clone();
    assert_eq!(
        leader.hand_over(9).await,
        Err(MembershipError::Unfit { id: 9 })
    );
    leader.hand_over(sealed).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    assert_ne!(cluster.leader().await.id, sealed);

    let leader = cluster.leader().await.node().clone();
    if cluster.leader().await.id != fit {
        settled(&cluster, fit).await;
        leader.hand_over(fit).await.unwrap();
        let mut led = cluster.machine(fit).node().watch_leader();
        timeout(PATIENCE, led.wait_for(Option::is_some))
            .await
            .unwrap()
            .unwrap();
    }
    cluster.write(5).await;
    cluster.agree().await;
}

/// Waits until the leader knows that a node has all of the log.
async fn settled(cluster: &Cluster, id: u64) {
    let waited = timeout(PATIENCE, async {
        loop {
            let leader = cluster.leader().await.node().clone();
            let last = leader.metrics().applied;
            let seats = leader.members();
            if seats
                .iter()
                .any(|seat| seat.id == id && seat.matched >= last)
            {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("a follower's log is known to match");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_and_an_id_is_one_members() {
    let mut cluster = Cluster::of(3).await;
    cluster.write(5).await;
    let leader = cluster.leader().await;
    let (id, node) = (leader.id, leader.node().clone());
    let seats = node.members();
    assert_eq!(seats.iter().filter(|seat| seat.votes).count(), 3);
    let other = seats.iter().find(|seat| seat.id != id).unwrap();
    // The same again is no change; another under its id is refused.
    node.add_learner(other.id, other.member.clone())
        .await
        .unwrap();
    let mut moved = other.member.clone();
    moved.address = "127.0.0.1:1".into();
    assert_eq!(
        node.add_learner(other.id, moved).await,
        Err(MembershipError::IdTaken { id: other.id })
    );
    assert!(matches!(
        node.promote(BTreeSet::from([77])).await,
        Err(MembershipError::Refused(_))
    ));
    let follower = cluster.machine(other.id).node().clone();
    assert!(matches!(
        follower.demote(BTreeSet::from([id])).await,
        Err(MembershipError::NotLeader { .. })
    ));
    node.remove(BTreeSet::from([other.id])).await.unwrap();
    assert_eq!(node.members().len(), 2);
    cluster.machine(other.id).stop().await;
    cluster.write(5).await;
    cluster.agree().await;
}
