//! The audit as a whole, over a sink that fails, stalls and recovers, and over a real file.

use std::future::Future as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::task::Poll;

use serde_json::Value;

use super::*;

mod fake;
mod long;
mod pen;

use fake::Hands;
pub(in crate::app) use fake::{Fake, Mood};

/// An audit that a test of the application breaks and reads.
pub(in crate::app) fn breakable() -> (Audit, Fake) {
    let (audit, fake, _) = audit();
    (audit, fake)
}

/// The same, where a session may fill so many bytes a second.
pub(in crate::app) fn breakable_at(session_rate: u64) -> (Audit, Fake) {
    let config = AuditConfig {
        session_rate,
        ..patient()
    };
    let (audit, fake, _) = audit_with(&config);
    (audit, fake)
}

fn audit_with(config: &AuditConfig) -> (Audit, Fake, Arc<Hands>) {
    audit_until(config, &abort())
}

fn audit_until(config: &AuditConfig, fatal: &Fatal) -> (Audit, Fake, Arc<Hands>) {
    let (fake, hands) = (Fake::default(), Arc::new(Hands::default()));
    let clock = Arc::<Hands>::clone(&hands);
    let audit = Audit::over(fake.clone(), 0, config, 1, clock, fatal).unwrap();
    (audit, fake, hands)
}

fn abort() -> Fatal {
    Fatal::new(|_| std::process::abort())
}

fn audit() -> (Audit, Fake, Arc<Hands>) {
    audit_with(&patient())
}

/// A bound that no loaded machine reaches.
fn patient() -> AuditConfig {
    AuditConfig {
        bound: Duration::from_mins(1),
        ..AuditConfig::in_directory(PathBuf::new())
    }
}

/// A bound for sinks that stall: nothing but the bound can end the wait there.
fn impatient() -> AuditConfig {
    AuditConfig {
        bound: Duration::from_millis(20),
        ..patient()
    }
}

fn event() -> Event {
    Event {
        request: [7; 16],
        method: "/vault.v1.Secrets/GetSecret",
        action: "secret:GetValue",
        source: Source::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 4242))),
    }
}

const ALICE: Actor<'_> = Actor {
    accessor: "acc-1",
    principal: "alice",
    assumed_by: None,
};

fn blind(name: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out[0] = u8::try_from(name.len()).unwrap();
    out
}

#[tokio::test]
async fn a_request_is_in_the_sink_when_its_future_resolves() {
    let (audit, fake, _) = audit();
    let mut entry = audit.begin(event());
    entry.actor(ALICE, &blind);
    entry.resource("db/password", &blind);
    entry.decision(Decision::Allowed { by: "root".into() });
    entry.version(3);
    entry.finish(Outcome::ok()).await.unwrap();
    let lines = fake.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["type"], "started");
    let line = &lines[1];
    assert_eq!(line["seq"], 2);
    assert_eq!(line["request"], "07070707-0707-0707-0707-070707070707");
    assert_eq!(line["accessor"], "acc-1");
    assert_eq!(line["source"], "127.0.0.1:4242");
    assert_eq!(line["decision"], "allowed");
    assert_eq!(line["by"], "root");
    assert_eq!(line["version"], 3);
    assert_eq!(line["status"], "ok");
    assert_eq!(line["time"], "1970-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn names_are_blinded_unless_the_configuration_says_plain() {
    for (paths, shows) in [(Paths::Hmac, false), (Paths::Plain, true)] {
        let config = AuditConfig { paths, ..patient() };
        let (audit, fake, _) = audit_with(&config);
        let mut entry = audit.begin(event());
        entry.actor(ALICE, &blind);
        entry.resource("canary/path", &blind);
        entry.finish(Outcome::ok()).await.unwrap();
        let text = String::from_utf8(fake.0.0.lock().unwrap().text.clone()).unwrap();
        assert_eq!(text.contains("canary/path"), shows);
        assert_eq!(text.contains("alice"), shows);
        assert_eq!(text.contains("\"hmac:0b00000000"), !shows);
    }
}

#[test]
fn names_are_blinded_by_default() {
    assert_eq!(AuditConfig::in_directory(PathBuf::new()).paths, Paths::Hmac);
}

#[test]
fn a_dropped_record_says_aborted() {
    let (audit, fake, _) = audit();
    let mut entry = audit.begin(event());
    entry.actor(ALICE, &blind);
    drop(entry);
    drop(audit);
    fake.wait(|seen| String::from_utf8_lossy(&seen.text).contains("stopped"));
    let lines = fake.lines();
    assert_eq!(lines[1]["status"], "aborted");
    assert_eq!(lines[1]["accessor"], "acc-1");
}

