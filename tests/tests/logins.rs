//! People log in: with a password that an administrator never knew, as often as the vault lets them.

use std::sync::Arc;

use prost_reflect::Value;
use vault_tests::{Daemon, Output, Terminal};

use crate::BINARIES;
use crate::wire::{Wire, message};

pub(crate) const FIRST: &str = "vermilion teapot gargles";
pub(crate) const SECOND: &str = "quartz umbrella mutters";
pub(crate) const LOGIN: &str = "/vault.v1.Auth/LoginPassword";

pub(crate) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// Makes a user, who may do this to everything.
pub(crate) async fn create(wire: &Wire, user: &str, action: &str) {
    let who = ("who", text(&format!("user:{user}")));
    let body = message("CreateIdentityRequest", std::slice::from_ref(&who));
    wire.call("/vault.v1.Identity/CreateIdentity", body)
        .await
        .expect("a user");
    let document = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}}}"#
    );
    let fields = [who, ("name", text("own")), ("document", text(&document))];
    let body = message("PutInlinePolicyRequest", &fields);
    wire.call("/vault.v1.Identity/PutInlinePolicy", body)
        .await
        .expect("a policy of his");
}

pub(crate) fn logs_in(user: &str, password: &str) -> Vec<u8> {
    let fields = [("user", text(user)), ("password", text(password))];
    message("LoginPasswordRequest", &fields)
}

pub(crate) fn reset(daemon: &Daemon, user: &str) -> String {
    let made = daemon.ctl(&["-o", "json", "password", "reset", user]).ok();
    let made = made.json()["one_time_password"].clone();
    made.as_str().expect("a password").to_owned()
}

/// Logs in over the socket with lines that are piped in, and prints the token.
pub(crate) fn login(daemon: &Daemon, user: &str, lines: &[&str]) -> Output {
    let address = daemon.address();
    let args = [
        "-o",
        "json",
        "--addr",
        &address,
        "login",
        user,
        "--print-token",
    ];
    daemon.place.ctl_with(&args, lines.join("\n").as_bytes())
}

/// A token of a user whose password was changed at his first login.
pub(crate) fn settled(daemon: &Daemon, user: &str, password: &str) -> String {
    let drawn = reset(daemon, user);
    let token = login(daemon, user, &[&drawn, password]).ok().stdout;
    token.trim().to_owned()
}

pub(crate) fn as_token(daemon: &Daemon, token: &str, args: &[&str]) -> Output {
    std::fs::write(daemon.place.path("another"), token).expect("written");
    daemon.place.shell("chmod 600 another").ok();
    let address = daemon.address();
    let all = [
        &["-o", "json", "--addr", &address, "--token-file", "another"],
        args,
    ]
    .concat();
    daemon.place.ctl(&all)
}

