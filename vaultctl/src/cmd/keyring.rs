//! `vaultctl keyring rotate|status`

use clap::Subcommand;
use serde_json::{Value, json};
use vault_sdk::wire::{KeyTerm, KeyringStatus};

use super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::table::Lister;
use crate::time;

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Command {
    /// Start new terms of the keys inside the keyring; nothing stops meanwhile
    Rotate,
    /// Show the keys' terms, and how far re-wrapping is
    Status,
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let status = match self {
            Self::Rotate => vault.system().rotate_keyring().await?,
            Self::Status => vault.system().keyring_status().await?,
        };
        if ctl.output.is_json() {
            ctl.output.json(&to_json(&status))?;
            return Ok(Exit::Ok);
        }
        let show = if ctl.output.is_terminal() {
            time::local
        } else {
            time::rfc3339
        };
        let columns = ["key", "region", "term", "since", "state", "failed opens"];
        let mut lister = Lister::new(&ctl.output, &columns);
        for term in &status.terms {
            let cells = vec![
                term.key.clone(),
                term.region.clone(),
                term.term.to_string(),
                show(term.created_at.as_ref()),
                state_of(term),
                term.failed_opens.to_string(),
            ];
            lister.push(cells, || Value::Null)?;
        }
        lister.finish("the keyring is empty")?;
        let rewrap = status.rewrap.unwrap_or_default();
        if rewrap.running {
            let (done, left) = (rewrap.done, rewrap.remaining);
            ctl.output
                .note(&format!("re-wrapping: {done} done, {left} to go"));
        }
        if rewrap.unreadable > 0 {
            ctl.output.warn(&format!(
                "{} records do not say which term they need: no older term is destroyed",
                rewrap.unreadable
            ));
        }
        Ok(Exit::Ok)
    }
}

fn state_of(term: &KeyTerm) -> String {
    match (term.active, term.records) {
        (true, _) => "active".to_owned(),
        (false, 0) => "old".to_owned(),
        (false, kept) => format!("old, kept by {kept} that do not open"),
    }
}

fn to_json(status: &KeyringStatus) -> Value {
    let term = |term: &KeyTerm| {
        json!({
            "key": term.key,
            "region": term.region,
            "term": term.term,
            "created_at": time::rfc3339(term.created_at.as_ref()),
            "active": term.active,
            "failed_opens": term.failed_opens,
            "records": term.records,
        })
    };
    let rewrap = status.rewrap.unwrap_or_default();
    json!({
        "generation": status.generation,
        "terms": status.terms.iter().map(term).collect::<Vec<_>>(),
        "rewrap": {
            "running": rewrap.running,
            "done": rewrap.done,
            "remaining": rewrap.remaining,
            "unreadable": rewrap.unreadable,
        },
    })
}
