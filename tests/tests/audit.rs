//! Reading the audit trail through the real binaries: searched, followed, checked, and by whom not.

use std::fs;

use serde_json::Value;
use vault_tests::{Daemon, Output};

use crate::BINARIES;

mod tail;

fn filled(more: &str) -> Daemon {
    let daemon = Daemon::start_with(BINARIES, more);
    daemon.open();
    daemon.ctl_with(&["set", "db/password"], b"hunter2").ok();
    daemon.ctl(&["get", "db/password"]).ok();
    daemon.ctl(&["get", "db/other"]).fails(3, "");
    daemon
}

/// Lines that a search finds.
fn search(daemon: &Daemon, words: &[&str]) -> Vec<Value> {
    let found = daemon.ctl(&[&["-o", "json", "audit", "search"], words].concat());
    let found = found.ok().json();
    found.as_array().expect("an array").clone()
}

fn all<'a>(lines: &'a [Value], member: &str) -> Vec<&'a str> {
    let member = |line: &'a Value| line[member].as_str().unwrap_or_default();
    lines.iter().map(member).collect()
}

/// A session that may do only this.
fn only(daemon: &Daemon, action: &str) -> String {
    let words = ["login", "--action", action, "--print-token"];
    let token = fs::read(daemon.place.path("token")).expect("the token");
    let session = daemon.ctl_with(&words, &token).ok();
    session.stdout.trim().to_owned()
}

/// Asks for a thousand secrets at once: a line that names them all.
fn batch(daemon: &Daemon) {
    let names: Vec<String> = (0..1000).map(|n| format!("many/s{n}")).collect();
    let words = ["-o", "json", "get"].into_iter();
    let words: Vec<&str> = words.chain(names.iter().map(String::as_str)).collect();
    daemon.ctl(&words).fails(3, "");
}

#[test]
fn lines_are_found_by_name_under_every_key_and_shown_as_what_was_asked_for() {
    let daemon = filled("");
    daemon.ctl(&["keyring", "rotate"]).ok();
    daemon.ctl(&["get", "db/password"]).ok();
    let found = search(&daemon, &["--resource", "db/password"]);
    assert_eq!(
        all(&found, "action"),
        ["secret:PutValue", "secret:GetValue", "secret:GetValue"]
    );
    let shown = |line: &Value| line["resources"] == serde_json::json!(["secret:db/password"]);
    assert!(found.iter().all(shown), "{found:?}");
    let file = fs::read_to_string(daemon.place.path("vault/audit/audit.jsonl")).expect("lines");
    assert!(!file.contains("db/password"), "a name lies in the file");

    let me = daemon.ctl(&["-o", "json", "whoami"]).ok().json();
    let (name, accessor) = (&me["principal"], &me["accessor"]);
    let (name, accessor) = (
        name.as_str().expect("a name"),
        accessor.as_str().expect("one"),
    );
    for caller in [name, &name.to_uppercase(), accessor] {
        let words = ["--caller", caller, "--action", "secret:Get*"];
        let found = search(&daemon, &words);
        assert_eq!(all(&found, "status"), ["ok", "not_found", "ok"], "{caller}");
        if caller != accessor {
            assert!(all(&found, "principal").iter().all(|shown| *shown == name));
        }
    }
    let denied = search(&daemon, &["--outcome", "failed", "--resource", "db/other"]);
    assert_eq!(all(&denied, "reason"), ["SECRET_NOT_FOUND"]);
    // To have searched is in the trail too, by the time that it is searched.
    let searches = search(&daemon, &["--action", "audit:Read", "--resource", "system"]);
    assert!(searches.len() >= 5, "{searches:?}");
    assert_eq!(search(&daemon, &["--limit", "2"]).len(), 2);
}

#[test]
fn plain_names_are_found_too_and_older_blinded_ones_with_them() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    daemon.ctl_with(&["set", "db/password"], b"hunter2").ok();
    daemon.restart_with("audit.paths = \"plain\"");
    daemon.unseal(&opened);
    daemon.ctl(&["get", "db/password"]).ok();
    let found = search(&daemon, &["--resource", "secret:db/password"]);
    assert_eq!(
        all(&found, "action"),
        ["secret:PutValue", "secret:GetValue"]
    );
}

#[test]
fn a_search_that_finds_nothing_says_so_and_ends_well() {
    let daemon = filled("");
    for words in [
        ["--resource", "db/passwor"],
        ["--resource", "many/"],
        ["--caller", "nobody"],
        ["--caller", "user:nobody"],
        ["--caller", "role:deploy/nobody"],
        ["--action", "secret:Destroy"],
        ["--outcome", "internal"],
        ["--since", "2999-01-01T00:00:00Z"],
        ["--until", "7d"],
    ] {
        let found = daemon
            .ctl(&[&["audit", "search"], &words[..]].concat())
            .ok();
        assert_eq!(found.stdout, "", "{words:?}");
        assert!(found.stderr.contains("no line matches"), "{found}");
        assert_eq!(search(&daemon, &words), [Value::Null; 0]);
    }
}

