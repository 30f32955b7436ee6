//! What someone learns who has no session.

use std::net::{Ipv4Addr, SocketAddr};

use vault_core::crypto::slots::SealHeader;

use super::*;

fn from(source: Source, token: Option<&TokenText>) -> Call {
    let call = call("GetStatus", token);
    Call { source, ..call }
}

fn far() -> Source {
    Source::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 4242)))
}

fn made_up() -> TokenText {
    let secret = vault_core::crypto::secret::TokenSecret::make(&mut crate::clock::OsEntropy);
    token::to_text(&secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_how_to_unseal_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    let enter = |share: &Share| {
        let input = KeyInput::Share(Share::copy_of(share.expose()));
        let app = Arc::clone(&world.app);
        async move { app.unseal(&call("Unseal", None), input).await.unwrap() }
    };
    enter(&world.shares[0]).await;
    let told = |source, token| {
        let (app, call) = (Arc::clone(&world.app), from(source, token));
        async move { app.status(&call).await.unwrap().reply }
    };
    let sealed = told(far(), Some(&world.token)).await;
    assert_eq!(sealed.seal, SealStatus::Sealed);
    assert_eq!(sealed.entered.len(), 1);
    assert_eq!(sealed.header.as_ref().map(SealHeader::threshold), Some(2));
    assert!(sealed.inside.is_none(), "no token is good while sealed");
    let local = Source::Unix { uid: 7, pid: 7 };
    assert!(told(local, None).await.inside.is_some());

    enter(&world.shares[1]).await;
    assert!(told(far(), None).await.inside.is_none());
    let forged = made_up();
    assert!(told(far(), Some(&forged)).await.inside.is_none());
    let known = told(far(), Some(&world.token)).await;
    assert!(
        known
            .inside
            .is_some_and(|inside| inside.cluster.is_some() && inside.applied.index > 0)
    );
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_token_of_a_session_that_lasts_is_live() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    let hash = |text: &TokenText| TokenHash::of(&token::parse(text.expose()).unwrap());
    assert!(!world.app.is_live(&hash(&world.token)), "sealed");
    unseal(&world).await;
    assert!(world.app.is_live(&hash(&world.token)));
    assert!(!world.app.is_live(&hash(&made_up())));
    let login = call("Login", Some(&world.token));
    let (session, _) = world
        .app
        .login(&login, LoginRequest::default())
        .await
        .unwrap()
        .reply;
    assert!(world.app.is_live(&hash(&session)));
    world
        .app
        .logout(&call("Logout", Some(&session)))
        .await
        .unwrap();
    assert!(!world.app.is_live(&hash(&session)), "ended");
    world.app.shut_down().await;
}
