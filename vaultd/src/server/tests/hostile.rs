//! Clients that send too much, too little, nonsense, or nothing.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use super::fake::{self, Daemon};

/// Waits until the server has closed the connection, whatever it said before.
async fn closed(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    // An error is a close too: the peer was gone before it could say so.
    drop(stream.read_to_end(&mut rest).await);
}

async fn still_serves(daemon: &Daemon) {
    let mut channel = daemon.connect().await;
    assert_eq!(
        fake::call(&mut channel, "/test.Test/Who", b"").await.code,
        Code::Ok
    );
}

fn impatient() -> impl FnOnce(&mut crate::server::Parts<std::sync::Arc<fake::App>>) {
    |parts| {
        // The handshakes of the tests are bounded by it, too.
        parts.config.limits.handshake = Duration::from_secs(2);
        parts.config.limits.idle = Duration::from_secs(2);
    }
}

#[tokio::test]
async fn clients_that_send_garbage_are_disconnected_and_others_are_served() {
    let daemon = Daemon::start(|_| {}).await;
    let garbage: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[22, 3, 1, 255, 255, 1],
        &[0; 4096],
    ];
    for bytes in garbage {
        let mut plain = TcpStream::connect(daemon.address).await.expect("connect");
        drop(plain.write_all(bytes).await);
        drop(plain.shutdown().await);
        closed(&mut plain).await;
        let mut inside = daemon.handshake().await;
        drop(inside.write_all(bytes).await);
        drop(inside.shutdown().await);
        closed(&mut inside).await;
    }
    still_serves(&daemon).await;
    daemon.end().await;
}

#[tokio::test]
async fn clients_that_send_nothing_are_disconnected() {
    let daemon = Daemon::start(impatient()).await;
    let mut before_tls = TcpStream::connect(daemon.address).await.expect("connect");
    closed(&mut before_tls).await;
    let mut after_tls = daemon.handshake().await;
    closed(&mut after_tls).await;
    let mut local = tokio::net::UnixStream::connect(daemon.socket())
        .await
        .expect("connect");
    closed(&mut local).await;
    still_serves(&daemon).await;
    daemon.end().await;
}

#[tokio::test]
async fn clients_that_stop_half_way_are_disconnected() {
    let daemon = Daemon::start(impatient()).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let half_headers = [0, 1, 0, 1, 4, 0, 0, 0, 1, 0x83];
    let mut said: Vec<u8> = preface[..12].to_vec();
    let mut half_preface = daemon.handshake().await;
    half_preface.write_all(&said).await.expect("write");
    closed(&mut half_preface).await;
    said.extend(&preface[12..]);
    said.extend(settings);
    said.extend(half_headers);
    let mut half_request = daemon.handshake().await;
    half_request.write_all(&said).await.expect("write");
    closed(&mut half_request).await;
    still_serves(&daemon).await;
    daemon.end().await;
}

#[tokio::test]
async fn a_request_in_flight_is_not_idle() {
    let daemon = Daemon::start(impatient()).await;
    let mut channel = daemon.connect().await;
    let mut other = channel.clone();
    let held = tokio::spawn(async move { fake::call(&mut other, "/test.Test/Hold", b"").await });
    daemon.app.held().await;
    // A second connection lives and dies of idleness meanwhile: so much time has passed.
    let mut idle = daemon.handshake().await;
    closed(&mut idle).await;
    daemon.app.release();
    assert_eq!(held.await.expect("held").code, Code::Ok);
    assert_eq!(
        fake::call(&mut channel, "/test.Test/Who", b"").await.code,
        Code::Ok
    );
    daemon.end().await;
}

#[tokio::test]
async fn one_address_gets_so_many_connections_and_no_more() {
    let daemon = Daemon::start(|parts| parts.config.limits.connections_per_address = 2).await;
    let (first, _second) = (daemon.handshake().await, daemon.handshake().await);
    assert!(daemon.try_connect().await.is_err(), "the third is refused");
    let _local = daemon.connect_unix().await;
    drop(first);
    // The server notices that the first is gone in its own time.
    while daemon.try_connect().await.is_err() {}
    let (_, text) = daemon.page("/metrics").await;
    assert!(
        !text.contains("vault_connections_refused_total 0"),
        "{text}"
    );
    daemon.end().await;
}

#[tokio::test]
async fn headers_beyond_16_kib_are_refused() {
    let daemon = Daemon::start(|_| {}).await;
    let mut channel = daemon.connect().await;
    let long = "x".repeat(17 * 1024);
    let outcome = fake::call_with(&mut channel, "/test.Test/Who", b"", &[("long", &long)]).await;
    assert!(outcome.message.starts_with("431"), "{outcome:?}");
    still_serves(&daemon).await;
    daemon.end().await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended_with_a_reason() {
    let slow = Duration::from_millis(50);
    let daemon = Daemon::start(move |parts| parts.config.limits.request_timeout = slow).await;
    let mut channel = daemon.connect().await;
    let outcome = fake::call(&mut channel, "/test.Test/Hold", b"").await;
    assert_eq!(
        (outcome.code, outcome.reason.as_str()),
        (Code::DeadlineExceeded, "OUTCOME_UNKNOWN")
    );
    daemon.end().await;
}

#[tokio::test]
async fn more_requests_than_allowed_are_shed_with_a_reason() {
    let bounds: [fn(&mut crate::config::Limits); 2] = [
        |limits| limits.concurrency_per_connection = 1,
        |limits| limits.concurrency = 1,
    ];
    for bound in bounds {
        let daemon = Daemon::start(move |parts| bound(&mut parts.config.limits)).await;
        let mut channel = daemon.connect().await;
        let mut other = channel.clone();
        let held =
            tokio::spawn(async move { fake::call(&mut other, "/test.Test/Hold", b"").await });
        daemon.app.held().await;
        let outcome = fake::call(&mut channel, "/test.Test/Who", b"").await;
        assert_eq!(
            (outcome.code, outcome.reason.as_str()),
            (Code::ResourceExhausted, "OVERLOADED")
        );
        daemon.app.release();
        assert_eq!(held.await.expect("held").code, Code::Ok);
        assert_eq!(
            fake::call(&mut channel, "/test.Test/Who", b"").await.code,
            Code::Ok
        );
        daemon.end().await;
    }
}
