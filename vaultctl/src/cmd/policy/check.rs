//! `vaultctl policy check-no-new-access`

use serde_json::json;
use vault_sdk::wire::{AccessExample, AccessVerdict};

use super::document::{Kind, failure_of, read_both};
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::output::Shape;
use crate::table::clean;

/// Prove that a policy allows nothing that another does not, or show what it does
///
/// Ends with 0 only if that is proven: with 20 if there is new access, and if it cannot be told because of conditions
/// or variables.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As it was; `-` for stdin
    #[arg(value_name = "OLD")]
    old: String,

    /// As it is to be; `-` for stdin
    #[arg(value_name = "NEW")]
    new: String,

    /// What they are for
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let (old, new) = read_both(&self.old, &self.new)?;
        let vault = ctl.vault()?;
        let policies = vault.policies();
        let told = policies
            .check_no_new_access(self.kind.into(), old, new)
            .await;
        let told = told.map_err(|error| failure_of(error, &self.old, &self.new))?;
        let (word, said) = match (told.verdict(), &told.example) {
            (AccessVerdict::NoNewAccess, _) => ("no_new_access", "no new access".to_owned()),
            (AccessVerdict::NewAccess, Some(example)) => {
                ("new_access", format!("new access: {}", request(example)))
            }
            (AccessVerdict::NewAccess, None) => ("new_access", "new access".to_owned()),
            (AccessVerdict::CannotProve, Some(example)) => {
                let example = request(example);
                let said = format!(
                    "cannot prove that there is no new access: conditions or variables decide, as of {example}"
                );
                ("cannot_prove", said)
            }
            (AccessVerdict::CannotProve, None) => (
                "cannot_prove",
                "cannot prove that there is no new access: the documents are too large to be compared".to_owned(),
            ),
        };
        match ctl.output.shape()? {
            Shape::Json | Shape::Ndjson => {
                let example = told.example.as_ref().map(|example| {
                    json!({
                        "action": example.action,
                        "resource": example.resource,
                        "principal": example.principal,
                    })
                });
                ctl.output
                    .json(&json!({ "verdict": word, "example": example }))?;
            }
            Shape::Table | Shape::Tsv => ctl.output.line(&clean(&said))?,
            Shape::Nothing => {}
        }
        Ok(if told.verdict() == AccessVerdict::NoNewAccess {
            Exit::Ok
        } else {
            Exit::No
        })
    }
}

fn request(example: &AccessExample) -> String {
    let AccessExample {
        action,
        resource,
        principal,
    } = example;
    match principal.as_str() {
        "" => format!("{action} on {resource}"),
        who => format!("{action} on {resource} by {who}"),
    }
}
