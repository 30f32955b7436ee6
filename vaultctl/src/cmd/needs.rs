//! `vaultctl needs -- COMMAND`

use std::collections::{BTreeMap, BTreeSet};

use clap::Parser as _;
use serde_json::{Value, json};
use vault_sdk::{Need, Needs};

use super::{Command, Outcome};
use crate::cli::Cli;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

/// Print the policy that a command takes
///
/// The vault is asked about each request that the command makes, and does nothing of it: nothing is written, and nothing
/// that was read is shown. What is printed allows exactly the actions and resources that were asked for. Where you are
/// denied something, the command ends there: attach what was printed, and ask again. Global options stand before
/// `needs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The command, as it stands after `vaultctl`
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    command: Vec<String>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let command = self.parse()?;
        let needs = Needs::default();
        let asking = ctl.asking(&needs);
        // A server that does not know what is asked of it would act: so first what does no harm.
        asking.vault()?.auth().who_am_i().await?;
        if !needs.understood() {
            return Err(too_old());
        }
        let ended = command.run(&asking).await;
        if !needs.understood() {
            return Err(too_old());
        }
        let all = needs.all();
        let ended = match ended {
            Err(failure) if all.is_empty() => return Err(failure),
            ended => ended,
        };
        if all.is_empty() {
            ctl.output
                .note("This takes no policy: whoever has a session may do it.");
            return Ok(Exit::Ok);
        }
        ctl.output.line(&format!("{:#}", policy(&all)))?;
        if needs.cut() {
            ctl.output
                .warn("it takes more than one answer tells: this policy is not all of it");
        }
        match ended {
            Err(failure) if failure.exit() == Exit::Denied => ctl.output.note(
                "You are denied this now, and what it would ask for next is not known: ask again once you may.",
            ),
            // Answers are empty, so that few commands get to their end.
            Err(_) => ctl.output.note(
                "Nothing was done and nothing answered: what the command would ask for after an answer is not in it.",
            ),
            Ok(_) => {}
        }
        Ok(Exit::Ok)
    }

    fn parse(&self) -> Result<Command, Failure> {
        if let Some(misplaced) = self.command.iter().find(|word| is_whose(word)) {
            let what =
                format!("`{misplaced}` says which vault and as whom: it stands before `needs`");
            return Err(Failure::usage(what));
        }
        let words = ["vaultctl"].into_iter();
        let words = words.chain(self.command.iter().map(String::as_str));
        let cli = Cli::try_parse_from(words).map_err(|error| {
            let text = error.render().to_string();
            let (first, _) = text.split_once("\n\n").unwrap_or((&text, ""));
            Failure::usage(first.strip_prefix("error: ").unwrap_or(first))
        })?;
        if asks_only(&cli.command) {
            Ok(cli.command)
        } else {
            Err(Failure::usage(
                "this command does something on this machine, needs no session, is done in several steps, or is about nodes or \
                 the audit: its needs cannot be asked for",
            ))
        }
    }
}

fn too_old() -> Failure {
    Failure::new(
        "precondition",
        Exit::Precondition,
        "this server cannot tell what a request takes without doing it",
    )
}

/// Whether an argument is one of those that say which vault is meant, and as whom.
fn is_whose(word: &str) -> bool {
    const WHOSE: [&str; 7] = [
        "-c",
        "--context",
        "--addr",
        "--token-file",
        "--ca-cert",
        "--ca-fingerprint",
        "--tls-server-name",
    ];
    let name = word.split('=').next().unwrap_or_default();
    WHOSE.contains(&name)
}

