//! The root identity with real binaries: ended once an administrator can go on, and made anew by shares.

use vault_tests::{Daemon, Output, Terminal};

use crate::BINARIES;

const ALL: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
const SECRETS: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secret:*", "Resource": "*"}}"#;

fn as_token(daemon: &Daemon, token: &str, args: &[&str]) -> Output {
    std::fs::write(daemon.place.path("another"), token).expect("written");
    daemon.place.shell("chmod 600 another").ok();
    let address = daemon.address();
    let all = [&["--addr", &address, "--token-file", "another"], args].concat();
    daemon.place.ctl(&all)
}

/// Makes a user who has just one policy.
fn user(daemon: &Daemon, name: &str, document: &str) {
    daemon.ctl(&["user", "create", name]).ok();
    daemon
        .ctl_with(&["policy", "create", name, "-"], document.as_bytes())
        .ok();
    daemon.ctl(&["policy", "attach", name, "--user", name]).ok();
}

/// Gives a user a password of his own.
fn settle(daemon: &Daemon, name: &str) -> String {
    let drawn = daemon.ctl(&["-o", "json", "password", "reset", name]).ok();
    let drawn = drawn.json()["one_time_password"].clone();
    let drawn = drawn.as_str().expect("a password");
    let chosen = format!("{drawn}\nnow his own: {drawn}\n");
    let address = daemon.address();
    let login = ["--addr", &address, "login", name, "--print-token"];
    let token = daemon.place.ctl_with(&login, chosen.as_bytes()).ok();
    token.stdout.trim().to_owned()
}

#[test]
fn root_ends_once_an_administrator_has_a_password_of_his_own_and_shares_make_another() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let disable = ["root", "disable"];
    daemon.ctl(&disable).fails(7, "nobody else could go on");
    user(&daemon, "reader", SECRETS);
    settle(&daemon, "reader");
    daemon.ctl(&disable).fails(7, "nobody else could go on");
    user(&daemon, "carol", ALL);
    daemon.ctl(&disable).fails(7, "nobody else could go on");
    settle(&daemon, "carol");
    daemon.ctl(&["user", "disable", "carol"]).ok();
    daemon.ctl(&disable).fails(7, "nobody else could go on");
    daemon.ctl(&["user", "enable", "carol"]).ok();
    let carol = settle(&daemon, "carol");
    let doctor = daemon.ctl(&["doctor"]);
    assert!(doctor.stdout.contains("vaultctl root disable"), "{doctor}");
    daemon.ctl(&disable).ok();
    daemon.ctl(&["whoami"]).fails(5, "");
    let status = as_token(&daemon, &carol, &["root", "status", "-o", "json"]).ok();
    assert_eq!(status.json()["enabled"], false);

    let address = daemon.address();
    let generate = |more: &[&str], shares: &[String]| {
        let args = [
            &["--addr", &address, "-o", "json", "root", "generate", "-"],
            more,
        ]
        .concat();
        daemon.place.ctl_with(&args, shares.join("\n").as_bytes())
    };
    let begun = generate(&[], &opened.shares[..1]).ok().json();
    let id = begun["ceremony"].as_str().expect("an id").to_owned();
    generate(&[], &opened.shares[1..2]).fails(7, &id);
    generate(&["--cancel", &id], &opened.shares[2..3]).ok();
    generate(&["--resume", &id], &opened.shares[1..2]).fails(7, "begin again");
    let made = generate(&[], &opened.shares[..3]).ok().json();
    let root = made["token"].as_str().expect("a token").to_owned();
    let status = as_token(&daemon, &root, &["root", "status", "-o", "json"]).ok();
    assert_eq!(status.json()["enabled"], false);
    assert_eq!(status.json()["one_time_until"], made["expires_at"]);
    as_token(&daemon, &root, &["session", "renew"]).fails(2, "");
    as_token(&daemon, &root, &["user", "create", "dave"]).ok();
    let doctor = as_token(&daemon, &root, &["doctor"]);
    assert!(
        doctor.stdout.contains("a one-time root lasts until"),
        "{doctor}"
    );
}

#[test]
fn holders_at_two_terminals_enter_shares_that_nobody_sees_and_the_last_one_gets_the_token() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let address = daemon.address();
    let begin = ["--addr", &address, "root", "generate"];
    let mut first = Terminal::run(&daemon.place, &begin, &[]);
    first.expect("Share: ").type_hidden("vault-share-junk");
    first.expect("Share: ").type_hidden(&opened.shares[0]);
    first.expect("1 of 3 shares entered").expect("--resume ");
    first.expect("Share: ").interrupt();
    let first = first.end();
    assert!(!first.stdout.contains(&opened.shares[0]), "{first}");
    let id = first.stdout.split("--resume ").nth(1).unwrap_or_default();
    let id: String = id.chars().take_while(char::is_ascii_hexdigit).collect();
    assert_eq!(id.len(), 32, "{first}");
    let resume = [&begin[..], &["--resume", &id]].concat();
    let mut second = Terminal::run(&daemon.place, &resume, &[]);
    second.expect("Share: ").type_hidden(&opened.shares[0]);
    second.expect("Share: ").type_hidden(&opened.shares[3]);
    second.expect("2 of 3 shares entered");
    second.expect("Share: ").type_hidden(&opened.shares[4]);
    second.expect("shown once");
    let second = second.end();
    assert_eq!(second.code, 0, "{second}");
    let mut token = second.stdout.split_whitespace();
    let token = token.rfind(|word| word.starts_with("vlt_"));
    let token = token.expect("a token");
    as_token(&daemon, token, &["root", "status"]).ok();
}
