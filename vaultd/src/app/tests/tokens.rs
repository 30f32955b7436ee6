//! Tokens that anybody may bring, and what looking at them may cost.

use vault_core::access::Login;
use zeroize::Zeroizing;

use super::super::trust::TokenLogin;
use super::*;

async fn bring(world: &World, text: &str) -> Reason {
    let request = TokenLogin {
        service: "ci".try_into().unwrap(),
        token: Zeroizing::new(text.to_owned()),
        login: Login::default(),
    };
    let login = call("LoginToken", None);
    let refused = world.app.login_token(&login, request).await;
    refused.unwrap_err().reason()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_source_has_so_many_wrong_tokens_looked_at_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let world = born(dir.path()).await;
    unseal(&world).await;
    let mut looked_at = 0;
    let refused = loop {
        let refused = bring(&world, "e30.e30.AA").await;
        if refused != Reason::LoginFailed {
            break refused;
        }
        looked_at += 1;
        assert!(looked_at < 500, "no end");
    };
    assert_eq!(refused, Reason::Overloaded);
    assert!(looked_at >= 60, "{looked_at}");
    world.app.shut_down().await;
}
