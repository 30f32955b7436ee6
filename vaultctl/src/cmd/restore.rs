//! `vaultctl restore`

use serde_json::json;
use vault_sdk::encode_path;
use vault_sdk::wire::RestoreSecretRequest;

use super::Outcome;
use super::paths::parse_path;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

/// Bring a deleted secret back, with its history
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The path it had
    #[arg(value_name = "PATH", value_parser = parse_path)]
    path: String,

    /// Which one, if several had that path; see `vaultctl trash ls` [default: the last deleted]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    id: u64,

    /// Bring it back under this path
    #[arg(long = "as", value_name = "PATH", value_parser = parse_path)]
    new_path: Option<String>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let request = RestoreSecretRequest {
            path: self.path.clone(),
            id: self.id,
            new_path: self.new_path.unwrap_or_default(),
        };
        let reply = vault.lifecycle().restore(request).await.map_err(|error| {
            let taken = error.kind() == vault_sdk::Kind::Exists;
            let failure = Failure::from(error).for_path(&encode_path(&self.path));
            if taken {
                failure.hint("its path is in use: restore it --as another one")
            } else {
                failure.hint("see what can be restored: vaultctl trash ls")
            }
        })?;
        let words = format!(
            "{} is back, at version {}",
            encode_path(&reply.path),
            reply.latest_version
        );
        ctl.output.done(
            &words,
            || json!({ "path": reply.path, "version": reply.latest_version }),
        )?;
        Ok(Exit::Ok)
    }
}