/// Commands that do nothing but send requests which a session's rights decide.
fn asks_only(command: &Command) -> bool {
    match command {
        Command::Get(_)
        | Command::Set(_)
        | Command::Ls(_)
        | Command::Tree(_)
        | Command::Find(_)
        | Command::Log(_)
        | Command::Diff(_)
        | Command::Rollback(_)
        | Command::Label(_)
        | Command::Rm(_)
        | Command::Restore(_)
        | Command::Destroy(_)
        | Command::Trash(_)
        | Command::Cp(_)
        | Command::Mv(_)
        | Command::Import(_)
        | Command::Export(_)
        | Command::Generate(_)
        | Command::Share(_)
        | Command::Session(_)
        | Command::Password(_)
        | Command::Trust(_)
        | Command::Seal
        | Command::Keyring(_)
        | Command::User(_)
        | Command::Group(_)
        | Command::Role(_)
        | Command::Service(_)
        | Command::Can(_)
        | Command::WhoCan(_)
        | Command::Policy(_)
        | Command::Whoami => true,
        Command::Edit(_)
        | Command::Unwrap(_)
        | Command::Login(_)
        | Command::Logout(_)
        | Command::Assume(_)
        | Command::Passwd(_)
        | Command::Mfa(_)
        | Command::Context(_)
        | Command::Status
        | Command::Doctor(_)
        | Command::Init(_)
        | Command::Unseal(_)
        | Command::Rekey(_)
        | Command::Root(_)
        | Command::Cluster(_)
        | Command::Region(_)
        | Command::Needs(_)
        | Command::Backup(_)
        | Command::Audit(_)
        | Command::Completion(_)
        | Command::Man(_)
        | Command::Version(_) => false,
    }
}

/// A policy of just these: a statement for all resources with the same actions.
fn policy(needs: &[Need]) -> Value {
    let mut actions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for need in needs {
        let of = actions.entry(&need.resource).or_default();
        of.insert(&need.action);
    }
    let mut statements: BTreeMap<BTreeSet<&str>, Vec<String>> = BTreeMap::new();
    for (resource, actions) in actions {
        let resources = statements.entry(actions).or_default();
        resources.push(literal(resource));
    }
    let statements: Vec<Value> = statements
        .iter()
        .map(|(actions, resources)| {
            json!({"Effect": "Allow", "Action": actions, "Resource": resources})
        })
        .collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// As policies write a resource that means itself. What ends in `/*` is a folder with all below it: a path has no
/// empty part, so no secret's name does.
fn literal(resource: &str) -> String {
    let (name, below) = match resource.strip_suffix('*') {
        Some(folder) if folder.ends_with(['/', ':']) => (folder, "*"),
        _ => (resource, ""),
    };
    let mut text = String::new();
    for c in name.chars() {
        match c {
            '*' | '?' | '$' => text.extend(['$', '{', c, '}']),
            c => text.push(c),
        }
    }
    text + below
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(action: &str, resource: &str) -> Need {
        Need {
            action: action.to_owned(),
            resource: resource.to_owned(),
        }
    }

    #[test]
    fn resources_with_the_same_actions_share_a_statement() {
        let needs = [
            need("secret:Describe", "secret:a"),
            need("secret:GetValue", "secret:a"),
            need("secret:GetValue", "secret:b"),
            need("secret:Describe", "secret:b"),
            need("user:Create", "user:x"),
        ];
        let policy = policy(&needs);
        let statements = policy["Statement"].as_array().expect("statements");
        assert_eq!(statements.len(), 2);
        assert_eq!(statements[0]["Resource"], json!(["secret:a", "secret:b"]));
    }

    #[test]
    fn what_policies_take_for_patterns_is_written_out() {
        assert_eq!(literal("secret:a*b?$"), "secret:a${*}b${?}${$}");
        assert_eq!(literal("secret:a*"), "secret:a${*}");
        assert_eq!(literal("secret:db/*"), "secret:db/*");
        assert_eq!(literal("secret:*"), "secret:*");
        assert_eq!(literal("user:"), "user:");
    }

    #[test]
    fn what_says_whose_vault_stands_before() {
        for word in ["--addr", "--addr=x", "-c", "--token-file=y"] {
            assert!(is_whose(word), "{word}");
        }
        for word in ["--address", "x", "--", "-o"] {
            assert!(!is_whose(word), "{word}");
        }
    }
}
