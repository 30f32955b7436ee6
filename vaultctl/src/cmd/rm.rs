//! `vaultctl rm`

use std::time::Duration;

use serde_json::{Value, json};
use vault_sdk::wire::{DeleteSecretRequest, DeletedSecret};
use vault_sdk::{Vault, WireDuration, encode_path};

use super::Outcome;
use super::look::TRASH;
use super::paths::parse_folder;
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::time::{self, parse_span};

/// Delete secrets; they can be restored for a while
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// dir/name, or with -r a folder
    #[arg(required = true, value_name = "PATH", value_parser = parse_folder)]
    paths: Vec<String>,

    /// Folders, with all below them
    #[arg(short, long)]
    recursive: bool,

    /// How long they can be restored, 0 to 30d; 0 destroys at once; less than 7d takes the right to destroy [default: 7d]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    window: Option<Duration>,

    /// Only if the latest version is this one
    #[arg(long, value_name = "N", conflicts_with = "recursive")]
    if_version: Option<u64>,

    /// Show what would be deleted
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        if self.paths.iter().any(String::is_empty) {
            return Err(Failure::usage("the root cannot be deleted; name a folder"));
        }
        let vault = ctl.vault()?;
        if !self.dry_run {
            self.confirm(ctl, &vault).await?;
        }
        let mut gone = Vec::new();
        let mut failed = Vec::new();
        for path in &self.paths {
            match self.delete(ctl, &vault, path).await {
                Ok(mut deleted) => gone.append(&mut deleted),
                Err(failure) => failed.push(failure.look(TRASH)),
            }
        }
        if failed.is_empty() || !gone.is_empty() {
            self.report(ctl, &gone)?;
        }
        let mut failed = failed.into_iter();
        match (failed.next(), gone.is_empty()) {
            (None, _) => Ok(Exit::Ok),
            (Some(only), true) if failed.len() == 0 => Err(only),
            (Some(first), none) => {
                ctl.output.fail(&first);
                for failure in failed {
                    ctl.output.fail(&failure);
                }
                Ok(if none { first.exit() } else { Exit::Partial })
            }
        }
    }

    /// Asks before many go, or before one goes for good.
    async fn confirm(&self, ctl: &Ctl, vault: &Vault) -> Result<(), Failure> {
        let for_good = self.window == Some(Duration::ZERO);
        let many = self.recursive || self.paths.len() > 1;
        if ctl.yes || !(many || for_good) {
            return Ok(());
        }
        let verb = if for_good {
            "destroy beyond recovery"
        } else {
            "delete"
        };
        let (found, more) = self.preview(ctl, vault).await?;
        let first: Vec<_> = found
            .iter()
            .take(SHOWN)
            .map(|d| format!("  {}", encode_path(&d.path)))
            .collect();
        let rest = found.len().saturating_sub(SHOWN);
        let tail = match (rest, more) {
            (0, false) => String::new(),
            (rest, false) => format!("\n  and {rest} more"),
            (rest, true) => format!("\n  and more than {rest} more"),
        };
        let more = if more { "+" } else { "" };
        let s = if found.len() == 1 { "" } else { "s" };
        let what = format!("{verb} {}{more} secret{s}", found.len());
        let list = format!(":\n{}{tail}", first.join("\n"));
        let word = match self.paths.as_slice() {
            [only] => encode_path(only).into_owned(),
            _ => "yes".to_owned(),
        };
        type_word(ctl, &what, &list, &word)
    }

    async fn preview(
        &self,
        ctl: &Ctl,
        vault: &Vault,
    ) -> Result<(Vec<DeletedSecret>, bool), Failure> {
        let mut found = Vec::new();
        let mut more = false;
        for path in &self.paths {
            let request = DeleteSecretRequest {
                dry_run: true,
                ..self.request(path)?
            };
            match vault.lifecycle().delete(request).await {
                Ok(reply) => {
                    found.extend(reply.deleted);
                    more |= reply.more;
                }
                Err(error) => return Err(ctl.about(vault, path, error).await),
            }
        }
        Ok((found, more))
    }

    fn request(&self, path: &str) -> Result<DeleteSecretRequest, Failure> {
        let window = self.window.map(WireDuration::try_from).transpose();
        Ok(DeleteSecretRequest {
            path: path.to_owned(),
            recovery_window: window.map_err(|_| Failure::usage("--window is too long"))?,
            recursive: self.recursive,
            if_version: self.if_version,
            dry_run: self.dry_run,
        })
    }

    async fn delete(
        &self,
        ctl: &Ctl,
        vault: &Vault,
        path: &str,
    ) -> Result<Vec<DeletedSecret>, Failure> {
        let mut gone = Vec::new();
        loop {
            let reply = match vault.lifecycle().delete(self.request(path)?).await {
                Ok(reply) => reply,
                Err(error) => return Err(ctl.about(vault, path, error).await),
            };
            let progressed = !reply.deleted.is_empty();
            gone.extend(reply.deleted);
            if !reply.more || !progressed || self.dry_run {
                return Ok(gone);
            }
        }
    }

    fn report(&self, ctl: &Ctl, gone: &[DeletedSecret]) -> Result<(), Failure> {
        if ctl.output.is_json() {
            return ctl
                .output
                .json(&Value::Array(gone.iter().map(to_json).collect()));
        }
        let verb = if self.dry_run {
            "would be deleted"
        } else {
            "deleted"
        };
        for deleted in gone.iter().take(SHOWN) {
            let until = time::local(deleted.destroy_at.as_ref());
            let path = encode_path(&deleted.path);
            if self.dry_run || self.window == Some(Duration::ZERO) || until.is_empty() {
                ctl.output.note(&format!("{path} {verb}"));
            } else {
                ctl.output.note(&format!(
                    "{path} {verb}; until {until}: vaultctl restore {path}"
                ));
            }
        }
        if gone.len() > SHOWN {
            ctl.output.note(&format!("{} in all {verb}", gone.len()));
        }
        Ok(())
    }
}

/// A deleted secret, as `rm` and `trash ls` show it.
pub(crate) fn to_json(deleted: &DeletedSecret) -> Value {
    json!({
        "id": deleted.id,
        "path": deleted.path,
        "version": deleted.latest_version,
        "deleted_at": time::rfc3339(deleted.deleted_at.as_ref()),
        "destroy_at": time::rfc3339(deleted.destroy_at.as_ref()),
    })
}

const SHOWN: usize = 10;
