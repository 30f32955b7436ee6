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
    let local = Source::Unix {
        uid: 7,
        gid: 7,
        pid: 7,
    };
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
async fn only_whoever_is_known_has_a_request_wait_for_a_state_that_is_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = operations::watched(dir.path()).await;
    let applied = world.app.store.applied();
    let ahead = |token, by| Call {
        seen: Some(Applied {
            index: applied.index + by,
            ..applied
        }),
        ..call("WhoAmI", token)
    };
    let forged = made_up();
    let refusals = async {
        for _ in 0..20 {
            let none = world.app.who_am_i(&ahead(None, u64::MAX >> 1)).await;
            assert_eq!(none.unwrap_err().reason(), Reason::TokenInvalid);
            // It may be the token of a session that is not here yet.
            let unknown = world.app.who_am_i(&ahead(Some(&forged), 1_000_000)).await;
            assert_eq!(unknown.unwrap_err().reason(), Reason::Stale);
        }
    };
    let few_waits = CATCH_UP * 10;
    tokio::time::timeout(few_waits, refusals).await.unwrap();
    let late = ahead(Some(&world.token), 1_000_000);
    let late = world.app.who_am_i(&late).await;
    assert_eq!(late.unwrap_err().reason(), Reason::Stale);
    let named = |(status, _, named): &(String, String, bool)| status == "unavailable" && *named;
    let lines = operations::lines(&fake, "/WhoAmI");
    assert_eq!(lines.iter().filter(|line| named(line)).count(), 1);
    // What it waits for comes.
    let next = ahead(Some(&world.token), 1);
    let put_call = call("PutSecret", Some(&world.token));
    let (waited, written) = tokio::join!(
        world.app.who_am_i(&next),
        world.app.put_secret(&put_call, put("a", b"x"))
    );
    written.unwrap();
    assert!(waited.unwrap().applied.index > applied.index);
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_or_breaks_off_before_anybody_asks_has_its_caller_in_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let (world, fake) = operations::watched(dir.path()).await;
    let error = || Error::new(Reason::PathInvalid, "no path");
    for token in [&world.token, &made_up()] {
        let call = call("PutSecret", Some(token));
        let refused = world.app.refused::<()>(&call, error()).await;
        assert_eq!(refused.unwrap_err().reason(), Reason::PathInvalid);
    }
    world.app.broke_off(&call("PutSecret", Some(&world.token)));
    let who = call("WhoAmI", Some(&world.token));
    // Lines keep their order.
    world.app.who_am_i(&who).await.unwrap();
    let line = |status: &str, reason: &str, named| (status.to_owned(), reason.to_owned(), named);
    assert_eq!(
        operations::lines(&fake, "/PutSecret"),
        [
            line("invalid", "PATH_INVALID", true),
            line("invalid", "PATH_INVALID", false),
            line("aborted", "", true)
        ]
    );
    world.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_token_of_a_session_that_lasts_is_live() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    let hash = |text: &TokenText| TokenHash::of(&token::parse(text.expose()).unwrap());
    assert!(
        !world
            .app
            .is_live(&hash(&world.token), (Source::Inside, None)),
        "sealed"
    );
    unseal(&world).await;
    assert!(
        world
            .app
            .is_live(&hash(&world.token), (Source::Inside, None))
    );
    assert!(!world.app.is_live(&hash(&made_up()), (Source::Inside, None)));
    let login = call("Login", Some(&world.token));
    let (session, _) = world
        .app
        .login(&login, LoginRequest::default())
        .await
        .unwrap()
        .reply;
    assert!(world.app.is_live(&hash(&session), (Source::Inside, None)));
    world
        .app
        .logout(&call("Logout", Some(&session)))
        .await
        .unwrap();
    assert!(
        !world.app.is_live(&hash(&session), (Source::Inside, None)),
        "ended"
    );
    world.app.shut_down().await;
}
