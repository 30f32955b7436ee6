//! What a clock that is wrong, or was, may do to a vault.

use tempfile::TempDir;
use vault_core::record::{Kind, View as _};

use super::super::jobs::Step;
use super::*;

const WEEK: Duration = Duration::from_hours(7 * 24);

/// The vault of this directory, started, opened and written to on a machine whose clock is ahead.
async fn again(dir: &Path, old: World, ahead: Duration) -> World {
    old.app.shut_down().await;
    drop(old.app);
    let config = AuditConfig::in_directory(dir.join("audit"));
    let audit = || Audit::open(&config, 1, Arc::new(Clock::default()), &options().fatal).unwrap();
    let app = start(dir, &options(), audit, (None, Clock::ahead(ahead))).await;
    let world = World { app, ..old };
    unseal(&world).await;
    // The first write at the new time brings the respite with it: a crash after it does not lose it.
    write(&world, "c").await;
    world
}

async fn write(world: &World, at: &str) {
    let call = call("PutSecret", Some(&world.token));
    world.app.put_secret(&call, put(at, b"1")).await.unwrap();
}

/// A secret that was deleted for two days.
async fn with_one_deleted(dir: &Path) -> World {
    let world = born(dir).await;
    unseal(&world).await;
    write(&world, "a/b").await;
    let request = Delete {
        window: Some(48 * HOUR),
        if_version: None,
    };
    let target = Target::Secret(path("a/b"));
    let remove = call("DeleteSecret", Some(&world.token));
    let deleted = world
        .app
        .delete_secret(&remove, target, request, false, [0; 32]);
    deleted.await.unwrap();
    world
}

async fn kept_after(world: &World, ran: Duration) -> usize {
    world.app.sweep(Step::Deletions(ran)).await.unwrap();
    let found = world.app.store.scan(&[Kind::Deleted as u8], None, 9);
    found.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_start_a_week_later_nothing_is_destroyed_before_the_vault_has_run_for_a_day() {
    let dir = TempDir::new().unwrap();
    let world = with_one_deleted(dir.path()).await;
    let world = again(dir.path(), world, WEEK).await;
    assert!(world.app.now() > Clock::default().wall_ms() + 6 * 24 * HOUR);
    let world = again(dir.path(), world, WEEK).await;
    for hours in [0, 0, 23] {
        assert_eq!(kept_after(&world, Duration::from_hours(hours)).await, 1);
    }
    assert_eq!(kept_after(&world, Duration::from_hours(1)).await, 0);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_was_off_for_a_night_destroys_what_is_due() {
    let dir = TempDir::new().unwrap();
    let world = with_one_deleted(dir.path()).await;
    let mut world = world;
    for nights in 1..=3 {
        world = again(dir.path(), world, Duration::from_hours(16 * nights)).await;
    }
    assert_eq!(kept_after(&world, Duration::ZERO).await, 1, "not due yet");
    let world = again(dir.path(), world, Duration::from_hours(64)).await;
    assert_eq!(kept_after(&world, Duration::ZERO).await, 0);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_a_week_ahead_does_not_stop_the_time_of_the_vault() {
    let dir = TempDir::new().unwrap();
    let world = with_one_deleted(dir.path()).await;
    let world = again(dir.path(), world, WEEK).await;
    let world = again(dir.path(), world, Duration::ZERO).await;
    assert!(world.app.clock_off() > Duration::from_hours(6 * 24));
    let then = world.app.now();
    while world.app.now() == then {
        tokio::task::yield_now().await;
    }
    write(&world, "d").await;
    world.app.shut_down().await;
}

const HOUR: u64 = 60 * 60 * 1000;
