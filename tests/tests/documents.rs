//! The documents say what is so: tests that they name exist, files that they name exist.

use crate::source::{files, root};

const DOCUMENTS: [&str; 5] = [
    "README.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "DECISIONS.md",
    "CHANGELOG.md",
];

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// What stands between backticks, line by line; blocks apart.
fn quoted(text: &str) -> Vec<&str> {
    let mut block = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            block = !block;
        } else if !block {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

#[test]
fn every_test_that_the_documents_name_exists() {
    let code: String = files("", ".rs")
        .into_iter()
        .map(|source| source.text)
        .collect();
    let mut named = 0;
    for document in DOCUMENTS {
        let text = text(document);
        for word in quoted(&text) {
            // A sentence in snake case is the name of a test.
            let words = word.split('_').count();
            let sentence = word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if sentence && words >= 4 {
                named += 1;
                assert!(
                    code.contains(&format!("fn {word}(")),
                    "{document} names no test: {word}"
                );
            }
        }
    }
    assert!(named > 10, "no test is named");
}

#[test]
fn every_threat_is_held_by_a_named_test_or_said_not_to_be() {
    let text = text("SECURITY.md");
    let mut seen = Vec::new();
    for row in text.lines().filter(|line| line.starts_with("| A")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let state = cells[4];
        seen.push(cells[1].to_owned());
        let held = state.starts_with("held (`") && state.ends_with(')');
        assert!(held || state.starts_with("not yet"), "{row}");
    }
    for number in 1..=13 {
        assert!(seen.contains(&format!("A{number}")), "A{number} is missing");
    }
}

#[test]
fn every_path_that_the_documents_name_exists() {
    let folders = [
        "proto/",
        "vaultd/",
        "sdk/",
        "vaultctl/",
        "tests/",
        "deploy/",
    ];
    for document in DOCUMENTS {
        let text = text(document);
        for word in quoted(&text) {
            let path = word.split('*').next().unwrap_or_default();
            let ours = folders.iter().any(|folder| word.starts_with(folder));
            let plain = !word.contains([' ', ':', '<']);
            if ours && plain {
                assert!(root().join(path).exists(), "{document} names {word}");
            }
        }
    }
}

#[test]
fn every_direct_dependency_has_its_line() {
    let decisions = text("DECISIONS.md");
    for source in files("", "Cargo.toml") {
        let manifest: toml::Table = source.text.parse().expect("TOML");
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(table).and_then(toml::Value::as_table) else {
                continue;
            };
            for name in table.keys().filter(|name| !name.starts_with("vault")) {
                let listed = decisions.lines().any(|line| {
                    let first = line.strip_prefix("| ").and_then(|l| l.split(" |").next());
                    first.is_some_and(|names| names.split(", ").any(|n| n == name))
                });
                assert!(
                    listed,
                    "{} is used by {} without a line in DECISIONS.md",
                    name, source.path
                );
            }
        }
    }
}
