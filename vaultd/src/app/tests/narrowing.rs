//! Sessions that may do less than the one they were exchanged from, tried through the pipeline.

use vault_core::access::ActionGlob;

use super::*;

#[expect(clippy::too_many_lines, reason = "one story, told in order")]
#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_session_does_only_what_it_was_given_and_learns_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = born(dir.path()).await;
    unseal(&world).await;
    let admin = call("PutSecret", Some(&world.token));
    world
        .app
        .put_secret(&admin, put("mine/a", b"1"))
        .await
        .unwrap();
    world
        .app
        .put_secret(&admin, put("other/b", b"2"))
        .await
        .unwrap();
    let login = LoginRequest {
        ttl_ms: None,
        actions: vec![ActionGlob::try_from("secret:GetValue").unwrap()],
        under: Some(FolderPath::try_from("mine").unwrap()),
        ..LoginRequest::default()
    };
    let (token, _) = world
        .app
        .login(&call("Login", Some(&world.token)), login)
        .await
        .unwrap()
        .reply;
    let admin_token = std::mem::replace(&mut world.token, token);
    assert_eq!(value(&world, "mine/a").await.unwrap(), b"1");
    let there = value(&world, "other/b").await.unwrap_err();
    let not_there = value(&world, "other/c").await.unwrap_err();
    assert_eq!(
        (there.reason(), not_there.reason()),
        (Reason::PolicyDenied, Reason::PolicyDenied)
    );
    assert_eq!(
        there.to_string().replace("other/b", "_"),
        not_there.to_string().replace("other/c", "_")
    );
    assert_eq!(
        value(&world, "mine/gone").await.unwrap_err().reason(),
        Reason::PolicyDenied
    );
    let own = call("PutSecret", Some(&world.token));
    assert_eq!(
        world
            .app
            .put_secret(&own, put("mine/a", b"x"))
            .await
            .unwrap_err()
            .reason(),
        Reason::PolicyDenied
    );
    let delete = Delete {
        window: None,
        if_version: None,
    };
    let target = Target::Secret(path("mine/a"));
    let refused = world
        .app
        .delete_secret(&own, target, delete, false, [0; 32])
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::PolicyDenied);
    assert!(
        world
            .app
            .logout(&call("Logout", Some(&world.token)))
            .await
            .unwrap()
            .reply
    );
    assert_eq!(
        value(&world, "mine/a").await.unwrap_err().reason(),
        Reason::TokenInvalid
    );
    world.token = admin_token;
    assert_eq!(value(&world, "mine/a").await.unwrap(), b"1");
    world.app.shut_down().await;
}
