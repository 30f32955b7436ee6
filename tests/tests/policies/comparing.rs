//! Two documents: what changed, and whether one allows more.

use serde_json::Value;
use vault_tests::{Daemon, Output};

use super::{READERS, allow, write};
use crate::BINARIES;

#[test]
fn a_formatted_policy_is_the_same_policy_and_has_no_other_form() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    write(
        &daemon.place,
        "a.json",
        &allow(
            "secret:a/${aws:PrincipalName}",
            r#", "Condition": {"Bool": {"aws:SecureTransport": true}}"#,
        ),
    );
    let format = |file| daemon.ctl(&["policy", "format", file]).ok().stdout;
    let once = format("a.json");
    let written = r#""Bool": { "vault:SecureTransport": "true" }"#;
    assert!(once.contains(written), "{once}");
    write(&daemon.place, "b.json", &once);
    assert_eq!(format("b.json"), once);
    let same = ["policy", "diff", "a.json", "b.json", "--exit-code"];
    assert_eq!(daemon.ctl(&same).ok().stdout, "");
    let check = ["policy", "check-no-new-access", "a.json", "b.json"];
    assert_eq!(daemon.ctl(&check).ok().stdout, "no new access\n");
}

#[test]
fn a_difference_shows_statement_by_statement() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    write(&daemon.place, "old.json", READERS);
    write(
        &daemon.place,
        "new.json",
        &READERS
            .replace("db/*", "db/app/*")
            .replace("\"Version\": \"2012-10-17\",", ""),
    );
    let diff =
        |more: &[&str]| daemon.ctl(&[&["policy", "diff", "old.json", "new.json"], more].concat());
    let shown = diff(&[]).ok().stdout;
    for line in [
        "--- old.json",
        "+++ new.json",
        "-  \"Version\": \"2012-10-17\"",
        "-      \"Resource\": \"secret:db/*\"",
        "+      \"Resource\": \"secret:db/app/*\"",
        "       \"Sid\": \"Read\",",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    let output = diff(&["-o", "json", "--exit-code"]);
    assert_eq!(output.code, 20, "{output}");
    let changes = &output.json()["changes"];
    assert_eq!(changes[0]["change"], "removed", "{changes}");
    assert_eq!(changes[1]["change"], "changed", "{changes}");
    assert_eq!(changes[1]["to"]["Resource"], "secret:db/app/*", "{changes}");
}

#[test]
fn new_access_is_shown_by_an_example_and_what_cannot_be_proven_is_no_yes() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let agent = r#", "Condition": {"StringEquals": {"vault:UserAgent": "x"}}"#;
    for (name, text) in [
        ("db", allow("secret:db/*", "")),
        ("app", allow("secret:db/app/?*", "")),
        ("if", allow("secret:*", agent)),
        ("mine", allow("secret:${vault:PrincipalName}/*", "")),
    ] {
        write(&daemon.place, name, &text);
    }
    let check = |old, new| daemon.ctl(&["policy", "check-no-new-access", old, new, "-o", "json"]);
    for (old, new, code, verdict, example) in [
        ("db", "app", 0, "no_new_access", None),
        ("app", "db", 20, "new_access", Some("secret:db/")),
        ("db", "db", 0, "no_new_access", None),
        ("if", "if", 0, "no_new_access", None),
        ("db", "if", 20, "cannot_prove", Some("secret:")),
        ("if", "db", 20, "cannot_prove", Some("secret:db/")),
        ("db", "mine", 20, "cannot_prove", Some("secret:")),
    ] {
        let output = check(old, new);
        let told = output.json();
        assert_eq!(
            (output.code, told["verdict"].as_str()),
            (code, Some(verdict)),
            "{old} {new}: {output}"
        );
        let resource = told["example"]["resource"].as_str();
        let fits = match example {
            Some(beginning) => resource.is_some_and(|resource| resource.starts_with(beginning)),
            None => resource.is_none(),
        };
        assert!(fits, "{old} {new}: {output}");
    }
    let said = daemon.ctl(&["policy", "check-no-new-access", "app", "db"]);
    assert!(
        said.stdout
            .starts_with("new access: secret:GetValue on secret:db/"),
        "{said}"
    );
}

#[test]
fn a_comparison_that_takes_too_long_ends_without_a_proof_and_reads_go_on_meanwhile() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    daemon.ctl_with(&["set", "a/b"], b"kept").ok();
    let globs = |more: &str| {
        let glob = |n: u8| format!("\"secret:*{}{}\"", char::from(b'a' + n), "?".repeat(12));
        let globs: Vec<String> = (0..12).map(glob).collect();
        format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": [{}{more}]}}}}"#,
            globs.join(", ")
        )
    };
    write(&daemon.place, "old.json", &globs(", \"secret:x\""));
    write(&daemon.place, "new.json", &globs(""));
    let check = || {
        daemon.ctl(&[
            "policy",
            "check-no-new-access",
            "old.json",
            "new.json",
            "-o",
            "json",
        ])
    };
    std::thread::scope(|scope| {
        let checking = scope.spawn(check);
        while !checking.is_finished() {
            assert_eq!(daemon.ctl(&["get", "a/b"]).ok().stdout, "kept");
        }
        let output: Output = checking.join().expect("an answer");
        assert_eq!(output.code, 20, "{output}");
        assert_eq!(output.json()["verdict"], "cannot_prove", "{output}");
        assert_eq!(output.json()["example"], Value::Null, "{output}");
    });
}
