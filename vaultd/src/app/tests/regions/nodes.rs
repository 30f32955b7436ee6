//! What a node of another region can and cannot do, and what opens it.

use vault_core::access::Login;
use vault_core::access::password::Password;
use vault_core::crypto::passphrase::make_passphrase;
use vault_core::crypto::slots::SealHeader;
use vault_core::crypto::unseal::{Step, Unsealing};
use vault_core::crypto::wrap::{self, WrapPlace};
use vault_core::name::UserName;

use super::*;

/// A node of a region over the copy of a state, opened with the region's shares.
pub(super) async fn node_of(
    region: &str,
    dir: &Path,
    founded: &Founded,
    token: TokenText,
) -> World {
    let world = World {
        app: open_in(dir, region).await,
        shares: copies(&founded.shares),
        token,
    };
    unseal(&world).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_a_region_reads_what_is_kept_there_and_is_refused_the_rest_by_its_keys() {
    let dir = tempfile::tempdir().unwrap();
    let (world, eu) = with_eu(dir.path()).await;
    write(&world, "app/other").await.unwrap();
    keep_in(&world, &[HOME_REGION, EU]).await;
    let (copy, token) = copied(world, dir.path()).await;
    let node = node_of("eu", copy.path(), &eu, token).await;
    assert_eq!(value(&node, "app/key").await.unwrap(), b"kept");
    let other = value(&node, "app/other").await.unwrap_err();
    assert_eq!(other.reason(), Reason::SecretNotInRegion);
    let status = node.app.status(&call("GetStatus", None)).await.unwrap();
    let inside = status.reply.inside.unwrap();
    assert_eq!(inside.region, "eu");
    assert!(inside.opens.contains("`eu`"), "{}", inside.opens);
    node.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_a_region_writes_nothing_and_logs_nobody_in() {
    let dir = tempfile::tempdir().unwrap();
    let (world, eu) = with_eu(dir.path()).await;
    let (copy, token) = copied(world, dir.path()).await;
    let node = node_of("eu", copy.path(), &eu, token).await;
    let last = node.app.store.stamp().last;
    let refused = [
        write(&node, "app/key").await.unwrap_err(),
        rotate(&node).await.unwrap_err(),
        prepare(&node, "us", shamir()).await.unwrap_err(),
        node.app
            .start_rekey(&call("StartRekey", Some(&node.token)), shamir())
            .await
            .unwrap_err(),
        node.app
            .generate_root(
                &call("GenerateRoot", None),
                "",
                Share::copy_of(eu.shares[0].expose()),
            )
            .await
            .unwrap_err(),
        log_in(&node, "somebody").await,
        node.app.verify_backup(&mut [].as_slice()).unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.reason(), Reason::HomeRegionOnly, "{error}");
    }
    assert_eq!(node.app.store.stamp().last, last, "nothing was written");
    node.app.shut_down().await;
}

async fn log_in(node: &World, user: &str) -> Error {
    let request = PasswordLogin {
        user: UserName::try_from(user).unwrap(),
        password: Password::try_from(make_passphrase(&mut OsEntropy).expose()).unwrap(),
        code: None,
        new_password: None,
        login: Login::default(),
    };
    let login = call("LoginPassword", None);
    node.app.login_password(&login, request).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_another_region_is_named_and_counts_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let (world, eu) = with_eu(dir.path()).await;
    let home = copies(&world.shares);
    let (copy, _token) = copied(world, dir.path()).await;
    let node = open_in(copy.path(), "eu").await;
    enter(&node, &eu.shares[0]).await.unwrap();
    let foreign = enter(&node, &home[0]).await.unwrap_err();
    assert_eq!(foreign.reason(), Reason::ShareForeign);
    let told = foreign.to_string();
    assert!(told.contains("`home`") && told.contains("`eu`"), "{told}");
    let status = node.status(&call("GetStatus", None)).await.unwrap();
    assert_eq!(status.reply.entered.len(), 1);
    assert!(enter(&node, &eu.shares[1]).await.unwrap().unsealed);
    closed(node).await;
    // and at home
    let node = open(dir.path()).await;
    let foreign = enter(&node, &eu.shares[0]).await.unwrap_err();
    assert_eq!(foreign.reason(), Reason::ShareForeign);
    assert!(foreign.to_string().contains("`eu`"));
    node.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_follows_what_becomes_of_homes_keys() {
    let dir = tempfile::tempdir().unwrap();
    let (world, eu) = with_eu(dir.path()).await;
    rotate(&world).await.unwrap();
    settled(&world).await;
    let home = world.app.unsealed().unwrap();
    let generation = home.keyring().generation();
    assert!(home.keyring().shared().get(1).is_none());
    drop(home);
    write(&world, "app/later").await.unwrap();
    let (copy, token) = copied(world, dir.path()).await;
    let node = node_of("eu", copy.path(), &eu, token).await;
    let own = node.app.unsealed().unwrap();
    assert_eq!(own.keyring().generation(), generation);
    assert_eq!(own.keyring().shared().active().number(), 2);
    drop(own);
    let unkept = value(&node, "app/later").await.unwrap_err();
    assert_eq!(unkept.reason(), Reason::SecretNotInRegion);
    node.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_regions_passphrase_or_key_file_opens_it_and_homes_key_file_is_no_part_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let recovery = || Split::new(2, 2).unwrap();
    let seal = SealChoice::Passphrase(None, recovery());
    let eu = prepare(&world, "eu", seal).await.unwrap();
    confirm(&world, &eu).await.unwrap();
    let mut own = [0; 32];
    OsEntropy.fill(&mut own);
    std::fs::write(dir.path().join("seal.key"), own).unwrap();
    let us = prepare(&world, "us", SealChoice::KeyFile(recovery())).await;
    let us = us.unwrap();
    confirm(&world, &us).await.unwrap();
    let key = us.key.as_ref().unwrap();
    assert_ne!(key.expose(), &own);
    assert!(eu.recovery && us.recovery && us.shares.len() == 2);
    let (copy, _token) = copied(world, dir.path()).await;
    let node = open_in(copy.path(), "eu").await;
    let passphrase = |text: &str| KeyInput::Passphrase(Passphrase::from(text.to_owned()));
    let wrong = passphrase(make_passphrase(&mut OsEntropy).expose());
    let wrong = node.unseal(&call("Unseal", None), wrong).await.unwrap_err();
    assert_eq!(wrong.reason(), Reason::PassphraseWrong);
    assert!(wrong.to_string().contains("`eu`"));
    let right = passphrase(eu.passphrase.as_ref().unwrap().expose());
    let opened = node.unseal(&call("Unseal", None), right).await.unwrap();
    assert!(opened.reply.unsealed);
    closed(node).await;
    write_key(&copy.path().join("seal.key"), key.expose());
    let node = open_in(copy.path(), "us").await;
    assert_eq!(node.seal_status(), SealStatus::Unsealed);
    let header = node.seal_header().unwrap();
    assert_eq!(
        (header.region(), header.main_kind()),
        (3, SealKind::KeyFile)
    );
    node.shut_down().await;
}

fn write_key(path: &Path, key: &[u8]) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.unwrap().write_all(key).unwrap();
}

/// Wraps the data key of the first value that there is for regions, as replication does.
pub(super) async fn keep_in(world: &World, regions: &[u16]) {
    let rewrap = |keys: &Keyring, key: &Key, sealed: &[u8]| {
        let place = WrapPlace {
            tenant: 0,
            scope: 0,
            key: key.as_bytes(),
        };
        let dek = wrap::unwrap(keys, &place, sealed).unwrap();
        wrap::wrap(keys, regions, &place, &dek, &mut OsEntropy).unwrap()
    };
    let page = world.app.store.scan(&[Kind::Wrap as u8], None, 1).unwrap();
    let (key, record) = page.into_iter().next().unwrap();
    let keys = world.app.unsealed().unwrap();
    let wrapped = rewrap(keys.keyring(), &key, &record.sealed);
    drop(keys);
    store(&world.app, vec![(key, wrapped.into())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn homes_root_opens_no_region_and_a_regions_root_not_home() {
    let dir = tempfile::tempdir().unwrap();
    let (world, eu) = with_eu(dir.path()).await;
    let record = |region| world.app.store.get(&keyring_key(region)).unwrap().unwrap();
    let header = world.app.store.get(&seal_key(EU)).unwrap().unwrap();
    let header = SealHeader::from_record(&header.sealed).unwrap();
    let cluster = *header.cluster();
    let mut unsealing = Unsealing::new(header);
    let mut root = None;
    for share in &eu.shares[..2] {
        if let Step::Open(opened) = unsealing.enter(share).unwrap() {
            root = Some(opened);
        }
    }
    let root = root.unwrap();
    let open = |region| Keyring::from_record(&root, &cluster, region, &record(region).sealed);
    assert!(!open(EU).unwrap().is_home());
    assert!(open(HOME_REGION).is_err());
    let home = Keyring::from_record(&root, &cluster, HOME_REGION, &record(EU).sealed);
    assert!(home.is_err());
    world.app.shut_down().await;
}
