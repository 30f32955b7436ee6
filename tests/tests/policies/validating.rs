//! What is wrong with a document, and that no command takes it.

use std::fs;

use prost_reflect::Value as Field;
use tonic::Code;
use vault_tests::Daemon;

use super::{READERS, allow, write};
use crate::BINARIES;
use crate::wire::{Wire, message};

const MAX: usize = 1 << 20;

/// What is no policy: a name, the text, where that is wrong and what is said of it.
fn bad_documents() -> Vec<(&'static str, String, (u64, u64), &'static str)> {
    let statement = |inner: &str| format!("{{\n  \"Statement\": {{{inner}}}\n}}\n");
    let usual = r#""Effect": "Allow", "Resource": "*", "#;
    let condition = |operator: &str, key: &str| {
        statement(&format!(
            "\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\",\n    \"Condition\": {{ \"{operator}\": {{ \"{key}\": \"x\" }} }}"
        ))
    };
    vec![
        ("empty", String::new(), (1, 1), "EOF"),
        (
            "not JSON",
            "{\n  'Statement': []\n}".into(),
            (2, 3),
            "key must be a string",
        ),
        (
            "after its end",
            format!("{}\n{{}}", allow("*", "")),
            (2, 1),
            "trailing",
        ),
        (
            "action",
            statement(&format!("{usual}\n    \"Action\": \"secret:GetValu\"")),
            (3, 16),
            "secret:GetValu",
        ),
        (
            "key",
            condition("StringEquals", "vault:Sourceip2"),
            (3, 39),
            "not a condition key",
        ),
        (
            "operator",
            condition("StringMatches", "vault:UserAgent"),
            (3, 21),
            "StringMatches",
        ),
        (
            "member",
            statement(&format!("{usual}\n    \"Actoin\": \"*\"")),
            (3, 6),
            "Actoin",
        ),
        (
            "resource",
            statement("\"Effect\": \"Allow\", \"Action\": \"*\",\n    \"Resource\": \"file:x\""),
            (3, 18),
            "no kind of resource",
        ),
        (
            "twice",
            statement(&format!(
                "{usual}\"Action\": \"*\",\n    \"Effect\": \"Deny\""
            )),
            (3, 6),
            "given twice",
        ),
        (
            "twice a key",
            "{\"Statement\": [],\n \"Statement\": []}".into(),
            (2, 3),
            "given twice",
        ),
        (
            "deep",
            format!(
                "{{\"Statement\":\n  {}{}}}",
                "[".repeat(5_000),
                "]".repeat(5_000)
            ),
            (1, 3),
            "nested deeper",
        ),
        (
            "principal",
            statement(&format!(
                "{usual}\"Action\": \"*\",\n    \"Principal\": \"*\""
            )),
            (3, 6),
            "say whom they are about",
        ),
    ]
}

