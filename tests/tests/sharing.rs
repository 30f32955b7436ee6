//! Values that are left for whoever brings the code: handed out once, to one, and to nobody without it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use prost_reflect::{DynamicMessage, MapKey, Value};
use tonic::Code;
use vault_tests::{Daemon, Output, Terminal};

use crate::BINARIES;
use crate::sessions::with_clock;
use crate::wire::{Refused, Wire, descriptor, message};

const SHARE: &str = "/vault.v1.Sharing/Share";
const UNWRAP: &str = "/vault.v1.Sharing/Unwrap";

fn shared(output: Output) -> serde_json::Value {
    output.ok().json()
}

fn text(value: &serde_json::Value) -> &str {
    value.as_str().expect("text")
}

/// Leaves a value; its code and accessor.
fn share(daemon: &Daemon, value: &[u8]) -> (String, String) {
    let made = shared(daemon.ctl_with(&["-o", "json", "share", "--raw-stdin"], value));
    (text(&made["code"]).into(), text(&made["accessor"]).into())
}

fn unwrap(daemon: &Daemon, code: &str) -> Output {
    daemon.ctl_with(&["-o", "json", "unwrap", "-"], code.as_bytes())
}

fn taking(code: &str, claim: &[u8]) -> Vec<u8> {
    let code = Value::String(code.to_owned());
    let claim = Value::Bytes(claim.to_vec().into());
    message("UnwrapRequest", &[("code", code), ("claim", claim)])
}

fn value_of(reply: &[u8]) -> Vec<u8> {
    let reply = DynamicMessage::decode(descriptor("UnwrapResponse"), reply).expect("a reply");
    let fields = reply.get_field_by_name("fields").expect("fields");
    let value = fields
        .as_map()
        .and_then(|map| map.get(&MapKey::String("value".into())));
    value.and_then(Value::as_bytes).expect("a value").to_vec()
}

fn not_there() -> Refused {
    Refused {
        code: Code::NotFound,
        reason: "WRAPPED_NOT_FOUND".into(),
    }
}

#[tokio::test]
async fn a_hundred_parallel_unwraps_give_exactly_one_value() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let (code, _) = share(&daemon, b"only one");
    let mut flying = tokio::task::JoinSet::new();
    for n in 0..100_u8 {
        let (wire, body) = (Wire::connect(&daemon, "").await, taking(&code, &[n; 16]));
        flying.spawn(async move { wire.call(UNWRAP, body).await });
    }
    let mut values = Vec::new();
    while let Some(done) = flying.join_next().await {
        match done.expect("it ends") {
            Ok(reply) => values.push(value_of(&reply)),
            Err(refused) => assert_eq!(refused, not_there()),
        }
    }
    assert_eq!(values, [b"only one"]);
    let handed = |line: &&serde_json::Value| line["method"] == UNWRAP && line["status"] == "ok";
    assert_eq!(daemon.audit().iter().filter(handed).count(), 1);
}

#[tokio::test]
async fn a_lost_reply_is_given_again_to_its_claim_and_to_nobody_else_under_the_same_request_id() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let (code, _) = share(&daemon, b"again");
    let id = uuid::Uuid::new_v4().to_string();
    let (mine, other) = (taking(&code, &[1; 16]), taking(&code, &[2; 16]));
    let wire = Wire::connect(&daemon, "").await;
    let first = wire.call_as(&id, UNWRAP, mine.clone()).await;
    assert_eq!(value_of(&first.expect("handed out")), b"again");
    let again = wire.call_as(&id, UNWRAP, mine).await;
    assert_eq!(value_of(&again.expect("handed out again")), b"again");
    for token in ["", opened.token.as_str()] {
        let wire = Wire::connect(&daemon, token).await;
        let refused = wire.call_as(&id, UNWRAP, other.clone()).await;
        assert_eq!(refused.expect_err("refused"), not_there());
    }
}

#[test]
fn a_value_goes_to_one_without_a_session_by_the_command_that_share_prints() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let (address, pin) = daemon.https();
    let there = ["--addr", &address, "--ca-fingerprint", &pin];
    daemon.use_token(&opened.token);
    let token = daemon.place.path("token").to_string_lossy().into_owned();
    let args = [&there[..], &["--token-file", &token, "-o", "json", "share"]].concat();
    let made = shared(daemon.place.ctl_with(&args, b"hunter2\n"));
    let (code, accessor) = (text(&made["code"]), text(&made["accessor"]));
    let look = || shared(daemon.ctl(&["-o", "json", "share", "--lookup", accessor]));
    assert_eq!(look()["unwrapped_at"], serde_json::Value::Null);

    let mut words = text(&made["command"]).split(' ');
    assert_eq!(words.next(), Some("vaultctl"));
    let command: Vec<&str> = words.collect();
    let got = daemon.place.ctl_with(&command, code.as_bytes()).ok();
    assert_eq!(got.stdout, "hunter2");
    assert!(look()["unwrapped_at"].is_string());
    unwrap(&daemon, code).refused(3, "WRAPPED_NOT_FOUND");
    let late = daemon.ctl(&["share", "--revoke", accessor]).ok();
    assert!(late.stderr.contains("it had been handed out"), "{late}");
    daemon
        .ctl(&["-o", "json", "share", "--lookup", accessor])
        .refused(3, "WRAPPED_NOT_FOUND");
}

