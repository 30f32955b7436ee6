//! `vaultctl log`

use serde_json::{Value, json};
use vault_sdk::wire::{ListVersionsRequest, VersionMeta};

use super::Outcome;
use super::ls::LARGEST_PAGE;
use super::paths::parse_path;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::table::Lister;
use crate::time;

/// Show the versions of a secret, newest first
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// dir/name
    #[arg(value_name = "PATH", value_parser = parse_path)]
    path: String,

    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let columns = [
            "version", "time", "by", "how", "labels", "fields", "bytes", "note",
        ];
        let mut lister = Lister::new(&ctl.output, &columns);
        let mut page = ListVersionsRequest {
            path: self.path.clone(),
            ..Default::default()
        };
        let mut left = self.limit.unwrap_or(usize::MAX);
        while left > 0 {
            page.page_size = u32::try_from(left).unwrap_or(u32::MAX).min(LARGEST_PAGE);
            let reply = match vault.secrets().versions(page.clone()).await {
                Ok(reply) => reply,
                Err(error) => return Err(ctl.about(&vault, &self.path, error).await),
            };
            for version in reply.versions.iter().take(left) {
                lister.push(cells(ctl, version), || to_json(version))?;
            }
            left = left.saturating_sub(reply.versions.len());
            if reply.next_cursor.is_empty() {
                break;
            }
            page.cursor = reply.next_cursor;
        }
        lister.finish("it has no versions")?;
        Ok(Exit::Ok)
    }
}

fn cells(ctl: &Ctl, version: &VersionMeta) -> Vec<String> {
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let how = if version.destroyed {
        "destroyed"
    } else {
        version.operation.as_str()
    };
    vec![
        version.version.to_string(),
        show(version.created_at.as_ref()),
        version.created_by.clone(),
        how.to_owned(),
        version.labels.join(","),
        version.field_names.join(","),
        version.size.to_string(),
        version.note.clone(),
    ]
}

fn to_json(version: &VersionMeta) -> Value {
    json!({
        "version": version.version,
        "created_at": time::rfc3339(version.created_at.as_ref()),
        "created_by": version.created_by,
        "operation": version.operation,
        "labels": version.labels,
        "field_names": version.field_names,
        "size": version.size,
        "note": version.note,
        "destroyed": version.destroyed,
    })
}
