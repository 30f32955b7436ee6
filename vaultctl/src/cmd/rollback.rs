//! `vaultctl rollback`

use serde_json::json;
use vault_sdk::encode_path;
use vault_sdk::wire::SetLabelRequest;

use super::Outcome;
use super::paths::parse_path;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

/// Make an earlier version the current one
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// dir/name
    #[arg(value_name = "PATH", value_parser = parse_path)]
    path: String,

    /// The version, or a label that is on it
    #[arg(long, value_name = "V", default_value = "previous")]
    to: String,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let meta = match vault.secrets().describe(&self.path).await {
            Ok(meta) => meta,
            Err(error) => return Err(ctl.about(&vault, &self.path, error).await),
        };
        let shown = encode_path(&self.path);
        let version = match self.to.parse::<u64>() {
            Ok(version) => version,
            Err(_) => *meta.labels.get(&self.to).ok_or_else(|| {
                Failure::new(
                    "not_found",
                    Exit::NotFound,
                    format!("{shown} has no label `{}`", self.to),
                )
                .hint(format!("see its versions: vaultctl log {shown}"))
            })?,
        };
        let current = meta.labels.get("current").copied();
        let request = SetLabelRequest {
            path: self.path.clone(),
            label: "current".to_owned(),
            version,
            // What was read a moment ago must still hold.
            if_at: current.or(Some(0)),
        };
        match vault.secrets().set_label(request).await {
            Ok(_) => {
                let value =
                    || json!({ "path": self.path, "version": version, "previous": current });
                ctl.output
                    .done(&format!("{shown} is at version {version} again"), value)?;
                Ok(Exit::Ok)
            }
            Err(error) => Err(ctl.about(&vault, &self.path, error).await),
        }
    }
}
