//! `vaultctl needs`: nothing is done, and what is printed is exactly what the command takes.

use prost_reflect::Value;
use vault_tests::{Daemon, Output};

use crate::BINARIES;
use crate::wire::{Wire, message};

/// Somebody without rights, logged in.
pub fn somebody(daemon: &Daemon, name: &str) -> String {
    daemon.ctl(&["user", "create", name]).ok();
    let drawn = daemon.ctl(&["-o", "json", "password", "reset", name]).ok();
    let drawn = drawn.json()["one_time_password"].clone();
    let drawn = drawn.as_str().expect("a password").to_owned();
    let chosen = format!("{drawn}\nhis own from now on: {drawn}\n");
    let address = daemon.address();
    let login = ["--addr", &address, "login", name, "--print-token"];
    let token = daemon.place.ctl_with(&login, chosen.as_bytes()).ok();
    let path = daemon.place.path(format!("{name}.token"));
    std::fs::write(&path, token.stdout.trim()).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, mode).expect("its mode");
    path.to_string_lossy().into_owned()
}

fn by(daemon: &Daemon, token: &str, args: &[&str]) -> Output {
    let address = daemon.address();
    let all = [&["--addr", &address, "--token-file", token], args].concat();
    daemon.place.ctl_with(&all, b"a value of this test")
}

/// Asks as one who may nothing, attaches what is printed and asks again, until nothing more is missing.
fn settle(daemon: &Daemon, (name, token): (&str, &str), command: &[&str]) -> serde_json::Value {
    let needs = [&["needs", "--"], command].concat();
    for round in 0..6 {
        let told = by(daemon, token, &needs).ok();
        let policy = format!("{name}-{round}");
        daemon
            .ctl_with(&["policy", "create", &policy, "-"], told.stdout.as_bytes())
            .ok();
        let attach = ["policy", "attach", &policy, "--user", name];
        daemon.ctl(&attach).ok();
        if !told.stderr.contains("denied this now") {
            return told.json();
        }
    }
    panic!("{command:?} never has enough");
}

#[test]
fn what_is_printed_makes_exactly_the_command_work() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    daemon.ctl_with(&["set", "db/password"], b"one").ok();
    daemon.ctl_with(&["set", "db/other"], b"two").ok();
    daemon.ctl_with(&["set", "old/name"], b"three").ok();
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("getter", &["get", "db/password"], &["get", "db/other"]),
        ("setter", &["set", "new/one"], &["set", "new/two"]),
        ("lister", &["ls", "db"], &["ls", "old"]),
        (
            "maker",
            &["user", "create", "zoe"],
            &["user", "create", "yan"],
        ),
        (
            "mover",
            &["mv", "old/name", "moved/name"],
            &["mv", "db/other", "moved/other"],
        ),
        (
            "remover",
            &["rm", "-y", "db/password"],
            &["rm", "-y", "db/other"],
        ),
        ("watcher", &["group", "ls"], &["user", "ls"]),
    ];
    for (name, command, other) in cases {
        let token = somebody(&daemon, name);
        by(&daemon, &token, command).fails(4, "");
        settle(&daemon, (name, &token), command);
        by(&daemon, &token, other).fails(4, "");
        by(&daemon, &token, command).ok();
        by(&daemon, &token, other).fails(4, "");
    }
}

#[test]
fn nothing_is_done_and_nothing_read_is_shown() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let value = "only for those who get it";
    daemon
        .ctl_with(&["set", "db/password"], value.as_bytes())
        .ok();
    let needs = |command: &[&str]| daemon.ctl_with(&[&["needs", "--"], command].concat(), b"x");
    let got = needs(&["get", "db/password"]).ok();
    assert!(
        !format!("{}{}", got.stdout, got.stderr).contains(value),
        "{got}"
    );
    assert_eq!(
        got.json(),
        serde_json::json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["secret:GetValue"], "Resource": ["secret:db/password"]}]})
    );
    for command in [
        &["set", "db/new"][..],
        &["set", "db/password"],
        &["rm", "db/password"],
        &["rm", "-r", "db"],
        &["mv", "db/password", "db/elsewhere"],
        &["user", "create", "ann"],
        &["service", "create", "ci"],
        &["password", "policy", "set", "-"],
        &["seal"],
        &["keyring", "rotate"],
    ] {
        let told = needs(command);
        assert!(told.code == 0 || told.code == 2, "{told}");
    }
    assert_eq!(daemon.ctl(&["get", "db/password"]).ok().stdout, value);
    assert_eq!(daemon.ctl(&["ls", "-r"]).ok().stdout.lines().count(), 1);
    assert_eq!(daemon.ctl(&["user", "ls"]).ok().stdout, "");
    assert_eq!(daemon.ctl(&["service", "ls"]).ok().stdout, "");
    // It is on record as what it was.
    let audit = daemon.audit();
    let made = audit
        .iter()
        .filter(|line| line["method"] == "/vault.v1.Identity/CreateIdentity");
    for line in made {
        let by = line["by"].as_str().expect("who allowed it");
        assert!(by.ends_with("only asked: nothing was done"), "{line}");
    }
}

