//! `vaultctl share`

use std::time::Duration;

use serde_json::{Value as Json, json};
use vault_sdk::wire::ShareInfo;
use vault_sdk::{Endpoint, Error, Kind, Reference, Shared, Value, Vault};

use super::Outcome;
use crate::assign;
use crate::connect::{Target, Trust};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Format;
use crate::table::record;
use crate::time::{self, parse_span};

/// Leave a value for someone, who gets it once with the code
///
/// With PATH it is what that secret holds now; else it is read from stdin where something is piped in, and asked for
/// otherwise. The code is printed and stored nowhere. Whoever brings it first gets the value, without a session:
/// `vaultctl unwrap`. Send it on a way that others do not read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// dir/name[#field][@version|@label]: a secret whose value you may read
    #[arg(value_name = "PATH")]
    reference: Option<Reference>,

    /// Take the value from this file, as it is
    #[arg(long, value_name = "FILE", conflicts_with = "reference")]
    file: Option<String>,

    /// Keep a newline at the end of stdin
    #[arg(long)]
    raw_stdin: bool,

    /// How long it waits, 1m to 7d [default: 1h]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,

    /// Show whether what you left was handed out; never the value
    #[arg(long, value_name = "ACCESSOR", conflicts_with_all = ["reference", "file", "raw_stdin", "ttl", "revoke"])]
    lookup: Option<String>,

    /// Take back what you left
    #[arg(long, value_name = "ACCESSOR", conflicts_with_all = ["reference", "file", "raw_stdin", "ttl"])]
    revoke: Option<String>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        if let Some(accessor) = &self.lookup {
            return look_up(ctl, accessor).await;
        }
        if let Some(accessor) = &self.revoke {
            return revoke(ctl, accessor).await;
        }
        let target = ctl.target()?;
        let command = command(&target);
        let vault = target.vault(ctl)?;
        let shared = self.share(ctl, &vault).await?;
        show(ctl, &shared, &command)?;
        Ok(Exit::Ok)
    }

    async fn share(&self, ctl: &Ctl, vault: &Vault) -> Result<Shared, Failure> {
        if let Some(secret) = &self.reference {
            let shared = vault.sharing().share_secret(secret, self.ttl).await;
            return match shared {
                Err(error) if error.kind() == Kind::Unknown => Err(uncertain(error)),
                Err(error) => Err(ctl.about(vault, &secret.path, error).await),
                Ok(shared) => Ok(shared),
            };
        }
        let value = match &self.file {
            Some(path) => assign::read_file(path)?,
            None if ctl.prompt.is_piped() => self.stdin(ctl)?,
            None => {
                let text = ctl
                    .prompt
                    .hidden_twice("Value", "pipe it in, or use --file FILE")?;
                // EXPOSE: into the value that is sent
                Value::new(text.expose().as_bytes())
            }
        };
        if value.is_empty() {
            return Err(Failure::usage(
                "there is nothing to share: the value is empty",
            ));
        }
        let fields = [("value".to_owned(), value)];
        assign::fit(&fields)?;
        let shared = vault.sharing().share(&fields, self.ttl).await;
        shared.map_err(uncertain)
    }

    fn stdin(&self, ctl: &Ctl) -> Result<Value, Failure> {
        let (value, stripped) = assign::piped(self.raw_stdin)?;
        if stripped {
            ctl.output
                .note("left out the newline at the end of stdin (--raw-stdin keeps it)");
        }
        Ok(value)
    }
}

/// Without its code, what may have been left is closed to everyone.
fn uncertain(error: Error) -> Failure {
    let unknown = error.kind() == Kind::Unknown;
    let failure = Failure::from(error);
    if unknown {
        return failure.instead("run it again: what this one may have left, nobody can open");
    }
    failure
}

fn show(ctl: &Ctl, shared: &Shared, command: &str) -> Result<(), Failure> {
    let (code, info) = (&shared.code, &shared.info);
    match ctl.output.format() {
        Format::None => return Ok(()),
        Format::Json | Format::Ndjson => {
            // EXPOSE: stdout, because that is what the command is for
            return ctl.output.json(&json!({
                "code": code.expose(),
                "accessor": info.accessor,
                "created_at": time::rfc3339(info.created_at.as_ref()),
                "expires_at": time::rfc3339(info.expires_at.as_ref()),
                "command": command,
            }));
        }
        Format::Auto | Format::Table | Format::Tsv | Format::Env | Format::Raw => {}
    }
    // EXPOSE: stdout, because that is what the command is for
    ctl.output.line(code.expose())?;
    let until = time::local(info.expires_at.as_ref());
    ctl.output.note(&format!(
        "this code opens the value once, until {until}; whoever gets it runs, and pastes it there:\n  {command}\n\
         whether it was handed out, or to take it back:\n  vaultctl share --lookup {0}\n  vaultctl share --revoke {0}",
        info.accessor
    ));
    Ok(())
}

/// What the recipient runs. The code is no part of it: arguments show in `ps` and in histories.
fn command(target: &Target) -> String {
    let mut words = vec!["vaultctl unwrap".to_owned()];
    let remote = |endpoint: &&Endpoint| !matches!(endpoint, Endpoint::Unix(_));
    let addresses = target.endpoints.iter().filter(remote);
    let addresses: Vec<_> = addresses.map(ToString::to_string).collect();
    if !addresses.is_empty() {
        words.push(format!("--addr {}", addresses.join(",")));
        let pin = match &target.trust {
            Trust::Machine => None,
            Trust::Ca(ca) => Some(ca.fingerprint()),
            Trust::Pin(pin) => Some(*pin),
        };
        words.extend(pin.map(|pin| format!("--ca-fingerprint {pin}")));
        let name = target.server_name.as_ref();
        words.extend(name.map(|name| format!("--tls-server-name {name}")));
    }
    words.join(" ")
}

async fn look_up(ctl: &Ctl, accessor: &str) -> Outcome {
    let info = ctl.vault()?.sharing().look_up(accessor).await?;
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let unwrapped = match &info.unwrapped_at {
        Some(at) => show(Some(at)),
        None => "not yet".to_owned(),
    };
    record(
        &ctl.output,
        &[
            ("accessor", info.accessor.clone()),
            ("by", info.created_by.clone()),
            ("session", info.session.clone()),
            ("created", show(info.created_at.as_ref())),
            ("expires", show(info.expires_at.as_ref())),
            ("handed out", unwrapped),
        ],
        || to_json(&info),
    )?;
    Ok(Exit::Ok)
}

async fn revoke(ctl: &Ctl, accessor: &str) -> Outcome {
    let info = ctl.vault()?.sharing().revoke(accessor).await?;
    match &info.unwrapped_at {
        Some(at) => {
            let at = time::local(Some(at));
            ctl.output.warn(&format!(
                "it had been handed out at {at}: whoever has the value still has it"
            ));
            ctl.output
                .done("nothing of it is left here", || to_json(&info))?;
        }
        None => ctl
            .output
            .done("the value is taken back; its code opens nothing", || {
                to_json(&info)
            })?,
    }
    Ok(Exit::Ok)
}

fn to_json(info: &ShareInfo) -> Json {
    let unwrapped = info.unwrapped_at.as_ref();
    json!({
        "accessor": info.accessor,
        "created_by": info.created_by,
        "session": info.session,
        "created_at": time::rfc3339(info.created_at.as_ref()),
        "expires_at": time::rfc3339(info.expires_at.as_ref()),
        "unwrapped_at": unwrapped.map(|at| time::rfc3339(Some(at))),
    })
}
