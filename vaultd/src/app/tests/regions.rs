//! Regions: home's name, a region's birth, and what a disk says of them in clear.

use vault_core::access::region::{self, Region, Regions};
use vault_core::crypto::entropy::Entropy as _;
use vault_core::crypto::keyring::{HOME_REGION, Keyring};
use vault_core::crypto::secret::Passphrase;
use vault_core::crypto::slots::SealKind;
use vault_core::name::RegionName;
use vault_core::record::{Key, Kind, Tx, View as _};

use super::super::seals::{keyring_key, seal_key};
use super::super::transact::{Terms, Verdict};
use super::terms::{rotate, settled, store, write};
use super::*;
use crate::clock::OsEntropy;

mod nodes;
mod revoked;

const EU: u16 = 2;

fn name(text: &str) -> RegionName {
    text.try_into().unwrap()
}

fn names(app: &App) -> Vec<(u16, String)> {
    let regions = Regions::in_clear(&app.store).unwrap();
    let regions = regions.iter();
    regions
        .map(|region| (region.number(), region.name().to_string()))
        .collect()
}

fn shamir() -> SealChoice {
    SealChoice::Shamir(Split::new(2, 3).unwrap())
}

async fn prepare(world: &World, region: &str, seal: SealChoice) -> Result<Founded> {
    let create = call("CreateRegion", Some(&world.token));
    let prepared = world.app.create_region(&create, name(region), seal).await;
    Ok(prepared?.reply)
}

async fn confirm(world: &World, founded: &Founded) -> Result<Region> {
    let confirm = call("ConfirmRegion", Some(&world.token));
    let ceremony = founded.ceremony.to_string();
    Ok(world.app.confirm_region(&confirm, &ceremony).await?.reply)
}

async fn found(world: &World, region: &str) -> Founded {
    let founded = prepare(world, region, shamir()).await.unwrap();
    let made = confirm(world, &founded).await.unwrap();
    assert_eq!(
        (made.number(), made.name().as_str()),
        (founded.number, region)
    );
    founded
}

/// An open vault with a secret and a region.
async fn with_eu(dir: &Path) -> (World, Founded) {
    let world = born(dir).await;
    unseal(&world).await;
    write(&world, "app/key").await.unwrap();
    let eu = found(&world, "eu").await;
    (world, eu)
}

/// What this node's disk holds, as another machine gets it.
async fn copied(world: World, dir: &Path) -> (tempfile::TempDir, TokenText) {
    let World { app, token, .. } = world;
    (copied_of(app, dir).await, token)
}

async fn copied_of(app: Arc<App>, dir: &Path) -> tempfile::TempDir {
    closed(app).await;
    let copy = tempfile::tempdir().unwrap();
    copy_all(&dir.join("store"), &copy.path().join("store"));
    copy
}

