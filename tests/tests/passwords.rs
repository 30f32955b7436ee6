//! What passwords must be like, of the vault and of groups, as the command line says it and logins hold to it.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use vault_tests::{Daemon, Output};

use crate::BINARIES;
use crate::logins::{FIRST, SECOND, login, reset, settled};

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

#[test]
fn passwords_on_the_nodes_list_are_refused_and_a_bad_list_keeps_it_from_starting() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    ctl(&daemon, &["user", "create", "alice"], "").ok();
    let drawn = reset(&daemon, "alice");
    let doctor = ctl(&daemon, &["doctor"], "").stdout;
    assert!(doctor.contains("no list of its own"), "{doctor}");
    daemon.stop();
    let list = daemon.place.path("blocked");
    daemon.configure(&format!("password.blocklist = \"{}\"", list.display()));
    let write = |bytes: &[u8]| std::fs::write(&list, bytes).expect("a list");
    for (bytes, wanted) in [
        (None, "leave `password.blocklist` out"),
        (Some(&b""[..]), "has no entry"),
        (
            Some(b"one\ntwo\nd\xe9j\xe0 vu\n"),
            "blocked:3: the line is not UTF-8",
        ),
        (
            Some(b"0123456789abcdef0123456789abcdef:7\n"),
            "blocked:1: the list is of hashes",
        ),
    ] {
        if let Some(bytes) = bytes {
            write(bytes);
        }
        let refused = daemon.fails_to_start();
        assert!(refused.stderr.contains(wanted), "{refused}");
    }
    write(format!("something else\n{}\n", FIRST.to_uppercase()).as_bytes());
    daemon.restart();
    daemon.unseal(&opened);
    let refused = |new: &str| {
        let tried = login(&daemon, "alice", &[&drawn, new]);
        let tried = tried.refused(2, "PASSWORD_REFUSED");
        assert!(tried.stderr.contains("BlockedPasswords"), "{tried}");
    };
    refused(FIRST);
    // SHA-1 of the same and of the other, as the shell has it
    let sums = [FIRST, SECOND].map(|text| {
        let line = format!("printf %s '{text}' | sha1sum | cut -d' ' -f1");
        format!("{}:3\n", daemon.place.shell(&line).ok().stdout.trim())
    });
    for (bytes, entries) in [
        (format!("{}not one", sums[0]), "2 passwords are blocked"),
        (sums.concat(), "2 passwords are blocked"),
        (sums[1].to_uppercase(), "1 passwords are blocked"),
    ] {
        write(bytes.as_bytes());
        let said = daemon.log_text().len();
        daemon.signal(Signal::HUP);
        let told = || {
            let log = daemon.log_text();
            log.get(said..)
                .is_some_and(|new| new.contains("blocked passwords"))
        };
        let begun = Instant::now();
        while !told() && begun.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
        }
        let doctor = ctl(&daemon, &["doctor"], "").stdout;
        assert!(doctor.contains(entries), "{doctor}");
    }
    refused(SECOND);
    let shown = ctl(&daemon, &["password", "policy", "show"], "").ok();
    assert_eq!(shown.json()["blocklist"], 1);
    login(&daemon, "alice", &[&drawn, FIRST]).ok();
}

#[test]
fn a_password_is_hashed_anew_when_its_user_logs_in_after_the_cost_was_changed() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    for (user, password) in [("alice", FIRST), ("bob", SECOND)] {
        ctl(&daemon, &["user", "create", user], "").ok();
        settled(&daemon, user, password);
    }
    let old = |daemon: &Daemon| {
        let shown = ctl(daemon, &["password", "policy", "show"], "").ok();
        shown.json()["old_hashes"].as_u64()
    };
    let by = |daemon: &Daemon| {
        let lines = daemon.audit();
        let made = lines.iter().rfind(|line| {
            line["method"] == "/vault.v1.Auth/LoginPassword" && line["status"] == "ok"
        });
        made.expect("a login")["by"].clone()
    };
    assert_eq!(old(&daemon), Some(0));
    daemon.restart_with("password.hash_memory = \"19MiB\"\npassword.hash_passes = 2");
    daemon.unseal(&opened);
    assert_eq!(old(&daemon), Some(2));
    let doctor = ctl(&daemon, &["doctor"], "").stdout;
    assert!(
        doctor.contains("2 passwords are hashed at another cost"),
        "{doctor}"
    );
    login(&daemon, "alice", &[SECOND]).refused(5, "LOGIN_FAILED");
    login(&daemon, "nobody", &[SECOND]).refused(5, "LOGIN_FAILED");
    assert_eq!(old(&daemon), Some(2), "a wrong one changes nothing");
    login(&daemon, "alice", &[FIRST]).ok();
    assert_eq!(
        (old(&daemon), by(&daemon)),
        (Some(1), "password, hashed anew".into())
    );
    login(&daemon, "alice", &[FIRST]).ok();
    assert_eq!((old(&daemon), by(&daemon)), (Some(1), "password".into()));
    ctl(&daemon, &["user", "rm", "bob", "--yes"], "").ok();
    assert_eq!(old(&daemon), Some(0), "whoever is gone has no hash");
    daemon.stop();
    daemon.restart();
    daemon.unseal(&opened);
    login(&daemon, "alice", &[SECOND]).refused(5, "LOGIN_FAILED");
    login(&daemon, "alice", &[FIRST]).ok();
    assert_eq!((old(&daemon), by(&daemon)), (Some(0), "password".into()));
}
