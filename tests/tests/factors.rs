//! People with second factors: enrolled, used, lost and demanded, on a real daemon.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use vault_tests::{Daemon, Output, Terminal};

use crate::BINARIES;
use crate::logins::{FIRST, SECOND, as_token, login, settled};
use crate::sessions::with_clock;
use crate::transcript::{STEP, code};

const DAY: u64 = 24 * 60 * 60;

/// As whoever has this token, with this on stdin.
fn typing(daemon: &Daemon, token: &str, args: &[&str], lines: &[&str]) -> Output {
    std::fs::write(daemon.place.path("another"), token).expect("written");
    daemon.place.shell("chmod 600 another").ok();
    let address = daemon.address();
    let all = ["-o", "json", "--addr", &address, "--token-file", "another"];
    let all = [&all, args].concat();
    daemon.place.ctl_with(&all, lines.join("\n").as_bytes())
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// An administrator's code for a first authenticator.
fn issued(daemon: &Daemon, user: &str) -> String {
    let made = daemon.ctl(&["-o", "json", "mfa", "issue-code", user]).ok();
    text(&made.json()["code"])
}

/// Enrols a first authenticator so many steps from now: its seed, and the recovery codes.
fn enrol(daemon: &Daemon, user: &str, token: &str, steps: u64) -> (String, Vec<String>) {
    let issued = issued(daemon, user);
    let started = as_token(daemon, token, &["mfa", "enrol", "--code", &issued]);
    let seed = text(&started.ok().json()["secret"]);
    let confirmed = typing(daemon, token, &["mfa", "confirm"], &[&code(&seed, steps)]);
    let codes = confirmed.ok().json()["recovery_codes"].clone();
    let codes = codes.as_array().expect("codes").iter().map(text).collect();
    (seed, codes)
}

fn move_on(daemon: &Daemon, seconds: u64) {
    std::fs::write(daemon.place.path("run/ahead"), seconds.to_string()).expect("moved");
}

#[test]
fn a_recovery_code_gets_its_user_in_once_and_nobody_else() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    for user in ["alice", "bob"] {
        daemon.ctl(&["user", "create", user]).ok();
    }
    let (alice, bob) = (
        settled(&daemon, "alice", FIRST),
        settled(&daemon, "bob", SECOND),
    );
    let (_, codes) = enrol(&daemon, "alice", &alice, 0);
    enrol(&daemon, "bob", &bob, 0);
    assert_eq!(codes.len(), 10);
    login(&daemon, "alice", &[FIRST]).refused(2, "USAGE");
    login(&daemon, "bob", &[SECOND, &codes[0]]).refused(5, "CODE_WRONG");
    let made = login(&daemon, "alice", &[FIRST, &codes[0]]).ok();
    assert!(made.stderr.contains("9 are left"), "{made}");
    let who = as_token(&daemon, made.stdout.trim(), &["whoami"]).ok();
    assert!(who.json()["mfa_at"].is_string(), "{who}");
    login(&daemon, "alice", &[FIRST, &codes[0]]).refused(5, "CODE_WRONG");
    let mistyped = codes[1].get(1..).expect("the rest of it");
    login(&daemon, "alice", &[FIRST, mistyped]).refused(2, "CODE_INVALID");
    let made = login(&daemon, "alice", &[FIRST, &codes[1].to_lowercase()]).ok();
    assert!(made.stderr.contains("8 are left"), "{made}");
    let lines = daemon.audit();
    let by = lines
        .iter()
        .filter(|line| line["by"] == "password and recovery code");
    assert_eq!(by.count(), 2);
    for told in &codes {
        assert!(
            !format!("{lines:?}").contains(told.as_str()),
            "a code is in the audit"
        );
    }
}

#[test]
fn a_stolen_session_and_a_stolen_password_do_not_change_the_password_without_a_code() {
    let daemon = with_clock();
    daemon.open();
    daemon.ctl(&["user", "create", "alice"]).ok();
    let token = settled(&daemon, "alice", FIRST);
    let (seed, _) = enrol(&daemon, "alice", &token, 0);
    let change = |lines: &[&str]| typing(&daemon, &token, &["passwd"], lines);
    // just shown, by the enrolment
    change(&[FIRST, SECOND]).ok();
    move_on(&daemon, 23 * STEP);
    change(&[SECOND, FIRST]).refused(2, "USAGE");
    let lines = daemon.audit();
    let needed = lines
        .iter()
        .filter(|line| line["reason"] == "SECOND_FACTOR_NEEDED");
    assert_eq!(needed.count(), 1);
    change(&[SECOND, FIRST, "12345"]).refused(2, "CODE_INVALID");
    let one_time = "vlt-enrol-ABCD-EFGH";
    change(&[SECOND, FIRST, one_time]).refused(2, "CODE_INVALID");
    let far = code(&seed, 5000);
    change(&[SECOND, FIRST, &far]).refused(5, "CODE_WRONG");
    let shown = code(&seed, 23);
    change(&["another password here", FIRST, &shown]).refused(5, "LOGIN_FAILED");
    change(&[SECOND, FIRST, &shown]).ok();
    login(&daemon, "alice", &[FIRST, &shown]).refused(5, "CODE_USED");
    // the session has shown it by that
    change(&[FIRST, SECOND]).ok();
}

