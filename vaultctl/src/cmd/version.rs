//! `vaultctl version`

use serde_json::json;

use super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::table::record;

/// Show versions
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The daemon's version, too
    #[arg(long)]
    server: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let server = if self.server {
            Some(ctl.vault()?.system().status().await?.version)
        } else {
            None
        };
        let shown = match server.as_deref() {
            Some("") => "not said without a valid token".to_owned(),
            other => other.unwrap_or_default().to_owned(),
        };
        let mut parts = vec![("vaultctl", OURS.to_owned())];
        if self.server {
            parts.push(("vaultd", shown));
        }
        record(
            &ctl.output,
            &parts,
            || json!({ "vaultctl": OURS, "vaultd": server.filter(|version| !version.is_empty()) }),
        )?;
        Ok(Exit::Ok)
    }
}

/// The version of this program.
pub(crate) const OURS: &str = env!("CARGO_PKG_VERSION");
