//! Callers who have shown nothing: how little they can take from those who have.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::fake::{self, Daemon, Outcome};

const PUT: &str = "/vault.v1.Secrets/PutSecret";
const GET: &str = "/vault.v1.Secrets/GetSecret";
const UNSEAL: &str = "/vault.v1.System/Unseal";
const RESTORE: &str = "/vault.v1.Backup/RestoreBackup";

/// A message's header and so much of it.
fn message(announced: usize, sent: usize) -> Bytes {
    let mut bytes = BytesMut::from(&[0][..]);
    bytes.extend(u32::try_from(announced).expect("small").to_be_bytes());
    bytes.resize(5 + sent, 7);
    bytes.freeze()
}

type Pieces = BoxStream<'static, Result<Frame<Bytes>, Status>>;

fn pieces(all: Vec<Bytes>) -> Pieces {
    stream::iter(all.into_iter().map(|piece| Ok(Frame::data(piece)))).boxed()
}

/// These bytes, and then nothing, without an end.
fn unfinished(all: Vec<Bytes>) -> Body {
    Body::new(StreamBody::new(pieces(all).chain(stream::pending())))
}

fn whole(all: Vec<Bytes>) -> Body {
    Body::new(StreamBody::new(pieces(all)))
}

fn reason(outcome: &Outcome) -> (Code, &str) {
    (outcome.code, outcome.reason.as_str())
}

const OVERLOADED: (Code, &str) = (Code::ResourceExhausted, "OVERLOADED");
const TOO_LARGE: (Code, &str) = (Code::InvalidArgument, "REQUEST_INVALID");

async fn with(channel: &mut Channel, path: &str, body: Body, token: &str) -> Outcome {
    fake::send(channel, path, body, &[("authorization", token)]).await
}

#[tokio::test]
async fn unfinished_bodies_of_one_address_leave_room_for_sessions_and_for_the_socket() {
    let daemon = Daemon::start(|parts| {
        parts.config.limits.concurrency = 64;
        parts.config.limits.handshake = Duration::from_hours(1);
    })
    .await;
    let (_, forged) = fake::made_up_token();
    let mut held = JoinSet::new();
    let mut refused = 0;
    // Eight connections, far more requests than may be in flight at all.
    for _ in 0..8 {
        let channel = daemon.connect().await;
        for _ in 0..16 {
            let (mut channel, forged) = (channel.clone(), forged.clone());
            held.spawn(async move {
                with(&mut channel, PUT, unfinished(vec![message(9, 1)]), &forged).await
            });
        }
    }
    // A sixteenth of 64 is for one source; the rest comes back.
    while refused < 8 * 16 - 4 {
        let outcome = held.join_next().await.expect("one more").expect("no panic");
        assert_eq!(reason(&outcome), OVERLOADED, "{outcome:?}");
        refused += 1;
    }
    let mut stranger = daemon.connect().await;
    let outcome = fake::call(&mut stranger, "/test.Test/Who", b"").await;
    assert_eq!(reason(&outcome), OVERLOADED);
    let outcome = with(
        &mut stranger,
        PUT,
        whole(vec![message(1, 1)]),
        &daemon.token,
    )
    .await;
    assert_eq!(outcome.code, Code::Ok, "{outcome:?}");
    let mut local = daemon.connect_unix().await;
    let outcome = fake::call(&mut local, UNSEAL, b"share").await;
    assert_eq!(outcome.code, Code::Ok, "{outcome:?}");
    assert!(
        held.try_join_next().is_none(),
        "four are held all the while"
    );
    // A token lifts nothing while nothing can be looked up.
    daemon.app.seal();
    let outcome = with(
        &mut stranger,
        PUT,
        whole(vec![message(1, 1)]),
        &daemon.token,
    )
    .await;
    assert_eq!(reason(&outcome), OVERLOADED);
    held.abort_all();
    daemon.end().await;
}