#[test]
fn words_that_mean_nothing_are_refused_and_not_taken_to_match_nothing() {
    let daemon = filled("");
    for words in [
        ["--action", "secret:Get"],
        ["--action", "*:GetValue"],
        ["--outcome", "bad"],
        ["--outcome", "OK"],
        ["--caller", ""],
        ["--caller", "a b"],
        ["--caller", "*"],
        ["--caller", "user:"],
        ["--caller", "group:ops"],
        ["--resource", "a//b"],
        ["--resource", "db/password@2"],
        ["--since", "yesterday"],
        ["--limit", "0"],
    ] {
        let refused = daemon.ctl(&[&["audit", "search"], &words[..]].concat());
        assert_eq!(refused.code, 2, "{words:?}: {refused}");
    }
    let span = ["audit", "search", "--since", "1h", "--until", "2h"];
    daemon.ctl(&span).fails(2, "nothing is between");
    daemon
        .ctl(&["audit", "tail", "-n", "1001", "--no-follow"])
        .fails(2, "1000");
    let many: Vec<&str> = ["--caller", "alice"].repeat(17);
    daemon
        .ctl(&[&["audit", "search"], &many[..]].concat())
        .fails(2, "16");
}

#[test]
fn who_has_not_the_right_reads_and_checks_nothing_and_that_is_recorded() {
    let daemon = filled("");
    let admin = fs::read_to_string(daemon.place.path("token")).expect("the token");
    let reader = only(&daemon, "audit:Read");
    daemon.use_token(&only(&daemon, "secret:GetValue"));
    for words in [
        &["tail"][..],
        &["tail", "--no-follow"],
        &["search"],
        &["verify"],
    ] {
        let words = [&["-o", "json", "audit"], words].concat();
        let denied = daemon.ctl(&words);
        assert_eq!(denied.stdout, "");
        denied.refused(4, "POLICY_DENIED");
    }
    daemon.use_token(&reader);
    daemon.ctl(&["audit", "tail", "--no-follow"]).ok();
    let denied = search(&daemon, &["--outcome", "denied", "--resource", "system"]);
    let methods: Vec<&str> = all(&denied, "method")
        .iter()
        .map(|m| &m["/vault.v1.Audit/".len()..])
        .collect();
    assert_eq!(
        methods,
        ["TailAudit", "TailAudit", "SearchAudit", "VerifyAudit"]
    );
    daemon
        .ctl(&["-o", "json", "audit", "verify"])
        .refused(4, "POLICY_DENIED");
    daemon.ctl(&["get", "db/password"]).fails(4, "");
    daemon.use_token("vlt_wrong");
    daemon
        .ctl(&["-o", "json", "audit", "search"])
        .refused(5, "TOKEN_INVALID");
    daemon.use_token(&admin);
    daemon.ctl(&["audit", "verify"]).ok();
}

fn verify(daemon: &Daemon) -> Output {
    daemon.ctl(&["-o", "json", "audit", "verify"])
}

#[test]
fn damage_is_found_in_file_and_line_and_a_search_passes_it_over() {
    let daemon = filled("");
    assert_eq!(verify(&daemon).ok().json()["findings"], 0);
    let path = daemon.place.path("vault/audit/audit.jsonl");
    let whole = fs::read_to_string(&path).expect("lines");
    // As long as before: the daemon goes on at the end.
    let second = whole.lines().nth(1).expect("a line").to_owned();
    let damaged = format!("{}!{}", &second[..8], &second[9..]);
    assert_eq!(damaged.len(), second.len());
    overwrite(&path, whole.find(&second).expect("it"), &damaged);
    let found = verify(&daemon);
    assert_eq!(found.code, 20, "{found}");
    let report = found.json();
    assert_eq!(report["whole"], false);
    let listed = report["listed"].as_array().expect("findings");
    assert_eq!(all(listed, "flaw"), ["unreadable", "gap"], "{report}");
    let (file, line) = (&listed[0]["file"], &listed[0]["line"]);
    assert_eq!(
        (file.as_str(), line.as_u64()),
        (Some("audit.jsonl"), Some(2)),
        "{report}"
    );
    let found = daemon
        .ctl(&["audit", "search", "--resource", "db/password"])
        .ok();
    assert!(found.stderr.contains("vaultctl audit verify"), "{found}");
    assert_eq!(found.stdout.lines().count(), 2);
    let shown = daemon.ctl(&["audit", "verify"]);
    assert!(shown.stdout.starts_with("audit.jsonl\t2\t"), "{shown}");
}

fn overwrite(path: &std::path::Path, at: usize, text: &str) {
    use std::os::unix::fs::FileExt as _;
    let file = fs::OpenOptions::new().write(true).open(path);
    let written = file
        .expect("the file")
        .write_all_at(text.as_bytes(), at as u64);
    written.expect("overwritten");
}

#[test]
fn a_batch_that_takes_several_lines_is_numbered_checked_and_found_as_one() {
    let mut daemon = filled("");
    batch(&daemon);
    daemon.ctl(&["audit", "verify"]).ok();
    let found = search(
        &daemon,
        &["--resource", "many/s999", "--action", "secret:*"],
    );
    assert_eq!(all(&found, "type"), ["more"]);
    daemon.kill();
    daemon.restart();
    let lines = daemon.audit();
    let more = lines.iter().filter(|line| line["type"] == "more");
    assert!(more.count() > 0, "one line held it all");
    let numbers: Vec<u64> = lines
        .iter()
        .filter_map(|line| line["seq"].as_u64())
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a + 1 == *b), "{numbers:?}");
}