#[test]
fn a_code_is_asked_for_without_echo() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let (code, _) = share(&daemon, b"behind the prompt");
    let address = daemon.address();
    let args = ["--addr", address.as_str(), "unwrap"];
    let mut terminal = Terminal::run(&daemon.place, &args, &[]);
    terminal.expect("Code").type_hidden(&code);
    terminal.expect("behind the prompt");
    let ended = terminal.end().ok();
    assert!(!ended.stdout.contains(&code), "{ended}");
}

#[test]
fn a_secret_is_shared_by_those_only_who_may_read_it() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    daemon
        .ctl(&["set", "prod/db", "user=app", "password=one"])
        .ok();
    daemon.ctl(&["set", "prod/db", "password=two"]).ok();
    let session = |terms: &[&str]| {
        daemon.use_token(&opened.token);
        let args = [&["login", "--print-token"], terms].concat();
        let token = daemon.ctl_with(&args, opened.token.as_bytes()).ok().stdout;
        daemon.use_token(token.trim());
    };
    let leave = |path: &str| daemon.ctl(&["-o", "json", "share", path]);

    session(&["--action", "share:Create"]);
    leave("prod/db").refused(4, "POLICY_DENIED");
    leave("prod/none").refused(4, "POLICY_DENIED");
    share(&daemon, b"of my own");
    session(&["--under", "other"]);
    leave("prod/db").refused(4, "POLICY_DENIED");
    session(&["--action", "secret:GetValue"]);
    leave("prod/db").refused(4, "POLICY_DENIED");
    session(&["--action", "share:*", "--action", "secret:GetValue"]);
    let made = shared(leave("prod/db"));
    let code = text(&made["code"]);
    let got = unwrap(&daemon, code).ok().json();
    let fields = serde_json::json!({ "user": "app", "password": "two" });
    assert_eq!(
        (&got["fields"], &got["created_by"]),
        (&fields, &"administrator".into())
    );
    let made = shared(leave("prod/db#password@1"));
    let code = text(&made["code"]).to_owned();
    daemon.use_token(&opened.token);
    daemon.ctl(&["rm", "prod/db"]).ok();
    let got = unwrap(&daemon, &code).ok().json();
    assert_eq!(got["fields"], serde_json::json!({ "password": "one" }));
    leave("prod/db").refused(3, "SECRET_NOT_FOUND");
}

#[test]
fn what_is_shared_lies_nowhere_in_clear_survives_a_kill_and_every_use_is_recorded() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let (code, accessor) = share(&daemon, b"canary-shared-2b9e");
    daemon.kill();
    daemon.restart();
    daemon.unseal(&opened);
    let got = unwrap(&daemon, &code).ok().json();
    assert_eq!(got["fields"]["value"], "canary-shared-2b9e");
    unwrap(&daemon, &code).refused(3, "WRAPPED_NOT_FOUND");
    let lines = daemon.audit();
    let of = |method: &str, status: &str| {
        let here = |l: &&serde_json::Value| l["method"] == method && l["status"] == status;
        lines.iter().find(here).expect("its line").clone()
    };
    let (left, taken) = (of(SHARE, "ok"), of(UNWRAP, "ok"));
    let second = of(UNWRAP, "not_found");
    let name = left["resources"].as_array().and_then(|all| all.last());
    for line in [&taken, &second] {
        assert_eq!(
            line["resources"].as_array().and_then(|all| all.last()),
            name
        );
        assert_eq!(line.get("principal"), None, "nobody was asked: {line}");
    }
    assert_eq!(second["reason"], "WRAPPED_NOT_FOUND");
    daemon.stop();
    let needles = [code.as_str(), &code[4..], "canary", accessor.as_str()];
    let found = daemon
        .place
        .search("vault", &needles.map(|n| n.as_bytes().to_vec()));
    assert!(found.is_empty(), "{found:?}");
    assert!(!daemon.log_text().contains("canary"));
}

