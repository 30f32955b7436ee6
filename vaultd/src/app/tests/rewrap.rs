//! The job behind a rotation, step by step, and who reads while it is under way.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use vault_core::crypto::secret::RootKey;
use vault_core::engine::secrets::{Update, Value};
use vault_core::record::{Key, Kind, Tx, View as _, terms_of};

use super::super::rewrap::{Next, STEP_BYTES};
use super::super::transact::{Terms, Verdict};
use super::terms::{filled, generation, numbers, rotate, settled, store, store_keyring, write};
use super::*;
use crate::clock::OsEntropy;

/// Rotates, and keeps the job from going on by itself.
async fn rotate_by_hand(world: &World) -> OwnedSemaphorePermit {
    let only = Arc::clone(&world.app.rewrapping).acquire_owned().await;
    rotate(world).await.unwrap();
    only.unwrap()
}

/// Lets the job go on by itself, to its end.
async fn let_go(world: &World, only: OwnedSemaphorePermit) -> KeyringState {
    drop(only);
    world.app.resume_rewrap();
    settled(world).await
}

async fn remove(app: &App, key: Key) {
    let delete = move |tx: &mut Tx<'_>| {
        tx.delete(key.clone());
        (Verdict::Commit, Ok(()))
    };
    app.proposer.run(Terms::default(), delete).await.unwrap();
}

async fn batch(world: &World, paths: &[&str]) -> Vec<Result<Value>> {
    let wanted: Vec<_> = paths.iter().map(|text| (path(text), get())).collect();
    let call = call("BatchGetSecrets", Some(&world.token));
    let answer = world.app.batch_get_secrets(&call, &wanted).await;
    answer.unwrap().reply
}

