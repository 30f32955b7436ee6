//! An orderly end: nobody new, those in flight to the end, the application last.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpStream;
use tonic::Code;

use super::fake::{self, Daemon};
use crate::server::Phase;

#[tokio::test]
async fn requests_in_flight_are_finished_and_nobody_new_is_let_in() {
    let daemon = Daemon::start(|_| {}).await;
    let mut channel = daemon.connect().await;
    let held = tokio::spawn(async move { fake::call(&mut channel, "/test.Test/Hold", b"").await });
    daemon.app.held().await;
    daemon.phase.send_replace(Phase::Drain);
    while TcpStream::connect(daemon.address).await.is_ok() {}
    let (_, said) = daemon.page("/ready").await;
    assert_eq!(said, "stopping\n");
    assert!(
        !daemon.app.shut_down.load(Ordering::Acquire),
        "not before the last request"
    );
    daemon.app.release();
    assert_eq!(held.await.expect("held").code, Code::Ok);
    daemon.ended().await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_after_the_drain_time() {
    let short = Duration::from_millis(50);
    let daemon = Daemon::start(move |parts| parts.config.limits.drain = short).await;
    let mut channel = daemon.connect().await;
    let held = tokio::spawn(async move { fake::call(&mut channel, "/test.Test/Hold", b"").await });
    daemon.app.held().await;
    daemon.phase.send_replace(Phase::Drain);
    daemon.ended().await;
    assert_ne!(held.await.expect("held").code, Code::Ok);
}

#[tokio::test]
async fn a_second_signal_waits_for_nobody() {
    let daemon = Daemon::start(|parts| parts.config.limits.drain = Duration::from_hours(1)).await;
    let mut channel = daemon.connect().await;
    let held = tokio::spawn(async move { fake::call(&mut channel, "/test.Test/Hold", b"").await });
    daemon.app.held().await;
    daemon.phase.send_replace(Phase::Drain);
    daemon.phase.send_replace(Phase::Now);
    daemon.ended().await;
    assert_ne!(held.await.expect("held").code, Code::Ok);
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let daemon = Daemon::start(|parts| parts.config.limits.drain = Duration::from_hours(1)).await;
    let mut channel = daemon.connect().await;
    assert_eq!(
        fake::call(&mut channel, "/test.Test/Who", b"").await.code,
        Code::Ok
    );
    daemon.phase.send_replace(Phase::Drain);
    daemon.ended().await;
}