#[test]
fn from_the_moment_that_demands_a_second_factor_a_login_is_good_for_enrolling_one() {
    let daemon = with_clock();
    daemon.open();
    daemon.ctl(&["user", "create", "alice"]).ok();
    let token = settled(&daemon, "alice", FIRST);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let moment = now.expect("a time").as_secs() + 2 * DAY;
    let document = format!(r#"{{"MfaRequiredFrom": "{moment}"}}"#);
    let put = ["-o", "json", "password", "policy", "set", "-"];
    daemon.ctl_with(&put, document.as_bytes()).ok();
    as_token(&daemon, &token, &["whoami"]).ok();

    move_on(&daemon, 2 * DAY - 600);
    let last = login(&daemon, "alice", &[FIRST]).ok();
    assert!(last.stderr.contains("must be enrolled by"), "{last}");
    let last = last.stdout.trim();
    let who = as_token(&daemon, last, &["whoami"]).ok().json();
    assert_eq!(who["only_enrols"], false, "{who}");

    let steps = 2 * DAY / STEP + 2;
    move_on(&daemon, steps * STEP);
    as_token(&daemon, last, &["whoami"]).refused(5, "TOKEN_INVALID");
    let made = login(&daemon, "alice", &[FIRST]).ok();
    let made = made.stdout.trim();
    let who = as_token(&daemon, made, &["whoami"]).ok().json();
    assert_eq!(who["only_enrols"], true, "{who}");
    let ls = |token: &str| as_token(&daemon, token, &["user", "ls"]);
    let refused = ls(made);
    assert_eq!(refused.code, 4, "{refused}");
    let as_before = as_token(&daemon, made, &["mfa", "enrol", "--code", "123456"]);
    assert_ne!(as_before.code, 0, "a code of no authenticator: {as_before}");
    let (seed, _) = enrol(&daemon, "alice", made, steps);
    let who = as_token(&daemon, made, &["whoami"]).ok().json();
    assert_eq!(who["only_enrols"], false, "{who}");
    login(&daemon, "alice", &[FIRST]).refused(2, "USAGE");
    let came = login(&daemon, "alice", &[FIRST, &code(&seed, steps + 1)]);
    came.ok();
}

#[test]
fn what_a_terminal_draws_is_the_uri_that_an_app_reads() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    daemon.ctl(&["user", "create", "alice"]).ok();
    let token = settled(&daemon, "alice", FIRST);
    let issued = issued(&daemon, "alice");
    as_token(&daemon, &token, &["whoami"]).ok();
    let address = daemon.address();
    let command = ["--addr", &address, "--token-file", "another"];
    let command = [&command[..], &["mfa", "enrol", "--uri", "--code", &issued]].concat();
    let utf8: &[_] = &[("LC_ALL", "C.UTF-8")];
    let mut enrol = Terminal::run_sized(&daemon.place, &command, (utf8, Some((120, 60))));
    enrol.expect("to be typed in: ");
    let seed = enrol.line();
    enrol.expect("shows: ").type_hidden(&code(&seed, 0));
    let shown = enrol.end().ok().stdout;
    let uri = shown.lines().find(|line| line.starts_with("otpauth://"));
    let uri = uri.expect("the URI in letters, too");
    assert!(uri.contains(&seed), "{uri}");
    assert_eq!(read(&shown), uri);
}

/// What an app reads off a screen.
fn read(shown: &str) -> String {
    let mut modules: Vec<Vec<bool>> = Vec::new();
    for line in shown.lines() {
        let Some(line) = line.strip_prefix("\x1b[30;107m") else {
            continue;
        };
        let line = line.strip_suffix("\x1b[0m").expect("colours end");
        let half = |upper| line.chars().map(move |c| c == '█' || c == upper).collect();
        modules.push(half('▀'));
        modules.push(half('▄'));
    }
    // a camera sees each module as some dots
    let dots = 6;
    let width = modules.first().map_or(0, Vec::len);
    let dark = |x: usize, y: usize| modules[y / dots][x / dots];
    let mut picture =
        rqrr::PreparedImage::prepare_from_greyscale(width * dots, modules.len() * dots, |x, y| {
            if dark(x, y) { 0 } else { 255 }
        });
    let grids = picture.detect_grids();
    assert_eq!(grids.len(), 1, "one code is drawn");
    grids[0].decode().expect("it is readable").1
}