/// Changes a bit of the first record of a kind, and says what it was.
async fn damage(world: &World, kind: Kind) -> (Key, Bytes) {
    let page = world.app.store.scan(&[kind as u8], None, 1).unwrap();
    let (key, record) = page.first().unwrap();
    let mut damaged = record.sealed.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    store(&world.app, vec![(key.clone(), damaged.into())]).await;
    (key.clone(), record.sealed.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn large_heads_of_one_folder_move_in_steps_of_bounded_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let metadata: BTreeMap<_, _> = (0..64)
        .map(|n| {
            let key = format!("key-{n}").as_str().try_into().unwrap();
            (key, "v".repeat(1024).as_str().try_into().unwrap())
        })
        .collect();
    let update = Update {
        set_metadata: metadata,
        ..Update::default()
    };
    for n in 0..64 {
        let name = format!("one/s{n}");
        write(&world, &name).await.unwrap();
        let call = call("UpdateSecret", Some(&world.token));
        let large = world
            .app
            .update_secret(&call, path(&name), update.clone(), [0; 32]);
        large.await.unwrap();
    }
    let only = rotate_by_hand(&world).await;
    let mut large = 0;
    loop {
        let before = world.app.store.log_stats().bytes;
        let Next::Step = world.app.rewrap_step().await.unwrap() else {
            break;
        };
        let written = world.app.store.log_stats().bytes - before;
        let most = u64::try_from(STEP_BYTES).unwrap();
        assert!(written < most + most / 8, "{written}");
        large += usize::from(written > most / 2);
    }
    assert!(large >= 8, "4 MiB of heads went in {large} steps");
    let state = let_go(&world, only).await;
    assert_eq!(numbers(&state, "shared"), [2]);
    for n in 0..64 {
        assert_eq!(value(&world, &format!("one/s{n}")).await.unwrap(), b"kept");
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_term_is_held_by_a_record_of_every_kind_that_is_under_terms() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    for kind in Kind::under_terms() {
        let whole = if kind == Kind::Wrap {
            Kind::Wrap
        } else {
            Kind::Secret
        };
        let page = world.app.store.scan(&[whole as u8], None, 1).unwrap();
        let (from, record) = page.first().unwrap();
        let (role, term) = terms_of(from, &record.sealed).unwrap()[0];
        // Elsewhere it names its term, and does not open.
        let elsewhere = Key::new(kind, &[&[0xee; 16]]);
        store(&world.app, vec![(elsewhere.clone(), record.sealed.clone())]).await;
        rotate(&world).await.unwrap();
        let state = settled(&world).await;
        let key = role.to_string();
        assert_eq!(numbers(&state, &key), [term, term + 1], "{kind:?}");
        let held = |held: &&TermState| held.key == key && held.term == term;
        let held = state.terms.iter().find(held).unwrap();
        assert_eq!((held.records, state.unreadable), (1, 0), "{kind:?}");
        for other in ["voter", "shared", "kek"] {
            let terms = numbers(&state, other).len();
            assert_eq!(terms, if other == key { 2 } else { 1 }, "{kind:?} {other}");
        }
        remove(&world.app, elsewhere).await;
    }
    rotate(&world).await.unwrap();
    let state = settled(&world).await;
    for key in ["voter", "shared", "kek"] {
        assert_eq!(numbers(&state, key).len(), 1, "{key}");
    }
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_under_another_keyring_destroys_nothing_and_is_counted_again() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let only = rotate_by_hand(&world).await;
    let scanned = loop {
        match world.app.rewrap_step().await.unwrap() {
            Next::Step => {}
            Next::Scanned(job) => break job,
            Next::Nothing => panic!("there is a job"),
        }
    };
    // A rekey comes between the count and what follows from it.
    let root = RootKey::make(&mut OsEntropy);
    let now = world.app.unsealed().unwrap();
    let next = now.keyring().rekey(&root, &mut OsEntropy).unwrap();
    drop(now);
    let record = store_keyring(&world.app, &next).await;
    world.app.keys.offer(record, next);
    let refused = world.app.destroy_unneeded(scanned).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Contention);
    assert_eq!(generation(&world.app), 3);
    let status = call("GetKeyringStatus", Some(&world.token));
    let state = world.app.keyring_status(&status).await.unwrap().reply;
    assert_eq!(numbers(&state, "kek"), [1, 2]);
    let before = state.done;
    assert!(matches!(world.app.rewrap_step().await.unwrap(), Next::Step));
    let state = world.app.keyring_status(&status).await.unwrap().reply;
    assert!(state.rewrapping && state.done < before, "{state:?}");
    let state = let_go(&world, only).await;
    for key in ["voter", "shared", "kek"] {
        assert_eq!(numbers(&state, key), [2], "{key}");
    }
    assert_eq!(value(&world, "some/s3").await.unwrap(), b"kept");
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_across_a_rotation_takes_up_the_keys_that_one_of_its_parts_needs() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let old = world.app.unsealed().unwrap();
    let old_record = Bytes::from(old.keyring().to_record(&mut OsEntropy));
    let old = old.keyring().reload(&old_record).unwrap();
    let only = rotate_by_hand(&world).await;
    write(&world, "some/new").await.unwrap();
    // As a node that was not told of the rotation: the session and the first part open all the same.
    world.app.keys.set(Unsealed::new(old, 1));
    assert_eq!(generation(&world.app), 1);
    for part in batch(&world, &["some/s3", "some/new"]).await {
        let fields = part.unwrap().fields;
        assert_eq!(fields.get(&FieldName::value()).unwrap().to_vec(), b"kept");
    }
    assert_eq!(generation(&world.app), 2);
    let_go(&world, only).await;
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_do_not_open_are_counted_and_said_to_those_who_may_know() {
    for kind in [Kind::Value, Kind::Wrap, Kind::Secret] {
        let dir = tempfile::tempdir().unwrap();
        let world = filled(dir.path()).await;
        let status = call("GetStatus", Some(&world.token));
        let told = async || {
            let told = world.app.status(&status).await.unwrap().reply;
            told.inside.unwrap().failed_opens
        };
        assert_eq!((told().await, world.app.failed_opens()), (0, 0));
        let (key, whole) = damage(&world, kind).await;
        // What was opened before is not opened again.
        world.app.unsealed().unwrap().forget();
        let parts = batch(&world, &["some/s0", "some/s1"]).await;
        let [Err(damaged), Ok(_)] = parts.as_slice() else {
            panic!("{kind:?}: {parts:?}");
        };
        assert_eq!(damaged.reason(), Reason::RecordDamaged);
        assert_eq!((told().await, world.app.failed_opens()), (1, 1), "{kind:?}");
        store(&world.app, vec![(key, whole)]).await;
        assert!(batch(&world, &["some/s0"]).await[0].is_ok());
        assert_eq!(world.app.failed_opens(), 1);
        let seal = call("Seal", Some(&world.token));
        world.app.seal(&seal).await.unwrap();
        assert_eq!(world.app.failed_opens(), 0);
        world.app.shut_down().await;
    }
}
