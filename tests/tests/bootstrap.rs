//! The bootstrap file: taken up with a vault's creation, as a whole, once.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use vault_tests::{Daemon, Dress, Place};

use crate::BINARIES;
use crate::source::root;

/// A daemon that is configured with this file, and not initialised.
fn configured(text: &str) -> Daemon {
    Daemon::start_dressed(BINARIES, "", |place| {
        write(place, text);
        let path = place.path("bootstrap.toml");
        Dress {
            config: format!("bootstrap.file = \"{}\"", path.display()),
            ..Dress::default()
        }
    })
}

fn write(place: &Place, text: &str) {
    let path = place.path("bootstrap.toml");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
}

fn example() -> String {
    fs::read_to_string(root().join("deploy/bootstrap.toml")).expect("the example")
}

#[test]
fn the_example_makes_what_it_says_once_and_survives_that_its_creation_breaks_off() {
    let mut daemon = configured(&example());
    // Prepared and never confirmed: nothing is left of it.
    let line = format!("vaultctl --addr {} init >/dev/full", daemon.address());
    daemon
        .place
        .shell(&line)
        .fails(1, "the vault was not created");
    daemon.kill();
    daemon.restart();
    let made = daemon.ctl(&["init"]).ok();
    for line in [
        "create policy:administrators",
        "create user:bob",
        "add user:alice to group:administrators",
        "attach policy:administrators to role:emergency",
        "set the password policy of group:operators",
    ] {
        let said = format!("By the bootstrap file: {line}.");
        assert!(made.stderr.contains(&said), "{said}: {made}");
    }
    let value = |kind: &str| {
        let lines = made.stdout.lines();
        let found = lines.filter_map(|line| line.strip_prefix(kind)?.strip_prefix('\t'));
        found.map(str::to_owned).collect::<Vec<_>>()
    };
    // At once after its creation, as by a power cut.
    daemon.kill();
    daemon.restart();
    let opened = vault_tests::Opened {
        shares: value("share"),
        token: value("token").remove(0),
    };
    daemon.unseal(&opened);
    daemon.use_token(&opened.token);
    let log = daemon.log_text();
    assert!(
        log.contains("is not read again; you may delete it"),
        "{log}"
    );
    holds_the_example(&daemon);
    // Each thing is on record as if it had been asked for, by root, under the request that created the vault.
    let audit = daemon.audit();
    let confirmed = audit
        .iter()
        .find(|line| line["method"] == "/vault.v1.System/ConfirmInit" && line["status"] == "ok");
    let request = &confirmed.expect("the creation")["id"];
    let under = audit.iter().filter(|line| &line["id"] == request);
    let actions: Vec<_> = under.filter_map(|line| line["action"].as_str()).collect();
    for action in [
        "policy:Create",
        "user:Create",
        "group:AddMember",
        "role:AttachPolicy",
        "password:PutPolicy",
    ] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }
    // Once only.
    daemon.ctl(&["init"]).fails(8, "initialised already");
}

fn holds_the_example(daemon: &Daemon) {
    let shown = |args: &[&str]| daemon.ctl(&[&["-o", "json"], args].concat()).ok().stdout;
    assert!(shown(&["group", "show", "administrators"]).contains("alice"));
    let emergency = shown(&["role", "show", "emergency"]);
    assert!(emergency.contains("user:bob"), "{emergency}");
    for (who, action, what, may) in [
        ("user:alice", "user:Create", "user:x", true),
        ("user:bob", "secret:GetValue", "secret:prod/x", true),
        ("user:bob", "secret:GetValue", "secret:dev/x", false),
        ("user:bob", "secret:PutValue", "secret:prod/x", false),
        ("service:deployer", "secret:GetValue", "secret:prod/x", true),
    ] {
        let can = daemon.ctl(&["can", who, action, what]);
        assert_eq!(can.code, if may { 0 } else { 20 }, "{can}");
    }
    // Nobody has a password before an administrator gives him one, which is held to the file's policy.
    let address = daemon.address();
    let login = ["--addr", &address, "login", "alice", "--print-token"];
    daemon
        .place
        .ctl_with(&login, b"anything at all, really")
        .fails(5, "");
    let drawn = daemon
        .ctl(&["-o", "json", "password", "reset", "alice"])
        .ok();
    let drawn = drawn.json()["one_time_password"].clone();
    let drawn = drawn.as_str().expect("a password");
    let short = format!("{drawn}\nsixteen is 1 more");
    let refused = daemon
        .place
        .ctl_with(&login, &short.as_bytes()[..drawn.len() + 16]);
    assert_ne!(refused.code, 0, "{refused}");
    let chosen = format!("{drawn}\nnow her own: {drawn}\n");
    daemon.place.ctl_with(&login, chosen.as_bytes()).ok();
}

