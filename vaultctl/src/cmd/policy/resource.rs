//! `vaultctl policy get-resource|put-resource|rm-resource`

use serde_json::json;

use super::document::read;
use super::manage::{as_json, of_file, warn};
use crate::cmd::Outcome;
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::output::{Format, Shape};
use crate::table::{clean, record};
use crate::time;

/// Show the policy of a secret or folder
///
/// `-o raw` is the document alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// A secret; with `/` at the end a folder, `/` alone the root
    #[arg(value_name = "PATH")]
    path: String,
}

/// Give a secret or folder a policy, or another one in its place
///
/// Its statements name principals. Left out, `Resource` is the secret, or the folder with all below it. It binds from
/// the next request on, whatever policies whoever comes has himself.
#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    /// A secret; with `/` at the end a folder, `/` alone the root
    #[arg(value_name = "PATH")]
    path: String,

    /// The document; `-` for stdin
    #[arg(value_name = "FILE")]
    file: String,
}

/// Take its policy from a secret or folder; its text is kept nowhere
#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    /// A secret; with `/` at the end a folder, `/` alone the root
    #[arg(value_name = "PATH")]
    path: String,
}

impl Get {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let found = ctl.vault()?.resource_policies().get(&self.path).await?;
        if ctl.output.format() == Format::Raw {
            ctl.output.bytes(found.document.as_bytes())?;
            return Ok(Exit::Ok);
        }
        let show = if ctl.output.is_terminal() {
            time::local
        } else {
            time::rfc3339
        };
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
                ("path", found.path.clone()),
                ("id", found.id.clone()),
                ("updated", show(found.updated_at.as_ref())),
                ("document", document),
            ],
            || {
                json!({
                    "path": found.path,
                    "id": found.id,
                    "document": found.document,
                    "updated_at": time::rfc3339(found.updated_at.as_ref()),
                })
            },
        )?;
        if table {
            for line in found.document.lines() {
                ctl.output.line(&clean(line))?;
            }
        }
        Ok(Exit::Ok)
    }
}

impl Put {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let Self { path, file } = self;
        let document = read(&file)?;
        let put = ctl.vault()?.resource_policies().put(&path, document).await;
        let warnings = put.map_err(|error| of_file(error, &file))?;
        warn(ctl, &file, &warnings);
        let value = json!({ "path": path, "warnings": as_json(&warnings) });
        let text = format!("{} has this policy, and it is in force", clean(&path));
        ctl.output.done(&text, || value)?;
        Ok(Exit::Ok)
    }
}

impl Rm {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let path = self.path;
        let vault = ctl.vault()?;
        type_word(ctl, &format!("delete the policy of {path}"), "", &path)?;
        vault.resource_policies().delete(&path).await?;
        let text = format!("{} has no policy of its own any more", clean(&path));
        ctl.output.done(&text, || json!({ "path": path }))?;
        Ok(Exit::Ok)
    }
}
