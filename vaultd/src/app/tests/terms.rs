//! Terms of keys: destroyed when nothing needs them and not before, taken up when they were changed elsewhere.

use bytes::Bytes;
use vault_core::crypto::keyring::{HOME_REGION, Keyring, Role, Rotate};
use vault_core::crypto::secret::RootKey;
use vault_core::crypto::sign;
use vault_core::record::{Key, Kind, Tx, View as _};

use super::super::audit::tests::breakable;
use super::super::rewrap::Job;
use super::super::seals::keyring_key;
use super::super::transact::{Terms, Verdict, signer_key};
use super::*;
use crate::clock::OsEntropy;

/// An open vault with some secrets.
pub(super) async fn filled(dir: &Path) -> World {
    let world = born(dir).await;
    unseal(&world).await;
    for n in 0..20 {
        write(&world, &format!("some/s{n}")).await.unwrap();
    }
    world
}

pub(super) async fn write(world: &World, path: &str) -> Result<()> {
    let call = call("PutSecret", Some(&world.token));
    let put = world.app.put_secret(&call, put(path, b"kept"));
    put.await.map(drop)
}

/// Writes records as they are, past all rules.
pub(super) async fn store(app: &App, records: Vec<(Key, Bytes)>) {
    let put = move |tx: &mut Tx<'_>| {
        for (key, bytes) in &records {
            tx.put_stored(key.clone(), bytes.clone());
        }
        (Verdict::Commit, Ok(()))
    };
    app.proposer.run(Terms::default(), put).await.unwrap();
}

/// Stores a keyring as one does whose answer was lost, or another node.
pub(super) async fn store_keyring(app: &App, next: &Keyring) -> Bytes {
    let record = Bytes::from(next.to_record(&mut OsEntropy));
    let signer = sign::public(next.log_signing().unwrap().active().key());
    let records = vec![
        (keyring_key(HOME_REGION), record.clone()),
        (signer_key(), Bytes::copy_from_slice(&signer)),
    ];
    store(app, records).await;
    record
}

pub(super) fn generation(app: &App) -> u64 {
    app.unsealed().unwrap().keyring().generation()
}

pub(super) async fn rotate(world: &World) -> Result<KeyringState> {
    let rotate = call("RotateKeyring", Some(&world.token));
    let rotated = world.app.rotate_keyring(&rotate).await;
    rotated.map(|answer| answer.reply)
}

/// The keyring once its job is done.
pub(super) async fn settled(world: &World) -> KeyringState {
    let status = call("GetKeyringStatus", Some(&world.token));
    loop {
        let state = world.app.keyring_status(&status).await.unwrap().reply;
        if !state.rewrapping {
            return state;
        }
    }
}

