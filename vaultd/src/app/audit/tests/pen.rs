//! Requests that write their own lines: when they may, and what becomes of them when the sink stalls or fails.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_may_wait_for_a_stalled_sink_and_all_others_are_refused_within_the_bound() {
    let (audit, fake, hands) = audit_with(&impatient());
    audit.begin(event()).finish(Outcome::ok()).await.unwrap();
    fake.set(Mood::Stalled);
    let held = |audit: Audit| async move { audit.begin(event()).finish(Outcome::ok()).await };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        tasks.spawn(held(audit.clone()));
    }
    // All but the one whose own write has met the stall.
    for _ in 0..31 {
        let refused = tasks.join_next().await.unwrap().unwrap();
        assert!(matches!(refused, Err(AuditError::Unavailable)));
    }
    hands.0.store(2_500, Ordering::SeqCst);
    assert!(audit.ready().is_err(), "a stalled write refuses at once");

    fake.set(Mood::Well);
    tasks.join_next().await.unwrap().unwrap().unwrap();
    // After such an append lines are the thread's again, so the next stall holds up nobody.
    while held(audit.clone()).await.is_err() {
        tokio::task::yield_now().await;
    }
    fake.set(Mood::Stalled);
    assert!(held(audit.clone()).await.is_err());
    fake.set(Mood::Well);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_written_by_requests_and_by_the_thread_share_one_sequence_and_are_synced() {
    let (audit, fake, hands) = audit();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let audit = audit.clone();
        tasks.spawn(async move {
            for _ in 0..50 {
                audit.begin(event()).finish(Outcome::ok()).await.unwrap();
                // Nobody waits for these: they are always the thread's.
                let mut dropped = audit.begin(event());
                dropped.actor(ALICE, &blind);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    audit.flush().await.unwrap();
    let lines = fake.lines();
    for (line, expected) in lines.iter().zip(1u64..) {
        assert_eq!(line["seq"], expected);
    }
    assert_eq!(lines.len(), 1 + 2 * 16 * 50);
    let synced = fake.0.0.lock().unwrap().syncs;
    audit.begin(event()).finish(Outcome::ok()).await.unwrap();
    hands.0.store(60, Ordering::SeqCst);
    fake.wait(|seen| seen.syncs > synced);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_whose_own_write_fails_is_refused_and_its_line_counted() {
    let (audit, fake, _) = audit();
    fake.set(Mood::Full);
    assert!(audit.begin(event()).finish(Outcome::ok()).await.is_err());
    assert!(audit.ready().is_err());
    fake.set(Mood::Well);
    fake.wait(|seen| String::from_utf8_lossy(&seen.text).contains("gap"));
    assert_eq!(fake.lines()[1]["count"], 1);
    assert_eq!(fake.lines()[1]["seq"], 2);
}

fn two_workers() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

/// A server that records a request for each byte of a connection and answers `y`, or `n` if it refuses.
async fn serve(listener: TcpListener, audit: Audit) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let audit = audit.clone();
        tokio::spawn(async move {
            while stream.read_u8().await.is_ok() {
                let recorded = audit.begin(event()).finish(Outcome::ok()).await;
                let answer = if recorded.is_ok() { b"y" } else { b"n" };
                stream.write_all(answer).await.unwrap();
            }
        });
    }
}

fn answer(stream: &mut TcpStream) -> Option<u8> {
    let mut answer = [0];
    stream.read_exact(&mut answer).ok().map(|()| answer[0])
}

#[test]
fn a_request_that_is_stuck_in_its_write_holds_up_no_socket_and_no_timer() {
    let runtime = two_workers();
    let inside = runtime.enter();
    let (audit, fake, _) = audit_with(&impatient());
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let server = serve(TcpListener::from_std(listener).unwrap(), audit);
    runtime.spawn(server);
    drop(inside);

    let connect = || {
        let stream = TcpStream::connect(address).unwrap();
        let limit = Some(Duration::from_secs(10));
        stream.set_read_timeout(limit).unwrap();
        stream
    };
    let (mut first, mut second) = (connect(), connect());
    // Which worker polls the sockets is chance.
    for _ in 0..5 {
        first.write_all(b"?").unwrap();
        assert!(answer(&mut first).is_some());
        fake.set(Mood::Stalled);
        let begun = fake.0.0.lock().unwrap().begun;
        first.write_all(b"?").unwrap();
        fake.wait(|seen| seen.begun > begun);
        second.write_all(b"?").unwrap();
        let answered = answer(&mut second);
        // The runtime could not end before.
        fake.set(Mood::Well);
        assert_eq!(answered, Some(b'n'));
        assert!(answer(&mut first).is_some());
    }
}

#[test]
fn the_thread_is_woken_before_a_write_that_finds_it_asleep() {
    let (syncs, _due) = sync_channel(1);
    let (fake, hands) = (Fake::default(), Arc::new(Hands::default()));
    let state = Arc::new(State::new(hands, 1, &patient()));
    let mut writer = Writer::new(fake.clone(), 0, Durability::Batched, state, syncs);
    let asleep = writer.patience();
    let woken_at = std::cell::Cell::new(None);
    let wake = || woken_at.set(Some(fake.0.0.lock().unwrap().begun));
    writer.at_once(b"}", wake).unwrap().unwrap();
    assert_eq!(woken_at.take(), Some(0), "not before the write");
    // From here the thread looks often enough by itself.
    assert!(writer.patience() * 10 < asleep);
    writer.at_once(b"}", wake).unwrap().unwrap();
    assert_eq!(woken_at.take(), None);
}

#[test]
fn while_lines_are_lost_no_request_writes_before_the_gap_is_told() {
    let (syncs, _due) = sync_channel(1);
    let (fake, hands) = (Fake::default(), Arc::new(Hands::default()));
    let state = Arc::new(State::new(hands, 1, &patient()));
    let lost = Arc::clone(&state);
    let mut writer = Writer::new(fake.clone(), 0, Durability::Batched, state, syncs);
    lost.lost.store(3, Ordering::Relaxed);
    assert!(writer.at_once(b"}", || ()).is_none());
    writer.maintain();
    assert_eq!(fake.lines()[0]["count"], 3);
    assert!(writer.at_once(b"}", || ()).is_some());
}

#[test]
fn a_panic_while_writing_ends_the_process_whoever_wrote() {
    for direct in [true, false] {
        let (told, ended) = mpsc::channel();
        let fatal = Fatal::new(move |why| told.send(why.to_owned()).unwrap());
        let runtime = two_workers();
        let (audit, fake, _) = {
            let _inside = direct.then(|| runtime.enter());
            audit_until(&patient(), &fatal)
        };
        fake.set(Mood::Panics);
        let request = audit.begin(event());
        runtime.spawn(async move { request.finish(Outcome::ok()).await });
        let why = ended.recv_timeout(Duration::from_mins(1)).unwrap();
        assert!(why.contains("audit"));
    }
}