#[tokio::test]
async fn denied_and_failed_requests_are_recorded_with_their_reason() {
    let (audit, fake, _) = audit();
    let mut entry = audit.begin(event());
    entry.actor(ALICE, &blind);
    entry.decision(Decision::Denied {
        by: "default".into(),
    });
    let denied = Outcome::failed(Status::Denied, "POLICY_DENIED");
    entry.finish(denied).await.unwrap();
    let line = &fake.lines()[1];
    assert_eq!(line["decision"], "denied");
    assert_eq!(line["status"], "denied");
    assert_eq!(line["reason"], "POLICY_DENIED");
}

#[tokio::test]
async fn a_sink_that_fails_refuses_at_once_and_recovers_by_itself_saying_what_was_lost() {
    let (audit, fake, _) = audit();
    fake.set(Mood::Full);
    let refused = |audit: Audit| async move {
        let mut entry = audit.begin(event());
        entry.actor(ALICE, &blind);
        entry.finish(Outcome::ok()).await
    };
    for _ in 0..3 {
        assert!(matches!(
            refused(audit.clone()).await,
            Err(AuditError::Unavailable)
        ));
    }
    assert!(audit.ready().is_err());
    assert_eq!(fake.lines().len(), 1);

    fake.set(Mood::Well);
    // What is lost while a gap is being written is told by another.
    let told = |lines: &[Value]| {
        lines
            .iter()
            .filter_map(|gap| gap["count"].as_u64())
            .sum::<u64>()
    };
    while told(&fake.lines()) != 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fake.lines()[1]["type"], "gap");
    // The flag falls just after the line.
    while audit.ready().is_err() {
        tokio::task::yield_now().await;
    }
    assert!(refused(audit.clone()).await.is_ok());
    let lines = fake.lines();
    assert_eq!(lines[lines.len() - 1]["status"], "ok");
    for (line, expected) in lines.iter().zip(1u64..) {
        assert_eq!(line["seq"], expected, "no number is spent on a lost line");
    }
}

#[tokio::test]
async fn a_stalled_sink_refuses_within_the_bound_and_later_requests_without_a_wait() {
    let (audit, fake, hands) = audit_with(&impatient());
    fake.set(Mood::Stalled);
    let mut entry = audit.begin(event());
    entry.actor(ALICE, &blind);
    let refused = entry.finish(Outcome::ok()).await;
    assert!(matches!(refused, Err(AuditError::Unavailable)));

    hands.0.store(2_500, Ordering::SeqCst);
    assert!(audit.ready().is_err());
    let mut later = std::pin::pin!(audit.begin(event()).finish(Outcome::ok()));
    let answer = std::future::poll_fn(|cx| Poll::Ready(later.as_mut().poll(cx))).await;
    assert!(matches!(answer, Poll::Ready(Err(AuditError::Unavailable))));

    fake.set(Mood::Well);
    fake.wait(|seen| String::from_utf8_lossy(&seen.text).contains("latency_us"));
    assert_eq!(fake.lines()[1]["status"], "ok");
}

#[tokio::test]
async fn a_line_that_nobody_waits_for_any_more_says_so() {
    let (audit, fake, _) = audit_with(&impatient());
    fake.set(Mood::Stalled);
    let first = audit.begin(event()).finish(Outcome::ok());
    assert!(first.await.is_err());
    let mut second = audit.begin(event());
    second.version(2);
    drop(second.finish(Outcome::ok()));
    fake.set(Mood::Well);
    drop(audit);
    fake.wait(|seen| String::from_utf8_lossy(&seen.text).contains("stopped"));
    let lines = fake.lines();
    let second = lines.iter().find(|line| line["version"] == 2).unwrap();
    assert_eq!(second["undelivered"], true);
}

#[tokio::test]
async fn lines_are_synced_soon_after_and_before_the_reply_where_always_is_asked() {
    let (audit, fake, hands) = audit();
    audit.begin(event()).finish(Outcome::ok()).await.unwrap();
    hands.0.store(60, Ordering::SeqCst);
    fake.wait(|seen| seen.syncs == 1);

    let always = AuditConfig {
        durability: Durability::Always,
        ..patient()
    };
    let (audit, fake, _) = audit_with(&always);
    audit.begin(event()).finish(Outcome::ok()).await.unwrap();
    assert_eq!(fake.0.0.lock().unwrap().syncs, 1);
}

