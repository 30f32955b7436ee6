//! Users, groups, roles, services and kept policies, through the command line.

use std::fs;

use serde_json::json;
use vault_tests::Daemon;

use crate::BINARIES;

const READERS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": { "Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:db/*" }
}
"#;
const TRUST: &str = r#"{
  "Version": "2012-10-17",
  "Statement": { "Effect": "Allow", "Principal": { "Vault": "user:alice" }, "Action": "role:Describe" }
}
"#;

/// An open vault, and files with policies in the directory that commands run in.
fn open() -> Daemon {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    for (name, text) in [
        ("readers.json", READERS),
        ("writers.json", &READERS.replace("Get", "Put")),
        ("trust.json", TRUST),
        ("bad.json", "{\n  \"Statement\": 7\n}"),
    ] {
        fs::write(daemon.place.path(name), text).expect("a file");
    }
    daemon
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

#[track_caller]
fn does(daemon: &Daemon, line: &str) {
    daemon.ctl(&words(line)).ok();
}

#[track_caller]
fn json(daemon: &Daemon, line: &str) -> serde_json::Value {
    let line = format!("-o json {line}");
    daemon.ctl(&words(&line)).ok().json()
}

#[track_caller]
fn refused(daemon: &Daemon, line: &str, code: i32, reason: &str) {
    let line = format!("-o json {line}");
    daemon.ctl(&words(&line)).refused(code, reason);
}

#[test]
fn an_administrator_creates_alice_with_a_policy_and_takes_it_all_away_again() {
    let daemon = open();
    does(&daemon, "policy create readers readers.json");
    does(
        &daemon,
        "user create Alice --description billing --tag team=db",
    );
    does(&daemon, "policy attach readers --user alice");
    does(&daemon, "group create ops");
    let joined = json(&daemon, "group add-member ops alice");
    assert_eq!(
        joined,
        json!({ "group": "group:ops", "user": "user:alice", "changed": true })
    );
    let again = json(&daemon, "policy attach readers --user user:alice");
    assert_eq!(again["changed"], false);
    let alice = json(&daemon, "user show alice");
    assert_eq!(alice["who"], "user:alice");
    assert_eq!(alice["tags"], json!({ "team": "db" }));
    assert_eq!(alice["policies"], json!(["readers"]));
    assert_eq!(alice["groups"], json!(["ops"]));
    assert_eq!(json(&daemon, "group show ops")["members"], json!(["alice"]));
    assert_eq!(json(&daemon, "policy show readers")["attachments"], 1);
    // What is in use stays, and what goes for good is asked about.
    refused(&daemon, "policy rm readers --yes", 7, "POLICY_ATTACHED");
    refused(&daemon, "user rm alice", 9, "UNCONFIRMED");
    does(&daemon, "policy detach readers --user alice");
    does(&daemon, "policy rm readers --yes");
    does(&daemon, "user rm alice --yes");
    refused(&daemon, "user show alice", 3, "IDENTITY_NOT_FOUND");
    assert_eq!(json(&daemon, "group show ops")["members"], json!([]));
    assert_eq!(json(&daemon, "user ls"), json!([]));
}

#[test]
fn a_policy_keeps_its_versions_and_an_older_one_can_be_put_in_force_again() {
    let daemon = open();
    does(&daemon, "policy create p readers.json");
    does(&daemon, "policy update p writers.json");
    let raw = |line: &str| daemon.ctl(&words(line)).ok().stdout;
    assert!(raw("policy show p -o raw").contains("PutValue"));
    assert_eq!(raw("policy show p --version 1 -o raw"), READERS);
    does(&daemon, "policy rollback p --to 1");
    assert_eq!(raw("policy show p -o raw"), READERS);
    does(&daemon, "policy update p --description text");
    let shown = json(&daemon, "policy show p");
    assert_eq!(shown["description"], "text");
    refused(&daemon, "policy rollback p --to 9", 3, "VERSION_NOT_FOUND");
    assert_eq!(json(&daemon, "policy ls"), json!([{ "name": "p" }]));
}

#[test]
fn a_role_and_a_service_have_what_a_group_has_not() {
    let daemon = open();
    does(&daemon, "user create alice");
    does(
        &daemon,
        "role create deploy --trust trust.json --max-session 2h --tag stage=prod",
    );
    let role = json(&daemon, "role show deploy");
    assert_eq!(role["longest_session_seconds"], 7200);
    assert!(
        role["trust_policy"]
            .as_str()
            .is_some_and(|text| text.contains("user:alice"))
    );
    does(&daemon, "service create ci");
    does(&daemon, "policy put-inline own readers.json --service ci");
    does(&daemon, "policy create most readers.json");
    does(&daemon, "policy boundary most --service ci");
    does(&daemon, "service update ci --tag a=b");
    does(&daemon, "service disable ci");
    let ci = json(&daemon, "service show ci");
    assert_eq!(
        (&ci["disabled"], &ci["boundary"]),
        (&json!(true), &json!("most"))
    );
    assert_eq!(ci["inline_policies"][0]["document"], READERS);
    does(&daemon, "service enable ci");
    does(&daemon, "policy boundary --none --service ci");
    does(&daemon, "policy rm-inline own --service ci --yes");
    does(&daemon, "service update ci --untag a");
    let ci = json(&daemon, "service show ci");
    assert_eq!(ci["disabled"], false);
    assert_eq!(
        (&ci["tags"], &ci["inline_policies"]),
        (&json!({}), &json!([]))
    );
    assert_eq!(ci["boundary"], "");
}

#[test]
fn what_somebody_can_do_is_told_with_its_reason_and_changes_with_his_policies_at_once() {
    let daemon = open();
    let says = |line: &str, code: i32, answer: &str| {
        let output = daemon.ctl(&words(line));
        assert_eq!(
            (output.code, output.stdout.trim()),
            (code, answer),
            "{output}"
        );
    };
    does(&daemon, "user create alice");
    does(&daemon, "service create ci");
    does(&daemon, "policy create readers readers.json");
    let read = "can user:alice secret:GetValue secret:db/a --explain";
    says(read, 20, "no: no identity policy allows it");
    does(&daemon, "policy attach readers --user alice");
    says(
        read,
        0,
        "yes: statement 1 of policy:readers, version 1 allows it",
    );
    says("can user:alice secret:GetValue secret:other", 20, "no");
    says("who-can secret:GetValue secret:db/a", 0, "user:alice");
    does(&daemon, "policy update readers writers.json");
    says(read, 20, "no: no identity policy allows it");
    does(&daemon, "user disable alice");
    says(
        "can user:alice secret:PutValue secret:db/a --explain",
        20,
        "no: the identity is disabled",
    );
    says("who-can secret:PutValue secret:db/a", 0, "");
    let root = "yes: no policy binds the root identity";
    says("can secret:Destroy secret:db/ --explain", 0, root);
    for (line, code, reason) in [
        (
            "can user:bob secret:GetValue secret:a",
            3,
            "IDENTITY_NOT_FOUND",
        ),
        (
            "can group:ops secret:GetValue secret:a",
            3,
            "IDENTITY_NOT_FOUND",
        ),
        ("can alice secret:GetValue secret:a", 2, "NAME_INVALID"),
        ("can secret:Nothing secret:a", 2, "REQUEST_INVALID"),
        ("can secret:GetValue a", 2, "REQUEST_INVALID"),
        ("can secret:GetValue secret:a//b", 2, "PATH_INVALID"),
        ("can secret:GetValue", 2, "USAGE"),
        ("who-can secret:Nothing secret:a", 2, "REQUEST_INVALID"),
    ] {
        refused(&daemon, line, code, reason);
    }
}

#[test]
fn a_session_asks_about_itself_freely_and_about_others_only_with_the_right() {
    let daemon = open();
    does(&daemon, "user create alice");
    let narrow = "login --action secret:GetValue --under db --print-token";
    let narrowed = daemon.ctl(&words(narrow)).ok();
    daemon.use_token(narrowed.stdout.trim());
    let can = json(&daemon, "can secret:GetValue secret:db/a");
    assert_eq!(can["allowed"], true);
    let other = daemon.ctl(&words("can secret:GetValue secret:other --explain"));
    other.fails(20, "");
    for line in [
        "can user:alice secret:GetValue secret:db/a",
        "can user:nobody secret:GetValue secret:db/a",
        "who-can secret:GetValue secret:db/a",
    ] {
        refused(&daemon, line, 4, "POLICY_DENIED");
    }
}

#[test]
fn what_is_wrong_with_an_identity_or_a_policy_is_said_and_changes_nothing() {
    let daemon = open();
    does(&daemon, "user create alice");
    does(&daemon, "policy create p readers.json");
    for (line, code, reason) in [
        ("user create ALICE", 8, "IDENTITY_EXISTS"),
        ("user create a/b", 2, "NAME_INVALID"),
        ("user create group:ops", 2, "NAME_INVALID"),
        ("user create ａlice", 8, "IDENTITY_EXISTS"),
        ("user create bob --tag novalue", 2, "USAGE"),
        ("user create bob --tag a=1 --tag a=2", 2, "USAGE"),
        ("user create bob --trust trust.json", 2, "USAGE"),
        ("group create ops --tag a=b", 2, "USAGE"),
        ("role create r", 2, "USAGE"),
        ("role create r --trust readers.json", 2, "POLICY_INVALID"),
        (
            "role create r --trust trust.json --max-session 1d",
            2,
            "REQUEST_INVALID",
        ),
        ("user update alice", 2, "USAGE"),
        ("user update bob --description x", 3, "IDENTITY_NOT_FOUND"),
        ("user disable bob", 3, "IDENTITY_NOT_FOUND"),
        ("user rm bob", 3, "IDENTITY_NOT_FOUND"),
        ("group add-member ops alice", 3, "IDENTITY_NOT_FOUND"),
        ("policy create q bad.json", 2, "POLICY_INVALID"),
        ("policy create p readers.json", 8, "IDENTITY_EXISTS"),
        ("policy create q missing.json", 2, "IO"),
        ("policy update p bad.json", 2, "POLICY_INVALID"),
        ("policy update p", 2, "USAGE"),
        ("policy show q", 3, "POLICY_NOT_FOUND"),
        ("policy attach q --user alice", 3, "POLICY_NOT_FOUND"),
        ("policy attach p", 2, "USAGE"),
        ("policy attach p --user alice --group ops", 2, "USAGE"),
        ("policy boundary p --group ops", 2, "USAGE"),
        (
            "policy put-inline own bad.json --user alice",
            2,
            "POLICY_INVALID",
        ),
        (
            "policy rm-inline own --user alice --yes",
            3,
            "POLICY_NOT_FOUND",
        ),
    ] {
        refused(&daemon, line, code, reason);
    }
    let bad = daemon.ctl(&words("policy create q bad.json"));
    bad.fails(2, "bad.json: ");
    assert_eq!(json(&daemon, "policy ls"), json!([{ "name": "p" }]));
    assert_eq!(json(&daemon, "user ls"), json!([{ "who": "user:alice" }]));
    assert_eq!(json(&daemon, "role ls"), json!([]));
}
