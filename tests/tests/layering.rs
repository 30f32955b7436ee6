//! The layers, held by reading what modules name: a module names lower ranks or its own.

use std::collections::BTreeSet;

use crate::source::{Source, files, root};

/// Modules of `vault-core`, lowest first.
const CORE: [&str; 5] = ["name", "crypto", "record", "access", "engine"];
/// Modules of `vaultd`, lowest first. What is not here is the shell, above all of them.
const DAEMON: [&str; 7] = [
    "clock", "metrics", "outbound", "store", "raft", "app", "door",
];

/// A crate, and the only places that may name it.
const CONFINED: [(&str, &[&str]); 6] = [
    ("openraft", &["vaultd/src/raft/"]),
    ("rusqlite", &["vaultd/src/store/"]),
    (
        "tonic",
        &[
            "proto/",
            "sdk/",
            "vaultd/src/door/",
            "vaultd/src/server.rs",
            "vaultd/src/raft/peer/",
            "tests/",
        ],
    ),
    ("tonic_types", &["sdk/", "vaultd/src/door/", "tests/"]),
    ("getrandom", &["vaultd/src/clock.rs", "sdk/", "tests/"]),
    ("argon2", &["vaultd/core/src/crypto/"]),
];

/// What `vault-core` must not depend on: I/O, async, transport, a clock, randomness.
const NOT_IN_CORE: [&str; 14] = [
    "tokio",
    "tonic",
    "prost",
    "rusqlite",
    "openraft",
    "getrandom",
    "rand",
    "jiff",
    "rustix",
    "hyper",
    "rustls",
    "futures",
    "tracing",
    "vault-proto",
];

#[test]
fn modules_of_the_core_name_lower_ranks_only() {
    hold(&files("vaultd/core/src", ".rs"), "vaultd/core/src/", &CORE);
}

#[test]
fn modules_of_the_daemon_name_lower_ranks_only() {
    hold(&files("vaultd/src", ".rs"), "vaultd/src/", &DAEMON);
}