#[tokio::test]
async fn unfinished_bodies_end_soon_unless_a_session_was_shown() {
    // The handshakes of this test are bounded by the same limit: it is no shorter than they may take.
    let daemon = Daemon::start(|parts| {
        parts.config.limits.handshake = Duration::from_secs(3);
        parts.config.limits.request_timeout = Duration::from_secs(5);
    })
    .await;
    let channel = daemon.connect().await;
    let (_, forged) = fake::made_up_token();
    let mut held = JoinSet::new();
    let mut begin = |path: &'static str, body: Vec<Bytes>, token: &str, wanted| {
        let (mut channel, token) = (channel.clone(), token.to_owned());
        held.spawn(async move {
            let outcome = with(&mut channel, path, unfinished(body), &token).await;
            assert_eq!(reason(&outcome), wanted, "{path}: {outcome:?}");
        });
    };
    for body in [vec![], vec![message(9, 1)]] {
        for path in [UNSEAL, PUT, RESTORE] {
            begin(path, body.clone(), &forged, OVERLOADED);
        }
        begin("/made.Up/Method", body, &forged, (Code::Unimplemented, ""));
    }
    // A session has the whole time of a request.
    let whole_time = (Code::DeadlineExceeded, "OUTCOME_UNKNOWN");
    begin(PUT, vec![], &daemon.token, whole_time);
    while let Some(ended) = held.join_next().await {
        ended.expect("no panic");
    }
    daemon.end().await;
}

#[tokio::test]
async fn bodies_beyond_64_kib_need_a_live_session() {
    let daemon = Daemon::start(|_| {}).await;
    let mut channel = daemon.connect().await;
    let (_, forged) = fake::made_up_token();
    let (small, large) = (60 * 1024, 65 * 1024);
    let outcome = fake::call(&mut channel, UNSEAL, &vec![7; small]).await;
    assert_eq!(outcome.code, Code::Ok);
    for (path, token) in [
        (UNSEAL, ""),
        (UNSEAL, daemon.token.as_str()),
        (PUT, ""),
        (PUT, "Bearer vlt_x"),
        (PUT, forged.as_str()),
        ("/test.Test/Read", daemon.token.as_str()),
        ("/vault.v1.Sharing/Unwrap", daemon.token.as_str()),
        (RESTORE, ""),
    ] {
        let body = whole(vec![message(large, large)]);
        let outcome = with(&mut channel, path, body, token).await;
        assert_eq!(reason(&outcome), TOO_LARGE, "{path} {token}: {outcome:?}");
    }
    let body = || whole(vec![message(large, large)]);
    let outcome = with(&mut channel, PUT, body(), &daemon.token).await;
    assert_eq!(outcome.code, Code::Ok, "{outcome:?}");
    assert_eq!(outcome.seen, (large + 5).to_string());
    daemon.app.seal();
    let outcome = with(&mut channel, PUT, body(), &daemon.token).await;
    assert_eq!(reason(&outcome), TOO_LARGE, "sealed: nothing is lifted");
    daemon.end().await;
}

#[tokio::test]
async fn a_token_that_was_found_good_and_whose_request_goes_nowhere_is_told_of() {
    let mut daemon = Daemon::start(|parts| {
        parts.config.limits.handshake = Duration::from_secs(3);
        parts.config.limits.request_timeout = Duration::from_secs(5);
    })
    .await;
    let mut channel = daemon.connect().await;
    let (_, forged) = fake::made_up_token();
    let token = daemon.token.clone();
    let large = 65 * 1024;
    let long = |announced| whole(vec![message(announced, large)]);
    // Nobody asked whose they are, or they are nobody's, or the method would not have cared.
    with(&mut channel, PUT, whole(vec![message(9, 9)]), &token).await;
    with(&mut channel, PUT, long(large), &forged).await;
    with(&mut channel, UNSEAL, long(large), &token).await;
    with(&mut channel, RESTORE, long(large), &token).await;
    // This one leaves a line of its own.
    let goes_on = [("authorization", token.as_str()), ("goes-on", "")];
    let outcome = fake::send(&mut channel, PUT, long(large), &goes_on).await;
    assert_eq!(outcome.code, Code::Ok, "{outcome:?}");
    // So the first to be told of are these, each once: a body that ends too soon, and one that is late.
    with(&mut channel, PUT, long(1 << 20), &token).await;
    assert_eq!(daemon.broken_off.recv().await, Some(PUT));
    with(&mut channel, GET, unfinished(vec![]), &token).await;
    assert_eq!(daemon.broken_off.recv().await, Some(GET));
    assert!(daemon.broken_off.is_empty());
    daemon.end().await;
}