#[test]
fn a_file_that_changes_or_comes_later_is_told_of_and_changes_nothing() {
    let mut daemon = configured("[users.alice]\n");
    let opened = daemon.open();
    assert!(!daemon.log_text().contains("is not what this vault"));
    for later in ["[users.alice]\n[users.mallory]\n", "no TOML", "[users.\n"] {
        write(&daemon.place, later);
        daemon.stop();
        daemon.restart();
        daemon.unseal(&opened);
        let log = daemon.log_text();
        assert!(
            log.contains("is not what this vault was created from"),
            "{log}"
        );
        assert_eq!(daemon.ctl(&["user", "ls"]).ok().stdout, "alice\n");
    }
    fs::remove_file(daemon.place.path("bootstrap.toml")).expect("removed");
    daemon.stop();
    daemon.restart();
    daemon.unseal(&opened);
    assert!(!daemon.log_text().contains("bootstrap file"));

    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    write(&daemon.place, "[users.mallory]\n");
    let path = daemon.place.path("bootstrap.toml");
    daemon.restart_with(&format!("bootstrap.file = \"{}\"", path.display()));
    daemon.unseal(&opened);
    let log = daemon.log_text();
    assert!(
        log.contains("was created without a bootstrap file"),
        "{log}"
    );
    assert_eq!(daemon.ctl(&["user", "ls"]).ok().stdout, "");
}

#[test]
fn a_file_that_is_wrong_creates_nothing_and_everything_wrong_is_told() {
    let daemon = configured("[users.alice]\ngroups = ['x']\npassword = 'hunter2'\n[user.bob]\n");
    let log = daemon.log_text();
    assert!(log.contains("the bootstrap file is wrong"), "{log}");
    let refused = daemon
        .ctl(&["init"])
        .fails(2, "the bootstrap file is refused");
    for told in [
        "bootstrap.toml:2:11: `group:x` does not exist",
        "bootstrap.toml:3:1: `password`: a bootstrap file holds no secrets",
        "bootstrap.toml:4:2: the file has no `user`",
    ] {
        assert!(refused.stderr.contains(told), "{told}: {refused}");
    }
    for said in [&refused.stdout, &refused.stderr, &daemon.log_text()] {
        assert!(!said.contains("hunter2"), "{said}");
    }
    // Mended, it takes no restart.
    write(&daemon.place, "[users.alice]\n");
    daemon.open();
    assert_eq!(daemon.ctl(&["user", "ls"]).ok().stdout, "alice\n");
}

#[test]
fn what_others_could_have_written_is_not_taken_up() {
    let daemon = configured("[users.alice]\n");
    let path = daemon.place.path("bootstrap.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("its mode");
    daemon.ctl(&["init"]).fails(2, "chmod go-w");
    fs::remove_file(&path).expect("removed");
    daemon.ctl(&["init"]).fails(2, "cannot open");
    let status = daemon.ctl(&["status"]);
    assert!(status.stdout.contains("uninitialised"), "{status}");
}

#[test]
fn a_file_is_checked_without_a_vault() {
    let place = Place::new(BINARIES);
    let example = root().join("deploy/bootstrap.toml");
    fs::copy(example, place.path("bootstrap.toml")).expect("a copy");
    let good = place.vaultd(&["check-bootstrap", "bootstrap.toml"]).ok();
    assert!(good.stdout.contains("create user:alice\n"), "{good}");
    write(&place, "[users.alice]\ntoken = 'x'\npolicies = ['none']\n");
    let bad = place.vaultd(&["check-bootstrap", "bootstrap.toml"]);
    assert_eq!(bad.code, 64, "{bad}");
    assert!(bad.stderr.contains("bootstrap.toml:2:1: "), "{bad}");
    assert!(
        bad.stderr.contains("bootstrap.toml:3:13: `policy:none`"),
        "{bad}"
    );
    place.vaultd(&["check-bootstrap"]).fails(64, "FILE");
    place
        .vaultd(&["check-bootstrap", "none"])
        .fails(64, "cannot open");
}