#[test]
fn engines_never_name_one_another() {
    let mut wrong = Vec::new();
    for source in files("vaultd/core/src/engine", ".rs") {
        let own = engine(&source.path);
        let code = source.code();
        for word in ["crate::engine::", "super::super::"] {
            for at in positions(&code, word) {
                let other = ident(&code[at + word.len()..]);
                let folder = format!("vaultd/core/src/engine/{other}");
                let is_engine = root().join(&folder).is_dir();
                if is_engine && other != own && !own.is_empty() {
                    wrong.push(format!("{}: names engine `{other}`", source.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_are_named_only_where_they_belong() {
    let mut wrong = Vec::new();
    for source in files("", ".rs") {
        let code = source.code();
        for (name, places) in CONFINED {
            let allowed = places.iter().any(|place| source.path.starts_with(place));
            if !allowed && names_crate(&code, name) {
                wrong.push(format!("{}: names `{name}`", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_depends_on_nothing_that_does_io() {
    let text = std::fs::read_to_string(root().join("vaultd/core/Cargo.toml")).expect("manifest");
    let manifest: toml::Table = text.parse().expect("manifest is TOML");
    let dependencies = manifest["dependencies"].as_table().expect("dependencies");
    let found: Vec<&str> = NOT_IN_CORE
        .into_iter()
        .filter(|name| dependencies.contains_key(*name))
        .collect();
    assert!(found.is_empty(), "vault-core depends on {found:?}");
    assert!(
        dependencies.contains_key("chacha20poly1305"),
        "read the wrong table"
    );
}

#[test]
fn clients_depend_on_no_part_of_the_daemon() {
    for (package, allowed) in [
        ("sdk", &["vault-proto"][..]),
        ("vaultctl", &["vault-sdk"][..]),
    ] {
        let path = root().join(package).join("Cargo.toml");
        let manifest: toml::Table = std::fs::read_to_string(path)
            .expect("manifest")
            .parse()
            .expect("TOML");
        let dependencies = manifest["dependencies"].as_table().expect("dependencies");
        for name in dependencies.keys().filter(|name| name.starts_with("vault")) {
            assert!(
                allowed.contains(&name.as_str()),
                "{package} depends on {name}"
            );
        }
    }
}

#[test]
fn clocks_are_read_in_clock_modules_only() {
    let mut wrong = Vec::new();
    for source in files("vaultd", ".rs") {
        let code = source.code();
        for call in [
            "Timestamp::now(",
            "Zoned::now(",
            "SystemTime::now(",
            "std::time::Instant::now(",
        ] {
            if code.contains(call) && source.path != "vaultd/src/clock.rs" {
                wrong.push(format!("{}: calls {call})", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn connections_to_others_are_made_by_the_helper_only() {
    let mut wrong = Vec::new();
    for source in files("vaultd", ".rs") {
        let code = source.code();
        for word in [
            "TcpStream::connect",
            "TcpSocket",
            "UdpSocket",
            "lookup_host",
            "to_socket_addrs",
        ] {
            let found = code.contains(word);
            // Members of the cluster are no others.
            let may = [
                "vaultd/src/outbound/fetch.rs",
                "vaultd/src/raft/peer/channel.rs",
            ];
            if found && !may.contains(&source.path.as_str()) {
                wrong.push(format!("{}: names `{word}`", source.path));
            }
        }
        // What the helper runs names nothing that could hold a key.
        let helper = source.path.starts_with("vaultd/src/outbound/");
        if helper && code.contains("vault_core") {
            wrong.push(format!("{}: names the core", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn hold(sources: &[Source], prefix: &str, ranks: &[&str]) {
    assert!(!sources.is_empty());
    let rank = |module: &str| ranks.iter().position(|r| *r == module);
    let mut wrong = Vec::new();
    for source in sources {
        let inside = source.path.strip_prefix(prefix).expect("below its crate");
        let module = inside.split(['/', '.']).next().unwrap_or_default();
        // The shell may name anything.
        let Some(own) = rank(module) else { continue };
        for other in named(&source.code(), inside.split('/').count()) {
            let lower = rank(&other).is_none_or(|other| other <= own);
            // A name that is no ranked module is the shell's, and above: unless it is no module at all.
            let of_the_shell = rank(&other).is_none() && is_module(prefix, &other);
            if !lower || of_the_shell {
                wrong.push(format!("{}: names `{other}` above it", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_module(prefix: &str, name: &str) -> bool {
    let folder = root().join(prefix);
    folder.join(format!("{name}.rs")).exists() || folder.join(name).is_dir()
}

/// The top-level modules that a file `depth` components deep names.
fn named(code: &str, depth: usize) -> BTreeSet<String> {
    let to_root = "super::".repeat(depth);
    let mut found = BTreeSet::new();
    for word in ["crate::", to_root.as_str()] {
        for at in positions(code, word) {
            let rest = &code[at + word.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(heads(group)),
                None => {
                    found.insert(ident(rest).to_owned());
                }
            }
        }
    }
    found
}

/// The first identifiers of a braced list of imports.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                let head = ident(group[start..i].trim_start());
                // Nothing after a trailing comma; `self` is no module.
                if !head.is_empty() && head != "self" {
                    found.push(head.to_owned());
                }
                start = i + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found
}

fn names_crate(code: &str, name: &str) -> bool {
    positions(code, name).any(|at| {
        let (before, rest) = (&code[..at], &code[at + name.len()..]);
        let absolute = before
            .strip_suffix("::")
            .is_none_or(|b| !b.ends_with(is_word));
        let imported =
            before.ends_with("use ") && (rest.starts_with(';') || rest.starts_with(" as "));
        absolute && !before.ends_with('.') && (rest.starts_with("::") || imported)
    })
}

fn positions<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|&at| !code[..at].ends_with(is_word) && !code[..at].ends_with("super::"))
}

fn ident(text: &str) -> &str {
    &text[..text.find(|c| !is_word(c)).unwrap_or(text.len())]
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn engine(path: &str) -> &str {
    let inside = path
        .strip_prefix("vaultd/core/src/engine/")
        .unwrap_or_default();
    inside.split_once('/').map_or("", |(engine, _)| engine)
}

#[test]
fn imports_are_read_in_every_form() {
    let code =
        "use crate::{store::{a, b}, raft, app::x,}; crate::door::f(); super::super::shell::g();";
    let found: Vec<String> = named(code, 2).into_iter().collect();
    assert_eq!(found, ["app", "door", "raft", "shell", "store"]);
    assert!(names_crate("use openraft::Raft;", "openraft"));
    assert!(names_crate("fn f() -> ::openraft::Raft {}", "openraft"));
    assert!(!names_crate("let x = my_openraft::y;", "openraft"));
    assert!(!names_crate("crate::openraft::y", "openraft"));
}
