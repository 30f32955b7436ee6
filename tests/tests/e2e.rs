//! A real daemon and the real command line, from an empty directory to a secret and back.

use vault_tests::Daemon;

use crate::BINARIES;

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
fn values_come_from_files_and_variables_and_out_decoded_or_by_default() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    std::fs::write(daemon.place.path("key"), "aGVs\nbG8=\n").expect("written");
    daemon.ctl(&["set", "a/key", "--file", "key"]).ok();
    assert_eq!(daemon.ctl(&["get", "a/key"]).ok().stdout, "aGVs\nbG8=\n");
    let decoded = daemon.ctl(&["get", "a/key", "--decode", "base64"]).ok();
    assert_eq!(decoded.stdout, "hello");
    daemon
        .ctl(&["set", "a/key#home", "--from-env", "HOME"])
        .ok();
    let home = daemon.place.path("home").display().to_string();
    assert_eq!(daemon.ctl(&["get", "a/key#home"]).ok().stdout, home);
    for absent in ["a/none", "a/key#none", "a/key@9"] {
        let got = daemon.ctl(&["get", absent, "--default", "instead"]).ok();
        assert_eq!(got.stdout, "instead", "{absent}");
    }
    daemon.use_token("vlt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    // Only what is not there has a default.
    daemon
        .ctl(&["get", "a/key", "--default", "instead"])
        .fails(5, "");
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
fn a_batch_is_recorded_secret_by_secret() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    for path in ["one", "two", "two"] {
        daemon.ctl_with(&["set", path], b"v").ok();
    }
    let batch = ["-o", "json", "get", "two", "none", "one", "two@1", "one@9"];
    assert_eq!(daemon.ctl(&batch).code, 11);
    let lines = daemon.audit();
    let of_batch =
        |line: &&serde_json::Value| line["method"] == "/vault.v1.Secrets/BatchGetSecrets";
    let line = lines.iter().find(of_batch).expect("its line");
    let resources = line["resources"].as_array().expect("names");
    assert_eq!((resources.len(), &resources[0]), (5, &resources[3]));
    let results = serde_json::json!([2, "SECRET_NOT_FOUND", 1, 1, "VERSION_NOT_FOUND"]);
    assert_eq!(line["results"], results, "{line}");
    let single = lines.iter().find(|line| line["status"] == "ok");
    assert!(single.is_some_and(|line| line.get("results").is_none()));
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
