//! `vaultctl trash ls|empty`

use clap::Subcommand;
use serde_json::json;
use vault_sdk::wire::{DeletedSecret, DestroySecretRequest, ListDeletedRequest};
use vault_sdk::{Vault, encode_path};

use super::ls::LARGEST_PAGE;
use super::paths::parse_folder;
use super::{Outcome, rm};
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::Lister;
use crate::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List deleted secrets that can be restored
    Ls {
        /// Only those that were below this folder
        #[arg(value_name = "DIR", value_parser = parse_folder)]
        folder: Option<String>,
    },
    /// Destroy deleted secrets now
    Empty {
        /// Only those that were below this folder
        #[arg(value_name = "DIR", value_parser = parse_folder)]
        folder: Option<String>,
    },
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Ls { folder } => list(ctl, folder.unwrap_or_default()).await,
            Self::Empty { folder } => empty(ctl, folder.unwrap_or_default()).await,
        }
    }
}

async fn list(ctl: &Ctl, folder: String) -> Outcome {
    let found = deleted(&ctl.vault()?, folder).await?;
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let mut lister = Lister::new(
        &ctl.output,
        &["id", "path", "version", "deleted", "destroyed at"],
    );
    for entry in &found {
        let cells = vec![
            entry.id.to_string(),
            encode_path(&entry.path).into_owned(),
            entry.latest_version.to_string(),
            show(entry.deleted_at.as_ref()),
            show(entry.destroy_at.as_ref()),
        ];
        lister.push(cells, || rm::to_json(entry))?;
    }
    lister.finish("nothing is deleted")?;
    Ok(Exit::Ok)
}

async fn empty(ctl: &Ctl, folder: String) -> Outcome {
    let vault = ctl.vault()?;
    let word = if folder.is_empty() {
        "trash".to_owned()
    } else {
        encode_path(&folder).into_owned()
    };
    let found = deleted(&vault, folder).await?;
    if found.is_empty() {
        ctl.output
            .done("nothing is deleted", || json!({ "destroyed": 0 }))?;
        return Ok(Exit::Ok);
    }
    let what = format!("destroy {} deleted secrets beyond recovery", found.len());
    type_word(ctl, &what, "", &word)?;
    for entry in &found {
        let request = DestroySecretRequest {
            path: entry.path.clone(),
            version: None,
            id: entry.id,
        };
        vault.lifecycle().destroy(request).await?;
    }
    let words = format!("{} secrets are destroyed", found.len());
    ctl.output
        .done(&words, || json!({ "destroyed": found.len() }))?;
    Ok(Exit::Ok)
}

/// All of them.
async fn deleted(vault: &Vault, folder: String) -> Result<Vec<DeletedSecret>, Failure> {
    let mut page = ListDeletedRequest {
        folder,
        page_size: LARGEST_PAGE,
        ..Default::default()
    };
    let mut found = Vec::new();
    loop {
        let reply = vault.lifecycle().deleted(page.clone()).await?;
        found.extend(reply.deleted);
        if reply.next_cursor.is_empty() {
            return Ok(found);
        }
        page.cursor = reply.next_cursor;
    }
}
