//! Readings of the audit trail through the application: how many, for how long, and what of them is recorded.

use super::*;

async fn opened(dir: &Path) -> World {
    let world = born(dir).await;
    unseal(&world).await;
    world
}

async fn search(world: &World, query: &AuditQuery) -> Result<Reading<Search>> {
    let call = call("SearchAudit", Some(&world.token));
    let answer = world.app.search_audit(&call, query, 0).await;
    answer.map(|answer| answer.reply)
}

async fn tail(world: &World) -> Result<Reading<Tail>> {
    let call = call("TailAudit", Some(&world.token));
    let ending = Ending {
        last: 1,
        once: false,
    };
    let query = AuditQuery::default();
    let answer = world.app.tail_audit(&call, &query, ending).await;
    answer.map(|answer| answer.reply)
}

/// All that a search finds.
async fn found(world: &World, query: &AuditQuery) -> Vec<String> {
    let mut reading = search(world, query).await.unwrap();
    let mut lines = Vec::new();
    while let Some(page) = reading.next(&world.app).await.unwrap() {
        lines.extend(page.lines.into_iter().map(|line| line.text));
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn two_searches_run_at_a_time_and_one_that_is_dropped_makes_room() {
    let dir = tempfile::tempdir().unwrap();
    let world = opened(dir.path()).await;
    let first = search(&world, &AuditQuery::default()).await.unwrap();
    let check = call("VerifyAudit", Some(&world.token));
    let _second = world.app.verify_audit(&check).await.unwrap();
    let third = search(&world, &AuditQuery::default()).await.unwrap_err();
    assert_eq!(third.reason(), Reason::Overloaded);
    // Tails have places of their own.
    tail(&world).await.unwrap();
    drop(first);
    search(&world, &AuditQuery::default()).await.unwrap();
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_stops_between_two_steps_once_the_keys_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let world = opened(dir.path()).await;
    let mut begun = search(&world, &AuditQuery::default()).await.unwrap();
    let mut waiting = tail(&world).await.unwrap();
    waiting.next(&world.app).await.unwrap().unwrap();
    let seal = call("Seal", Some(&world.token));
    world.app.seal(&seal).await.unwrap();
    let error = begun.next(&world.app).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Sealed);
    let error = waiting.next(&world.app).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Sealed);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_lines_ends_when_the_daemon_drains() {
    let dir = tempfile::tempdir().unwrap();
    let world = opened(dir.path()).await;
    let mut waiting = tail(&world).await.unwrap();
    waiting.next(&world.app).await.unwrap().unwrap();
    world.app.end_readings();
    assert!(waiting.next(&world.app).await.unwrap().is_none());
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_is_in_the_trail_before_its_first_line_and_a_refused_one_too() {
    let dir = tempfile::tempdir().unwrap();
    let world = opened(dir.path()).await;
    let wrong = AuditQuery {
        outcomes: vec!["fine".to_owned()],
        ..AuditQuery::default()
    };
    let refused = search(&world, &wrong).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::RequestInvalid);
    let reads = AuditQuery {
        actions: vec!["audit:*".to_owned()],
        ..AuditQuery::default()
    };
    let lines = found(&world, &reads).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("REQUEST_INVALID"), "{lines:?}");
    assert!(lines[1].contains("\"status\":\"ok\""), "{lines:?}");
    world.app.shut_down().await;
}
