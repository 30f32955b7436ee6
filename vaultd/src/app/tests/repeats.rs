//! A change that comes again under its request id, after what it changed.

use vault_core::name::PolicyName;

use super::sessions::{assume, make_role, role};
use super::*;
use vault_core::access::Assume;

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
