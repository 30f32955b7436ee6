//! Backups through the application: who holds what while one is made, checked or taken in.

use std::io::{self, Read};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};

use tempfile::TempDir;

use super::super::audit::tests::{Mood, breakable};
use super::*;
use crate::store::Faults;

pub(super) async fn filled(dir: &Path) -> World {
    let world = born(dir).await;
    unseal(&world).await;
    for n in 0..20 {
        let call = call("PutSecret", Some(&world.token));
        let put = put(&format!("many/s{n}"), &[n; 2000]);
        world.app.put_secret(&call, put).await.unwrap();
    }
    world
}

pub(super) fn backup(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = world.app.spool_backup(|| false).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn names(dir: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(dir.path()).unwrap();
    let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

async fn begin(app: &Arc<App>) -> Result<Restoring> {
    let none = SetupCode::copy_of("");
    app.begin_restore(&call("RestoreBackup", None), &none).await
}

async fn restore(app: &Arc<App>, mut bytes: &[u8]) -> Result<Verified> {
    let restoring = begin(app).await?;
    let taken = app.take_in_backup(&mut bytes);
    app.end_restore(restoring, taken)
        .await
        .map(|answer| answer.reply)
}

/// A disk with as much room as the number says.
fn disk() -> (Arc<AtomicU64>, Options) {
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let told = Arc::clone(&free);
    let mut options = options();
    options.faults = Faults {
        space: Some(Arc::new(move || told.load(Relaxed))),
        ..Faults::default()
    };
    (free, options)
}

/// Hands out a backup up to some byte, says so, and waits to be told to go on.
struct Gate<'a> {
    bytes: &'a [u8],
    until: usize,
    reached: Sender<()>,
    go_on: Receiver<()>,
}

impl Read for Gate<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.until == 0 {
            self.reached.send(()).unwrap();
            self.go_on.recv().unwrap();
            self.until = usize::MAX;
        }
        let most = out.len().min(self.until);
        let read = self.bytes.read(&mut out[..most])?;
        self.until -= read;
        Ok(read)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_wipes_the_keys_under_a_verification_which_says_so() {
    let dir = TempDir::new().unwrap();
    let world = filled(dir.path()).await;
    let backup = backup(&world);
    let ((reached, at_gate), (open_gate, go_on)) = (channel(), channel());
    let app = Arc::clone(&world.app);
    let verifying = tokio::task::spawn_blocking(move || {
        let until = backup.len() / 2;
        let mut gate = Gate {
            bytes: &backup,
            until,
            reached,
            go_on,
        };
        app.verify_backup(&mut gate)
    });
    tokio::task::spawn_blocking(move || at_gate.recv().unwrap())
        .await
        .unwrap();
    let keys = Arc::downgrade(&world.app.keys.load().unwrap());
    let seal = call("Seal", Some(&world.token));
    world.app.seal(&seal).await.unwrap();
    assert_eq!(keys.strong_count(), 0, "the keys outlived the seal");
    open_gate.send(()).unwrap();
    let refused = verifying.await.unwrap().unwrap_err();
    assert_eq!(refused.reason(), Reason::Sealed);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_verifies_and_leaves_no_file_behind() {
    let dir = TempDir::new().unwrap();
    let world = filled(dir.path()).await;
    let before = names(&dir);
    let mut file = world.app.spool_backup(|| false).unwrap();
    assert_eq!(names(&dir), before, "it has no name while it is open");
    let verified = world.app.verify_backup(&mut file).unwrap();
    assert!(verified.opened && !verified.dev);
    let counts = (verified.secrets, verified.versions, verified.principals);
    assert_eq!(counts, (20, 20, 1));
    world.app.spool_backup(|| true).unwrap_err();
    assert_eq!(names(&dir), before);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backups_are_made_or_checked_at_a_time() {
    let dir = TempDir::new().unwrap();
    let world = filled(dir.path()).await;
    let create = call("CreateBackup", Some(&world.token));
    let verify = call("VerifyBackup", Some(&world.token));
    let _first = world.app.may_create_backup(&create).await.unwrap();
    let second = world.app.may_verify_backup(&verify).await.unwrap();
    for _ in 0..2 {
        let refused = world.app.may_create_backup(&create).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::Overloaded);
        let refused = world.app.may_verify_backup(&verify).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::Overloaded);
    }
    drop(second);
    world.app.may_create_backup(&create).await.unwrap();
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_init_or_restore_is_under_way_at_a_time() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let world = filled(dir.path()).await;
    let backup = backup(&world);
    let app = open(other.path()).await;
    let init = || InitRequest {
        seal: SealChoice::Shamir(Split::new(2, 3).unwrap()),
        setup_code: SetupCode::copy_of(""),
    };
    let restoring = begin(&app).await.unwrap();
    let refused = app.init(&call("Init", None), init()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::SetupInProgress);
    let refused = begin(&app).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::SetupInProgress);
    drop(restoring);
    restore(&app, &backup).await.unwrap();
    // It waits to be taken up: nothing may come between.
    let refused = app.init(&call("Init", None), init()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::SetupInProgress);
    assert!(!app.initialised());
    world.app.shut_down().await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_fails_leaves_nothing_and_the_node_can_still_be_initialised() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let world = filled(dir.path()).await;
    let backup = backup(&world);
    let (free, options) = disk();
    let app = open_on(other.path(), options).await;
    let before = names(&other);
    let mut flipped = backup.clone();
    flipped[backup.len() / 2] ^= 1;
    let mut longer = backup.clone();
    longer.push(0);
    for bad in [
        &b""[..],
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        &backup[..backup.len() - 1],
        &flipped,
        &longer,
    ] {
        let refused = restore(&app, bad).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::BackupDamaged);
        assert_eq!(names(&other), before);
    }
    // Room for the upload, but not for what the next start would make of it.
    free.store(1 << 20, Relaxed);
    let refused = restore(&app, &backup).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::DiskFull);
    assert_eq!(names(&other), before);
    let full = app.rehearse_restore(&mut backup.as_slice()).unwrap_err();
    assert_eq!(full.reason(), Reason::DiskFull);
    free.store(u64::MAX, Relaxed);
    drop(app.rehearse_restore(&mut backup.as_slice()).unwrap());
    assert_eq!(names(&other), before);
    let request = InitRequest {
        seal: SealChoice::Shamir(Split::new(2, 3).unwrap()),
        setup_code: SetupCode::copy_of(""),
    };
    let prepared = app.init(&call("Init", None), request).await.unwrap().reply;
    // What was only prepared keeps no restore out.
    drop(app.rehearse_restore(&mut backup.as_slice()).unwrap());
    let confirm = ConfirmInitRequest {
        ceremony: prepared.ceremony.to_string(),
        setup_code: SetupCode::copy_of(""),
    };
    let confirmed = app.confirm_init(&call("ConfirmInit", None), confirm).await;
    confirmed.unwrap();
    let refused = restore(&app, &backup).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::AlreadyInitialised);
    world.app.shut_down().await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_makes_no_backup_and_leaves_nothing_of_one() {
    let dir = TempDir::new().unwrap();
    let (free, options) = disk();
    let app = open_on(dir.path(), options).await;
    let before = names(&dir);
    free.store(4096, Relaxed);
    let refused = app.spool_backup(|| false).unwrap_err();
    assert_eq!(refused.reason(), Reason::DiskFull);
    assert_eq!(names(&dir), before);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_nothing_could_open_is_refused_before_it_is_kept() {
    use crate::store::testing;

    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    // A cluster with a signer and nothing else.
    let store = Store::open(dir.path(), &testing::options().0).unwrap();
    let identity = NodeOptions {
        id: 1,
        address: String::new(),
        key: None,
        timing: Timing::Region,
    };
    let node = Node::start(store.clone(), identity, None).unwrap();
    node.initialise().await.unwrap();
    let mut leader = testing::Leader::new(node.wait_leader().await.unwrap());
    node.propose(leader.founding(), leader.term).await.unwrap();
    let chunks = store.snapshot().unwrap().map(|chunk| chunk.unwrap());
    let backup: Vec<u8> = chunks.flatten().collect();
    node.shutdown().await;
    let app = open(other.path()).await;
    let before = names(&other);
    let refused = restore(&app, &backup).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::BackupDamaged);
    assert!(refused.to_string().contains("seal"), "{refused}");
    assert_eq!(names(&other), before);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_cannot_be_recorded_is_not_taken_up_by_any_start() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let world = filled(dir.path()).await;
    let backup = backup(&world);
    let (audit, fake) = breakable();
    let app = open_with(other.path(), || audit).await;
    let before = names(&other);
    let restoring = begin(&app).await.unwrap();
    let taken = app.take_in_backup(&mut backup.as_slice()).unwrap();
    // What a crash would leave at this moment is nothing that a start takes up.
    let there = names(&other);
    assert!(there.iter().any(|name| name == "restore.part"), "{there:?}");
    assert!(
        !there.iter().any(|name| name == "restore.pending"),
        "{there:?}"
    );
    fake.set(Mood::Full);
    let refused = app.end_restore(restoring, Ok(taken)).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::AuditUnavailable);
    assert_eq!(names(&other), before);
    world.app.shut_down().await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_cannot_be_kept_is_refused_recorded_and_can_be_tried_again() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let world = filled(dir.path()).await;
    let backup = backup(&world);
    let app = open(other.path()).await;
    let before = names(&other);
    // No file can take its name.
    let pending = other.path().join("restore.pending");
    std::fs::create_dir(&pending).unwrap();
    let refused = restore(&app, &backup).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Internal);
    assert!(refused.to_string().contains("restore.pending"), "{refused}");
    std::fs::remove_dir(&pending).unwrap();
    assert_eq!(
        names(&other),
        before,
        "neither name is left, and the setup code is"
    );
    let audit = std::fs::read_to_string(other.path().join("audit/audit.jsonl")).unwrap();
    let last = audit.lines().last().unwrap();
    assert!(last.contains("inside/KeepBackup"), "{last}");
    assert!(last.contains(r#""status":"internal""#), "{last}");
    restore(&app, &backup).await.unwrap();
    assert!(pending.is_file());
    world.app.shut_down().await;
    app.shut_down().await;
}
