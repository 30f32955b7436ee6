//! House rules that a compiler does not know.

use crate::source::{Source, files, root};

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sources() -> Vec<Source> {
    let all = files("", ".rs");
    assert!(all.len() > 40, "the tree was not read");
    all
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let long = |source: &Source| source.text.lines().count() > 400;
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|source| long(source))
        .map(|source| format!("{}: {} lines", source.path, source.text.lines().count()))
        .collect();
    none(&wrong);
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    let wrong: Vec<String> = sources()
        .iter()
        // A file of one line has nothing to say it of.
        .filter(|source| source.text.lines().count() > 1)
        .filter(|source| {
            let first = source.text.lines().next().unwrap_or_default();
            first
                .strip_prefix("//! ")
                .is_none_or(|said| said.len() < 12)
        })
        .map(|source| source.path.clone())
        .collect();
    none(&wrong);
}

#[test]
fn every_exposed_secret_says_where_it_goes() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.product().lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.contains(".expose()") && source.path.starts_with("vaultd/") && !said(&lines, i)
            {
                wrong.push(format!("{}:{}: {}", source.path, i + 1, line.trim()));
            }
        }
    }
    none(&wrong);
}

/// Whether the function that line `at` lies in has said before where the bytes go.
fn said(lines: &[&str], at: usize) -> bool {
    for line in lines[..=at].iter().rev() {
        if line.contains("// EXPOSE:") {
            return true;
        }
        if line.contains("fn ") && !line.trim_start().starts_with("//") {
            return false;
        }
    }
    false
}

#[test]
fn spans_take_no_argument_that_they_do_not_name() {
    let mut wrong = Vec::new();
    for source in sources() {
        for part in source.code().split("#[instrument").skip(1) {
            if !part
                .split(']')
                .next()
                .unwrap_or_default()
                .contains("skip_all")
            {
                wrong.push(source.path.clone());
            }
        }
        for part in source.code().split("tracing::instrument").skip(1) {
            if part.starts_with(['(', ']']) && !part.contains("skip_all") {
                wrong.push(source.path.clone());
            }
        }
    }
    none(&wrong);
}

#[test]
fn every_manifest_takes_the_workspace_lints() {
    // Generated code, test helpers and unsafe code have tables of their own.
    const OWN: [&str; 3] = [
        "proto/Cargo.toml",
        "tests/Cargo.toml",
        "vaultd/sys/Cargo.toml",
    ];
    let mut seen = 0;
    for source in files("", "Cargo.toml") {
        let manifest: toml::Table = source.text.parse().expect("TOML");
        if !manifest.contains_key("package") {
            continue;
        }
        seen += 1;
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"));
        let inherits = lints.and_then(toml::Value::as_bool) == Some(true);
        assert!(
            inherits || OWN.contains(&source.path.as_str()),
            "{}",
            source.path
        );
    }
    assert!(seen >= 7);
}

#[test]
fn nothing_is_left_for_later_without_a_number() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (i, line) in source.text.lines().enumerate() {
            for word in ["TODO", "FIXME", "XXX", "HACK"] {
                let marked = line
                    .split_once(word)
                    .is_some_and(|(_, after)| !after.starts_with("(#"));
                if marked && source.path != "tests/tests/tidy.rs" && line.contains("//") {
                    wrong.push(format!("{}:{}: {}", source.path, i + 1, line.trim()));
                }
            }
        }
    }
    none(&wrong);
}

#[test]
fn no_test_is_ignored_sleeps_or_takes_a_fixed_port() {
    let mut wrong = Vec::new();
    for source in sources() {
        // Assembled, so that this file does not find itself.
        for word in [
            concat!("#[ig", "nore"),
            concat!("thread::sle", "ep("),
            concat!("time::sle", "ep("),
        ] {
            let found = source.text.contains(word);
            let backoff = word.starts_with("time") && !source.path.contains("test");
            if found && !backoff {
                wrong.push(format!("{}: {word}", source.path));
            }
        }
    }
    none(&wrong);
}

#[test]
fn lints_are_expected_with_a_reason_never_allowed() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (i, line) in source.text.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
                wrong.push(format!("{}:{}", source.path, i + 1));
            }
        }
    }
    none(&wrong);
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    let mut wrong = Vec::new();
    let places = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/Use", "rs/"),
    ];
    for suffix in [
        ".rs", ".toml", ".md", ".sh", ".proto", ".service", ".py", "run",
    ] {
        for source in files("", suffix) {
            for (i, line) in source.text.lines().enumerate() {
                if places.iter().any(|place| line.contains(place)) {
                    wrong.push(format!("{}:{}: {}", source.path, i + 1, line.trim()));
                }
            }
        }
    }
    none(&wrong);
}

#[test]
fn unsafe_code_is_in_one_crate() {
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|source| !source.path.starts_with("vaultd/sys/"))
        .filter(|source| {
            let code = source.code();
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
        })
        .map(|source| source.path.clone())
        .collect();
    none(&wrong);
}

#[test]
fn the_licence_is_there() {
    let text = std::fs::read_to_string(root().join("LICENSE")).expect("LICENSE");
    assert!(text.contains("Apache License") && text.contains("Version 2.0, January 2004"));
}