pub(super) fn numbers(state: &KeyringState, key: &str) -> Vec<u32> {
    let terms = state.terms.iter().filter(|term| term.key == key);
    terms.map(|term| term.term).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_is_destroyed_when_no_record_needs_it_and_all_still_opens() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    rotate(&world).await.unwrap();
    let state = settled(&world).await;
    for key in ["voter", "shared", "kek", "log-signing"] {
        assert_eq!(numbers(&state, key), [2], "{key}");
    }
    // Names in old audit lines are found by the key that blinded them; tags are looked up.
    assert_eq!(numbers(&state, "audit"), [1, 2]);
    assert_eq!(numbers(&state, "index"), [1]);
    world
        .app
        .seal(&call("Seal", Some(&world.token)))
        .await
        .unwrap();
    unseal(&world).await;
    for n in 0..20 {
        assert_eq!(value(&world, &format!("some/s{n}")).await.unwrap(), b"kept");
    }
    rotate(&world).await.unwrap();
    assert_eq!(numbers(&settled(&world).await, "kek"), [3]);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_that_a_damaged_record_needs_is_kept_and_said_so_and_the_others_go() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let page = world.app.store.scan(&[Kind::Wrap as u8], None, 1).unwrap();
    let (key, record) = page.first().unwrap();
    let mut damaged = record.sealed.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    store(&world.app, vec![(key.clone(), damaged.clone().into())]).await;
    rotate(&world).await.unwrap();
    let state = settled(&world).await;
    assert_eq!(numbers(&state, "kek"), [1, 2]);
    assert_eq!(numbers(&state, "shared"), [2]);
    let kept = |term: &&TermState| term.key == "kek" && term.term == 1;
    assert_eq!(state.terms.iter().find(kept).unwrap().records, 1);
    assert_eq!(state.unreadable, 0);
    // Repaired, it lets the term go with the next job.
    store(&world.app, vec![(key.clone(), record.sealed.clone())]).await;
    rotate(&world).await.unwrap();
    assert_eq!(numbers(&settled(&world).await, "kek"), [3]);
    for n in 0..20 {
        assert_eq!(value(&world, &format!("some/s{n}")).await.unwrap(), b"kept");
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_does_not_say_its_term_keeps_every_term() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let junk = Key::new(Kind::Version, &[&u64::MAX.to_be_bytes(), &[0; 8]]);
    store(
        &world.app,
        vec![(junk.clone(), Bytes::from_static(b"junk"))],
    )
    .await;
    rotate(&world).await.unwrap();
    let state = settled(&world).await;
    assert_eq!(state.unreadable, 1);
    for key in ["voter", "shared", "kek"] {
        assert_eq!(numbers(&state, key), [1, 2], "{key}");
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_rotation_waits_until_the_records_of_the_first_have_moved() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let begin = |tx: &mut Tx<'_>| (Verdict::Commit, Job::begin().put(tx));
    let put = world.app.proposer.run(Terms::default(), begin).await;
    put.unwrap();
    assert_eq!(
        rotate(&world).await.unwrap_err().reason(),
        Reason::RotationInProgress
    );
    assert_eq!(generation(&world.app), 1);
    world.app.resume_rewrap();
    settled(&world).await;
    rotate(&world).await.unwrap();
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_by_age_and_the_line_says_that_the_daemon_did_it() {
    for (limit, rotates) in [
        (None, false),
        (Some(Duration::from_hours(24)), false),
        (Some(Duration::ZERO), true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (audit, fake) = breakable();
        let app = start(dir.path(), &options(), || audit, (limit, Clock::default())).await;
        let world = born_in(app).await;
        unseal(&world).await;
        world.app.rotate_by_age().await.unwrap();
        assert_eq!(generation(&world.app) > 1, rotates, "{limit:?}");
        let ours = |line: &serde_json::Value| {
            line["method"] == "/vault.v1.System/RotateKeyring"
                && line["source"] == "inside"
                && line["status"] == "ok"
        };
        assert_eq!(fake.lines().iter().any(ours), rotates, "{limit:?}");
        world.app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn destroying_terms_is_recorded_under_a_name_that_nobody_can_call() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, fake) = breakable();
    let world = born_in(open_with(dir.path(), || audit).await).await;
    unseal(&world).await;
    rotate(&world).await.unwrap();
    assert_eq!(numbers(&settled(&world).await, "kek"), [2]);
    // The answer comes from the state, which may be ahead of the line.
    let line = loop {
        let ours = |line: &serde_json::Value| line["action"] == "keyring:DestroyTerms";
        if let Some(line) = fake.lines().into_iter().find(ours) {
            break line;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(line["method"], "inside/DestroyTerms");
    assert_eq!(line["source"], "inside");
    assert_eq!(line["status"], "ok");
    let callable = |method: &vault_proto::Method| line["method"] == method.path;
    assert!(!vault_proto::METHODS.iter().any(callable));
    assert_eq!(
        vault_core::access::Action::from_name("keyring:DestroyTerms"),
        None
    );
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_whose_answer_was_lost_is_taken_up_before_the_next_write() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let now = world.app.unsealed().unwrap();
    let next = now
        .keyring()
        .rotate(Rotate::All, &mut OsEntropy, 1)
        .unwrap();
    drop(now);
    store_keyring(&world.app, &next).await;
    assert_eq!(generation(&world.app), 1);
    // Signed by a key that the state no longer names, the batch is refused, and is made again under the new one.
    write(&world, "after/it").await.unwrap();
    assert_eq!(generation(&world.app), 2);
    let page = world.app.store.scan(&[Kind::Wrap as u8], None, 99).unwrap();
    let (key, record) = page.last().unwrap();
    let terms = vault_core::record::terms_of(key, &record.sealed).unwrap();
    assert_eq!(terms, [(Role::Kek(1), 2)]);
    assert_eq!(value(&world, "some/s3").await.unwrap(), b"kept");
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_takes_up_the_keys_that_a_record_needs() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let old = world.app.unsealed().unwrap();
    let old_record = Bytes::from(old.keyring().to_record(&mut OsEntropy));
    let old = old.keyring().reload(&old_record).unwrap();
    rotate(&world).await.unwrap();
    settled(&world).await;
    // As a node that was not told of any of it.
    world.app.keys.set(Unsealed::new(old, 1));
    assert_eq!(generation(&world.app), 1);
    assert_eq!(value(&world, "some/s3").await.unwrap(), b"kept");
    assert!(generation(&world.app) > 1);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rekey_whose_answer_was_lost_is_taken_up_with_what_was_kept_ready() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let root = RootKey::make(&mut OsEntropy);
    let now = world.app.unsealed().unwrap();
    let next = now.keyring().rekey(&root, &mut OsEntropy).unwrap();
    let again = now.keyring().rekey(&root, &mut OsEntropy).unwrap();
    drop(now);
    let record = store_keyring(&world.app, &next).await;
    world.app.keys.offer(record, next);
    world.app.keys.follow(&world.app.store);
    assert_eq!(generation(&world.app), 2);
    rotate(&world).await.unwrap();
    settled(&world).await;
    let cluster = *again.cluster();
    let stored = world
        .app
        .store
        .get(&keyring_key(HOME_REGION))
        .unwrap()
        .unwrap();
    Keyring::from_record(&root, &cluster, 1, &stored.sealed).unwrap();
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_open_the_stored_keyring_seals_itself_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, fake) = breakable();
    let world = born_in(open_with(dir.path(), || audit).await).await;
    unseal(&world).await;
    let root = RootKey::make(&mut OsEntropy);
    let now = world.app.unsealed().unwrap();
    let next = now.keyring().rekey(&root, &mut OsEntropy).unwrap();
    let foreign = now.keyring().rekey(&root, &mut OsEntropy).unwrap();
    drop(now);
    store_keyring(&world.app, &next).await;
    // What was kept ready is another record's.
    let other = Bytes::from(foreign.to_record(&mut OsEntropy));
    world.app.keys.offer(other, foreign);
    world.app.keys.follow(&world.app.store);
    assert_eq!(world.app.seal_status(), SealStatus::Sealed);
    let refused = value(&world, "some/s3").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Sealed);
    let said = refused.to_string();
    assert!(said.contains("the root key was replaced"), "{said}");
    world.app.tell_fall().await;
    world.app.tell_fall().await;
    let lines = fake.lines();
    let told = lines
        .iter()
        .filter(|line| line["method"] == "/vault.v1.System/Seal" && line["source"] == "inside");
    assert_eq!(told.count(), 1);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_or_damaged_keyring_record_changes_nothing_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let first = world
        .app
        .store
        .get(&keyring_key(HOME_REGION))
        .unwrap()
        .unwrap()
        .sealed;
    rotate(&world).await.unwrap();
    settled(&world).await;
    let held = generation(&world.app);
    let stored = world
        .app
        .store
        .get(&keyring_key(HOME_REGION))
        .unwrap()
        .unwrap()
        .sealed;
    for record in [first, stored, Bytes::new(), Bytes::from_static(b"junk")] {
        world.app.keys.follow_record(&record);
        assert_eq!(generation(&world.app), held);
    }
    world.app.shut_down().await;
}
