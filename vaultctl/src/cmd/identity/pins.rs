//! `vaultctl service pin`: keys by which programs are known.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use vault_sdk::wire::Pin;
use vault_sdk::{PinTerms, PinnedKey};

use super::{Name, Sort};
use crate::client_files::pinned_key;
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::Lister;
use crate::time::{self, parse_span};

#[derive(Debug, Subcommand)]
pub(crate) enum Pins {
    /// Let whoever holds a key log in as it, by a client certificate; to renew, add the next before the old one goes
    Add(Add),
    /// Show its keys
    Ls(Name),
    /// Take a key from it, and end the sessions that were made with it
    Rm(Remove),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    pin: One,

    /// For people to read
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,

    /// How long it is good, 1m to 3653d [default: until it is taken away]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    pin: One,
}

/// A key of a service.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// The service
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    key: Key,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Key {
    /// A file with a certificate of it, in PEM: nothing but its key is looked at
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// SHA-256 of the public key (SubjectPublicKeyInfo, in DER): sha256: and 64 digits
    #[arg(long, value_name = "HASH")]
    key_hash: Option<String>,
}

impl Key {
    fn read(&self) -> Result<PinnedKey, Failure> {
        match (&self.cert, &self.key_hash) {
            (Some(file), _) => pinned_key(file),
            (None, hash) => Ok(PinnedKey::Hash(hash.clone().unwrap_or_default())),
        }
    }
}

impl Pins {
    pub(super) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Add(args) => args.run(ctl).await,
            Self::Ls(one) => list(&one.name, ctl).await,
            Self::Rm(args) => args.run(ctl).await,
        }
    }
}

impl Add {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let One { name, key } = self.pin;
        let terms = PinTerms {
            label: self.label,
            ttl: self.ttl,
        };
        let added = vault.programs().add_pin(&name, key.read()?, terms).await?;
        tell(ctl, &name, (&added.key_hash, added.changed), "logs in as")
    }
}

impl Remove {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let One { name, key } = self.pin;
        let key_hash = key.read()?.hash()?;
        let changed = vault.programs().remove_pin(&name, &key_hash).await?;
        tell(ctl, &name, (&key_hash, changed), "does not log in as")
    }
}

fn tell(ctl: &Ctl, name: &str, (key_hash, changed): (&str, bool), now: &str) -> Outcome {
    let who = Sort::Service.who(name);
    let already = if changed { "" } else { ", as before" };
    let text = format!("{key_hash} {now} {who}{already}");
    let value = json!({ "service": who, "key_hash": key_hash, "changed": changed });
    ctl.output.done(&text, || value)?;
    Ok(Exit::Ok)
}

async fn list(name: &str, ctl: &Ctl) -> Outcome {
    let pins = ctl.vault()?.programs().list_pins(name).await?;
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let mut lister = Lister::new(&ctl.output, &["key", "label", "pinned", "expires"]);
    for pin in &pins {
        let expires = pin.expires_at.as_ref();
        let cells = vec![
            pin.key_hash.clone(),
            pin.label.clone(),
            show(pin.created_at.as_ref()),
            expires.map_or_else(String::new, |at| show(Some(at))),
        ];
        lister.push(cells, || shown(pin))?;
    }
    lister.finish("no keys")?;
    Ok(Exit::Ok)
}

fn shown(pin: &Pin) -> Value {
    json!({
        "key_hash": pin.key_hash,
        "label": pin.label,
        "created_at": time::rfc3339(pin.created_at.as_ref()),
        "expires_at": pin.expires_at.as_ref().map(|at| time::rfc3339(Some(at))),
    })
}
