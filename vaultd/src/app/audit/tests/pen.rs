//! Requests that write their own lines: when they may, and what becomes of them when the sink stalls or fails.

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
