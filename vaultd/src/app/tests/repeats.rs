//! A change that comes again under its request id, after what it changed.

use vault_core::access::Assume;
use vault_core::name::PolicyName;
use vault_core::record::{Kind, View as _};

use super::sessions::{assume, make_role, role};
use super::terms::store;
use super::*;

/// A change that may be sent again.
fn repeatable(path: &str, token: &TokenText, body: u8) -> Call {
    Call {
        repeatable: true,
        digest: Some([body; 32]),
        ..call(path, Some(token))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gave_up_his_own_right_is_answered_as_the_first_time() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    make_role(&world, "keeper", r#""*""#, r#""*""#).await;
    let (keeper, _) = assume(&world, &world.token, "keeper", Assume::default())
        .await
        .unwrap();
    let own = || PolicyName::try_from("own").unwrap();
    let drop_own = |body| {
        let again = repeatable("DeleteInlinePolicy", &keeper, body);
        let app = Arc::clone(&world.app);
        async move {
            app.delete_inline_policy(&again, role("keeper"), own())
                .await
        }
    };
    drop_own(1).await.unwrap();
    drop_own(1).await.unwrap();
    // Another body under the id, and another id, are other requests.
    assert_eq!(
        drop_own(2).await.unwrap_err().reason(),
        Reason::RequestIdReused
    );
    let other = Call {
        request_id: [2; 16],
        ..repeatable("DeleteInlinePolicy", &keeper, 1)
    };
    let denied = world
        .app
        .delete_inline_policy(&other, role("keeper"), own())
        .await;
    assert_eq!(denied.unwrap_err().reason(), Reason::PolicyDenied);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_known_again_after_the_keys_were_rotated() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    make_role(&world, "keeper", r#""*""#, r#""*""#).await;
    let drop_own = || {
        let again = repeatable("DeleteInlinePolicy", &world.token, 1);
        let app = Arc::clone(&world.app);
        let own = PolicyName::try_from("own").unwrap();
        async move { app.delete_inline_policy(&again, role("keeper"), own).await }
    };
    drop_own().await.unwrap();
    let rotate = call("RotateKeyring", Some(&world.token));
    world.app.rotate_keyring(&rotate).await.unwrap();
    drop_own().await.unwrap();
    world.app.shut_down().await;
}

/// Gives `db/password` a policy that lets the role do this with it.
async fn guard(world: &World, action: &str) -> Target {
    world
        .app
        .put_secret(
            &call("PutSecret", Some(&world.token)),
            put("db/password", b"kept"),
        )
        .await
        .unwrap();
    let target = Target::Secret(path("db/password"));
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {{"Vault": "role:keeper"}}, "Action": "{action}"}}}}"#
    );
    let put_policy = call("PutResourcePolicy", Some(&world.token));
    let policies = world
        .app
        .put_resource_policy(&put_policy, target.clone(), text);
    policies.await.unwrap();
    target
}

#[tokio::test(flavor = "multi_thread")]
async fn who_took_away_the_policy_that_let_him_is_answered_as_the_first_time() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    make_role(&world, "keeper", r#""*""#, r#""secret:List""#).await;
    let target = guard(&world, "secret:DeleteResourcePolicy").await;
    let (keeper, _) = assume(&world, &world.token, "keeper", Assume::default())
        .await
        .unwrap();
    let again = repeatable("DeleteResourcePolicy", &keeper, 1);
    for _ in 0..2 {
        let deleted = world.app.delete_resource_policy(&again, target.clone());
        deleted.await.unwrap();
    }
    let other = Call {
        request_id: [2; 16],
        ..repeatable("DeleteResourcePolicy", &keeper, 1)
    };
    let denied = world.app.delete_resource_policy(&other, target).await;
    assert_eq!(denied.unwrap_err().reason(), Reason::PolicyDenied);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_cannot_be_read_denies_until_root_takes_it_away() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    make_role(&world, "keeper", r#""*""#, r#""secret:*""#).await;
    let target = guard(&world, "secret:GetValue").await;
    let (keeper, _) = assume(&world, &world.token, "keeper", Assume::default())
        .await
        .unwrap();
    let read = call("GetSecret", Some(&keeper));
    let secret = path("db/password");
    world.app.get_secret(&read, &secret, &get()).await.unwrap();
    let page = world.app.store.scan(&[Kind::ResourcePolicy as u8], None, 1);
    let (key, record) = page.unwrap().pop().unwrap();
    let mut damaged = record.sealed.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    store(&world.app, vec![(key, damaged.into())]).await;
    let refused = world.app.get_secret(&read, &secret, &get()).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::RecordDamaged);
    assert_eq!(value(&world, "db/password").await.unwrap(), b"kept");
    let delete = call("DeleteResourcePolicy", Some(&world.token));
    let deleted = world.app.delete_resource_policy(&delete, target);
    deleted.await.unwrap();
    world.app.get_secret(&read, &secret, &get()).await.unwrap();
    world.app.shut_down().await;
}
