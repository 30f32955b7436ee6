//! `vaultctl label`

use serde_json::json;
use vault_sdk::encode_path;
use vault_sdk::wire::{RemoveLabelRequest, SetLabelRequest};

use super::Outcome;
use super::paths::parse_path;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

/// Put a label on a version, or take one away
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// dir/name
    #[arg(value_name = "PATH", value_parser = parse_path)]
    path: String,

    /// The version to put it on
    #[arg(value_name = "VERSION", required_unless_present = "remove")]
    version: Option<u64>,

    /// The label
    #[arg(value_name = "LABEL", required_unless_present = "remove")]
    label: Option<String>,

    /// Take this label away instead
    #[arg(long, value_name = "LABEL", conflicts_with_all = ["version", "label"])]
    remove: Option<String>,

    /// Only if the label is on this version now; 0: on none
    #[arg(long, value_name = "N")]
    if_at: Option<u64>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let (path, if_at) = (self.path.clone(), self.if_at);
        let shown = encode_path(&self.path);
        let (words, done) = match (self.remove, self.version, self.label) {
            (Some(label), _, _) => {
                let words = format!("{label} is taken off {shown}");
                let request = RemoveLabelRequest { path, label, if_at };
                (words, vault.secrets().remove_label(request).await)
            }
            (None, Some(version), Some(label)) => {
                let words = format!("{label} is on version {version} of {shown}");
                let request = SetLabelRequest {
                    path,
                    label,
                    version,
                    if_at,
                };
                (words, vault.secrets().set_label(request).await)
            }
            _ => return Err(Failure::usage("give VERSION and LABEL, or --remove LABEL")),
        };
        match done {
            Ok(reply) => {
                ctl.output.done(
                    &words,
                    || json!({ "path": self.path, "labels": reply.labels }),
                )?;
                Ok(Exit::Ok)
            }
            Err(error) => Err(ctl.about(&vault, &self.path, error).await),
        }
    }
}
