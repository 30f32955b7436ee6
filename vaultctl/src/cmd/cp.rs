//! `vaultctl cp`

use serde_json::json;
use vault_sdk::encode_path;
use vault_sdk::wire::CopySecretRequest;

use super::Outcome;
use super::paths::{destination, parse_path};
use crate::ctl::Ctl;
use crate::exit::Exit;

/// Copy a secret with its history, on the server
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// dir/name
    #[arg(value_name = "SRC", value_parser = parse_path)]
    source: String,

    /// dir/name, or a folder with a `/` at its end
    #[arg(value_name = "DST")]
    target: String,

    /// Only the current version
    #[arg(long)]
    drop_history: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let target = destination(&self.source, &self.target)?;
        let vault = ctl.vault()?;
        let request = CopySecretRequest {
            source: self.source.clone(),
            destination: target.clone(),
            drop_history: self.drop_history,
        };
        match vault.lifecycle().copy(request).await {
            Ok(reply) => {
                let (from, to) = (encode_path(&self.source), encode_path(&target));
                let words = format!("{from} is copied to {to}, {} versions", reply.versions);
                let value = || {
                    json!({
                        "source": self.source,
                        "destination": target,
                        "version": reply.latest_version,
                        "versions": reply.versions,
                    })
                };
                ctl.output.done(&words, value)?;
                Ok(Exit::Ok)
            }
            Err(error) => Err(ctl.about_move(&vault, (&self.source, &target), error).await),
        }
    }
}
