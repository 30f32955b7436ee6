//! `vaultctl root status|disable|generate`

use clap::Subcommand;
use serde_json::json;
use vault_sdk::{RootGeneration, Vault};

use super::Outcome;
use super::unseal::lines;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show whether the root identity that `init` made can still call
    Status,
    Disable(Disable),
    Generate(Generate),
}

/// End the root identity that `init` made, for ever, with its token and all its sessions
///
/// Refused while no enabled user with a password of his own may do all of `user:*` and `policy:*`: nobody could let
/// anybody in. Afterwards a quorum of shares makes a one-time root: vaultctl root generate.
#[derive(Debug, clap::Args)]
pub(crate) struct Disable {
    /// Even if nobody else can go on: it then takes a quorum of shares to do anything
    #[arg(long)]
    force: bool,
}

/// Make a one-time root by a quorum of shares
///
/// Asks for shares until there are enough, and shows a token that may do everything for an hour. With holders at
/// several terminals the first begins, and the others go on with --resume and the id that he was told; the token is
/// shown to whoever enters the last share. The one-time root of before ends. Where something else than shares opens the
/// vault, it takes recovery shares.
#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// `-` reads shares from stdin, one a line
    #[arg(value_name = "-", value_parser = ["-"])]
    stdin: Option<String>,

    /// Go on with the one of this id
    #[arg(long, value_name = "ID")]
    resume: Option<String>,

    /// Abandon the one of this id; a valid share proves the right to
    #[arg(long, value_name = "ID", conflicts_with = "resume")]
    cancel: Option<String>,
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Status => status(ctl).await,
            Self::Disable(args) => args.run(ctl).await,
            Self::Generate(args) => args.run(ctl).await,
        }
    }
}

async fn status(ctl: &Ctl) -> Outcome {
    let status = ctl.vault()?.root().status().await?;
    if ctl.output.is_json() {
        let until = status.one_time_until.as_ref();
        ctl.output.json(&json!({
            "enabled": status.enabled,
            "one_time_until": until.map(|at| time::rfc3339(Some(at))),
        }))?;
        return Ok(Exit::Ok);
    }
    let word = if status.enabled {
        "enabled"
    } else {
        "disabled"
    };
    ctl.output.line(&format!("root\t{word}"))?;
    if let Some(until) = &status.one_time_until {
        let until = time::local(Some(until));
        ctl.output.line(&format!("one-time root\tuntil {until}"))?;
    }
    Ok(Exit::Ok)
}

impl Disable {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let ended = ctl.vault()?.root().disable(self.force).await?;
        let words = if ended {
            "root is disabled; its token and sessions open nothing any more"
        } else {
            "root was disabled already"
        };
        ctl.output.done(words, || json!({ "disabled": ended }))?;
        Ok(Exit::Ok)
    }
}

impl Generate {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        if let Some(id) = &self.cancel {
            return self.abandon(ctl, &vault, id).await;
        }
        let last = self.enter(ctl, &vault).await?;
        show(ctl, &last)?;
        Ok(Exit::Ok)
    }

    async fn abandon(&self, ctl: &Ctl, vault: &Vault, id: &str) -> Outcome {
        let share = match self.stdin {
            Some(_) => crate::prompt::read_line()?,
            None => ctl
                .prompt
                .hidden("Share", "pipe one in: vaultctl root generate --cancel ID -")?,
        };
        vault.root().cancel(id, &share).await?;
        let words = "no one-time root is being made any more";
        ctl.output.done(words, || json!({ "phase": "cancelled" }))?;
        Ok(Exit::Ok)
    }

    /// Enters shares until there are enough, or stdin has no more.
    async fn enter(&self, ctl: &Ctl, vault: &Vault) -> Result<RootGeneration, Failure> {
        let mut piped = match self.stdin {
            Some(_) => Some(lines()?.into_iter()),
            None => None,
        };
        let mut last: Option<RootGeneration> = None;
        loop {
            let share = match &mut piped {
                Some(lines) => match lines.next() {
                    Some(share) => share,
                    None => return last.ok_or_else(|| Failure::usage("stdin is empty")),
                },
                None => ctl
                    .prompt
                    .hidden("Share", "pipe it in: vaultctl root generate -")?,
            };
            if share.is_empty() {
                return Err(Failure::usage("nothing was entered"));
            }
            let begun = last.as_ref().map(|known| known.ceremony.as_str());
            let id = begun.or(self.resume.as_deref());
            match vault.root().generate(id, &share).await {
                Ok(state) if state.token.is_some() => return Ok(state),
                Ok(state) => {
                    if piped.is_none() {
                        ctl.output.note(&progress(&state));
                    }
                    if begun.is_none() && self.resume.is_none() && piped.is_none() {
                        ctl.output.note(&others(&state));
                    }
                    last = Some(state);
                }
                Err(error) if error.kind() == vault_sdk::Kind::Invalid && piped.is_none() => {
                    ctl.output.fail(&Failure::from(error));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn progress(state: &RootGeneration) -> String {
    let progress = &state.progress;
    format!(
        "{} of {} shares entered",
        progress.entered.len(),
        progress.threshold
    )
}

fn others(state: &RootGeneration) -> String {
    format!(
        "other holders enter theirs with: vaultctl root generate --resume {}",
        state.ceremony
    )
}

/// The token, shown this once.
fn show(ctl: &Ctl, state: &RootGeneration) -> Result<(), Failure> {
    // EXPOSE: stdout, once: this is what the command is for
    let token = state.token.as_ref().map(vault_sdk::Text::expose);
    let until = state.expires_at.as_ref();
    if ctl.output.is_json() {
        return ctl.output.json(&json!({
            "ceremony": state.ceremony,
            "progress": { "threshold": state.progress.threshold, "entered": state.progress.entered },
            "token": token,
            "expires_at": until.map(|at| time::rfc3339(Some(at))),
        }));
    }
    let Some(token) = token else {
        ctl.output.note(&progress(state));
        return ctl.output.line(&format!("ceremony\t{}", state.ceremony));
    };
    ctl.output.warn(&format!(
        "may do everything until {}; shown once, not to be renewed",
        time::local(until)
    ));
    ctl.output.line(token)
}
