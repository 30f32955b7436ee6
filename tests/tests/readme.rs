//! Every example of the README does what the README says.

use vault_tests::{Daemon, Place};

use crate::BINARIES;
use crate::source::root;

/// A command and what it prints.
struct Example {
    command: String,
    prints: Vec<String>,
}

/// The blocks of a kind: `$ ` before a command, what it prints below it.
fn examples(kind: &str) -> Vec<Example> {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let mut found: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        if let Some(opened) = line.strip_prefix("```") {
            inside = opened == kind;
        } else if inside {
            match line.strip_prefix("$ ") {
                Some(command) => found.push(Example {
                    command: command.to_owned(),
                    prints: Vec::new(),
                }),
                None => found
                    .last_mut()
                    .expect("a command first")
                    .prints
                    .push(line.to_owned()),
            }
        }
    }
    assert!(found.len() >= 5, "the README lost its examples");
    found
}

fn try_all(daemon: &Daemon, examples: Vec<Example>) {
    let socket = daemon.address();
    for example in examples {
        let command = example
            .command
            .replace("unix:/run/vault/vaultd.sock", &socket);
        let output = daemon.place.shell(&command).ok();
        let printed: Vec<&str> = output.stdout.lines().collect();
        assert_eq!(printed.len(), example.prints.len(), "{output}");
        for (printed, said) in printed.iter().zip(&example.prints) {
            // `…` stands for what differs from run to run.
            let matches = match said.split_once('…') {
                Some((before, after)) => printed.starts_with(before) && printed.ends_with(after),
                None => printed == said,
            };
            assert!(matches, "the README says `{said}`: {output}");
        }
    }
}

#[test]
fn every_example_of_an_ordinary_day_prints_what_the_readme_says() {
    try_all(&Daemon::dev(BINARIES), examples("console"));
}

#[test]
fn every_example_of_a_vault_of_ones_own_prints_what_the_readme_says() {
    try_all(&Daemon::start(BINARIES), examples("console server"));
}

#[test]
fn the_example_configuration_is_one() {
    let place = Place::new(BINARIES);
    let file = root().join("deploy/vaultd.toml");
    let shown = place
        .vaultd(&["check-config", "--config", &file.to_string_lossy()])
        .ok();
    assert!(
        shown.stdout.contains("data_dir = \"/var/lib/vault\""),
        "{shown}"
    );
}

#[test]
fn the_first_two_commands_of_the_readme_are_the_ones_promised() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let blocks: Vec<&str> = readme
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("\n```").next().unwrap_or_default())
        .collect();
    assert_eq!(
        blocks[..2],
        ["deploy/first-minutes.sh", "cargo test --workspace"]
    );
    let script = root().join("deploy/first-minutes.sh");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &script.metadata().expect("it exists").permissions(),
    );
    assert_ne!(mode & 0o100, 0, "it cannot be run");
}
