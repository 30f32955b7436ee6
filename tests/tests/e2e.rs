//! A real daemon and the real command line, from an empty directory to a secret and back.

use prost_reflect::Value;
use tonic::Code;
use vault_tests::Daemon;

use crate::BINARIES;
use crate::wire::{Wire, message};

#[test]
fn a_secret_lives_through_its_whole_day() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    assert_eq!(
        daemon.ctl(&["status", "-o", "json"]).ok().json()["state"],
        "unsealed"
    );

    daemon
        .ctl_with(&["set", "db/password", "--raw-stdin"], b"first")
        .ok();
    assert_eq!(daemon.ctl(&["get", "db/password"]).ok().stdout, "first");
    daemon.ctl_with(&["set", "db/password"], b"second\n").ok();
    assert_eq!(daemon.ctl(&["get", "db/password"]).ok().stdout, "second");
    assert_eq!(daemon.ctl(&["get", "db/password@1"]).ok().stdout, "first");
    assert_eq!(
        daemon.ctl(&["get", "db/password@previous"]).ok().stdout,
        "first"
    );
    assert!(daemon.ctl(&["ls", "db"]).ok().stdout.contains("password"));
    daemon.ctl(&["get", "db/pasword"]).fails(3, "");
    daemon.ctl(&["get", "db/password@7"]).fails(3, "");

    daemon.ctl(&["seal"]).ok();
    assert_eq!(
        daemon.ctl(&["status", "-o", "json"]).json()["state"],
        "sealed"
    );
    daemon.ctl(&["get", "db/password"]).fails(7, "sealed");
    daemon
        .ctl_with(&["set", "db/password"], b"third")
        .fails(7, "sealed");

    daemon.unseal(&opened);
    assert_eq!(daemon.ctl(&["get", "db/password"]).ok().stdout, "second");
}

#[test]
fn versions_come_back_and_so_does_what_was_deleted() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    for value in ["one", "two", "three"] {
        daemon.ctl_with(&["set", "app/key"], value.as_bytes()).ok();
    }
    let log = daemon.ctl(&["log", "app/key", "-o", "json"]).ok().json();
    assert_eq!(log.as_array().map(Vec::len), Some(3), "{log}");

    daemon.ctl(&["rollback", "app/key", "--to", "1"]).ok();
    assert_eq!(daemon.ctl(&["get", "app/key"]).ok().stdout, "one");
    daemon
        .ctl_with(&["set", "app/key", "--if-version", "2"], b"late")
        .fails(8, "");
    assert_eq!(daemon.ctl(&["get", "app/key"]).ok().stdout, "one");

    daemon.ctl(&["rm", "app/key", "--yes"]).ok();
    daemon.ctl(&["get", "app/key"]).fails(3, "");
    daemon.ctl(&["restore", "app/key"]).ok();
    assert_eq!(daemon.ctl(&["get", "app/key"]).ok().stdout, "one");
    assert_eq!(daemon.ctl(&["get", "app/key@3"]).ok().stdout, "three");
}

#[test]
fn whoami_shows_no_token_and_an_unknown_token_opens_nothing() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    daemon.ctl_with(&["set", "a/b"], b"value").ok();
    let who = daemon.ctl(&["whoami", "-o", "json"]).ok();
    assert!(!who.stdout.contains(&opened.token), "{who}");
    daemon.use_token("vlt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    daemon.ctl(&["get", "a/b"]).fails(5, "");
}

#[test]
fn shares_that_open_nothing_are_named_and_count_for_nothing() {
    let (daemon, stranger) = (Daemon::start(BINARIES), Daemon::start(BINARIES));
    let opened = daemon.init();
    let foreign = stranger.init().shares[0].clone();
    let enter = |share: &str| daemon.ctl_with(&["unseal", "-"], share.as_bytes());

    enter(&opened.shares[0]).ok();
    enter(&opened.shares[0]).fails(2, "");
    enter(&foreign).fails(2, "");
    let cut = &opened.shares[1][..opened.shares[1].len() - 6];
    enter(cut).fails(2, "");
    enter("not a share at all").fails(2, "");
    enter(&opened.shares[1]).ok();
    assert_eq!(
        daemon.ctl(&["status", "-o", "json"]).json()["state"],
        "sealed"
    );
    enter(&opened.shares[4]).ok();
    assert_eq!(
        daemon.ctl(&["status", "-o", "json"]).ok().json()["state"],
        "unsealed"
    );
}

#[test]
fn a_second_init_is_refused_sealed_and_unsealed() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.init();
    daemon.ctl(&["init"]).fails(8, "");
    daemon.unseal(&opened);
    daemon.ctl(&["init"]).fails(8, "");
}

#[test]
fn a_restart_and_a_kill_keep_what_was_acknowledged() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    daemon.ctl_with(&["set", "kept/one"], b"1").ok();
    daemon.stop();
    daemon.restart();
    daemon.ctl(&["get", "kept/one"]).fails(7, "sealed");
    daemon.unseal(&opened);
    daemon.ctl_with(&["set", "kept/two"], b"2").ok();
    daemon.kill();
    daemon.restart();
    daemon.unseal(&opened);
    assert_eq!(daemon.ctl(&["get", "kept/one"]).ok().stdout, "1");
    assert_eq!(daemon.ctl(&["get", "kept/two"]).ok().stdout, "2");
}