#[test]
fn what_is_only_looked_at_on_the_way_is_not_in_it() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    daemon.ctl_with(&["set", "old/name"], b"one").ok();
    let needs = |command: &[&str]| {
        let told = daemon.ctl(&[&["needs", "--"], command].concat());
        told.ok().json()["Statement"].clone()
    };
    let allow = |action: &str, resource: &str| serde_json::json!({"Effect": "Allow", "Action": [action], "Resource": [resource]});
    let moved = needs(&["mv", "old/name", "new/name"]);
    let of_old = serde_json::json!({"Effect": "Allow", "Action": ["secret:GetValue", "secret:Move"],
        "Resource": ["secret:old/name"]});
    let of_new = allow("secret:PutValue", "secret:new/name");
    let mut statements = moved.as_array().expect("statements").clone();
    statements.sort_by_key(|one| one["Resource"].to_string());
    assert_eq!(statements, [of_new, of_old]);
    // Nor what would be looked for to say what else was meant.
    let get = needs(&["get", "old/nam"]);
    let of_missing = allow("secret:GetValue", "secret:old/nam");
    assert_eq!(get, serde_json::json!([of_missing]));
}

#[test]
fn no_file_is_written() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    daemon.ctl_with(&["set", "db/password"], b"a value").ok();
    daemon.ctl(&["service", "create", "ci"]).ok();
    let file = daemon.place.path("kept");
    let out = file.to_string_lossy().into_owned();
    std::fs::write(&file, "what was there").expect("written");
    for command in [
        &["export", "db/password", "--format", "dotenv"][..],
        &["export", "db/password", "--format", "json"],
        &["get", "no/such", "--default", "x"],
        &["get", "db/password#value", "--default", "x"],
        &["service", "secret-id", "issue", "ci"],
    ] {
        let all = [&["needs", "--"], command, &["--out", &out]].concat();
        let told = daemon.ctl(&all).ok();
        assert!(told.stdout.contains("\"Action\""), "{told}");
        let now = std::fs::read_to_string(&file).expect("the file");
        assert_eq!(now, "what was there", "{command:?}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused_before_anything_is_sent() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    for (command, why) in [
        (&["needs"][..], "COMMAND"),
        (&["needs", "--", "login", "x"], "cannot be asked for"),
        (&["needs", "--", "init"], "cannot be asked for"),
        (&["needs", "--", "unseal", "-"], "cannot be asked for"),
        (&["needs", "--", "context", "ls"], "cannot be asked for"),
        (&["needs", "--", "needs", "get", "x"], "cannot be asked for"),
        (&["needs", "--", "nonsense"], "nonsense"),
        (
            &["needs", "--", "get", "x", "--addr", "https://elsewhere:1"],
            "stands before",
        ),
        (
            &["needs", "--", "--token-file=x", "get", "x"],
            "stands before",
        ),
    ] {
        daemon.ctl(command).fails(2, why);
    }
    let none = daemon.ctl(&["needs", "--", "whoami"]).ok();
    assert_eq!(none.stdout, "");
    assert!(none.stderr.contains("takes no policy"), "{none}");
    // Of a session that is not live nothing is told.
    std::fs::write(daemon.place.path("dead"), "vlt_dead").expect("written");
    daemon.place.shell("chmod 600 dead").ok();
    let dead = daemon.place.path("dead").to_string_lossy().into_owned();
    let told = by(&daemon, &dead, &["needs", "--", "get", "db/password"]);
    assert_ne!(told.code, 0, "{told}");
    assert_eq!(told.stdout, "");
}

#[tokio::test]
async fn what_is_only_asked_about_hands_nothing_out_and_takes_no_guesses() {
    let daemon = Daemon::start(BINARIES);
    let born = daemon.init();
    daemon.unseal(&born);
    daemon.use_token(&born.token);
    daemon.ctl_with(&["set", "db/password"], b"a value").ok();
    let wire = Wire::connect(&daemon, &born.token).await;
    let text = |text: &str| Value::String(text.into());
    let get = message("GetSecretRequest", &[("path", text("db/password"))]);
    let path = "/vault.v1.Secrets/GetSecret";
    assert_eq!(wire.ask(path, get.clone()).await.expect("granted").len(), 0);
    assert_ne!(wire.call(path, get).await.expect("a value").len(), 0);
    // Refused as asked about, and not as a code that is wrong: that would be a guess that nobody counts.
    for _ in 0..20 {
        let code = message("ElevateSessionRequest", &[("code", text("123456"))]);
        let asked = wire.ask("/vault.v1.Mfa/ElevateSession", code).await;
        assert_eq!(asked.expect_err("a guess").reason, "REQUEST_INVALID");
    }
}
