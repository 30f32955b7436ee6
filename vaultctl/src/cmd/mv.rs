//! `vaultctl mv`

use serde_json::json;
use vault_sdk::encode_path;
use vault_sdk::wire::MoveSecretRequest;

use super::Outcome;
use super::paths::{destination, parse_folder};
use crate::ctl::Ctl;
use crate::exit::Exit;

/// Move a secret with its history, or a folder with all below it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// dir/name, or a folder
    #[arg(value_name = "SRC", value_parser = parse_folder)]
    source: String,

    /// The new path, or a folder with a `/` at its end
    #[arg(value_name = "DST")]
    target: String,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let target = destination(&self.source, &self.target)?;
        let vault = ctl.vault()?;
        let request = MoveSecretRequest {
            source: self.source.clone(),
            destination: target.clone(),
        };
        match vault.lifecycle().rename(request).await {
            Ok(reply) => {
                let what = if reply.folder { "the folder " } else { "" };
                let (from, to) = (encode_path(&self.source), encode_path(&target));
                let value = || json!({ "source": self.source, "destination": target, "folder": reply.folder });
                ctl.output
                    .done(&format!("{what}{from} is now {to}"), value)?;
                Ok(Exit::Ok)
            }
            Err(error) => Err(ctl.about_move(&vault, (&self.source, &target), error).await),
        }
    }
}
