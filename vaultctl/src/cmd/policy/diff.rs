//! `vaultctl policy diff`

use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};
use vault_sdk::wire::PolicyChange;

use super::document::{Kind, failure_of, read_both};
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::table::clean;

/// Show what changed from one policy to another, statement by statement
///
/// The order of statements, and how a document is laid out, mean nothing and are no change.
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

    /// End with 20 when they differ
    #[arg(long)]
    exit_code: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let (old, new) = read_both(&self.old, &self.new)?;
        let vault = ctl.vault()?;
        let changes = vault.policies().diff(self.kind.into(), old, new).await;
        let changes = changes.map_err(|error| failure_of(error, &self.old, &self.new))?;
        if ctl.output.is_json() {
            let changes: Vec<Value> = changes.iter().map(to_json).collect();
            let (old, new) = (&self.old, &self.new);
            ctl.output
                .json(&json!({ "old": old, "new": new, "changes": changes }))?;
        } else if changes.is_empty() {
            ctl.output.note("they say the same");
        } else {
            let heads = format!("--- {}\n+++ {}", clean(&self.old), clean(&self.new));
            ctl.output.line(&heads)?;
            for change in &changes {
                ctl.output.line(&lines(change))?;
            }
        }
        Ok(if self.exit_code && !changes.is_empty() {
            Exit::No
        } else {
            Exit::Ok
        })
    }
}

fn lines(change: &PolicyChange) -> String {
    let (old, new) = (
        side(change, change.old.as_deref()),
        side(change, change.new.as_deref()),
    );
    let diff = TextDiff::from_lines(&old, &new);
    let line = |part: similar::Change<&str>| {
        let sign = match part.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        format!("{sign}{}", clean(part.value().trim_end_matches('\n')))
    };
    diff.iter_all_changes()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

fn side(change: &PolicyChange, text: Option<&str>) -> String {
    match text {
        Some(text) if change.member == "Statement" => format!("{text}\n"),
        Some(text) => format!("  \"{}\": \"{text}\"\n", change.member),
        None => String::new(),
    }
}

fn to_json(change: &PolicyChange) -> Value {
    let word = match (&change.old, &change.new) {
        (None, _) => "added",
        (_, None) => "removed",
        (Some(_), Some(_)) => "changed",
    };
    // A statement is JSON in JSON, anything else its text.
    let value = |text: Option<&str>| match text {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        None => Value::Null,
    };
    json!({
        "member": change.member,
        "change": word,
        "from": value(change.old.as_deref()),
        "to": value(change.new.as_deref()),
    })
}
