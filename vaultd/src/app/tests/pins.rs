//! A session that is good with a key only, to the door and behind it.

use std::net::{Ipv4Addr, SocketAddr};

use vault_core::access::program::pin::Terms;
use vault_core::access::{Certificate, KeyHash, Login, Resource};
use vault_core::engine::identity::New;
use vault_core::name::ServiceName;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_bound_to_a_key_is_live_to_nobody_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let admin = |method: &str| call(method, Some(&world.token));
    let till = ServiceName::try_from("till").unwrap();
    let made = Resource::Service(till.clone());
    let create = admin("CreateIdentity");
    let made = world.app.create_identity(&create, made, New::default());
    made.await.unwrap();
    let shown = |key: &str| {
        Some(Certificate {
            key: KeyHash::of(key.as_bytes()),
            from: 0,
            until: u64::MAX,
            for_clients: true,
        })
    };
    let own = KeyHash::of(b"own");
    let pin = |added: bool| {
        let (app, till) = (&world.app, till.clone());
        let (add, remove) = (admin("AddPin"), admin("RemovePin"));
        async move {
            let changed = if added {
                app.add_pin(&add, till, (own, Terms::default())).await
            } else {
                app.remove_pin(&remove, till, own).await
            };
            assert!(changed.unwrap().reply);
        }
    };
    pin(true).await;
    let source = Source::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 4242)));
    let over = |certificate, token: Option<&TokenText>, method: &str| Call {
        source,
        certificate,
        ..call(method, token)
    };
    let login = over(shown("own"), None, "LoginCertificate");
    let login = world
        .app
        .login_certificate(&login, (None, Login::default()));
    let (token, session) = login.await.unwrap().reply;
    assert_eq!(session.session.key(), Some(&own));
    let hash = TokenHash::of(&token::parse(token.expose()).unwrap());
    let mut good = true;
    for _ in 0..2 {
        for (certificate, own) in [(shown("own"), true), (shown("other"), false), (None, false)] {
            let live = world.app.is_live(&hash, (source, certificate));
            assert_eq!(live, own && good, "{certificate:?}");
            let who = over(certificate, Some(&token), "WhoAmI");
            assert_eq!(world.app.who_am_i(&who).await.is_ok(), own && good);
        }
        if good {
            pin(false).await;
            good = false;
        }
    }
    world.app.shut_down().await;
}
