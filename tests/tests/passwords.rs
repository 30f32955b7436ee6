//! What passwords must be like, of the vault and of groups, as the command line says it and logins hold to it.

use vault_tests::{Daemon, Output};

use crate::BINARIES;
use crate::logins::{FIRST, login, reset};

/// Of nobody's dictionary, and of eighteen characters.
const SHORT: &str = "quartz-umbrella-37";

fn ctl(daemon: &Daemon, args: &[&str], stdin: &str) -> Output {
    daemon.ctl_with(&[&["-o", "json"], args].concat(), stdin.as_bytes())
}

fn set(daemon: &Daemon, group: &str, document: &str) -> Output {
    let args = ["password", "policy", "set", "-", "--group", group];
    ctl(daemon, &args, document)
}

#[test]
fn who_is_in_several_groups_is_held_to_the_strictest_of_each_field() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    ctl(&daemon, &["user", "create", "alice"], "").ok();
    for name in ["ops", "dev"] {
        ctl(&daemon, &["group", "create", name], "").ok();
        ctl(&daemon, &["group", "add-member", name, "alice"], "").ok();
    }
    set(&daemon, "ops", r#"{"MinimumPasswordLength": 20}"#).ok();
    set(
        &daemon,
        "dev",
        r#"{"MinimumPasswordLength": 16, "RequireNumbers": true}"#,
    )
    .ok();
    let drawn = reset(&daemon, "alice");
    let refused = |new: &str, rule: &str| {
        let tried = login(&daemon, "alice", &[&drawn, new]);
        let tried = tried.refused(2, "PASSWORD_REFUSED");
        assert!(tried.stderr.contains(rule), "{tried}");
    };
    refused(SHORT, "MinimumPasswordLength");
    refused(FIRST, "RequireNumbers");
    login(&daemon, "alice", &[&drawn, "vermilion teapot 4 gargles"]).ok();
}

#[test]
fn a_groups_policy_is_shown_advised_upon_and_cleared() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let show = |group: &str| {
        ctl(
            &daemon,
            &["password", "policy", "show", "--group", group],
            "",
        )
    };
    show("ops").refused(3, "IDENTITY_NOT_FOUND");
    set(&daemon, "ops", "{}").refused(3, "IDENTITY_NOT_FOUND");
    show("user:alice").refused(2, "NAME_INVALID");
    ctl(&daemon, &["group", "create", "ops"], "").ok();
    for wrong in [
        r#"{"LockoutThreshold": 3}"#,
        r#"{"MinimumPasswordLength": 8}"#,
        r#"{"Surprise": 1}"#,
        r#"{"MfaRequiredFrom": "2020-01-01"}"#,
        "[]",
    ] {
        set(&daemon, "ops", wrong).refused(2, "REQUEST_INVALID");
    }
    let none = show("ops").ok().json();
    assert!(none["policy"].is_null(), "{none}");
    set(&daemon, "group:ops", r#"{"MaxPasswordAge": 30}"#).ok();
    let own = show("ops").ok().json();
    assert_eq!(own["policy"]["MaxPasswordAge"], 30);
    assert!(own["policy"].get("LockoutThreshold").is_none(), "{own}");
    let whole = ctl(&daemon, &["password", "policy", "show"], "")
        .ok()
        .json();
    assert_eq!(whole["groups"][0], "ops");
    assert_eq!(whole["policy"]["MaxPasswordAge"], 0);
    let doctor = ctl(&daemon, &["doctor"], "").stdout;
    assert!(
        doctor.contains("group ops: passwords that expire"),
        "{doctor}"
    );
    ctl(
        &daemon,
        &["password", "policy", "clear", "--group", "ops"],
        "",
    )
    .ok();
    assert!(show("ops").ok().json()["policy"].is_null());
    let doctor = ctl(&daemon, &["doctor"], "").stdout;
    assert!(doctor.contains("the policy is sound"), "{doctor}");
}
