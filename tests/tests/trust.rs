//! Programs log in with the tokens of an issuer that is trusted, and with nothing that looks like one.

mod fetched;

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use vault_tests::{Daemon, Issuer, Output};

use crate::BINARIES;
use crate::wire::{Wire, message};

pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a clock").as_secs()
}

/// What a cluster says of a pod.
pub fn claims(name: &str) -> Value {
    let now = now();
    json!({
        "iss": "https://cluster.test", "aud": ["vault"], "iat": now, "nbf": now, "exp": now + 600,
        "sub": format!("system:serviceaccount:shop:{name}"),
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": name}},
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims("till");
    claims
        .as_object_mut()
        .expect("an object")
        .insert(name.to_owned(), value);
    claims
}

fn ctl(daemon: &Daemon, line: &str) -> Output {
    let words: Vec<_> = line.split(' ').collect();
    daemon.ctl(&[&["-o", "json"], &words[..]].concat())
}

/// A vault with a secret and the service `till`, which may read it; its issuer is trusted and bound.
pub fn open() -> (Daemon, Issuer) {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let issuer = Issuer::make();
    daemon.ctl_with(&["set", "shop/db"], b"hunter2").ok();
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:shop/*"},
    });
    for (name, text) in [("jwks.json", issuer.jwks()), ("policy.json", policy)] {
        fs::write(daemon.place.path(name), text.to_string()).expect("a file");
    }
    for line in [
        "policy create shop policy.json",
        "service create till",
        "policy attach shop --service till",
        "trust create cluster --issuer https://cluster.test --audience vault --jwks-file jwks.json",
        "trust bind cluster --service till --subject system:serviceaccount:shop:till",
    ] {
        ctl(&daemon, line).ok();
    }
    (daemon, issuer)
}

/// Logs in over TCP and prints the token.
fn login(daemon: &Daemon, service: &str, jwt: &str) -> Output {
    login_with(daemon, service, &[], jwt)
}

pub fn login_with(daemon: &Daemon, service: &str, args: &[&str], jwt: &str) -> Output {
    let (address, pin) = daemon.https();
    let fixed = [
        "-o",
        "json",
        "--addr",
        &address,
        "--ca-fingerprint",
        &pin,
        "login",
        "--print-token",
        "--jwt-file",
        "-",
        "--service",
        service,
    ];
    daemon
        .place
        .ctl_with(&[&fixed, args].concat(), jwt.as_bytes())
}

/// What a refusal says, but for the request that it is of.
fn said(output: &Output) -> (i32, String, String) {
    let error = output.stderr.lines().rev().find_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        line["error"]["message"].as_str().map(str::to_owned)
    });
    (output.code, output.reason(), error.unwrap_or_default())
}

#[test]
fn a_program_logs_in_with_the_token_of_its_cluster_and_reads_its_secret() {
    let (daemon, issuer) = open();
    let jwt = issuer.token(&claims("till"));
    for service in ["till", "service:till"] {
        let token = login(&daemon, service, &jwt).ok().stdout;
        daemon.use_token(token.trim());
        assert_eq!(daemon.ctl(&["get", "shop/db"]).ok().stdout, "hunter2");
        let me = ctl(&daemon, "whoami").ok().json();
        assert_eq!(me["principal"], "service:till");
        ctl(&daemon, "rm shop/db --yes").refused(4, "POLICY_DENIED");
    }
    let line = daemon.audit().into_iter().rev();
    let mut line = line.filter(|line| line["method"] == "/vault.v1.Trust/LoginToken");
    let line = line.next().expect("a line").to_string();
    assert!(line.contains("token of issuer #"), "{line}");
    assert!(
        !line.contains(&jwt) && !line.contains("cluster.test"),
        "{line}"
    );
}

#[test]
fn whatever_is_wrong_is_one_answer_and_the_audit_has_the_reason() {
    let (daemon, issuer) = open();
    let now = now();
    let other = Issuer::make();
    let good = claims("till");
    let mac = json!({"alg": "HS256", "kid": "one"});
    let unsigned = issuer.sign(&json!({"alg": "none", "kid": "one"}), &good);
    let cases = [
        (other.token(&good), "signature is wrong"),
        (unsigned, "algorithm"),
        (issuer.sign(&mac, &good), "algorithm"),
        (
            issuer.sign(&json!({"alg": "EdDSA", "kid": "two"}), &good),
            "no such key",
        ),
        (
            issuer.sign(&json!({"alg": "EdDSA", "crit": ["x"]}), &good),
            "extension",
        ),
        (
            issuer.token(&with("iss", "https://cluster.test/".into())),
            "not trusted",
        ),
        (issuer.token(&with("aud", "another".into())), "audience"),
        (issuer.token(&with("exp", (now - 90).into())), "has ended"),
        (
            issuer.token(&with("nbf", (now + 900).into())),
            "not good yet",
        ),
        (issuer.token(&with("iat", (now - 100_000).into())), "older"),
        (issuer.token(&claims("safe")), "no binding"),
        (
            issuer.token(&with("sub", "system:serviceaccount:shop:till:x".into())),
            "no binding",
        ),
        ("nonsense".to_owned(), "malformed"),
    ];
    let mut answers = Vec::new();
    for (jwt, _) in &cases {
        answers.push(login(&daemon, "till", jwt));
    }
    let nobody = issuer.token(&good);
    answers.push(login(&daemon, "nobody", &nobody));
    let one = said(&answers[0]);
    assert_eq!(
        (one.0, one.1.as_str()),
        (5, "LOGIN_FAILED"),
        "{}",
        answers[0]
    );
    for answer in &answers {
        assert_eq!(said(answer), one, "{answer}");
    }
    let lines = daemon.audit();
    let lines = lines
        .iter()
        .filter(|line| line["method"] == "/vault.v1.Trust/LoginToken");
    let lines: Vec<String> = lines.map(Value::to_string).collect();
    let reasons = cases.iter().map(|(_, reason)| *reason);
    let reasons: Vec<_> = reasons.chain(["no such service"]).collect();
    assert_eq!(lines.len(), reasons.len());
    for (line, reason) in lines.iter().zip(reasons) {
        assert!(line.contains(reason), "{reason}: {line}");
    }
}

#[test]
fn what_was_bound_ends_with_the_service_the_binding_and_the_keys() {
    let (daemon, issuer) = open();
    let jwt = issuer.token(&claims("till"));
    let gets_in = || login(&daemon, "till", &jwt);
    gets_in().ok();

    // another service of the same name has nothing of the first
    ctl(&daemon, "service rm till --yes").ok();
    gets_in().refused(5, "LOGIN_FAILED");
    ctl(&daemon, "service create till").ok();
    gets_in().refused(5, "LOGIN_FAILED");
    let shown = ctl(&daemon, "trust show cluster").ok().json();
    assert_eq!(shown["bindings"], json!([]));
    let claim = "trust bind cluster --service till --claim /kubernetes.io/namespace=shop";
    assert_eq!(ctl(&daemon, claim).ok().json()["changed"], true);
    assert_eq!(ctl(&daemon, claim).ok().json()["changed"], false);
    gets_in().ok();

    ctl(&daemon, "service disable till").ok();
    gets_in().refused(5, "LOGIN_FAILED");
    ctl(&daemon, "service enable till").ok();
    gets_in().ok();
    ctl(&daemon, "trust unbind cluster --service till").ok();
    gets_in().refused(5, "LOGIN_FAILED");
    ctl(&daemon, claim).ok();

    let next = Issuer::make();
    fs::write(daemon.place.path("next.json"), next.jwks().to_string()).expect("a file");
    let update =
        "trust update cluster --issuer https://cluster.test --audience vault --jwks-file next.json";
    ctl(&daemon, update).ok();
    gets_in().refused(5, "LOGIN_FAILED");
    let jwt = next.token(&claims("till"));
    login(&daemon, "till", &jwt).ok();
    ctl(&daemon, "trust rm cluster --yes").ok();
    login(&daemon, "till", &jwt).refused(5, "LOGIN_FAILED");
    ctl(&daemon, "trust show cluster").refused(3, "IDENTITY_NOT_FOUND");
}

#[tokio::test]
async fn nobodys_login_depends_on_what_somebody_elses_service_is_bound_to() {
    let (daemon, issuer) = open();
    ctl(&daemon, "service create low").ok();
    ctl(
        &daemon,
        "trust bind cluster --service low --subject system:serviceaccount:shop:*",
    )
    .ok();
    let till = issuer.token(&claims("till"));
    for service in ["till", "low"] {
        login(&daemon, service, &till).ok();
    }
    // Whose token is bound to nothing that he names is not let in as what it happens to be bound to.
    let safe = issuer.token(&claims("safe"));
    login(&daemon, "till", &safe).refused(5, "LOGIN_FAILED");
    for jwt in [&till, &safe] {
        fs::write(daemon.place.path("jwt"), jwt).expect("a file");
        let unnamed = daemon.ctl(&["login", "--print-token", "--jwt-file", "jwt"]);
        assert_eq!(unnamed.code, 2, "{unnamed}");
        let wire = Wire::connect(&daemon, "").await;
        let text = |text: &str| prost_reflect::Value::String(text.to_owned());
        let body = message("LoginTokenRequest", &[("jwt", text(jwt))]);
        let answer = wire.call("/vault.v1.Trust/LoginToken", body).await;
        let refused = answer.expect_err("no session");
        assert_eq!(refused.reason, "REQUEST_INVALID");
    }
}

#[test]
fn an_issuer_or_a_binding_that_would_let_anybody_in_is_refused() {
    let (daemon, issuer) = open();
    let mut private = issuer.jwks();
    private["keys"][0]["d"] = "AAAA".into();
    for (name, text) in [
        ("private.json", private.to_string()),
        (
            "shared.json",
            json!({"keys": [{"kty": "oct", "k": "AAAA"}]}).to_string(),
        ),
        ("empty.json", json!({"keys": []}).to_string()),
        (
            "twice.json",
            json!({"keys": [issuer.jwks()["keys"][0], issuer.jwks()["keys"][0]]}).to_string(),
        ),
        ("text.json", "keys".to_owned()),
    ] {
        fs::write(daemon.place.path(name), text).expect("a file");
        let line =
            format!("trust create bad --issuer https://x.test --audience vault --jwks-file {name}");
        ctl(&daemon, &line).refused(2, "REQUEST_INVALID");
    }
    for line in [
        "trust create bad --issuer https://x.test --audience vault --jwks-file jwks.json --algorithm HS256",
        "trust create bad --issuer https://x.test --audience vault --jwks-file jwks.json --algorithm none",
        "trust create bad --issuer https://x.test --audience vault --jwks-file jwks.json --max-age 31d",
        "trust bind cluster --service till --subject *",
        "trust bind cluster --service till --claim iss=https://cluster.test",
    ] {
        ctl(&daemon, line).refused(2, "REQUEST_INVALID");
    }
    let again =
        "trust create cluster --issuer https://x.test --audience vault --jwks-file jwks.json";
    ctl(&daemon, again).refused(8, "IDENTITY_EXISTS");
    ctl(&daemon, "trust bind cluster --service nobody --subject x")
        .refused(3, "IDENTITY_NOT_FOUND");
    ctl(&daemon, "trust bind nobody --service till --subject x").refused(3, "IDENTITY_NOT_FOUND");
}

#[test]
fn whoever_binds_a_service_may_do_what_it_may() {
    let (daemon, issuer) = open();
    let binder = json!({
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": ["service:*", "trust:*", "auth:*"], "Resource": "*"},
    });
    fs::write(daemon.place.path("binder.json"), binder.to_string()).expect("a file");
    for line in [
        "policy create binder binder.json",
        "service create admin",
        "service create other",
        "policy attach binder --service admin",
        "trust bind cluster --service admin --subject system:serviceaccount:shop:admin",
    ] {
        ctl(&daemon, line).ok();
    }
    let token = login(&daemon, "admin", &issuer.token(&claims("admin")))
        .ok()
        .stdout;
    daemon.use_token(token.trim());
    ctl(&daemon, "trust bind cluster --service other --subject x").ok();
    ctl(&daemon, "trust bind cluster --service till --subject x").refused(4, "BEYOND_OWN_RIGHTS");
    let update =
        "trust update cluster --issuer https://cluster.test --audience vault --jwks-file jwks.json";
    ctl(&daemon, update).refused(4, "BEYOND_OWN_RIGHTS");
    // Nor by taking it away and giving its name to another.
    ctl(&daemon, "trust rm cluster --yes").ok();
    for name in ["cluster", "another"] {
        let create = format!(
            "trust create {name} --issuer https://cluster.test --audience vault --jwks-file jwks.json"
        );
        ctl(&daemon, &create).refused(4, "BEYOND_OWN_RIGHTS");
    }
}

#[tokio::test]
async fn a_binding_that_is_ended_again_under_its_id_is_answered_as_the_first_time() {
    const UNBIND: &str = "/vault.v1.Trust/UnbindService";
    let (daemon, _issuer) = open();
    let token = fs::read_to_string(daemon.place.path("token")).expect("a token");
    let wire = Wire::connect(&daemon, token.trim()).await;
    let text = |text: &str| prost_reflect::Value::String(text.to_owned());
    let body = message(
        "UnbindServiceRequest",
        &[("trust", text("cluster")), ("service", text("till"))],
    );
    let id = uuid::Uuid::new_v4().to_string();
    let first = wire.call_as(&id, UNBIND, body.clone()).await;
    let first = first.expect("ended");
    let again = wire.call_as(&id, UNBIND, body.clone()).await;
    assert_eq!(again.expect("the same answer"), first);
    let own = uuid::Uuid::new_v4().to_string();
    let other = wire.call_as(&own, UNBIND, body).await;
    assert_ne!(other.expect("nothing is bound"), first);
}
