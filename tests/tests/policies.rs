//! Policies as documents, through the command line, with their exit codes.

mod comparing;
mod trying;
mod validating;

use std::fs;

use serde_json::Value;
use vault_tests::{Daemon, Place};

use crate::BINARIES;
use crate::source::root;

const READERS: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    { "Sid": "Read", "Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:db/*" }
  ]
}
"#;

fn write(place: &Place, name: &str, text: &str) {
    fs::write(place.path(name), text).expect("a file");
}

fn allow(resource: &str, more: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "secret:GetValue", "Resource": "{resource}"{more}}}}}"#
    )
}

#[test]
fn any_session_may_ask_and_the_audit_says_who_did_but_not_what() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let narrow = [
        "login",
        "--action",
        "secret:List",
        "--under",
        "only/here",
        "--print-token",
    ];
    let narrowed = daemon.ctl(&narrow).ok();
    daemon.use_token(narrowed.stdout.trim());
    write(
        &daemon.place,
        "marked.json",
        &allow("secret:canary-4711/*", ""),
    );
    daemon.ctl(&["policy", "validate", "marked.json"]).ok();
    daemon.use_token("vlt_nonsense");
    daemon
        .ctl(&["policy", "validate", "marked.json"])
        .fails(5, "");
    let audit = daemon.audit();
    let lines: Vec<&Value> = audit
        .iter()
        .filter(|line| {
            line["method"]
                .as_str()
                .is_some_and(|method| method.ends_with("ValidatePolicy"))
        })
        .collect();
    assert!(!lines.is_empty(), "{audit:?}");
    let text = format!("{audit:?}");
    assert!(!text.contains("canary-4711"), "{text}");
}

#[test]
fn the_examples_of_the_documents_do_what_is_said_of_them() {
    let daemon = Daemon::dev(BINARIES);
    let readme = fs::read_to_string(root().join("vaultctl/README.md")).expect("the README");
    let section = readme
        .split("\n## Policies\n")
        .nth(1)
        .expect("a section on policies");
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks: Vec<(&str, &str)> = section
        .split("\n```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.split_once('\n'))
        .collect();
    let kinds: Vec<&str> = blocks.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["json", "toml", "console"]);
    write(&daemon.place, "readers.json", blocks[0].1);
    write(&daemon.place, "readers.toml", blocks[1].1);
    let mut commands = 0;
    for example in blocks[2].1.split("$ ").skip(1) {
        let (command, prints) = example.split_once('\n').unwrap_or((example, ""));
        let output = daemon.place.shell(command);
        let all = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(all.trim(), prints.trim(), "{output}");
        commands += 1;
    }
    assert!(commands >= 4, "the examples are gone");
}
