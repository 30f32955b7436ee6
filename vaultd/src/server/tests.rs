//! The server as clients meet it: over real sockets, with an application that does as it is told.

mod client;
mod fake;
mod forwarding;
mod hostile;
mod narrowing;
mod nodes;
mod passing;
mod stopping;
mod strangers;
mod takers;
mod vault;

use std::path::Path;

use http::StatusCode;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use fake::{Daemon, Outcome};

#[tokio::test]
async fn both_listeners_serve_and_say_who_calls() {
    let daemon = Daemon::start(|_| {}).await;
    let mut tls = daemon.connect().await;
    let mut unix = daemon.connect_unix().await;
    let over_tls = fake::call(&mut tls, "/test.Test/Who", b"").await;
    assert!(over_tls.seen.starts_with("tcp 127.0.0.1:"), "{over_tls:?}");
    let uid = vault_sys::effective_uid();
    let over_unix = fake::call(&mut unix, "/test.Test/Who", b"").await;
    assert_eq!(over_unix.seen, format!("unix {uid} {}", std::process::id()));
    daemon.end().await;
}

#[tokio::test]
async fn the_health_service_and_pages_follow_the_application() {
    let daemon = Daemon::start(|_| {}).await;
    let mut health = HealthClient::new(daemon.connect().await);
    let mut watched = health
        .watch(HealthCheckRequest::default())
        .await
        .expect("watch")
        .into_inner();
    let mut said = Vec::new();
    daemon.app.seal();
    while let Ok(Some(reply)) = watched.message().await {
        said.push(reply.status);
        if reply.status == 2 {
            break;
        }
    }
    assert_eq!(said.last(), Some(&2), "not serving once sealed: {said:?}");
    let (status, body) = daemon.page("/ready").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "sealed\n")
    );
    assert_eq!(daemon.page("/live").await.0, StatusCode::OK);
    let (_, text) = daemon.page("/metrics").await;
    assert!(text.contains("vault_sealed 1"), "{text}");
    assert!(
        text.contains("vault_records 42"),
        "the application's own gauge: {text}"
    );
    daemon.end().await;
}

#[tokio::test]
async fn what_was_served_is_counted_by_method_and_code() {
    let daemon = Daemon::start(|_| {}).await;
    let mut channel = daemon.connect().await;
    fake::call(&mut channel, "/vault.v1.System/GetStatus", b"").await;
    fake::call(&mut channel, "/made.Up/Method", b"").await;
    drop(channel);
    let (_, text) = daemon.page("/metrics").await;
    let ok = "vault_requests_total{method=\"/vault.v1.System/GetStatus\",code=\"ok\"} 1";
    assert!(text.contains(ok), "{text}");
    assert!(
        text.contains("method=\"other\",code=\"unimplemented\"} 1"),
        "{text}"
    );
    assert!(!text.contains("made.Up"), "a client cannot make series");
    daemon.end().await;
}

#[tokio::test]
async fn reflection_is_there_only_if_asked_for() {
    // The service itself finds nothing in an empty call.
    for (asked, wanted) in [(false, Code::Unimplemented), (true, Code::InvalidArgument)] {
        let daemon = Daemon::start(|parts| parts.reflection = asked).await;
        let mut channel = daemon.connect().await;
        let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        let Outcome { code, .. } = fake::call(&mut channel, path, b"").await;
        assert_eq!(code, wanted, "asked: {asked}");
        daemon.end().await;
    }
}

#[tokio::test]
async fn a_panic_ends_its_request_and_no_other() {
    let daemon = Daemon::start(|_| {}).await;
    let mut channel = daemon.connect().await;
    let held = tokio::spawn({
        let mut channel = channel.clone();
        async move { fake::call(&mut channel, "/test.Test/Hold", b"").await }
    });
    daemon.app.held().await;
    let outcome = fake::call(&mut channel, "/test.Test/Panic", b"").await;
    assert_ne!(outcome.code, Code::Ok);
    assert!(!outcome.message.contains("canary"), "{outcome:?}");
    daemon.app.release();
    assert_eq!(
        held.await.expect("held").code,
        Code::Ok,
        "the same connection goes on"
    );
    daemon.end().await;
}

#[tokio::test]
async fn the_socket_file_is_private_and_gone_afterwards() {
    use std::os::unix::fs::PermissionsExt as _;
    let daemon = Daemon::start(|_| {}).await;
    let path = daemon.socket();
    let mode = std::fs::metadata(&path)
        .expect("socket")
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let error = super::bind_unix(&path).await.expect_err("taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    daemon.end().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_socket_that_a_dead_daemon_left_is_replaced_and_another_file_is_not() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("vaultd.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("old"));
    assert!(path.exists());
    let bound = super::bind_unix(&path).await.expect("replaced");
    drop(bound);
    assert!(!path.exists());
    let error = super::bind_unix(Path::new("/no/such/dir/x"))
        .await
        .expect_err("no dir");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
