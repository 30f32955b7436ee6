//! A region that is revoked: what it has of before, and nothing of what comes after.

use vault_core::record::opens;

use super::*;

async fn revoke(world: &World, region: &str) -> Result<Revoked> {
    let revoke = call("RevokeRegion", Some(&world.token));
    Ok(world.app.revoke_region(&revoke, name(region)).await?.reply)
}

/// The keyring that a region's node holds: it is opened as long as home writes it.
fn held(world: &World, region: u16) -> Keyring {
    let keys = world.app.unsealed().unwrap();
    keys.keyring().of_region(region).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_revoked_region_holds_opens_nothing_once_records_were_moved() {
    let dir = tempfile::tempdir().unwrap();
    let (world, _eu) = with_eu(dir.path()).await;
    found(&world, "us").await;
    nodes::keep_in(&world, &[HOME_REGION, EU]).await;
    let old = held(&world, EU);
    let opened = |keys: &Keyring| {
        let scan = |kind| world.app.store.scan(&[kind as u8], None, 10_000).unwrap();
        let all = Kind::under_terms().flat_map(scan);
        let open = all.filter(|(key, record)| opens(keys, key, &record.sealed) == Some(true));
        open.count()
    };
    assert!(opened(&old) > 0);
    let revoked = revoke(&world, "eu").await.unwrap();
    assert_eq!((revoked.secrets, revoked.versions), (1, 1));
    assert_eq!(revoked.region.number(), EU);
    assert!(revoked.region.revoked_at().is_some());
    let state = settled(&world).await;
    assert_eq!(terms::numbers(&state, "shared"), [2]);
    assert_eq!(opened(&old), 0);
    assert!(opened(&held(&world, 3)) > 0);
    for gone in [keyring_key(EU), seal_key(EU)] {
        assert!(world.app.store.get(&gone).unwrap().is_none());
    }
    // the next rotation writes it no more either
    rotate(&world).await.unwrap();
    settled(&world).await;
    assert!(world.app.store.get(&keyring_key(EU)).unwrap().is_none());
    assert!(world.app.store.get(&keyring_key(3)).unwrap().is_some());
    assert_eq!(value(&world, "app/key").await.unwrap(), b"kept");
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_is_revoked_once_and_home_never() {
    let dir = tempfile::tempdir().unwrap();
    let (world, _eu) = with_eu(dir.path()).await;
    let generation = terms::generation(&world.app);
    let refused = [
        ("home", Reason::RequestInvalid),
        ("us", Reason::RegionNotFound),
    ];
    for (region, reason) in refused {
        let refused = revoke(&world, region).await.unwrap_err();
        assert_eq!(refused.reason(), reason, "{region}");
    }
    assert_eq!(terms::generation(&world.app), generation);
    revoke(&world, "eu").await.unwrap();
    let twice = revoke(&world, "eu").await.unwrap_err();
    assert_eq!(twice.reason(), Reason::RegionRevoked);
    let again = prepare(&world, "eu", shamir()).await.unwrap_err();
    assert_eq!(again.reason(), Reason::RegionExists);
    let next = found(&world, "eu-2").await;
    assert_eq!(next.number, 3);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_is_under_way_holds_up_no_revocation() {
    let dir = tempfile::tempdir().unwrap();
    let (world, _eu) = with_eu(dir.path()).await;
    let old = held(&world, EU);
    let busy = Arc::clone(&world.app.rewrapping).acquire_owned().await;
    rotate(&world).await.unwrap();
    revoke(&world, "eu").await.unwrap();
    drop(busy);
    world.app.resume_rewrap();
    let state = settled(&world).await;
    assert_eq!(terms::numbers(&state, "shared"), [3]);
    let sealed = world.app.store.get(&keyring_key(EU)).unwrap();
    assert!(sealed.is_none() && old.shared().get(3).is_none());
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_region_is_revoked_seals_itself_and_is_not_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let (world, eu) = with_eu(dir.path()).await;
    let (copy, token) = copied(world, dir.path()).await;
    let node = nodes::node_of("eu", copy.path(), &eu, token).await;
    assert_eq!(node.app.seal_status(), SealStatus::Unsealed);
    // As a node is told by its log.
    let revoked = without(&node.app, &[keyring_key(EU)]);
    node.app.keys.follow(&revoked);
    assert_eq!(node.app.seal_status(), SealStatus::Sealed);
    let refused = value(&node, "app/key").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Sealed);
    assert!(refused.to_string().contains("was revoked"), "{refused}");
    node.app.shut_down().await;
}

/// The state of a node without some records.
fn without(app: &App, gone: &[Key]) -> vault_core::record::Mem {
    let mut state = vault_core::record::Mem::default();
    let page = app.store.scan(&[], None, 100_000).unwrap();
    let writes = page.into_iter().filter(|(key, _)| !gone.contains(key));
    let writes = writes.map(|(key, record)| vault_core::record::Write::Put(key, record.sealed));
    let all = vault_core::record::Transaction {
        checks: Vec::new(),
        writes: writes.collect(),
    };
    let revision = vault_core::record::Revision {
        term: 1,
        sequence: 1,
    };
    assert!(state.apply(revision, &all));
    state
}
