//! Backups that are verified: by which keys they open, and with which seal they will once they are restored.

use bytes::Bytes;
use vault_core::crypto::keyring::HOME_REGION;
use vault_core::crypto::secret::RootKey;
use vault_core::crypto::slots::{self, SealHeader, SealKind};
use vault_core::record::{Kind, View as _};

use super::super::seals::seal_key;
use super::backup::backup;
use super::terms::{filled, numbers, rotate, settled, store, store_keyring};
use super::*;
use crate::clock::OsEntropy;

fn verify(world: &World, mut backup: &[u8]) -> Result<Verified> {
    world.app.verify_backup(&mut backup)
}

/// Puts another keyring in force, under a root that no seal keeps.
async fn rewrapped(world: &World) {
    let root = RootKey::make(&mut OsEntropy);
    let now = world.app.unsealed().unwrap();
    let next = now.keyring().rekey(&root, &mut OsEntropy).unwrap();
    drop(now);
    let record = store_keyring(&world.app, &next).await;
    world.app.keys.offer(record, next);
    world.app.keys.follow(&world.app.store);
}

/// Puts another seal's header in force.
async fn resealed(world: &World) {
    let cluster = *world.app.seal_header().unwrap().cluster();
    let split = Split::new(2, 2).unwrap();
    let made = slots::make(cluster, HOME_REGION, split, &[], &mut OsEntropy).unwrap();
    let header = Bytes::from(made.header.to_record());
    store(&world.app, vec![(seal_key(HOME_REGION), header)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_before_a_rotation_is_verified_by_its_own_keyring_and_damage_in_it_found() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let whole = backup(&world);
    let page = world.app.store.scan(&[Kind::Wrap as u8], None, 1).unwrap();
    let (key, record) = page.first().unwrap();
    let mut changed = record.sealed.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    store(&world.app, vec![(key.clone(), changed.into())]).await;
    let damaged = backup(&world);
    store(&world.app, vec![(key.clone(), record.sealed.clone())]).await;
    rotate(&world).await.unwrap();
    assert_eq!(numbers(&settled(&world).await, "kek"), [2]);
    let verified = world.app.verify_backup(&mut whole.as_slice()).unwrap();
    assert!(verified.opened);
    assert_eq!(verified.seal, SealThen::Present);
    let refused = world.app.verify_backup(&mut damaged.as_slice());
    assert_eq!(refused.unwrap_err().reason(), Reason::BackupDamaged);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_before_a_rekey_is_said_to_open_with_the_seal_of_then() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let before = backup(&world);
    assert_eq!(verify(&world, &before).unwrap().seal, SealThen::Present);
    let (start, submit) = (
        call("StartRekey", Some(&world.token)),
        call("SubmitRekey", Some(&world.token)),
    );
    let choice = SealChoice::Passphrase(None, Split::new(2, 2).unwrap());
    let started = world.app.start_rekey(&start, choice).await.unwrap();
    let id = started.reply.ceremony.to_string();
    let enter = async |share: &Share| {
        let input = KeyInput::Share(Share::copy_of(share.expose()));
        let entered = world.app.submit_rekey(&submit, &id, input).await;
        entered.unwrap().reply
    };
    enter(&world.shares[0]).await;
    let made = enter(&world.shares[1]).await;
    // Until the new shares were entered again, the old ones are in force.
    assert_eq!(verify(&world, &before).unwrap().seal, SealThen::Present);
    for share in &made.shares {
        enter(share).await;
    }
    let kinds = |header: &SealHeader| header.kinds().collect::<Vec<_>>();
    let then = verify(&world, &before).unwrap();
    assert!(
        then.opened,
        "its records are under terms that are still there"
    );
    assert_eq!(then.seal, SealThen::Replaced);
    assert_eq!(kinds(&then.header), [SealKind::Shamir]);
    assert_eq!((then.header.threshold(), then.header.shares()), (2, 3));
    let now = verify(&world, &backup(&world)).unwrap();
    assert_eq!((now.opened, now.seal), (true, SealThen::Present));
    assert_eq!(kinds(&now.header), [SealKind::Passphrase, SealKind::Shamir]);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rekey_and_a_rotation_put_out_of_reach_is_counted_and_not_said_to_open() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let before = backup(&world);
    rotate(&world).await.unwrap();
    assert_eq!(numbers(&settled(&world).await, "kek"), [2]);
    rewrapped(&world).await;
    resealed(&world).await;
    let verified = verify(&world, &before).unwrap();
    assert_eq!(
        (verified.opened, verified.seal),
        (false, SealThen::Replaced)
    );
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_whose_keyring_its_own_seal_does_not_open_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let world = filled(dir.path()).await;
    let whole = backup(&world);
    // Its records open, and the seal beside its keyring is the one in force: it opens another keyring.
    rewrapped(&world).await;
    let refused = verify(&world, &whole).unwrap_err();
    assert_eq!(refused.reason(), Reason::BackupDamaged);
    assert!(refused.to_string().contains("keyring"), "{refused}");
    world.app.shut_down().await;
}