pub(crate) async fn open_with(users: &[(&str, &str)]) -> (Daemon, Wire) {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let wire = Wire::connect(&daemon, &opened.token).await;
    for (user, action) in users {
        create(&wire, user, action).await;
    }
    (daemon, wire)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_login_chooses_a_password_that_no_administrator_has_seen() {
    let (daemon, _wire) = open_with(&[("alice", "secret:*")]).await;
    let drawn = reset(&daemon, "alice");
    let address = daemon.address();
    daemon
        .place
        .ctl(&["context", "add", "home", "--addr", &address])
        .ok();
    let mut terminal = Terminal::run(&daemon.place, &["-c", "home", "login", "Alice"], &[]);
    terminal.expect("Password: ").type_hidden(&drawn);
    terminal.expect("must be changed");
    terminal
        .expect("New password: ")
        .type_hidden("alice alice alice");
    terminal
        .expect("Once more: ")
        .type_hidden("alice alice alice");
    terminal.expect("refused").expect("ContextWords");
    terminal.expect("New password: ").type_hidden(FIRST);
    terminal.expect("Once more: ").type_hidden(FIRST);
    terminal.expect("logged in to home as user:alice");
    let shown = terminal.end().ok().stdout;
    assert!(!shown.contains(FIRST) && !shown.contains(&drawn), "{shown}");
    let who = daemon
        .place
        .ctl(&["-c", "home", "-o", "json", "whoami"])
        .ok();
    assert_eq!(who.json()["principal"], "user:alice");

    login(&daemon, "alice", &[&drawn, SECOND]).refused(5, "LOGIN_FAILED");
    login(&daemon, "alice", &[FIRST]).ok();
    let lines = daemon.audit();
    let of = |line: &&serde_json::Value| line["method"] == LOGIN;
    let lines: Vec<_> = lines.iter().filter(of).collect();
    let made = lines.iter().find(|line| line["status"] == "ok");
    assert_eq!(made.expect("a line of the login")["by"], "password");
    let text = format!("{lines:?}");
    for told in ["alice", FIRST, SECOND, drawn.as_str()] {
        assert!(!text.contains(told), "{told} is in the audit");
    }
    let changing = |line: &&&serde_json::Value| line["reason"] == "PASSWORD_CHANGE_REQUIRED";
    let named = lines.iter().find(changing).expect("its line");
    assert!(
        named["principal"].is_string(),
        "the right password names him"
    );
    let failed = |line: &&&serde_json::Value| line["reason"] == "LOGIN_FAILED";
    let failed = lines.iter().find(failed).expect("its line");
    assert!(failed["principal"].is_null(), "{failed}");
    assert_eq!(failed["resources"].as_array().map(Vec::len), Some(1));
    let told = daemon.place.search(
        "vault",
        &[FIRST.as_bytes().to_vec(), drawn.as_bytes().to_vec()],
    );
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_guesses_lock_a_name_however_it_is_written_and_whether_anybody_has_it() {
    let (daemon, _wire) = open_with(&[("alice", "secret:*")]).await;
    settled(&daemon, "alice", FIRST);
    let mut answers = Vec::new();
    for variants in [
        ["bob", "BOB", "Bob", "ｂｏｂ", "bOB", "bob"],
        ["alice", "ALICE", "Alice", "ａlice", "aLICE", "alice"],
    ] {
        let said = variants.map(|user| {
            let output = login(&daemon, user, &["another password here"]);
            let error: serde_json::Value =
                serde_json::from_str(output.stderr.trim()).expect("an error");
            let error = &error["error"];
            let message = error["message"].as_str().expect("a message");
            // how long to wait is less a moment later
            let words: String = message.chars().filter(|c| !c.is_ascii_digit()).collect();
            if error["reason"] == "LOGIN_LOCKED" {
                let seconds = message
                    .split_whitespace()
                    .find_map(|word| word.parse().ok());
                assert!((1..=30).contains(&seconds.unwrap_or(0)), "{message}");
            }
            (output.code, error["reason"].clone(), words)
        });
        let reasons = said.clone().map(|(code, reason, _)| (code, reason));
        for (code, reason) in &reasons[..5] {
            assert_eq!((*code, reason), (5, &"LOGIN_FAILED".into()));
        }
        assert_eq!(reasons[5], (10, "LOGIN_LOCKED".into()));
        answers.push(said);
    }
    assert_eq!(answers[0], answers[1], "they tell who exists");
    login(&daemon, "alice", &[FIRST]).refused(10, "LOGIN_LOCKED");
    daemon.ctl(&["password", "unlock", "alice"]).ok();
    login(&daemon, "alice", &[FIRST]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_guesses_that_come_at_once_five_are_compared() {
    let (daemon, _wire) = open_with(&[("alice", "secret:*")]).await;
    let wire = Arc::new(Wire::connect(&daemon, "").await);
    let (mut compared, mut locked) = (0, 0);
    // What is shed at once is not counted, so they come again until nothing else is said.
    for _ in 0..8 {
        let guesses = (0..6).map(|_| {
            let wire = Arc::clone(&wire);
            tokio::spawn(async move { wire.call(LOGIN, logs_in("alice", "another one")).await })
        });
        for guess in guesses.collect::<Vec<_>>() {
            match guess
                .await
                .expect("an answer")
                .expect_err("no session")
                .reason
                .as_str()
            {
                "LOGIN_FAILED" => compared += 1,
                "LOGIN_LOCKED" => locked += 1,
                "OVERLOADED" => {}
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!(compared, 5);
    assert!(locked > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_or_a_change_ends_sessions_and_a_reset_is_not_for_those_who_may_less() {
    let users = [("alice", "secret:*"), ("bob", "user:*"), ("carol", "*")];
    let (daemon, _wire) = open_with(&users).await;
    let first = settled(&daemon, "alice", FIRST);
    let bob = settled(&daemon, "bob", SECOND);
    let carol = settled(&daemon, "carol", "seventeen hammocks whisper");
    as_token(&daemon, &first, &["whoami"]).ok();
    as_token(&daemon, &bob, &["password", "reset", "alice"]).refused(4, "BEYOND_OWN_RIGHTS");
    as_token(&daemon, &first, &["password", "reset", "bob"]).refused(4, "POLICY_DENIED");
    as_token(&daemon, &carol, &["password", "reset", "carol"]).refused(2, "REQUEST_INVALID");
    as_token(&daemon, &carol, &["password", "reset", "nobody"]).refused(3, "IDENTITY_NOT_FOUND");
    as_token(&daemon, &first, &["whoami"]).ok();

    let second = login(&daemon, "alice", &[FIRST]).ok().stdout;
    let changes = |token: &str, lines: &[&str]| {
        std::fs::write(daemon.place.path("another"), token).expect("written");
        let address = daemon.address();
        let args = [
            "-o",
            "json",
            "--addr",
            &address,
            "--token-file",
            "another",
            "passwd",
        ];
        daemon.place.ctl_with(&args, lines.join("\n").as_bytes())
    };
    changes(&first, &["another password", SECOND]).refused(5, "LOGIN_FAILED");
    changes(&first, &[FIRST, "short"]).refused(2, "PASSWORD_REFUSED");
    changes(&first, &[FIRST, FIRST]).refused(2, "PASSWORD_REFUSED");
    changes(&first, &[FIRST, SECOND]).ok();
    as_token(&daemon, &first, &["whoami"]).ok();
    as_token(&daemon, second.trim(), &["whoami"]).refused(5, "TOKEN_INVALID");
    login(&daemon, "alice", &[FIRST]).refused(5, "LOGIN_FAILED");
    login(&daemon, "alice", &[SECOND]).ok();

    reset(&daemon, "alice");
    as_token(&daemon, &first, &["whoami"]).refused(5, "TOKEN_INVALID");
    login(&daemon, "alice", &[SECOND]).refused(5, "LOGIN_FAILED");
    for who in ["alice", "user:alice", "user:ALICE"] {
        let search = ["-o", "json", "audit", "search", "--caller", who];
        let found = daemon.ctl(&search).ok().json();
        assert_eq!(found[0]["principal"], "user:alice", "{who}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vaults_policy_is_read_and_written_and_binds_the_next_login() {
    let (daemon, _wire) = open_with(&[("alice", "secret:*")]).await;
    let ctl = |args: &[&str], stdin: &str| {
        let all = [&["-o", "json", "password", "policy"], args].concat();
        daemon.ctl_with(&all, stdin.as_bytes())
    };
    let shown = ctl(&["show"], "").ok().json();
    assert_eq!(shown["policy"]["MinimumPasswordLength"], 15);
    assert_eq!(shown["advice"], serde_json::json!([]));
    for bad in [
        "{",
        "[]",
        r#"{"MinimumPasswordLength": 14}"#,
        r#"{"Minimum": 15}"#,
    ] {
        ctl(&["set", "-"], bad).refused(2, "REQUEST_INVALID");
    }
    assert_eq!(ctl(&["show"], "").ok().json(), shown);
    let set = ctl(
        &["set", "-"],
        r#"{"RequireNumbers": true, "LockoutThreshold": 1}"#,
    );
    assert_eq!(set.ok().json()["advice"].as_array().map(Vec::len), Some(1));
    let drawn = reset(&daemon, "alice");
    login(&daemon, "alice", &[&drawn, FIRST])
        .refused(2, "PASSWORD_REFUSED")
        .fails(2, "RequireNumbers");
    let token = login(&daemon, "alice", &[&drawn, "9 vermilion teapots"])
        .ok()
        .stdout;
    as_token(&daemon, token.trim(), &["password", "policy", "show"]).refused(4, "POLICY_DENIED");
    login(&daemon, "nobody", &["another password here"]).refused(5, "LOGIN_FAILED");
    login(&daemon, "nobody", &["another password here"]).refused(10, "LOGIN_LOCKED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_login_is_refused_with_its_reason() {
    let (daemon, _wire) = open_with(&[]).await;
    let ctl = |args: &[&str], stdin: &str| {
        daemon.ctl_with(&[&["-o", "json"], args].concat(), stdin.as_bytes())
    };
    for (user, lines, code, reason) in [
        ("alice", vec![], 2, "USAGE"),
        ("alice", vec![""], 2, "USAGE"),
        ("a/b", vec!["x"], 2, "NAME_INVALID"),
        ("alice", vec!["\u{7}"], 2, "REQUEST_INVALID"),
        ("alice", vec!["x"], 5, "LOGIN_FAILED"),
    ] {
        login(&daemon, user, &lines).refused(code, reason);
    }
    for _ in 0..8 {
        let address = daemon.address();
        let args = [
            "--addr",
            &address,
            "login",
            "bob",
            "--ttl",
            "48h",
            "--print-token",
        ];
        let args = [&["-o", "json"], args.as_slice()].concat();
        daemon
            .place
            .ctl_with(&args, b"x")
            .refused(2, "REQUEST_INVALID");
    }
    login(&daemon, "bob", &["x"]).refused(5, "LOGIN_FAILED");
    ctl(&["passwd"], "one\n").refused(2, "USAGE");
    ctl(&["passwd"], "one\ntwo\n").refused(4, "POLICY_DENIED");
    for verb in ["reset", "unlock"] {
        ctl(&["password", verb, "nobody"], "").refused(3, "IDENTITY_NOT_FOUND");
    }
}