#[tokio::test]
async fn a_large_message_is_refused_when_it_is_announced_not_when_it_has_come() {
    let daemon =
        Daemon::start(|parts| parts.config.limits.handshake = Duration::from_hours(1)).await;
    let mut channel = daemon.connect().await;
    let split = message(1 << 20, 0);
    for body in [
        vec![message(1 << 20, 10)],
        vec![split.slice(..3), split.slice(3..)],
        vec![message(10, 10), message(1 << 20, 0)],
    ] {
        // The rest never comes: only the announcement can end it.
        let outcome = fake::send(&mut channel, PUT, unfinished(body), &[]).await;
        assert_eq!(reason(&outcome), TOO_LARGE, "{outcome:?}");
    }
    daemon.end().await;
}

#[tokio::test]
async fn a_restore_sends_at_length_only_once_its_first_message_was_found_good() {
    let daemon = Daemon::start(|_| {}).await;
    let mut channel = daemon.connect().await;
    let large = 1 << 20;
    let rest = || vec![message(9, 9), message(large, large), message(large, large)];
    let outcome = with(&mut channel, RESTORE, whole(rest()), "").await;
    assert_eq!(reason(&outcome), TOO_LARGE, "no permission: {outcome:?}");
    let given = [("permit", "give")];
    let outcome = fake::send(&mut channel, RESTORE, whole(rest()), &given).await;
    assert_eq!(outcome.code, Code::Ok, "{outcome:?}");
    assert_eq!(outcome.seen, (14 + 2 * (large + 5)).to_string());
    daemon.end().await;
}

#[tokio::test]
async fn a_stranger_who_does_nothing_or_holds_a_request_open_is_disconnected() {
    let daemon = Daemon::start(|parts| {
        // Long enough for what this test itself has to do within them.
        parts.config.limits.handshake = Duration::from_secs(3);
        parts.config.limits.request_timeout = Duration::from_secs(3);
        parts.config.limits.idle = Duration::from_hours(1);
    })
    .await;
    let mut health = HealthClient::new(daemon.connect().await);
    let mut watched = health
        .watch(HealthCheckRequest::default())
        .await
        .expect("watch")
        .into_inner();
    // A connection on which a session was shown stays.
    let mut known = daemon.connect().await;
    let outcome = with(&mut known, PUT, whole(vec![message(1, 1)]), &daemon.token).await;
    assert_eq!(outcome.code, Code::Ok);
    let mut kept = HealthClient::new(known.clone());
    let mut kept = kept
        .watch(HealthCheckRequest::default())
        .await
        .expect("watch")
        .into_inner();
    // Speaks HTTP/2 and asks for nothing.
    let mut idle = daemon.handshake().await;
    idle.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await
        .expect("preface");
    let ends = async {
        drop(idle.read_to_end(&mut Vec::new()).await);
        while let Ok(Some(_)) = watched.message().await {}
    };
    tokio::time::timeout(Duration::from_mins(1), ends)
        .await
        .expect("both are disconnected");
    assert!(kept.message().await.expect("open").is_some());
    daemon.app.seal();
    assert!(kept.message().await.expect("still open").is_some());
    daemon.end().await;
}

#[tokio::test]
async fn one_address_cannot_keep_others_from_the_health_pages() {
    let daemon = Daemon::start(|_| {}).await;
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(TcpStream::connect(daemon.health).await.expect("connect"));
    }
    let other = tokio::net::TcpSocket::new_v4().expect("socket");
    other
        .bind("127.0.0.2:0".parse().expect("address"))
        .expect("another source");
    let mut other = other.connect(daemon.health).await.expect("connect");
    let request = b"GET /live HTTP/1.1\r\nhost: x\r\n\r\n";
    other.write_all(request).await.expect("write");
    let mut text = String::new();
    other.read_to_string(&mut text).await.expect("read");
    assert!(text.ends_with("live\n"), "{text}");
    drop(held);
    daemon.end().await;
}
