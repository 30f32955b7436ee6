//! `vaultctl destroy`

use serde_json::json;
use vault_sdk::encode_path;
use vault_sdk::wire::DestroySecretRequest;

use super::Outcome;
use super::paths::parse_path;
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;

/// End a version, or a deleted secret, beyond recovery
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct Args {
    /// dir/name
    #[arg(value_name = "PATH", value_parser = parse_path)]
    path: String,

    /// The version
    #[arg(long = "version", value_name = "N", group = "which")]
    number: Option<u64>,

    /// The deleted secret; see `vaultctl trash ls`
    #[arg(long, value_name = "N", group = "which")]
    id: Option<u64>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let shown = encode_path(&self.path);
        let what = match self.number {
            Some(version) => format!("version {version} of {shown}"),
            None => format!("the deleted {shown} with all its versions"),
        };
        type_word(ctl, &format!("destroy {what} beyond recovery"), "", &shown)?;
        let vault = ctl.vault()?;
        let request = DestroySecretRequest {
            path: self.path.clone(),
            version: self.number,
            id: self.id.unwrap_or_default(),
        };
        match vault.lifecycle().destroy(request).await {
            Ok(reply) => {
                let count = reply.destroyed_versions;
                let value = || json!({ "path": self.path, "destroyed_versions": count });
                let words = format!(
                    "{what} is destroyed: nobody can read it any more. Its sealed bytes leave the node's files \
                     within a day, while it runs; backups keep what they hold"
                );
                ctl.output.done(&words, value)?;
                Ok(Exit::Ok)
            }
            Err(error) => Err(ctl.about(&vault, &self.path, error).await),
        }
    }
}
