//! The automatic seal over a state that a power cut left behind its log.

use std::sync::{Mutex, mpsc};

use super::*;

/// A database that a power cut leaves behind. What was acknowledged since is in the log.
struct Cut {
    database: Vec<u8>,
}

impl Cut {
    fn file(dir: &Path) -> PathBuf {
        dir.join("store/state.db")
    }

    async fn here(dir: &Path, app: Arc<App>) -> Self {
        stop(app).await;
        let database = std::fs::read(Self::file(dir)).unwrap();
        Self { database }
    }

    /// Starts on it, with a log that is applied only once the application has come up.
    async fn start(&self, dir: &Path, app: Arc<App>) -> Arc<App> {
        // That its last entry is committed a log learns with the next one only, or from a stop in order.
        let log = dir.join("store/log");
        let files = std::fs::read_dir(&log).unwrap();
        let files: Vec<_> = files
            .map(|file| file.unwrap().path())
            .map(|file| (file.clone(), std::fs::read(file).unwrap()))
            .collect();
        stop(app).await;
        std::fs::remove_dir_all(&log).unwrap();
        std::fs::create_dir(&log).unwrap();
        for (file, bytes) in files {
            std::fs::write(file, bytes).unwrap();
        }
        for more in ["store/state.db-wal", "store/state.db-shm"] {
            let _none = std::fs::remove_file(dir.join(more));
        }
        std::fs::write(Self::file(dir), &self.database).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let held = Mutex::new(held);
        let mut options = options();
        // Nobody leads, and nothing is applied, before the leader's first entry is synced.
        options.faults.sync = Some(Arc::new(move |_| {
            let _released = held.lock().unwrap().recv();
            Ok(())
        }));
        let app = open_on(dir, options).await;
        assert!(app.store.applied().index < app.node.last_logged());
        drop(release);
        app.node.wait_leader().await.unwrap();
        app
    }
}

/// Waits for the automatic seal.
async fn opened(app: &App) {
    let opens = async {
        while app.seal_status() != SealStatus::Unsealed {
            tokio::task::yield_now().await;
        }
    };
    let opens = tokio::time::timeout(Duration::from_secs(20), opens).await;
    opens.expect("it opens by itself");
}

async fn stop(app: Arc<App>) {
    app.shut_down().await;
    while Arc::strong_count(&app) > 1 {
        tokio::task::yield_now().await;
    }
}

fn key_file() -> SealChoice {
    SealChoice::KeyFile(Split::new(2, 3).unwrap())
}

async fn keep(world: &World) {
    let call = call("PutSecret", Some(&world.token));
    world
        .app
        .put_secret(&call, put("a", b"kept"))
        .await
        .unwrap();
}

/// Replaces the seal by another one with a key file.
async fn rekey(world: &World) {
    let (start, submit) = (
        call("StartRekey", Some(&world.token)),
        call("SubmitRekey", Some(&world.token)),
    );
    let started = world.app.start_rekey(&start, key_file()).await.unwrap();
    let id = started.reply.ceremony.to_string();
    let mut shares = Vec::new();
    for held in world.shares.iter().take(2) {
        let input = KeyInput::Share(Share::copy_of(held.expose()));
        let state = world.app.submit_rekey(&submit, &id, input).await.unwrap();
        shares = state.reply.shares;
    }
    for new in shares.iter().take(2) {
        let input = KeyInput::Share(Share::copy_of(new.expose()));
        world.app.submit_rekey(&submit, &id, input).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_after_the_birth_leaves_a_vault_that_opens_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let unborn = Cut::here(dir.path(), open(dir.path()).await).await;
    let world = born_with(open(dir.path()).await, key_file()).await;
    let World { app, shares, token } = world;
    let app = unborn.start(dir.path(), app).await;
    opened(&app).await;
    let world = World { app, shares, token };
    keep(&world).await;
    assert_eq!(value(&world, "a").await.unwrap(), b"kept");
    stop(world.app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_after_a_rekey_leaves_a_vault_that_opens_by_its_new_seal() {
    // With the key of before, and with another one.
    for replaced in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let world = born_with(open(dir.path()).await, key_file()).await;
        keep(&world).await;
        let World { app, shares, token } = world;
        let before = Cut::here(dir.path(), app).await;
        let app = open(dir.path()).await;
        assert_eq!(app.seal_status(), SealStatus::Unsealed);
        let world = World { app, shares, token };
        if replaced {
            std::fs::remove_file(dir.path().join("seal.key")).unwrap();
        }
        rekey(&world).await;
        let World { app, shares, token } = world;
        let app = before.start(dir.path(), app).await;
        opened(&app).await;
        let world = World { app, shares, token };
        assert_eq!(value(&world, "a").await.unwrap(), b"kept");
        stop(world.app).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_was_sealed_waits_for_people_whatever_lies_there() {
    let dir = tempfile::tempdir().unwrap();
    let world = born_with(open(dir.path()).await, key_file()).await;
    let seal = call("Seal", Some(&world.token));
    world.app.seal(&seal).await.unwrap();
    world
        .app
        .freshness
        .round(&world.app.node, &world.app.store)
        .await;
    assert_eq!(world.app.seal_status(), SealStatus::Sealed);
    unseal(&world).await;
    stop(world.app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_opens_nothing_leaves_the_vault_sealed_and_one_of_shares_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let world = born_with(open(dir.path()).await, key_file()).await;
    stop(world.app).await;
    std::fs::write(dir.path().join("seal.key"), [7; 32]).unwrap();
    let app = open(dir.path()).await;
    assert_eq!(app.seal_status(), SealStatus::Sealed);
    stop(app).await;

    let dir = tempfile::tempdir().unwrap();
    let unborn = Cut::here(dir.path(), open(dir.path()).await).await;
    let world = born(dir.path()).await;
    std::fs::write(dir.path().join("seal.key"), [7; 32]).unwrap();
    let app = unborn.start(dir.path(), world.app).await;
    assert_eq!(app.seal_status(), SealStatus::Sealed);
    stop(app).await;
}
