//! `vaultctl can`, `vaultctl who-can`

use serde_json::json;
use vault_sdk::wire::WhoCanRequest;

use super::Outcome;
use super::identity::PAGE;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Shape;
use crate::table::{Lister, clean, record};

/// Ask whether something would be allowed, by what decides requests; nothing is done
///
/// Ends with 20 if not. WHO is `user:alice`, `service:ci` or `role:deploy`: of others it takes `policy:Simulate` on
/// the resource, and they are taken to call from no known address, in a session that has just begun without a second
/// factor.
#[derive(Debug, clap::Args)]
#[command(override_usage = "vaultctl can [OPTIONS] [WHO] ACTION RESOURCE")]
pub(crate) struct Can {
    /// Who, unless yourself; the action, as secret:GetValue; the resource, as secret:db/password, or secret:db/ for a
    /// folder with all below it
    #[arg(value_name = "WORD", required = true, num_args = 2..=3)]
    words: Vec<String>,

    /// Say what decided
    #[arg(long)]
    explain: bool,
}

/// Ask who would be allowed something; the root identity, whom no policy binds, is not listed
#[derive(Debug, clap::Args)]
pub(crate) struct WhoCan {
    /// As secret:GetValue
    #[arg(value_name = "ACTION")]
    action: String,

    /// As secret:db/password; a folder with all below it ends in /
    #[arg(value_name = "RESOURCE")]
    resource: String,
}

impl Can {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let (action, resource, found) = match self.words.as_slice() {
            [action, resource] => (
                action,
                resource,
                vault.identity().can(action, resource).await?,
            ),
            [who, action, resource] => (
                action,
                resource,
                vault.identity().simulate(who, action, resource).await?,
            ),
            _ => return Err(Failure::usage("say [WHO] ACTION RESOURCE")),
        };
        let answer = if found.allowed { "yes" } else { "no" };
        let value = || {
            json!({
                "who": found.who,
                "action": action,
                "resource": resource,
                "allowed": found.allowed,
                "why": found.why,
            })
        };
        match ctl.output.shape()? {
            Shape::Json | Shape::Ndjson => record(&ctl.output, &[], value)?,
            Shape::Nothing => {}
            Shape::Table | Shape::Tsv => {
                let why = if self.explain && !found.why.is_empty() {
                    format!(": {}", clean(&found.why))
                } else {
                    String::new()
                };
                ctl.output.line(&format!("{answer}{why}"))?;
            }
        }
        Ok(if found.allowed { Exit::Ok } else { Exit::No })
    }
}

impl WhoCan {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let mut lister = Lister::new(&ctl.output, &["who"]);
        let mut after = String::new();
        loop {
            let page = WhoCanRequest {
                action: self.action.clone(),
                resource: self.resource.clone(),
                page_size: PAGE,
                after,
            };
            let page = vault.identity().who_can(page).await?;
            for who in page.who {
                let value = json!({ "who": who });
                lister.push(vec![who], || value)?;
            }
            if page.next.is_empty() {
                break;
            }
            after = page.next;
        }
        lister.finish("nobody but the root identity")?;
        Ok(Exit::Ok)
    }
}
