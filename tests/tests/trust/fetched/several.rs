//! Several issuers: whatever is the matter with the keys of one lets the programs of others in.

use prost_reflect::Value;

use super::*;
use crate::wire::{Wire, message};

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_had_use_up_no_tries_of_their_network() {
    let (down, well) = (Issuer::make(), Issuer::make());
    let failing = Page::of("500 Internal Server Error", "text/html", "");
    let site = Site::start(failing);
    let daemon = start(&site, LOOPBACK);
    open(&daemon, &site);
    let set = daemon.place.path("well.json");
    fs::write(&set, well.jwks().to_string()).expect("a file");
    for line in [
        "trust create well --issuer https://well.test --audience vault --jwks-file well.json",
        "trust bind well --service till --subject system:serviceaccount:shop:till",
    ] {
        ctl(&daemon, line).ok();
    }
    let wire = Wire::connect(&daemon, "").await;
    let bring = async |jwt: String| {
        let text = |text: &str| Value::String(text.to_owned());
        let fields = [("service", text("till")), ("jwt", text(&jwt))];
        let body = message("LoginTokenRequest", &fields);
        wire.call("/vault.v1.Trust/LoginToken", body).await
    };
    for _ in 0..150 {
        let refused = bring(down.token(&claims("till")))
            .await
            .expect_err("no keys");
        assert_eq!(refused.reason, "LOGIN_FAILED");
    }
    let mut of_well = claims("till");
    of_well["iss"] = "https://well.test".into();
    bring(well.token(&of_well)).await.expect("it is let in");
    // What is wrong by keys that are there counts, whatever else could not be had.
    let mut refused = String::new();
    for _ in 0..300 {
        refused = bring(down.token(&of_well))
            .await
            .expect_err("forged")
            .reason;
        if refused != "LOGIN_FAILED" {
            break;
        }
    }
    assert_eq!(refused, "OVERLOADED");
}

#[test]
fn an_address_that_says_nothing_keeps_nobody_from_the_keys_at_another_of_the_same_issuer() {
    let issuer = Issuer::make();
    let before = Site::start(Page::silent());
    let now = Site::start(Page::json(&issuer.jwks()));
    let daemon = start_with(&[&before, &now], LOOPBACK);
    open(&daemon, &before);
    for line in [
        &format!("trust create moved {}", rules(&now)),
        "trust bind moved --service till --subject system:serviceaccount:shop:till",
    ] {
        ctl(&daemon, line).ok();
    }
    let jwt = issuer.token(&claims("till"));
    login(&daemon, "till", &jwt).ok();
    assert_eq!((before.asked(), now.asked()), (1, 1));
    login(&daemon, "till", &jwt).ok();
    assert_eq!((before.asked(), now.asked()), (1, 1));
}
