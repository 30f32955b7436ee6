//! Regions: home's name, and what nodes of another region can and cannot do.

use vault_core::access::region::Regions;
use vault_core::record::{Key, Kind, Tx};

use super::super::transact::{Terms, Verdict};
use super::*;

fn names(app: &App) -> Vec<(u16, String)> {
    let regions = Regions::in_clear(&app.store).unwrap();
    let regions = regions.iter();
    regions
        .map(|region| (region.number(), region.name().to_string()))
        .collect()
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
    world.app.shut_down().await;
}