#[tokio::test]
async fn a_failed_sync_refuses_until_a_new_file_is_begun() {
    let always = AuditConfig {
        durability: Durability::Always,
        ..patient()
    };
    let (audit, fake, _) = audit_with(&always);
    fake.set(Mood::SyncFails);
    assert!(audit.begin(event()).finish(Outcome::ok()).await.is_err());
    fake.wait(|seen| String::from_utf8_lossy(&seen.text).contains("sync_failed"));
    assert_eq!(fake.0.0.lock().unwrap().renewed, 1);
    while audit.ready().is_err() {
        tokio::task::yield_now().await;
    }
    audit.begin(event()).finish(Outcome::ok()).await.unwrap();
}

#[tokio::test]
async fn a_flood_without_authentication_is_counted_and_others_are_written() {
    let (audit, fake, hands) = audit();
    let wrong = Outcome::failed(Status::Unauthenticated, "TOKEN_INVALID");
    for _ in 0..1000 {
        audit.begin(event()).finish(wrong).await.unwrap();
    }
    let mut entry = audit.begin(event());
    entry.actor(ALICE, &blind);
    entry.finish(Outcome::ok()).await.unwrap();
    assert_eq!(fake.lines().len(), 62);
    hands.0.store(60_100, Ordering::SeqCst);
    fake.wait(|seen| String::from_utf8_lossy(&seen.text).contains("flood"));
    let flood = fake.lines().pop().unwrap();
    assert_eq!(flood["count"], 940);
    assert_eq!(flood["source"], "127.0.0.1");
    assert_eq!(flood["reason"], "TOKEN_INVALID");
}

#[tokio::test]
async fn looks_at_the_public_status_share_that_budget_and_what_takes_a_key_does_not() {
    let (audit, fake, _hands) = audit();
    let of = |method| Event { method, ..event() };
    for _ in 0..1000 {
        let look = audit.begin(of("/vault.v1.System/GetStatus"));
        look.finish(Outcome::ok()).await.unwrap();
    }
    assert_eq!(fake.lines().len(), 61);
    let unsealed = audit.begin(of("/vault.v1.System/Unseal"));
    unsealed.finish(Outcome::ok()).await.unwrap();
    let mut known = audit.begin(of("/vault.v1.System/GetStatus"));
    known.actor(ALICE, &blind);
    known.finish(Outcome::ok()).await.unwrap();
    assert_eq!(fake.lines().len(), 63);
    // The end of the daemon takes no count along.
    drop(audit);
    fake.wait(|seen| String::from_utf8_lossy(&seen.text).contains("stopped"));
    let lines = fake.lines();
    let flood = lines.iter().find(|line| line["type"] == "flood").unwrap();
    assert_eq!(flood["count"], 940);
}

#[test]
fn addresses_of_one_subscriber_are_one_origin() {
    let origin = |address: &str| Source::Tcp(address.parse().unwrap()).origin();
    assert_eq!(origin("[2001:db8:1:2::1]:1"), "2001:db8:1:2::/64");
    assert_eq!(origin("[2001:db8:1:2:ffff::9]:7"), "2001:db8:1:2::/64");
    assert_eq!(origin("[::ffff:10.0.0.1]:1"), origin("10.0.0.1:2"));
}

#[tokio::test]
async fn the_real_file_holds_every_line_in_order_and_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let config = AuditConfig {
        rotate_bytes: 8192,
        keep_files: 1000,
        reserve_bytes: 4096,
        directory: dir.path().join("audit"),
        ..patient()
    };
    for _ in 0..2 {
        let clock = Arc::new(Hands::default());
        let audit = loop {
            // The thread of the handle before may still be letting go of the directory.
            match Audit::open(&config, 1, Arc::<Hands>::clone(&clock), &abort()) {
                Err(AuditError::Refused { .. }) => tokio::task::yield_now().await,
                opened => break opened.unwrap(),
            }
        };
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let audit = audit.clone();
            tasks.spawn(async move {
                for _ in 0..20 {
                    let mut entry = audit.begin(event());
                    entry.actor(ALICE, &blind);
                    entry.finish(Outcome::ok()).await.unwrap();
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        audit.flush().await.unwrap();
    }
    let mut names: Vec<PathBuf> = std::fs::read_dir(&config.directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    // "audit-<n>.jsonl" sorts before "audit.jsonl".
    names.sort();
    assert!(names.len() > 2, "nothing was rotated");
    let text: String = names
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (line, expected) in lines.iter().zip(1u64..) {
        assert_eq!(line["seq"], expected);
    }
    let requests = lines.iter().filter(|line| line["type"] == "request");
    assert_eq!(requests.count(), 2 * 64 * 20);
}
