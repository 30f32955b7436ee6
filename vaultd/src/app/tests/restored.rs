//! A vault that was restored: who gets in, and what it destroys by itself.

use tempfile::TempDir;
use vault_core::crypto::sign;
use vault_core::record::{Batch, Kind, View as _};

use super::super::jobs::Step;
use super::backup::{backup, filled};
use super::*;

/// A backup as the next start of another node takes it up, unsealed.
async fn taken_up(dir: &Path, mut backup: &[u8], incarnation: u64, of: World) -> World {
    let identity = NodeOptions {
        id: 1,
        address: String::new(),
        key: None,
        timing: Timing::Region,
    };
    let at = dir.join("store");
    crate::raft::restore(&at, &options(), &identity, incarnation, &mut backup).unwrap();
    let World { shares, token, .. } = of;
    let world = World {
        app: open(dir).await,
        shares,
        token,
    };
    world.app.node.wait_leader().await.unwrap();
    unseal(&world).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_restored_vault_the_initial_token_opens_and_no_session_of_before_does() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let world = filled(dir.path()).await;
    let login = call("Login", Some(&world.token));
    let answer = world.app.login(&login, LoginRequest::default());
    let (session, _) = answer.await.unwrap().reply;
    let who = |app: Arc<App>, call: Call| async move { app.who_am_i(&call).await.map(drop) };
    let mine = call("WhoAmI", Some(&session));
    who(Arc::clone(&world.app), mine).await.unwrap();
    let backup = backup(&world);
    world.app.shut_down().await;

    let now = Clock::default().wall_ms() / 1000;
    let world = taken_up(other.path(), &backup, now, world).await;
    let mine = call("WhoAmI", Some(&session));
    let ended = who(Arc::clone(&world.app), mine).await.unwrap_err();
    assert_eq!(ended.reason(), Reason::TokenInvalid);
    assert_eq!(value(&world, "many/s7").await.unwrap(), [7; 2000]);
    let again = world.app.login(&login, LoginRequest::default());
    let (session, _) = again.await.unwrap().reply;
    let mine = call("WhoAmI", Some(&session));
    who(Arc::clone(&world.app), mine).await.unwrap();
    world.app.shut_down().await;
}

/// Has the log see a leader time that is far ahead of every clock, in a vault that is sealed then.
async fn years_ahead(world: &World) {
    let term = world.app.node.leader_term().unwrap();
    let keys = world.app.unsealed().unwrap();
    let stamp = world.app.store.stamp();
    let batch = Batch {
        cluster: stamp.cluster.unwrap(),
        incarnation: stamp.incarnation,
        term,
        first_sequence: stamp.last.sequence + 1,
        leader_time: stamp.leader_time + 1000 * DAY,
        transactions: Vec::new(),
    };
    let signing = keys.keyring().log_signing().unwrap().active().key();
    let entry = batch.encode(|digest| sign::sign(signing, digest));
    drop(keys);
    let seal = call("Seal", Some(&world.token));
    world.app.seal(&seal).await.unwrap();
    world.app.node.propose(entry, term).await.unwrap();
    assert!(world.app.store.stamp().leader_time > Clock::default().wall_ms() + 900 * DAY);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_backup_holds_as_deleted_stays_for_a_day_of_running_whatever_the_clocks_say() {
    let kept = |world: &World| {
        let found = world.app.store.scan(&[Kind::Deleted as u8], None, 9);
        found.unwrap().len()
    };
    // Restored by a clock that was years behind, and by one that is right, where the backup's leader time is ahead.
    for second in [2, Clock::default().wall_ms() / 1000] {
        let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let world = born(dir.path()).await;
        unseal(&world).await;
        let (write, remove) = (
            call("PutSecret", Some(&world.token)),
            call("DeleteSecret", Some(&world.token)),
        );
        world
            .app
            .put_secret(&write, put("a/b", b"1"))
            .await
            .unwrap();
        let request = Delete {
            window: None,
            if_version: None,
        };
        let target = Target::Secret(path("a/b"));
        let deleted = world
            .app
            .delete_secret(&remove, target, request, false, [0; 32]);
        deleted.await.unwrap();
        years_ahead(&world).await;
        let backup = backup(&world);
        world.app.shut_down().await;

        let world = taken_up(other.path(), &backup, second, world).await;
        let sweep = async |hours: u64| {
            let ran = Duration::from_hours(hours);
            world.app.sweep(Step::Deletions(ran)).await.unwrap();
        };
        for hours in [0, 0, 23] {
            sweep(hours).await;
            assert_eq!(kept(&world), 1, "restored in second {second}");
        }
        sweep(1).await;
        assert_eq!(kept(&world), 0, "restored in second {second}");
        world.app.shut_down().await;
    }
}

const DAY: u64 = 24 * 60 * 60 * 1000;
