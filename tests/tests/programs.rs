//! Programs that log in: a real daemon, the command line, and the SDK.

mod bounded;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use vault_sdk::{SessionTerms, Text, Vault};
use vault_tests::{Daemon, Output};

use crate::BINARIES;

const READERS: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:team/*"}}"#;

/// An open vault with a service that may read, and contexts over TLS and over the Unix socket.
fn start() -> Daemon {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    daemon.ctl_with(&["set", "team/wifi"], b"hunter2").ok();
    let file = daemon.place.path("readers.json");
    fs::write(&file, READERS).expect("a file");
    let file = file.to_string_lossy();
    daemon.ctl(&["policy", "create", "readers", &file]).ok();
    for name in ["ci", "other"] {
        daemon.ctl(&["service", "create", name]).ok();
    }
    let attach = ["policy", "attach", "readers", "--service", "ci"];
    daemon.ctl(&attach).ok();
    let (address, fingerprint) = daemon.https();
    let pin = ["--addr", &address, "--ca-fingerprint", &fingerprint];
    let add = [&["context", "add", "ci"], &pin[..]].concat();
    daemon.place.ctl(&add).ok();
    let local = ["context", "add", "local", "--addr", &daemon.address()];
    daemon.place.ctl(&local).ok();
    daemon
}

/// Over TLS, in a context of its own.
fn ctl(daemon: &Daemon, args: &[&str], stdin: &str) -> Output {
    let args = [&["-o", "json", "-c", "ci"], args].concat();
    daemon.place.ctl_with(&args, stdin.as_bytes())
}

/// A secret id and its accessor.
fn issue(daemon: &Daemon, name: &str, terms: &[&str]) -> (String, String) {
    let args = [
        &["-o", "json", "service", "secret-id", "issue", name],
        terms,
    ]
    .concat();
    let made = daemon.ctl(&args).ok().json();
    let text = |key: &str| made[key].as_str().expect("text").to_owned();
    (text("secret_id"), text("accessor"))
}

fn log_in(daemon: &Daemon, name: &str, id: &str) -> Output {
    ctl(daemon, &["login", "--service", name], id)
}

#[test]
fn a_program_logs_in_with_a_secret_id_that_is_written_down_nowhere() {
    let daemon = start();
    let file = daemon.place.path("secret-id");
    let name = file.to_string_lossy();
    let issue = [
        "-o",
        "json",
        "service",
        "secret-id",
        "issue",
        "ci",
        "--out",
        &name,
    ];
    let issued = daemon.ctl(&issue).ok();
    let accessor = issued.json()["accessor"].as_str().expect("one").to_owned();
    let id = fs::read_to_string(&file).expect("a secret id");
    assert!(id.starts_with("vli_") && !issued.stdout.contains(&id));
    let mode = fs::metadata(&file).expect("its mode").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let login = ["login", "--service", "ci", "--secret-id-file", &name];
    ctl(&daemon, &login, "").ok();
    let who = ctl(&daemon, &["whoami"], "").ok().json();
    assert_eq!(who["principal"], "service:ci");
    let shown = daemon.place.ctl(&["-c", "ci", "get", "team/wifi"]).ok();
    assert_eq!(shown.stdout, "hunter2");
    ctl(&daemon, &["set", "team/wifi", "--generate"], "").refused(4, "POLICY_DENIED");
    let issue = ["service", "secret-id", "issue", "ci"];
    ctl(&daemon, &issue, "").refused(4, "POLICY_DENIED");

    let listed = daemon
        .ctl(&["-o", "json", "service", "secret-id", "ls", "ci"])
        .ok();
    assert_eq!(listed.json()[0]["accessor"], accessor.as_str());
    assert!(!listed.stdout.contains(&id));
    let lines = daemon.audit();
    let of = |method: &str| {
        let method = format!("/vault.v1.Programs/{method}");
        lines.iter().find(|line| line["method"] == method.as_str())
    };
    let line = of("LoginSecretId").expect("a line of the login");
    assert_eq!(line["by"], format!("secret id {accessor}"));
    assert_eq!(line["status"], "ok");
    assert_eq!(of("IssueSecretId").expect("its line")["status"], "ok");
    let needles = [id.clone().into_bytes(), id.as_bytes()[4..].to_vec()];
    assert_eq!(daemon.place.search("vault", &needles), []);
    assert!(!daemon.log_text().contains(&id));

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    assert_eq!(ctl(&daemon, &login, "").code, 2, "others could read it");
    let revoke = ["service", "secret-id", "revoke", "ci", &accessor];
    daemon.ctl(&revoke).ok();
    log_in(&daemon, "ci", &id).refused(5, "LOGIN_FAILED");
    let again = [&["-o", "json"], &revoke[..]].concat();
    daemon.ctl(&again).refused(3, "SECRET_ID_NOT_FOUND");
}

#[test]
fn whatever_is_wrong_with_a_service_or_its_secret_id_is_one_answer() {
    let daemon = start();
    let (id, _) = issue(&daemon, "ci", &[]);
    let (others, _) = issue(&daemon, "other", &[]);
    let (once, _) = issue(&daemon, "ci", &["--uses", "1"]);
    let (away, _) = issue(&daemon, "ci", &["--bind", "192.0.2.0/24"]);
    log_in(&daemon, "ci", &once).ok();
    // All but the request's own id.
    let message = |output: &Output| {
        let error: serde_json::Value = serde_json::from_str(&output.stderr).expect("an error");
        let error = &error["error"];
        let mut details = error["details"].clone();
        if let Some(details) = details.as_object_mut() {
            details.remove("request_id");
        }
        format!("{} {} {details}", error["message"], error["hints"])
    };
    let mut said = Vec::new();
    for (name, id) in [
        ("ci", &others),
        ("other", &id),
        ("nobody", &id),
        ("administrator", &id),
        ("ci", &once),
        ("ci", &away),
    ] {
        let refused = log_in(&daemon, name, id).refused(5, "LOGIN_FAILED");
        said.push(message(&refused).replace(&format!("issue {name}"), "issue NAME"));
    }
    daemon.ctl(&["service", "disable", "ci"]).ok();
    let refused = log_in(&daemon, "ci", &id).refused(5, "LOGIN_FAILED");
    said.push(message(&refused).replace("issue ci", "issue NAME"));
    daemon.ctl(&["service", "enable", "ci"]).ok();
    log_in(&daemon, "ci", &id).ok();
    daemon.ctl(&["service", "rm", "ci", "--yes"]).ok();
    daemon.ctl(&["service", "create", "ci"]).ok();
    log_in(&daemon, "ci", &id).refused(5, "LOGIN_FAILED");
    for shape in [
        "x",
        "vli_",
        &id[..id.len() - 1],
        &format!("{id}A"),
        &id.replace("vli_", "vlt_"),
        &id.replace("vli_", "VLI_"),
        &format!("{}A{}", &id[..20], &id[21..]),
        &id.to_uppercase(),
        "vlt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        log_in(&daemon, "ci", shape).refused(2, "REQUEST_INVALID");
    }
    assert_eq!(log_in(&daemon, "ci", "").code, 2, "nothing was piped in");
    for name in ["", "a b", "CI\u{200b}", "service:"] {
        assert_eq!(log_in(&daemon, name, &id).code, 2, "{name:?}");
    }
    assert!(said.iter().all(|text| *text == said[0]), "{said:?}");
}

#[test]
fn what_is_asked_for_a_service_out_of_bounds_is_refused() {
    let daemon = start();
    let tried = |args: &[&str]| daemon.ctl(&[&["-o", "json", "service"], args].concat());
    for args in [
        &["secret-id", "issue", "ci", "--ttl", "1s"][..],
        &["secret-id", "issue", "ci", "--ttl", "366d"],
        &["secret-id", "issue", "ci", "--uses", "0"],
        &["secret-id", "issue", "ci", "--uses", "-1"],
        &["secret-id", "issue", "ci", "--bind", "nowhere"],
        &["secret-id", "issue", "ci", "--bind", "10.0.0.1/8"],
        &["secret-id", "issue", "a b"],
        &["secret-id", "revoke", "ci", "x"],
        &["secret-id", "revoke", "ci", "0123456789ABCDEF0123"],
        &["allow-uid", "ci", "65534"],
        &["allow-uid", "ci", "4294967295"],
        &["allow-uid", "ci", "4294967296"],
        &["allow-uid", "ci", "-1"],
        &["allow-uid", "ci", "root"],
    ] {
        let refused = tried(args);
        assert_eq!(refused.code, 2, "{args:?}: {refused}");
    }
    for args in [
        &["secret-id", "issue", "nobody"][..],
        &["secret-id", "ls", "nobody"],
        &["allow-uid", "nobody", "7"],
        &["rm-uid", "nobody", "7"],
        &["uids", "nobody"],
    ] {
        tried(args).refused(3, "IDENTITY_NOT_FOUND");
    }
    for args in [
        &[
            "login",
            "--service",
            "ci",
            "--peer",
            "--secret-id-file",
            "x",
        ][..],
        &["login", "--service", "ci", "alice"],
        &["login", "--peer"],
        &["login", "--secret-id-file", "x"],
    ] {
        assert_eq!(daemon.ctl(args).code, 2, "{args:?}");
    }
}

#[test]
fn a_program_is_known_by_its_uid_over_the_unix_socket_and_nowhere_else() {
    let daemon = start();
    let uid = rustix::process::getuid().as_raw();
    let own = uid.to_string();
    let local = |name: &str| {
        let login = [
            "-o",
            "json",
            "-c",
            "local",
            "login",
            "--service",
            name,
            "--peer",
        ];
        daemon.place.ctl(&login)
    };
    local("ci").refused(5, "LOGIN_FAILED");
    let another = (uid + 1).to_string();
    daemon.ctl(&["service", "allow-uid", "ci", &another]).ok();
    local("ci").refused(5, "LOGIN_FAILED");
    let allowed = daemon
        .ctl(&["-o", "json", "service", "allow-uid", "ci", &own])
        .ok();
    assert_eq!(allowed.json()["changed"], true);
    local("ci").ok();
    let who = daemon
        .place
        .ctl(&["-o", "json", "-c", "local", "whoami"])
        .ok();
    assert_eq!(who.json()["principal"], "service:ci");
    for wrong in ["other", "nobody", "administrator"] {
        local(wrong).refused(5, "LOGIN_FAILED");
    }
    let lines = daemon.audit();
    let made = lines
        .iter()
        .find(|line| line["method"] == "/vault.v1.Programs/LoginPeer" && line["status"] == "ok");
    assert_eq!(made.expect("its line")["by"], format!("uid {uid}"));
    let remote = ctl(&daemon, &["login", "--service", "ci", "--peer"], "");
    assert_eq!(remote.code, 2, "{remote}");
    assert_eq!(over_tls(&daemon), "REQUEST_INVALID");
    let uids = daemon
        .ctl(&["-o", "json", "service", "uids", "ci"])
        .ok()
        .json();
    assert_eq!(uids.as_array().map(Vec::len), Some(2));
    daemon.ctl(&["service", "rm-uid", "ci", &own]).ok();
    local("ci").refused(5, "LOGIN_FAILED");
    // What was made goes on, and ends with the service.
    daemon.place.ctl(&["-c", "local", "get", "team/wifi"]).ok();
    daemon.ctl(&["service", "disable", "ci"]).ok();
    let get = ["-o", "json", "-c", "local", "get", "team/wifi"];
    daemon.place.ctl(&get).refused(5, "TOKEN_INVALID");
}

/// What a client is told that asks for it from a network.
#[tokio::main(flavor = "current_thread")]
async fn over_tls(daemon: &Daemon) -> String {
    let (address, pin) = daemon.https();
    let vault = Vault::builder()
        .endpoint(address.parse().expect("an address"))
        .ca_fingerprint(pin.parse().expect("a fingerprint"));
    let refused = vault.log_in_as_peer("ci", SessionTerms::default()).await;
    refused.expect_err("a network").reason().to_owned()
}

#[test]
fn of_fifty_programs_with_a_secret_id_for_one_exactly_one_is_logged_in() {
    let daemon = start();
    let (id, _) = issue(&daemon, "ci", &["--uses", "1"]);
    assert_eq!(fifty(&daemon, &id), (1, 49));
    log_in(&daemon, "ci", &id).refused(5, "LOGIN_FAILED");
}

/// How many got in, and how many were refused as they should be.
#[tokio::main(flavor = "current_thread")]
async fn fifty(daemon: &Daemon, id: &str) -> (usize, usize) {
    let (address, pin) = daemon.https();
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let vault = Vault::builder()
                .endpoint(address.parse().expect("an address"))
                .ca_fingerprint(pin.parse().expect("a fingerprint"));
            let id = Text::new(id);
            tokio::spawn(async move {
                let terms = SessionTerms::default();
                let vault = vault.log_in_with_secret_id("ci", &id, terms).await?;
                vault.auth().who_am_i().await
            })
        })
        .collect();
    let (mut made, mut refused) = (0, 0);
    for tried in tries {
        match tried.await.expect("an answer") {
            Ok(session) => made += usize::from(session.principal == "service:ci"),
            Err(error) => refused += usize::from(error.reason() == "LOGIN_FAILED"),
        }
    }
    (made, refused)
}
