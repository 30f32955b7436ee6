//! Sessions that no record is kept of, through the command line: a real daemon that is restarted, revoked at, rotated
//! and restored.

use std::fs;

use vault_tests::{Daemon, Opened, Output};

use crate::BINARIES;
use crate::sessions::with_clock;
use crate::trust;

const READERS: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:team/*"}}"#;

fn own_uid() -> String {
    rustix::process::getuid().as_raw().to_string()
}

/// An open vault with a service that may read, and that processes of this uid are.
fn prepared(daemon: &Daemon) -> Opened {
    let opened = daemon.open();
    daemon.ctl_with(&["set", "team/wifi"], b"hunter2").ok();
    let file = daemon.place.path("readers.json");
    fs::write(&file, READERS).expect("a file");
    let file = file.to_string_lossy();
    daemon.ctl(&["policy", "create", "readers", &file]).ok();
    daemon.ctl(&["service", "create", "ci"]).ok();
    let attach = ["policy", "attach", "readers", "--service", "ci"];
    daemon.ctl(&attach).ok();
    let allow = ["service", "allow-uid", "ci", &own_uid()];
    daemon.ctl(&allow).ok();
    opened
}

fn start() -> (Daemon, Opened) {
    let daemon = Daemon::start(BINARIES);
    let opened = prepared(&daemon);
    (daemon, opened)
}

fn login(daemon: &Daemon, args: &[&str]) -> Output {
    let fixed = ["-o", "json", "login", "--service", "ci", "--peer"];
    let fixed = [&fixed[..], &["--signed", "--print-token"]].concat();
    daemon.ctl(&[&fixed, args].concat())
}

fn token(daemon: &Daemon) -> String {
    login(daemon, &[]).ok().stdout.trim().to_owned()
}

/// With a token of its own, whatever token the others are with.
fn with(daemon: &Daemon, token: &str, args: &[&str]) -> Output {
    let file = daemon.place.path("signed-token");
    fs::write(&file, token).expect("a file");
    daemon.place.shell("chmod 600 signed-token").ok();
    let (address, file) = (daemon.address(), file.to_string_lossy().into_owned());
    let fixed = ["--addr", &address, "--token-file", &file];
    daemon.place.ctl(&[&fixed, args].concat())
}

#[track_caller]
fn reads(daemon: &Daemon, token: &str) {
    let value = with(daemon, token, &["get", "team/wifi"]).ok();
    assert_eq!(value.stdout, "hunter2");
}

#[track_caller]
fn is_over(daemon: &Daemon, token: &str) {
    with(daemon, token, &["-o", "json", "get", "team/wifi"]).refused(5, "TOKEN_INVALID");
}

fn applied(daemon: &Daemon) -> u64 {
    let status = daemon.ctl(&["-o", "json", "status"]).ok().json();
    status["applied_index"].as_u64().expect("a number")
}

#[test]
fn a_signed_login_writes_nothing_and_opens_what_its_service_may() {
    let (daemon, _) = start();
    let before = applied(&daemon);
    let one = token(&daemon);
    let two = token(&daemon);
    assert!(one.starts_with("vlg_") && one != two);
    assert_eq!(applied(&daemon), before, "a signed login was written");
    reads(&daemon, &one);
    with(
        &daemon,
        &one,
        &["-o", "json", "set", "team/wifi", "--generate"],
    )
    .refused(4, "POLICY_DENIED");
    with(&daemon, &one, &["-o", "json", "get", "other/wifi"]).refused(4, "POLICY_DENIED");
    assert_eq!(applied(&daemon), before);

    let me = with(&daemon, &one, &["-o", "json", "whoami"]).ok().json();
    assert_eq!(me["principal"], "service:ci");
    assert_eq!(me["signed"], true);
    let accessor = me["accessor"].as_str().expect("text");
    assert!(accessor.starts_with("signed-"), "{accessor}");
    let listed = ["-o", "json", "session", "ls", "service:ci"];
    assert_eq!(daemon.ctl(&listed).ok().json(), serde_json::json!([]));
    let lines = daemon.audit();
    let logins: Vec<_> = lines
        .iter()
        .filter(|line| line["method"] == "/vault.v1.Programs/LoginPeer")
        .collect();
    assert_eq!(logins.len(), 2, "{logins:?}");
    assert_eq!(logins[0]["by"], format!("uid {}", own_uid()));
    assert_eq!(logins[0]["status"], "ok");
    assert!(lines.iter().any(|line| line.to_string().contains(accessor)));
    let needles = [one.clone().into_bytes(), one.as_bytes()[4..].to_vec()];
    assert_eq!(daemon.place.search("vault", &needles), []);
    assert!(!daemon.log_text().contains(&one));
}

#[test]
fn a_restart_and_a_rotation_keep_it_and_sealing_does_not_open_it() {
    let (mut daemon, opened) = start();
    let before = token(&daemon);
    daemon.stop();
    daemon.restart();
    with(&daemon, &before, &["-o", "json", "get", "team/wifi"]).refused(7, "SEALED");
    login(&daemon, &[]).refused(7, "SEALED");
    daemon.unseal(&opened);
    reads(&daemon, &before);
    daemon.ctl(&["keyring", "rotate"]).ok();
    reads(&daemon, &before);
    let after = token(&daemon);
    reads(&daemon, &after);
    let terms = || {
        let status = daemon.ctl(&["-o", "json", "keyring", "status"]).ok().json();
        let terms = status["terms"].as_array().expect("terms").clone();
        let signing = terms.iter().filter(|term| term["key"] == "log-signing");
        signing.count()
    };
    let begun = std::time::Instant::now();
    while terms() > 1 {
        assert!(begun.elapsed().as_secs() < 60, "the old key is there still");
    }
    reads(&daemon, &before);
    reads(&daemon, &after);
}

#[test]
fn what_ends_all_sessions_of_its_service_ends_it_at_once() {
    let (daemon, _) = start();
    for ends in [
        &["session", "revoke", "--all", "service:ci"][..],
        &["service", "update", "ci", "--end-sessions"],
        &["service", "disable", "ci"],
    ] {
        daemon.ctl(&["service", "enable", "ci"]).ok();
        let text = token(&daemon);
        reads(&daemon, &text);
        daemon.ctl(ends).ok();
        is_over(&daemon, &text);
    }
    login(&daemon, &[]).refused(5, "LOGIN_FAILED");
    daemon.ctl(&["service", "enable", "ci"]).ok();
    let text = token(&daemon);
    daemon.ctl(&["service", "rm-uid", "ci", &own_uid()]).ok();
    login(&daemon, &[]).refused(5, "LOGIN_FAILED");
    reads(&daemon, &text);
    daemon.ctl(&["service", "rm", "ci", "--yes"]).ok();
    is_over(&daemon, &text);
    daemon.ctl(&["service", "create", "ci"]).ok();
    is_over(&daemon, &text);
}

#[test]
fn a_restore_ends_it() {
    let (daemon, opened) = start();
    let path = daemon.place.path("vault.backup");
    let file = path.to_string_lossy().into_owned();
    let text = token(&daemon);
    daemon.ctl(&["backup", "create", &file]).ok();
    reads(&daemon, &text);
    let bytes = fs::read(&path).expect("a backup");
    drop(daemon);
    let daemon = Daemon::start(BINARIES);
    let path = daemon.place.path("vault.backup");
    fs::write(&path, &bytes).expect("the backup");
    daemon
        .ctl(&["backup", "restore", &path.to_string_lossy()])
        .ok();
    let sealed = || daemon.ctl(&["-o", "json", "status"]);
    let begun = std::time::Instant::now();
    while !sealed().stdout.contains("\"sealed\"") {
        assert!(begun.elapsed().as_secs() < 60, "{}", sealed());
    }
    daemon.unseal(&opened);
    is_over(&daemon, &text);
    let new = token(&daemon);
    reads(&daemon, &new);
}

#[test]
fn what_needs_a_record_is_refused_with_what_works_instead() {
    let (daemon, _) = start();
    let text = token(&daemon);
    let accessor = with(&daemon, &text, &["-o", "json", "whoami"]).ok().json()["accessor"].clone();
    let accessor = accessor.as_str().expect("text");
    let revoke = ["-o", "json", "session", "revoke", accessor];
    let refused = daemon.ctl(&revoke).refused(7, "SESSION_SIGNED");
    assert!(refused.stderr.contains("--all service:"), "{refused}");
    reads(&daemon, &text);
    with(&daemon, &text, &["-o", "json", "session", "renew"]).refused(2, "REQUEST_INVALID");
    let exchange = ["-o", "json", "login", "--print-token"];
    with(&daemon, &text, &exchange).refused(7, "SESSION_SIGNED");
    for terms in [&["--ttl", "16m"][..], &["--ttl", "59s"], &["--ttl", "12h"]] {
        login(&daemon, terms).refused(2, "REQUEST_INVALID");
    }
    for terms in [&["--uses", "3"][..], &["--idle", "5m"]] {
        login(&daemon, terms).fails(2, "cannot be used with");
    }
    for words in [&["login", "--signed"][..], &["login", "alice", "--signed"]] {
        assert_eq!(daemon.ctl(words).code, 2, "{words:?}");
    }
    let issue = |terms: &[&str]| {
        let fixed = ["-o", "json", "service", "secret-id", "issue", "ci"];
        let made = daemon.ctl(&[&fixed, terms].concat()).ok().json();
        made["secret_id"].as_str().expect("text").to_owned()
    };
    let by_id = |id: &str| {
        let login = ["-o", "json", "login", "--service", "ci", "--signed"];
        daemon.ctl_with(&[&login[..], &["--print-token"]].concat(), id.as_bytes())
    };
    let once = issue(&["--uses", "1"]);
    by_id(&once).refused(2, "REQUEST_INVALID");
    let often = issue(&[]);
    reads(&daemon, by_id(&often).ok().stdout.trim());
    // It was refused before it was used up.
    let login = ["login", "--service", "ci", "--print-token"];
    daemon.ctl_with(&login, once.as_bytes()).ok();
}

#[test]
fn a_logout_says_that_a_copy_of_the_token_is_good_still() {
    let (daemon, _) = start();
    let add = ["context", "add", "local", "--addr", &daemon.address()];
    daemon.place.ctl(&add).ok();
    let login = [
        "-c",
        "local",
        "login",
        "--service",
        "ci",
        "--peer",
        "--signed",
    ];
    daemon.place.ctl(&login).ok();
    let kept = daemon.place.path("state/vault/tokens/local");
    let text = fs::read_to_string(&kept).expect("the session");
    assert!(text.starts_with("vlg_"));
    let out = daemon.place.ctl(&["-c", "local", "logout"]).ok();
    assert!(
        out.stderr.contains("session revoke --all service:ci"),
        "{out}"
    );
    assert!(!kept.exists());
    reads(&daemon, text.trim());
}

#[test]
fn it_ends_by_its_time_and_is_bound_to_where_it_was_asked_for() {
    let daemon = with_clock();
    prepared(&daemon);
    let away = login(&daemon, &["--bind", "192.0.2.0/24"]).ok().stdout;
    is_over(&daemon, away.trim());
    let narrowed = login(&daemon, &["--bind", "unix", "--action", "secret:List"]);
    let narrowed = narrowed.ok().stdout;
    with(
        &daemon,
        narrowed.trim(),
        &["-o", "json", "get", "team/wifi"],
    )
    .refused(4, "POLICY_DENIED");
    let text = token(&daemon);
    reads(&daemon, &text);
    fs::write(daemon.place.path("run/ahead"), "840").expect("written");
    reads(&daemon, &text);
    fs::write(daemon.place.path("run/ahead"), "901").expect("written");
    is_over(&daemon, &text);
}

#[test]
fn what_only_looks_like_one_is_no_token() {
    let (daemon, _) = start();
    let text = token(&daemon);
    let mut typo = text.clone().into_bytes();
    typo[20] = if typo[20] == b'A' { b'B' } else { b'A' };
    let typo = String::from_utf8(typo).expect("text");
    for wrong in [
        "vlg_",
        &typo,
        &text[..text.len() - 1],
        &format!("{text}A"),
        &text.replace("vlg_", "vlt_"),
        &text.replace("vlg_", "VLG_"),
        &format!("vlg_{}", "A".repeat(1464)),
        &format!("vlg_{}", "A".repeat(2000)),
    ] {
        is_over(&daemon, wrong);
    }
    let other = Daemon::start(BINARIES);
    prepared(&other);
    is_over(&other, &text);
    reads(&daemon, &text);
}

#[test]
fn the_token_of_a_trusted_issuer_comes_to_a_signed_session_that_ends_with_it() {
    let (daemon, issuer) = trust::open();
    let before = applied(&daemon);
    let mut claims = trust::claims("till");
    claims["exp"] = (trust::now() + 300).into();
    let jwt = issuer.token(&claims);
    let made = trust::login_with(&daemon, "till", &["--signed"], &jwt)
        .ok()
        .stdout;
    assert_eq!(applied(&daemon), before, "a signed login was written");
    let me = with(&daemon, made.trim(), &["-o", "json", "whoami"])
        .ok()
        .json();
    assert_eq!(me["principal"], "service:till");
    let (begun, end) = (me["created_at"].to_string(), me["expires_at"].to_string());
    let seconds = |text: &str| -> u64 {
        let text = text.trim_matches('"');
        let time: Vec<u64> = text[11..19]
            .split(':')
            .map(|n| n.parse().expect("n"))
            .collect();
        time[0] * 3600 + time[1] * 60 + time[2]
    };
    let life = (seconds(&end) + 86_400 - seconds(&begun)) % 86_400;
    assert!((290..=300).contains(&life), "{life} s: {me}");
    let value = with(&daemon, made.trim(), &["get", "shop/db"]).ok();
    assert_eq!(value.stdout, "hunter2");
    let wrong = issuer.token(&trust::claims("nobody"));
    trust::login_with(&daemon, "till", &["--signed"], &wrong).refused(5, "LOGIN_FAILED");
    let line = daemon.audit().into_iter().rev();
    let mut line = line.filter(|line| line["method"] == "/vault.v1.Trust/LoginToken");
    let line = line.next().expect("a line");
    assert_eq!(line["status"], "unauthenticated", "{line}");
    daemon
        .ctl(&["session", "revoke", "--all", "service:till"])
        .ok();
    with(&daemon, made.trim(), &["-o", "json", "get", "shop/db"]).refused(5, "TOKEN_INVALID");
}
