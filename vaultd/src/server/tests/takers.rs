//! Clients that are known, and take their replies slowly or not at all.

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{Service as _, ServiceExt as _, service_fn};

use super::fake::Daemon;

/// Over the Unix socket, with a window of so many bytes for each reply.
async fn connect(daemon: &Daemon, window: u32) -> Channel {
    let path = daemon.socket();
    let connector = service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://localhost")
        .initial_stream_window_size(window)
        .connect_with_connector(connector)
        .await
        .expect("connect")
}

async fn large(channel: &mut Channel) -> Body {
    let request = Request::post("http://localhost/vault.v1.Secrets/Large")
        .header("content-type", "application/grpc")
        .body(Body::empty())
        .expect("request");
    let ready = channel.ready().await.expect("ready");
    ready.call(request).await.expect("answered").into_body()
}

#[tokio::test]
async fn who_takes_nothing_of_a_reply_is_disconnected_whoever_it_is_and_who_takes_it_slowly_is_not()
{
    let daemon = Daemon::start(|parts| {
        parts.config.limits.handshake = Duration::from_secs(2);
        parts.config.limits.request_timeout = Duration::from_secs(1);
        parts.config.limits.idle = Duration::from_hours(1);
    })
    .await;
    let mut shut = connect(&daemon, 0).await;
    let untaken = large(&mut shut).await;
    // Takes a piece whenever it has room for one, for longer than is borne of the other.
    let mut narrow = connect(&daemon, 64 * 1024).await;
    let mut slowly = large(&mut narrow).await;
    let ends = tokio::spawn(untaken.collect());
    let mut taken = 0;
    let mut ticks = tokio::time::interval(Duration::from_millis(120));
    while let Some(frame) = slowly.frame().await {
        taken += frame
            .expect("goes on")
            .into_data()
            .map_or(0, |data| data.len());
        ticks.tick().await;
    }
    assert_eq!(taken, 1 << 20);
    let ended = tokio::time::timeout(Duration::from_mins(1), ends);
    assert!(ended.await.expect("disconnected").expect("ran").is_err());
    daemon.end().await;
}
