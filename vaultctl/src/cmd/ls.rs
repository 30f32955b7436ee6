//! `vaultctl ls`

use serde_json::{Value, json};
use vault_sdk::wire::{Entry, ListSecretsRequest};
use vault_sdk::{Vault, encode_path};

use super::Outcome;
use super::paths::parse_folder;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::Lister;
use crate::time;

/// List a folder
///
/// Paths are printed as references, so that they can be pasted; in JSON, `path` is the bare path.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder; without it, the root
    #[arg(value_name = "DIR", value_parser = parse_folder)]
    folder: Option<String>,

    /// Everything below it
    #[arg(short, long)]
    recursive: bool,

    /// With --recursive: so many levels
    #[arg(long, value_name = "N", requires = "recursive")]
    depth: Option<u32>,

    /// Version and time of change, too
    #[arg(short, long)]
    long: bool,

    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let page = ListSecretsRequest {
            folder: self.folder.unwrap_or_default(),
            recursive: self.recursive,
            depth: self.depth.unwrap_or_default(),
            ..Default::default()
        };
        let columns: &[&str] = if self.long {
            &["path", "version", "updated"]
        } else {
            &["path"]
        };
        let mut lister = Lister::new(&ctl.output, columns);
        let mut pages = Pages::new(page, self.limit);
        while let Some(entries) = pages.next(ctl, &vault).await? {
            for entry in entries {
                lister.push(cells(ctl, &entry, self.long), || to_json(&entry))?;
            }
        }
        lister.finish("nothing is here")?;
        Ok(Exit::Ok)
    }
}

/// The pages of a listing, one after the other.
#[derive(Debug)]
pub(crate) struct Pages {
    page: ListSecretsRequest,
    left: usize,
    done: bool,
}

impl Pages {
    pub(crate) fn new(page: ListSecretsRequest, limit: Option<usize>) -> Self {
        Self {
            page,
            left: limit.unwrap_or(usize::MAX),
            done: false,
        }
    }

    pub(crate) async fn next(
        &mut self,
        ctl: &Ctl,
        vault: &Vault,
    ) -> Result<Option<Vec<Entry>>, Failure> {
        if self.done || self.left == 0 {
            return Ok(None);
        }
        self.page.page_size = u32::try_from(self.left)
            .unwrap_or(u32::MAX)
            .min(LARGEST_PAGE);
        let mut reply = match vault.secrets().list(self.page.clone()).await {
            Ok(reply) => reply,
            Err(error) => return Err(ctl.about(vault, &self.page.folder, error).await),
        };
        reply.entries.truncate(self.left);
        self.left = self.left.saturating_sub(reply.entries.len());
        self.done = reply.next_cursor.is_empty();
        self.page.cursor = reply.next_cursor;
        Ok(Some(reply.entries))
    }
}

pub(crate) fn cells(ctl: &Ctl, entry: &Entry, long: bool) -> Vec<String> {
    let path = encode_path(&entry.path).into_owned();
    if !long {
        return vec![path];
    }
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let version = if entry.folder {
        String::new()
    } else {
        entry.latest_version.to_string()
    };
    vec![path, version, show(entry.updated_at.as_ref())]
}

pub(crate) fn to_json(entry: &Entry) -> Value {
    if entry.folder {
        return json!({ "path": entry.path, "folder": true });
    }
    json!({
        "path": entry.path,
        "folder": false,
        "version": entry.latest_version,
        "updated_at": time::rfc3339(entry.updated_at.as_ref()),
    })
}

pub(crate) const LARGEST_PAGE: u32 = 1000;
