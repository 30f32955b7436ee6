//! Who is not a member gets nowhere, and who has no vote disturbs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use vault_core::access::KeyHash;
use vault_proto::peer::v1 as pb;
use vault_proto::peer::v1::peer_client::PeerClient;

use super::cluster::{Cluster, Machine, PATIENCE, key};
use crate::raft::NodeKey;
use crate::raft::peer::testing::{client, dial};

type Naming = fn(Request<()>) -> Result<Request<()>, Status>;
type Caller = PeerClient<InterceptedService<Channel, Naming>>;

/// A way to say to a machine whatever one likes, with a key.
async fn caller(as_whom: &NodeKey, to: &Machine) -> Caller {
    let config = client(as_whom, to.key.pin());
    let address = to.address.to_string();
    let endpoint = Endpoint::from_static("http://peer");
    let channel = endpoint.connect_with_connector(dial(address, config));
    let about: Naming = |mut request| {
        let ours = format!("{}.1", "09".repeat(16)).parse().unwrap();
        let headers = request.metadata_mut();
        if headers.get("vault-cluster").is_none() {
            headers.insert("vault-cluster", ours);
        }
        Ok(request)
    };
    PeerClient::with_interceptor(channel.await.expect("a connection"), about)
}

/// A candidate's request, of a term that would depose anybody.
fn candidate(node: u64) -> pb::VoteRequest {
    pb::VoteRequest {
        vote: Some(pb::Ballot {
            term: 1_000,
            node,
            committed: false,
        }),
        last: Some(pb::LogId {
            term: 999,
            index: 1_000_000,
        }),
        transfer: true,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_no_members_is_refused_in_the_handshake() {
    let mut cluster = Cluster::of(1).await;
    let target = cluster.machine(1);
    let (address, pin) = (target.address, target.key.pin());
    let connector = TlsConnector::from(Arc::new(client(&key(), pin)));
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("peer").unwrap();
    let refused = match connector.connect(name, stream).await {
        // With TLS 1.3 the client hears of it when it reads.
        Ok(mut stream) => {
            let mut byte = [0];
            let read = timeout(PATIENCE, stream.read(&mut byte)).await.unwrap();
            read.is_err() || matches!(read, Ok(0))
        }
        Err(_) => true,
    };
    assert!(refused);
    // Nor does a member talk to whoever took a member's address.
    let other = KeyHash::of(b"another key");
    let connector = TlsConnector::from(Arc::new(client(&target.key.clone(), other)));
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("peer").unwrap();
    assert!(connector.connect(name, stream).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_a_vote_cannot_ask_for_votes_lead_or_hand_over() {
    let mut cluster = Cluster::of(1).await;
    cluster.take_in(2).await;
    let term = cluster.machine(1).node().metrics().term;
    let learner = cluster.machine(2).key.clone();
    let mut caller = caller(&learner, cluster.machine(1)).await;
    for node in [2, 1] {
        let denied = caller.vote(candidate(node)).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        let denied = caller.pre_vote(candidate(node)).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        let ballot = pb::Ballot {
            term: 1_000,
            node,
            committed: true,
        };
        let append = pb::AppendRequest {
            vote: Some(ballot),
            ..Default::default()
        };
        let denied = caller.append(append.clone()).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        // Not even its first message is waited for.
        let denied = timeout(PATIENCE, caller.stream_append(tokio_stream::pending())).await;
        let denied = denied.unwrap().unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        let transfer = pb::TransferRequest {
            from: Some(ballot),
            to: 1,
            last: None,
        };
        let denied = caller.transfer_leader(transfer).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        let header = pb::SnapshotHeader {
            vote: Some(ballot),
            ..Default::default()
        };
        let chunk = pb::SnapshotChunk {
            part: Some(pb::snapshot_chunk::Part::Header(header)),
        };
        let denied = caller
            .install_snapshot(tokio_stream::iter([chunk]))
            .await
            .unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
    }
    assert_eq!(cluster.machine(1).node().metrics().term, term);
    cluster.write(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_speaks_for_itself_only_and_about_its_own_cluster() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.write(3).await;
    cluster.agree().await;
    let (from, to) = (leader % 3 + 1, leader);
    let key = cluster.machine(from).key.clone();
    let mut caller = caller(&key, cluster.machine(to)).await;
    for node in [to, 6 - from - to, 0, 99] {
        let denied = caller.vote(candidate(node)).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
    }
    let foreign = format!("{}.1", "ab".repeat(16));
    let restored = format!("{}.7", "09".repeat(16));
    for cluster_named in [foreign.as_str(), restored.as_str(), "", "x"] {
        let mut request = Request::new(candidate(from));
        let value = cluster_named.parse().unwrap();
        request.metadata_mut().insert("vault-cluster", value);
        let refused = caller.vote(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_messages_are_refused_and_change_nothing() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.write(3).await;
    let (from, to) = (leader, leader % 3 + 1);
    cluster.agree().await;
    let before = cluster.machine(to).node().metrics();
    let key = cluster.machine(from).key.clone();
    let mut caller = caller(&key, cluster.machine(to)).await;
    let ballot = Some(pb::Ballot {
        term: before.term,
        node: from,
        committed: true,
    });
    let id = |index| Some(pb::LogId { term: 1, index });
    let entry = |index, payload: &'static [u8]| pb::Entry {
        id: id(index),
        payload: payload.into(),
    };
    for entries in [
        vec![entry(5, b"\x03")],
        vec![entry(5, b"")],
        vec![entry(6, b"\x00")],
        vec![entry(5, b"\x00"), entry(7, b"\x00")],
        vec![pb::Entry {
            id: None,
            payload: b"\x00"[..].into(),
        }],
    ] {
        let append = pb::AppendRequest {
            vote: ballot,
            previous: id(4),
            entries,
            committed: None,
        };
        let refused = caller.append(append).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let without = caller.vote(pb::VoteRequest::default()).await.unwrap_err();
    assert_eq!(without.code(), Code::InvalidArgument);
    let bytes = pb::SnapshotChunk {
        part: Some(pb::snapshot_chunk::Part::Bytes(b"state"[..].into())),
    };
    let refused = caller
        .install_snapshot(tokio_stream::iter([bytes]))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(
        cluster.machine(to).node().metrics().last_log,
        before.last_log
    );
    cluster.write(3).await;
    cluster.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_node_that_comes_back_disturbs_no_term() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.write(3).await;
    let gone = leader % 3 + 1;
    cluster.machine(gone).stop().await;
    let node = cluster.leader().await.node().clone();
    node.remove([gone].into()).await.unwrap();
    cluster.write(3).await;
    let (term, id) = {
        let leader = cluster.leader().await;
        (leader.node().metrics().term, leader.id)
    };
    // It never heard that it was removed: it still takes itself for a voter and campaigns.
    cluster.machine(gone).start(BTreeMap::new());
    sleep(Duration::from_secs(2)).await;
    let now = cluster.machine(id).node().metrics();
    assert_eq!((now.term, now.leader), (term, Some(id)));
    assert!(cluster.machine(gone).node().leader_term().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terms_and_indexes_that_none_can_follow_are_refused_of_a_voter_too() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.write(3).await;
    cluster.agree().await;
    let (from, to) = (leader % 3 + 1, leader);
    let term = cluster.machine(to).node().metrics().term;
    let key = cluster.machine(from).key.clone();
    let mut caller = caller(&key, cluster.machine(to)).await;
    let ballot = |term, committed| {
        Some(pb::Ballot {
            term,
            node: from,
            committed,
        })
    };
    for far in [u64::MAX, 1 << 53, (1 << 53) - 1, term + (1 << 32) + 1] {
        let mut campaign = candidate(from);
        campaign.vote = ballot(far, false);
        let refused = caller.vote(campaign).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{far}");
        let refused = caller.pre_vote(campaign).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{far}");
        let append = pb::AppendRequest {
            vote: ballot(far, true),
            ..Default::default()
        };
        let refused = caller.append(append).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{far}");
    }
    let far = Some(pb::LogId {
        term: 1,
        index: 1 << 53,
    });
    let append = pb::AppendRequest {
        vote: ballot(term, true),
        previous: far,
        ..Default::default()
    };
    let refused = caller.append(append).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(cluster.machine(to).node().metrics().term, term);
    cluster.write(3).await;
    cluster.agree().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_names_no_cluster_is_refused_where_there_is_one() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.write(3).await;
    cluster.agree().await;
    let key = cluster.machine(leader % 3 + 1).key.clone();
    let target = cluster.machine(leader);
    let config = client(&key, target.key.pin());
    let dialling = dial(target.address.to_string(), config);
    let endpoint = Endpoint::from_static("http://peer");
    let channel = endpoint.connect_with_connector(dialling).await.unwrap();
    let mut caller = PeerClient::new(channel);
    let refused = caller.vote(candidate(leader % 3 + 1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let refused = caller
        .read_index(pb::ReadIndexRequest {})
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_of_strangers_keep_no_member_out() {
    let mut cluster = Cluster::of(1).await;
    let (address, key) = {
        let target = cluster.machine(1);
        (target.address, target.key.clone())
    };
    let mut idle = Vec::new();
    for source in 2..12 {
        for _ in 0..20 {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            let from = format!("127.0.0.{source}:0");
            socket.bind(from.parse().unwrap()).unwrap();
            idle.push(socket.connect(address).await.unwrap());
        }
    }
    let connector = TlsConnector::from(Arc::new(client(&key, key.pin())));
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("peer").unwrap();
    let opened = timeout(Duration::from_secs(1), connector.connect(name, stream)).await;
    opened.expect("in time").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_of_a_removed_node_is_closed() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.write(3).await;
    let gone = leader % 3 + 1;
    let key = cluster.machine(gone).key.clone();
    let mut caller = caller(&key, cluster.machine(leader)).await;
    caller.read_index(pb::ReadIndexRequest {}).await.unwrap();
    let node = cluster.machine(leader).node().clone();
    node.remove([gone].into()).await.unwrap();
    let closed = timeout(PATIENCE, async {
        loop {
            match caller.read_index(pb::ReadIndexRequest {}).await {
                Err(status) if status.code() != Code::PermissionDenied => return,
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    });
    closed.await.expect("closed");
}
