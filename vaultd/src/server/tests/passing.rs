//! Who may pass on requests of clients.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use tonic::Code;
use tonic::body::Body;
use tonic::transport::Endpoint;
use tower::{Service as _, ServiceExt as _};
use vault_proto::v1::secrets_client::SecretsClient;

use super::nodes::Machine;
use super::vault::{Vault, put, read, reason, with};
use crate::raft::peer_testing::{client, dial};

/// Says over the peers' connection what a node passes on.
async fn pass_on(
    as_whom: &Machine,
    to: &Machine,
    headers: &[(&'static str, String)],
) -> tonic::Status {
    let config = client(&as_whom.key, to.key.pin());
    let endpoint = Endpoint::from_static("http://peer");
    let mut channel = endpoint
        .connect_with_connector(dial(to.peers.to_string(), config))
        .await
        .expect("a connection");
    let path = "/vault.v1.System/GetStatus";
    let mut request = http::Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let body = Full::new(Bytes::from_static(&[0; 5]));
    let request = request.body(Body::new(body)).unwrap();
    let (head, body) = channel
        .ready()
        .await
        .unwrap()
        .call(request)
        .await
        .unwrap()
        .into_parts();
    let trailers = body.collect().await.unwrap();
    let of = |headers: &http::HeaderMap| tonic::Status::from_header_map(headers);
    of(&head.headers)
        .or_else(|| of(trailers.trailers()?))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn only_a_voter_passes_on_and_only_what_says_from_where() {
    let mut vault = Vault::of(3).await;
    vault.take_in(4).await;
    let (leader, follower) = (vault.leader().await, vault.follower().await);
    let learner = vault.machine(4);
    let stamp = leader.store.stamp();
    let cluster = format!(
        "{}.{}",
        hex::encode(stamp.cluster.unwrap()),
        stamp.incarnation
    );
    let source = ("vault-forwarded-source", "tcp 192.0.2.1:1".to_owned());
    let about = ("vault-cluster", cluster);
    let good = [source.clone(), about.clone()];
    assert_eq!(pass_on(follower, leader, &good).await.code(), Code::Ok);
    assert_eq!(
        pass_on(learner, leader, &good).await.code(),
        Code::PermissionDenied
    );
    let foreign = ("vault-cluster", format!("{}.1", "ab".repeat(16)));
    for (headers, code) in [
        (vec![source.clone()], Code::FailedPrecondition),
        (vec![source, foreign], Code::FailedPrecondition),
        (vec![about.clone()], Code::InvalidArgument),
        (
            vec![
                ("vault-forwarded-source", "inside".to_owned()),
                about.clone(),
            ],
            Code::InvalidArgument,
        ),
        (
            vec![
                good[0].clone(),
                ("vault-forwarded-certificate", "none".to_owned()),
                about,
            ],
            Code::InvalidArgument,
        ),
    ] {
        assert_eq!(
            pass_on(follower, leader, &headers).await.code(),
            code,
            "{headers:?}"
        );
    }
    // A learner that is asked for a write says that it has none to ask.
    learner.unseal(&vault.shares).await;
    let channel = learner.connect().await;
    let refused = SecretsClient::new(channel.clone())
        .put_secret(with(&vault.token, put("a/b", b"x")))
        .await;
    assert_eq!(reason(&refused.unwrap_err()), "NO_LEADER");
    let missing = read(channel, &vault.token, "a/b").await.unwrap_err();
    assert_eq!(
        reason(&missing),
        "SECRET_NOT_FOUND",
        "it reads all the same"
    );
    vault.stop().await;
}