/// Paths that are refused, never repaired.
fn bad_paths() -> Vec<String> {
    let mut bad: Vec<String> = [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "a/./b",
        "../a",
        "a\u{202e}b",
        "a\u{200b}b",
        "e\u{301}",
        "a\nb",
        "a\u{7f}",
        "a\u{feff}b",
        "\u{2066}a",
    ]
    .map(str::to_owned)
    .to_vec();
    bad.push("x".repeat(256));
    bad.push(vec!["s"; 33].join("/"));
    bad.push(["y".repeat(200), "y".repeat(200)].join("/").repeat(3));
    bad
}

#[test]
fn paths_that_are_not_canonical_are_a_usage_error() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    for path in bad_paths() {
        daemon.ctl(&["get", "--", &path]).fails(2, "");
        daemon.ctl_with(&["set", "--", &path], b"x").fails(2, "");
    }
    assert!(
        !daemon.ctl(&["ls", "-r"]).ok().stdout.contains('x'),
        "something was written"
    );
}

#[tokio::test]
async fn the_daemon_itself_refuses_bad_paths_with_their_reason() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let wire = Wire::connect(&daemon, &opened.token).await;
    let mut bad = bad_paths();
    bad.push("a\0b".to_owned());
    for path in bad {
        let body = message("GetSecretRequest", &[("path", Value::String(path.clone()))]);
        let refused = wire
            .call("/vault.v1.Secrets/GetSecret", body)
            .await
            .unwrap_err();
        assert_eq!(
            (refused.code, refused.reason.as_str()),
            (Code::InvalidArgument, "PATH_INVALID"),
            "{path:?}"
        );
    }
}

#[test]
fn a_value_over_the_limit_is_refused_and_nothing_is_written() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let largest = vec![b'v'; 1 << 20];
    daemon
        .ctl_with(&["set", "big/most", "--raw-stdin"], &largest)
        .ok();
    assert_eq!(daemon.ctl(&["get", "big/most"]).ok().stdout.len(), 1 << 20);
    for over in [(1 << 20) + 1, 8 << 20] {
        daemon
            .ctl_with(&["set", "big/over", "--raw-stdin"], &vec![b'v'; over])
            .fails(2, "");
        daemon.ctl(&["get", "big/over"]).fails(3, "");
    }
}

#[test]
fn every_request_has_its_line_whatever_became_of_it() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    daemon.ctl_with(&["set", "audited/name"], b"v").ok();
    daemon.ctl(&["get", "audited/name"]).ok();
    daemon.ctl(&["get", "audited/none"]).fails(3, "");
    daemon.use_token("vlt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    daemon.ctl(&["get", "audited/name"]).fails(5, "");
    daemon.use_token(&opened.token);
    daemon.ctl(&["seal"]).ok();
    daemon.ctl(&["get", "audited/name"]).fails(7, "");

    let lines = daemon.audit();
    let of = |method: &str| -> Vec<String> {
        let suffix = format!("/{method}");
        let of_it = lines
            .iter()
            .filter(|l| l["method"].as_str().is_some_and(|m| m.ends_with(&suffix)));
        of_it
            .map(|l| l["status"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(of("Init"), ["ok"]);
    assert_eq!(of("Unseal"), ["ok", "ok", "ok"]);
    assert_eq!(of("PutSecret"), ["ok"]);
    assert_eq!(
        of("GetSecret"),
        ["ok", "not_found", "unauthenticated", "unavailable"]
    );
    assert_eq!(of("Seal"), ["ok"]);
    for (line, sequence) in lines.iter().zip(1u64..) {
        assert_eq!(line["seq"], sequence);
    }
}

#[test]
fn nothing_that_was_entrusted_is_on_the_disk_in_clear() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let value = "canary-value-7d1f0a";
    for path in [
        "canary-folder/canary-name",
        "canary-folder/deeper/canary-leaf",
    ] {
        daemon
            .ctl_with(&["set", path, "--raw-stdin"], value.as_bytes())
            .ok();
        daemon.ctl(&["get", path]).ok();
    }
    daemon
        .ctl(&[
            "set",
            "canary-folder/canary-name",
            "canary-field=canary-literal",
        ])
        .ok();
    daemon
        .ctl_with(
            &["set", "canary-large", "--raw-stdin"],
            value.repeat(20_000).as_bytes(),
        )
        .ok();
    daemon
        .ctl(&["get", "canary-folder/canary-absent"])
        .fails(3, "");
    daemon.stop();

    let mut needles: Vec<Vec<u8>> = ["canary", opened.token.as_str()]
        .iter()
        .map(|needle| needle.as_bytes().to_vec())
        .collect();
    needles.extend(opened.shares.iter().map(|share| share.as_bytes().to_vec()));
    // Also as UTF-16, as hex and as base64 at each of the three offsets.
    needles.push("canary".encode_utf16().flat_map(u16::to_le_bytes).collect());
    needles.push(hex::encode("canary").into_bytes());
    needles.extend(["Y2FuYXJ5", "NhbmFye", "jYW5hcn"].map(|text| text.as_bytes().to_vec()));
    let found = daemon.place.search("vault", &needles);
    assert!(found.is_empty(), "{found:?}");
    let logged = daemon.log_text();
    assert!(
        !logged.contains("canary") && !logged.contains(&opened.token),
        "{logged}"
    );
}
