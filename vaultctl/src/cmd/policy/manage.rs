//! `vaultctl policy create|show|ls|update|rollback|rm`

use serde_json::{Value, json};
use vault_sdk::Error;
use vault_sdk::wire::update_policy_request::Change;
use vault_sdk::wire::{
    CreatePolicyRequest, ListPoliciesRequest, PolicyDescription, PolicyFinding, UpdatePolicyRequest,
};

use super::document::read;
use crate::cmd::Outcome;
use crate::cmd::identity::PAGE;
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, Shape};
use crate::table::{Lister, clean, record};
use crate::time;

/// Keep a policy in the vault; it gives no rights before it is attached
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,

    /// The document; `-` for stdin
    #[arg(value_name = "FILE")]
    file: String,

    /// For people to read
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
}

/// Show a policy and its versions
///
/// `-o raw` is the document alone, byte for byte.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,

    /// The document of this version [default: the one in force]
    #[arg(long, value_name = "N")]
    version: Option<u64>,
}

/// Give a policy another text or description; it binds from the next request on
#[derive(Debug, clap::Args)]
pub(crate) struct Update {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,

    /// The document; `-` for stdin
    #[arg(value_name = "FILE", required_unless_present = "description")]
    file: Option<String>,

    /// For people to read
    #[arg(long, value_name = "TEXT", conflicts_with = "file")]
    description: Option<String>,
}

/// Put an older version of a policy in force again
#[derive(Debug, clap::Args)]
pub(crate) struct Rollback {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,

    /// The version
    #[arg(long, value_name = "N")]
    to: u64,
}

/// Delete a policy that is attached to nobody, with all its versions
#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
}

impl Create {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let request = CreatePolicyRequest {
            name: self.name,
            document: read(&self.file)?,
            description: self.description,
        };
        let made = ctl.vault()?.managed_policies().create(request).await;
        let made = made.map_err(|error| of_file(error, &self.file))?;
        warn(ctl, &self.file, &made.warnings);
        let text = format!(
            "policy {0} is kept; give it to somebody: vaultctl policy attach {0} --user NAME",
            made.name
        );
        let value = json!({ "name": made.name, "warnings": as_json(&made.warnings) });
        ctl.output.done(&text, || value)?;
        Ok(Exit::Ok)
    }
}

impl Show {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let policies = ctl.vault()?;
        let policies = policies.managed_policies();
        let found = policies.describe(&self.name, self.version).await?;
        if ctl.output.format() == Format::Raw {
            ctl.output.bytes(found.document.as_bytes())?;
            return Ok(Exit::Ok);
        }
        let show = if ctl.output.is_terminal() {
            time::local
        } else {
            time::rfc3339
        };
        let kept = found.versions.iter().map(|kept| kept.version.to_string());
        let table = ctl.output.shape()? == Shape::Table;
        // On a terminal as it is laid out, below the rest.
        let document = if table {
            String::new()
        } else {
            found.document.clone()
        };
        record(
            &ctl.output,
            &[
                ("name", found.name.clone()),
                ("description", found.description.clone()),
                ("version", found.version.to_string()),
                ("kept", kept.collect::<Vec<_>>().join(", ")),
                ("attached", found.attachments.to_string()),
                ("created", show(found.created_at.as_ref())),
                ("updated", show(found.updated_at.as_ref())),
                ("document", document),
            ],
            || to_json(&found),
        )?;
        if table {
            ctl.output
                .line(&format!("version {}:", found.document_version))?;
            for line in found.document.lines() {
                ctl.output.line(&clean(line))?;
            }
        }
        Ok(Exit::Ok)
    }
}

impl Update {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let change = match (&self.file, self.description) {
            (Some(file), _) => Change::Document(read(file)?),
            (None, Some(description)) => Change::Description(description),
            (None, None) => return Err(Failure::usage("give FILE, or --description TEXT")),
        };
        let file = self.file.as_deref().unwrap_or_default();
        change_to(ctl, self.name, change, file).await
    }
}

impl Rollback {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        change_to(ctl, self.name, Change::Version(self.to), "").await
    }
}

impl Rm {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let what = format!("delete policy {} with all its versions", self.name);
        type_word(ctl, &what, "", &self.name)?;
        vault.managed_policies().delete(&self.name).await?;
        let text = format!("policy {} is deleted", self.name);
        ctl.output.done(&text, || json!({ "name": self.name }))?;
        Ok(Exit::Ok)
    }
}

async fn change_to(ctl: &Ctl, name: String, change: Change, file: &str) -> Outcome {
    let request = UpdatePolicyRequest {
        name: name.clone(),
        change: Some(change),
    };
    let changed = ctl.vault()?.managed_policies().update(request).await;
    let warnings = changed.map_err(|error| of_file(error, file))?;
    warn(ctl, file, &warnings);
    let value = json!({ "name": name, "warnings": as_json(&warnings) });
    ctl.output
        .done(&format!("policy {name} is changed, and in force"), || value)?;
    Ok(Exit::Ok)
}

pub(super) async fn list(ctl: &Ctl) -> Outcome {
    let vault = ctl.vault()?;
    let mut lister = Lister::new(&ctl.output, &["name"]);
    let mut after = String::new();
    loop {
        let page = ListPoliciesRequest {
            page_size: PAGE,
            after,
        };
        let page = vault.managed_policies().list(page).await?;
        let last = page.names.last().cloned();
        for name in page.names {
            let value = json!({ "name": name });
            lister.push(vec![name], || value)?;
        }
        match last {
            Some(last) if page.more => after = last,
            Some(_) | None => break,
        }
    }
    lister.finish("there is no policy yet")?;
    Ok(Exit::Ok)
}

/// An error about a document says in which file it is.
pub(super) fn of_file(error: Error, file: &str) -> Failure {
    let bad = error.reason() == "POLICY_INVALID";
    let said = format!("{file}: {}", error.message());
    let failure = Failure::from(error);
    if bad { failure.saying(said) } else { failure }
}

/// What the author of a document may not mean.
pub(super) fn warn(ctl: &Ctl, file: &str, warnings: &[PolicyFinding]) {
    for warning in warnings {
        let PolicyFinding { line, column, .. } = warning;
        let (name, message) = (&warning.name, &warning.message);
        let text = format!("{file}:{line}:{column}: [{name}] {message}");
        ctl.output.warn(&clean(&text));
    }
}

pub(super) fn as_json(warnings: &[PolicyFinding]) -> Vec<Value> {
    let one = |found: &PolicyFinding| {
        json!({
            "line": found.line,
            "column": found.column,
            "code": found.name,
            "message": found.message,
        })
    };
    warnings.iter().map(one).collect()
}

fn to_json(found: &PolicyDescription) -> Value {
    let versions = found.versions.iter().map(|kept| {
        json!({ "version": kept.version, "created_at": time::rfc3339(kept.created_at.as_ref()) })
    });
    json!({
        "name": found.name,
        "id": found.id,
        "description": found.description,
        "version": found.version,
        "versions": versions.collect::<Vec<_>>(),
        "document_version": found.document_version,
        "document": found.document,
        "attachments": found.attachments,
        "created_at": time::rfc3339(found.created_at.as_ref()),
        "updated_at": time::rfc3339(found.updated_at.as_ref()),
    })
}