#[test]
fn an_expired_code_opens_nothing_and_nothing_of_its_value_stays() {
    let daemon = with_clock();
    daemon.open();
    let file = daemon
        .place
        .path("all.backup")
        .to_string_lossy()
        .into_owned();
    let records = || {
        daemon.ctl(&["backup", "create", &file, "--force"]).ok();
        let verified = daemon.ctl(&["-o", "json", "backup", "verify", &file]).ok();
        verified.json()["records"].as_u64().expect("a number")
    };
    let args = ["-o", "json", "share", "--ttl", "10m"];
    let code = shared(daemon.ctl_with(&args, b"soon over"));
    let code = text(&code["code"]);
    let with = records();
    let ahead = |seconds: &str| {
        std::fs::write(daemon.place.path("run/ahead"), seconds).expect("written");
    };
    ahead("601");
    unwrap(&daemon, code).refused(3, "WRAPPED_NOT_FOUND");
    ahead("1300");
    let begun = Instant::now();
    // Its record, its value, that one's data key, its place in the calendar.
    while records() > with - 4 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not swept");
    }
    unwrap(&daemon, code).refused(3, "WRAPPED_NOT_FOUND");
}

#[test]
fn values_up_to_the_limit_of_a_secret_are_shared_and_none_is_lost_for_its_form() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let largest = vec![b'x'; 1 << 20];
    let (code, _) = share(&daemon, &largest);
    let file = daemon.place.path("taken").to_string_lossy().into_owned();
    let gone = daemon.place.path("no/such").to_string_lossy().into_owned();
    let out = |file: &str| daemon.ctl_with(&["unwrap", "-", "--out", file], code.as_bytes());
    out(&gone).fails(2, "writing");
    out(&file).ok();
    assert_eq!(std::fs::read(&file).expect("the file"), largest);
    let over = vec![b'x'; (1 << 20) + 1];
    daemon
        .ctl_with(&["-o", "json", "share", "--raw-stdin"], &over)
        .refused(2, "VALUE_TOO_LARGE");

    daemon.ctl(&["set", "two", "a=1", "b=2"]).ok();
    let made = shared(daemon.ctl(&["-o", "json", "share", "two"]));
    let raw = daemon
        .ctl_with(&["unwrap"], text(&made["code"]).as_bytes())
        .ok();
    assert_eq!(
        raw.json()["fields"],
        serde_json::json!({ "a": "1", "b": "2" })
    );
    let (code, _) = share(&daemon, b"\xff\x00");
    let env = daemon
        .ctl_with(&["-o", "env", "unwrap"], code.as_bytes())
        .ok();
    assert_eq!(env.json()["fields"]["value"], "/wA=");
}

#[tokio::test]
async fn bad_input_of_every_kind_is_refused_and_leaves_and_takes_nothing() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let (code, accessor) = share(&daemon, b"still there");
    let (cut, more) = (&code[..code.len() - 1], format!("{code}A"));
    let typo = code
        .replace("vls_", "vls_A")
        .chars()
        .take(52)
        .collect::<String>();
    for wrong in [
        "x",
        cut,
        &more,
        &typo,
        &opened.token,
        &accessor,
        "vls_",
        "\u{ff56}ls_",
    ] {
        unwrap(&daemon, wrong).refused(3, "WRAPPED_NOT_FOUND");
    }
    unwrap(&daemon, "").refused(2, "USAGE");
    for args in [
        &["share", "--ttl", "59s"][..],
        &["share", "--ttl", "0"],
        &["share", "--ttl", "169h"],
        &["share", "--lookup", "x"],
        &["share", "--revoke", &code],
    ] {
        let args = [&["-o", "json"], args].concat();
        daemon.ctl_with(&args, b"v").refused(2, "REQUEST_INVALID");
    }
    for (args, exit, reason) in [
        (&["share"][..], 2, "USAGE"),
        (&["share", "a//b"], 2, "PATH_INVALID"),
        (&["share", "none"], 3, "SECRET_NOT_FOUND"),
        (&["share", "a", "--file", "b"], 2, "USAGE"),
        (&["share", "a", "--revoke", "b"], 2, "USAGE"),
        (&["share", "--lookup", "a", "--revoke", "b"], 2, "USAGE"),
        (
            &["share", "--revoke", &"0".repeat(32)],
            3,
            "WRAPPED_NOT_FOUND",
        ),
    ] {
        let args = [&["-o", "json"], args].concat();
        daemon.ctl(&args).refused(exit, reason);
    }

    let wire = Wire::connect(&daemon, &opened.token).await;
    for length in [0, 15, 65] {
        let refused = wire.call(UNWRAP, taking(&code, &vec![1; length])).await;
        assert_eq!(refused.expect_err("refused").reason, "REQUEST_INVALID");
    }
    let path = ("path", Value::String("a/b".into()));
    let field = (MapKey::String("value".into()), Value::Bytes("v".into()));
    let fields = ("fields", Value::Map(HashMap::from([field])));
    let only = ("only", Value::List(vec![Value::String("f".into())]));
    for both in [
        &[][..],
        &[path, fields.clone()],
        &[fields, only.clone()],
        &[only],
    ] {
        let refused = wire.call(SHARE, message("ShareRequest", both)).await;
        assert_eq!(refused.expect_err("refused").reason, "REQUEST_INVALID");
    }
    assert_eq!(
        unwrap(&daemon, &code).ok().json()["fields"]["value"],
        "still there"
    );
}