#[test]
fn what_is_no_policy_is_said_with_its_line_and_column_and_no_command_takes_it() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let place = &daemon.place;
    write(place, "good.json", READERS);
    let mut wrong = Vec::new();
    for (name, text, (line, column), says) in bad_documents() {
        write(place, "bad.json", &text);
        let output = daemon.ctl(&["policy", "validate", "good.json", "bad.json", "-o", "tsv"]);
        let found = format!("bad.json\t{line}\t{column}\terror\t\t");
        let one = output.stdout.lines().count() == 1;
        let fits = output.stdout.starts_with(&found) && output.stdout.contains(says);
        if output.code != 20 || !one || !fits {
            wrong.push(format!("{name}: not {line}:{column} {says}: {output}"));
            continue;
        }
        for args in [
            &["policy", "format", "bad.json"][..],
            &["policy", "diff", "good.json", "bad.json"],
            &["policy", "diff", "bad.json", "good.json"],
            &["policy", "check-no-new-access", "good.json", "bad.json"],
            &["policy", "check-no-new-access", "bad.json", "good.json"],
        ] {
            let refused = daemon.ctl(&[&["-o", "json"], args].concat());
            let said = format!("bad.json: line {line}, column {column}: ");
            assert!(refused.stderr.contains(&said), "{name}: {refused}");
            assert!(refused.stdout.is_empty(), "{name}: {refused}");
            refused.refused(2, "POLICY_INVALID");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_cannot_be_a_policy_is_named_before_anything_is_sent() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    write(&daemon.place, "large.json", &" ".repeat(MAX + 1));
    write(&daemon.place, "good.json", READERS);
    fs::write(daemon.place.path("bytes.json"), b"{\"\xff\"}").expect("a file");
    for command in ["validate", "format"] {
        let ctl = |file| daemon.ctl(&["-o", "json", "policy", command, file]);
        ctl("large.json").refused(2, "POLICY_INVALID");
        ctl("bytes.json").refused(2, "POLICY_INVALID");
        ctl("gone.json").fails(2, "gone.json");
    }
    let large = ["policy", "diff", "good.json", "large.json"];
    daemon.ctl(&large).fails(2, "at most 1048576 bytes");
    daemon.ctl(&["policy", "diff", "-", "-"]).fails(2, "stdin");
    let piped = daemon.ctl_with(&["policy", "format", "-"], READERS.as_bytes());
    assert!(piped.ok().stdout.contains("\"Sid\": \"Read\""));
}

#[tokio::test]
async fn documents_over_1_mib_are_refused_by_the_daemon_and_two_of_1_mib_are_read() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let wire = Wire::connect(&daemon, &opened.token).await;
    let text = |text: String| Field::String(text);
    let padded = |size: usize| format!("{READERS}{}", " ".repeat(size - READERS.len()));
    let pair = |size| {
        let fields = [
            ("old_document", text(padded(MAX))),
            ("new_document", text(padded(size))),
        ];
        message("DiffPoliciesRequest", &fields)
    };
    let diff = "/vault.v1.Policies/DiffPolicies";
    wire.call(diff, pair(MAX))
        .await
        .expect("two of 1 MiB are read");
    let refused = wire.call(diff, pair(MAX + 1)).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.reason.as_str()),
        (Code::InvalidArgument, "POLICY_INVALID")
    );
    let validate = message(
        "ValidatePolicyRequest",
        &[("document", text(padded(MAX + 1)))],
    );
    let told = wire
        .call("/vault.v1.Policies/ValidatePolicy", validate)
        .await;
    let told = String::from_utf8_lossy(&told.expect("an answer")).into_owned();
    assert!(
        told.contains("at most 1048576 bytes, this has 1048577"),
        "{told}"
    );
    let kind = message("ValidatePolicyRequest", &[("kind", Field::EnumNumber(9))]);
    let refused = wire
        .call("/vault.v1.Policies/ValidatePolicy", kind)
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code, refused.reason.as_str()),
        (Code::InvalidArgument, "REQUEST_INVALID")
    );
    let huge = message(
        "ValidatePolicyRequest",
        &[("document", text(" ".repeat(3 * MAX)))],
    );
    wire.call("/vault.v1.Policies/ValidatePolicy", huge)
        .await
        .unwrap_err();
}

#[test]
fn warnings_pass_unless_strict_and_every_kind_says_what_it_may_say() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    write(
        &daemon.place,
        "all.json",
        r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
    );
    let validate =
        |more: &[&str]| daemon.ctl(&[&["policy", "validate", "all.json"], more].concat());
    let said = validate(&[]).ok();
    assert!(said.stdout.starts_with("all.json\t1\t"), "{said}");
    assert!(
        said.stdout.contains("\twarning\tALLOW_EVERYTHING\t"),
        "{said}"
    );
    assert_eq!(validate(&["--strict"]).code, 20);
    let laid_out = validate(&["-o", "table"]).ok();
    assert!(laid_out.stdout.starts_with("all.json:1:"), "{laid_out}");
    assert!(
        laid_out
            .stdout
            .contains(": warning[ALLOW_EVERYTHING]: `*` allows every action"),
        "{laid_out}"
    );
    assert_eq!(
        validate(&["--kind", "boundary", "--strict"]).ok().stdout,
        ""
    );
    let resource = validate(&["--kind", "resource"]);
    assert_eq!(resource.code, 20, "{resource}");
    assert!(resource.stdout.contains("no `Principal`"), "{resource}");
    validate(&["--kind", "group"]).fails(2, "group");
}