async fn closed(app: Arc<App>) {
    app.shut_down().await;
    while Arc::strong_count(&app) > 1 {
        tokio::task::yield_now().await;
    }
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

fn copies(shares: &[Share]) -> Vec<Share> {
    let copy = |share: &Share| Share::copy_of(share.expose());
    shares.iter().map(copy).collect()
}

async fn enter(app: &App, share: &Share) -> Result<UnsealState> {
    let input = KeyInput::Share(Share::copy_of(share.expose()));
    Ok(app.unseal(&call("Unseal", None), input).await?.reply)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_knows_from_its_birth_what_its_home_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    assert_eq!(names(&world.app), [(1, "home".to_owned())]);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_is_older_than_regions_learns_its_homes_name_when_it_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let forget = |tx: &mut Tx<'_>| {
        tx.delete(Key::new(Kind::Header, &[b"regions"]));
        tx.delete(Key::new(Kind::Regions, &[]));
        (Verdict::Commit, Ok(()))
    };
    let forgotten = world.app.proposer.run(Terms::default(), forget).await;
    forgotten.unwrap();
    assert!(names(&world.app).is_empty());
    world
        .app
        .seal(&call("Seal", Some(&world.token)))
        .await
        .unwrap();
    unseal(&world).await;
    assert_eq!(names(&world.app), [(1, "home".to_owned())]);
    // and at the latest when a region is added
    let forgotten = world.app.proposer.run(Terms::default(), forget).await;
    forgotten.unwrap();
    assert_eq!(found(&world, "eu").await.number, EU);
    let both = [(1, "home".to_owned()), (EU, "eu".to_owned())];
    assert_eq!(names(&world.app), both);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_what_is_in_clear_of_regions_keeps_no_vault_shut_and_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    let (world, eu) = with_eu(dir.path()).await;
    let key = Key::new(Kind::Header, &[b"regions"]);
    store(&world.app, vec![(key, bytes::Bytes::from_static(b"junk"))]).await;
    let World { app, shares, token } = world;
    let copy = copied_of(app, dir.path()).await;
    let node = open_in(copy.path(), "eu").await;
    let foreign = enter(&node, &eu.shares[0]).await.unwrap_err();
    assert_eq!(foreign.reason(), Reason::ShareForeign);
    node.shut_down().await;
    let world = World {
        app: open(dir.path()).await,
        shares,
        token,
    };
    assert!(Regions::in_clear(&world.app.store).is_err());
    unseal(&world).await;
    assert_eq!(value(&world, "app/key").await.unwrap(), b"kept");
    // As the leader's next round does, if it did not lead yet when it was opened.
    world.app.name_home().await;
    let expected = [(1, "home".to_owned()), (EU, "eu".to_owned())];
    assert_eq!(names(&world.app), expected);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_exists_once_its_shares_were_confirmed_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let lost = prepare(&world, "eu", shamir()).await.unwrap();
    assert_eq!(names(&world.app).len(), 1);
    assert!(world.app.store.get(&seal_key(EU)).unwrap().is_none());
    let eu = prepare(&world, "eu", shamir()).await.unwrap();
    let stale = confirm(&world, &lost).await.unwrap_err();
    assert_eq!(stale.reason(), Reason::CeremonyStale);
    assert_eq!(names(&world.app).len(), 1);
    confirm(&world, &eu).await.unwrap();
    assert_eq!(
        names(&world.app),
        [(1, "home".to_owned()), (EU, "eu".to_owned())]
    );
    assert!(world.app.store.get(&seal_key(EU)).unwrap().is_some());
    assert!(world.app.store.get(&keyring_key(EU)).unwrap().is_some());
    let twice = confirm(&world, &eu).await.unwrap_err();
    assert_eq!(twice.reason(), Reason::CeremonyStale);
    let taken = prepare(&world, "eu", shamir()).await.unwrap_err();
    assert_eq!(taken.reason(), Reason::RegionExists);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_was_overtaken_or_forgotten_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let late = prepare(&world, "eu", shamir()).await.unwrap();
    let quick = |tx: &mut Tx<'_>| {
        let added = region::add(tx, &name("us"));
        (Verdict::Commit, Ok(added.unwrap().number()))
    };
    let quick = world.app.proposer.run(Terms::default(), quick).await;
    assert_eq!(quick.unwrap().0, EU);
    let overtaken = confirm(&world, &late).await.unwrap_err();
    assert_eq!(overtaken.reason(), Reason::CeremonyStale);
    assert!(world.app.store.get(&seal_key(EU)).unwrap().is_none());
    assert_eq!(world.app.unsealed().unwrap().keyring().regions().count(), 0);
    let left = prepare(&world, "eu", shamir()).await.unwrap();
    world
        .app
        .seal(&call("Seal", Some(&world.token)))
        .await
        .unwrap();
    unseal(&world).await;
    let wiped = confirm(&world, &left).await.unwrap_err();
    assert_eq!(wiped.reason(), Reason::CeremonyStale);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_no_region_or_one_that_is_revoked_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (world, eu) = with_eu(dir.path()).await;
    let revoke = |tx: &mut Tx<'_>| {
        let revoked = region::revoke(tx, &name("eu"));
        (Verdict::Commit, Ok(revoked.unwrap().number()))
    };
    let revoked = world.app.proposer.run(Terms::default(), revoke).await;
    revoked.unwrap();
    let (copy, _token) = copied(world, dir.path()).await;
    let node = open_in(copy.path(), "us").await;
    let unknown = enter(&node, &eu.shares[0]).await.unwrap_err();
    assert_eq!(unknown.reason(), Reason::RegionNotFound);
    assert!(unknown.to_string().contains("vaultctl region add us"));
    closed(node).await;
    let node = open_in(copy.path(), "eu").await;
    let revoked = enter(&node, &eu.shares[0]).await.unwrap_err();
    assert_eq!(revoked.reason(), Reason::RegionRevoked);
    node.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_disk_says_in_clear_of_regions_is_believed_by_no_open_node() {
    let dir = tempfile::tempdir().unwrap();
    let (world, eu) = with_eu(dir.path()).await;
    found(&world, "us").await;
    let key = Key::new(Kind::Header, &[b"regions"]);
    let stored = world.app.store.get(&key).unwrap().unwrap().sealed;
    let at = |text: &[u8]| stored.windows(2).position(|part| part == text).unwrap();
    let (eu_at, us_at) = (at(b"eu"), at(b"us"));
    let mut swapped = stored.to_vec();
    swapped[eu_at..eu_at + 2].copy_from_slice(b"us");
    swapped[us_at..us_at + 2].copy_from_slice(b"eu");
    store(&world.app, vec![(key, swapped.into())]).await;
    assert_eq!(names(&world.app)[1], (EU, "us".to_owned()));
    let (copy, _token) = copied(world, dir.path()).await;
    let node = open_in(copy.path(), "us").await;
    enter(&node, &eu.shares[0]).await.unwrap();
    let altered = enter(&node, &eu.shares[1]).await.unwrap_err();
    assert_eq!(altered.reason(), Reason::RecordDamaged);
    assert_eq!(node.seal_status(), SealStatus::Sealed);
    node.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_is_listed_and_renamed_by_those_who_may() {
    let dir = tempfile::tempdir().unwrap();
    let (world, _eu) = with_eu(dir.path()).await;
    let rename = call("RenameRegion", Some(&world.token));
    let rename = |from, to| world.app.rename_region(&rename, name(from), name(to));
    let renamed = rename("eu", "eu-west").await.unwrap().reply;
    assert_eq!((renamed.number(), renamed.name().as_str()), (EU, "eu-west"));
    let taken = rename("eu-west", "home").await.unwrap_err();
    assert_eq!(taken.reason(), Reason::RegionExists);
    let gone = rename("eu", "ap").await.unwrap_err();
    assert_eq!(gone.reason(), Reason::RegionNotFound);
    let list = call("ListRegions", Some(&world.token));
    let listed = world.app.list_regions(&list).await.unwrap().reply;
    let listed: Vec<_> = listed.iter().map(|it| it.name().as_str()).collect();
    assert_eq!(listed, ["home", "eu-west"]);
    let stranger = call("ListRegions", None);
    let stranger = world.app.list_regions(&stranger).await.unwrap_err();
    assert_eq!(stranger.reason(), Reason::TokenInvalid);
    world.app.shut_down().await;
}
