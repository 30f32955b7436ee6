//! Which vault and which token a command gets.

use clap::Parser as _;

use super::{Target, Trust};
use crate::cli::Cli;
use crate::contexts::{Context, Contexts, save_token};
use crate::ctl::Ctl;
use crate::output::Output;
use crate::paths::Paths;

struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let mut contexts = Contexts {
            current: Some("one".into()),
            ..Default::default()
        };
        for (name, port) in [("one", 1), ("two", 2)] {
            let endpoints = vec![format!("https://host:{port}")];
            let pin = Some(format!("sha256:{}", "0".repeat(64)));
            let context = Context {
                endpoints,
                ca_fingerprint: pin,
                ..Default::default()
            };
            contexts.contexts.insert(name.into(), context);
            save_token(
                &home.paths(),
                name,
                &vault_sdk::Token::new(format!("vlt_{name}")),
            )
            .unwrap();
        }
        contexts.save(&home.paths()).unwrap();
        home
    }

    fn paths(&self) -> Paths {
        Paths::below(self.dir.path())
    }

    fn target(&self, args: &[&str]) -> Result<Target, crate::failure::Failure> {
        let args = ["vaultctl"].iter().chain(args).chain(&["status"]);
        let globals = Cli::try_parse_from(args).unwrap().globals;
        let output = Output::new(&globals);
        Ctl {
            paths: self.paths(),
            ..Ctl::new(globals, output)
        }
        .target()
    }
}

fn token(target: &Target) -> Option<&str> {
    target.token.as_ref().map(vault_sdk::Token::expose)
}

#[test]
fn the_current_context_is_used_unless_another_is_named() {
    let home = Home::new();
    let current = home.target(&[]).unwrap();
    assert_eq!(current.endpoints[0].to_string(), "https://host:1");
    assert_eq!(token(&current), Some("vlt_one"));
    let named = home.target(&["-c", "two"]).unwrap();
    assert_eq!(token(&named), Some("vlt_two"));
    assert!(home.target(&["-c", "three"]).is_err());
}

#[test]
fn an_address_alone_gets_nothing_of_the_current_context() {
    let target = Home::new().target(&["--addr", "https://evil:1"]).unwrap();
    assert!(target.token.is_none());
    assert!(matches!(target.trust, Trust::Machine));
}

#[test]
fn an_address_with_a_context_uses_its_token_and_pin() {
    let target = Home::new()
        .target(&["--addr", "https://host:9", "-c", "two"])
        .unwrap();
    assert_eq!(target.endpoints[0].to_string(), "https://host:9");
    assert_eq!(token(&target), Some("vlt_two"));
    assert!(matches!(target.trust, Trust::Pin(_)));
}

#[test]
fn a_token_file_beats_the_context_and_must_be_private_and_full() {
    let home = Home::new();
    let path = home.dir.path().join("t");
    crate::files::write_private(&path, b"vlt_file\n").unwrap();
    let path = path.display().to_string();
    let target = home.target(&["--token-file", &path]).unwrap();
    assert_eq!(token(&target), Some("vlt_file"));
    crate::files::write_private(path.as_ref(), b"\n").unwrap();
    assert!(home.target(&["--token-file", &path]).is_err());
    assert!(home.target(&["--token-file", "/nonexistent"]).is_err());
}

#[test]
fn without_a_context_the_error_says_how_to_make_one() {
    let empty = Home {
        dir: tempfile::tempdir().unwrap(),
    };
    let failure = empty.target(&[]).unwrap_err();
    assert_eq!(failure.exit(), crate::exit::Exit::Usage);
    assert!(failure.tail().contains("vaultctl context add"));
}
