//! Replies that nobody takes.

use prost_reflect::prost::Message as _;
use tonic::Code;
use vault_proto::v1::{BatchGetSecretsRequest, GetSecretRequest, PutSecretRequest};
use vault_tests::Daemon;

use crate::BINARIES;
use crate::wire::{Refused, Wire};

const BATCH: &str = "/vault.v1.Secrets/BatchGetSecrets";

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_no_client_takes_are_bounded_together_and_small_ones_go_on() {
    let daemon = Daemon::start_with(BINARIES, "limits.reply_bytes = \"32MiB\"");
    let opened = daemon.open();
    let other = Wire::connect(&daemon, &opened.token).await;
    let put = PutSecretRequest {
        path: "a/large".to_owned(),
        fields: [("value".to_owned(), vec![b'x'; 1_000_000].into())].into(),
        ..PutSecretRequest::default()
    };
    let put = other.call("/vault.v1.Secrets/PutSecret", put.encode_to_vec());
    put.await.expect("written");
    let of = |count| {
        let one = || GetSecretRequest {
            path: "a/large".to_owned(),
            ..GetSecretRequest::default()
        };
        let requests = std::iter::repeat_with(one).take(count).collect();
        BatchGetSecretsRequest { requests }.encode_to_vec()
    };
    // A token of its owner, and a window that never opens: the head comes, and nothing after it.
    let shut = Wire::connect_with(&daemon, &opened.token, Some(0)).await;
    let untaken = shut.open(BATCH, of(20)).await.expect("a head");
    let overloaded = Refused {
        code: Code::ResourceExhausted,
        reason: "OVERLOADED".to_owned(),
    };
    for _ in 0..3 {
        let refused = other.open(BATCH, of(20)).await;
        assert_eq!(refused.err().as_ref(), Some(&overloaded));
    }
    let who = other.call("/vault.v1.Auth/WhoAmI", Vec::new()).await;
    assert!(who.is_ok());
    drop((untaken, shut));
    while let Err(refused) = other.open(BATCH, of(20)).await {
        assert_eq!(refused, overloaded);
        tokio::task::yield_now().await;
    }
}
