//! `vaultctl unseal`

use std::io::BufRead as _;

use serde_json::json;
use vault_sdk::wire::{SealKind, SealState, UnsealResponse};
use vault_sdk::{Text, UnsealKey, Vault};
use zeroize::Zeroizing;

use super::Outcome;
use super::init::KEY_DERIVATION;
use super::status::{exit_of, state_word};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::prompt::read_stdin;

/// Enter a key share or the passphrase
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// `-` reads shares (one a line) or the passphrase from stdin
    #[arg(value_name = "-", value_parser = ["-"])]
    stdin: Option<String>,

    /// Enter recovery shares, where the vault opens by passphrase or by itself
    #[arg(long)]
    recovery: bool,

    /// Forget the shares entered so far; a valid share proves the right to
    #[arg(long)]
    cancel: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?.with_timeout(KEY_DERIVATION);
        if self.cancel {
            return self.cancel(ctl, &vault).await;
        }
        let status = vault.system().status().await?;
        if status.state() == SealState::Unsealed {
            ctl.output
                .done("it is open already", || json!({ "state": "unsealed" }))?;
            return Ok(Exit::Ok);
        }
        let by_passphrase = status
            .slots
            .iter()
            .any(|slot| slot.kind() == SealKind::Passphrase);
        let kind = if by_passphrase && !self.recovery {
            Entry::Passphrase
        } else {
            Entry::Share
        };
        let reply = if self.stdin.is_some() {
            from_stdin(ctl, &vault, kind).await?
        } else {
            by_asking(ctl, &vault, kind).await?
        };
        let words = progress(&reply);
        ctl.output.done(&words, || to_json(&reply))?;
        // A share of several was taken: that is what was asked for.
        Ok(if reply.progress.is_some() {
            Exit::Ok
        } else {
            exit_of(reply.state())
        })
    }

    async fn cancel(self, ctl: &Ctl, vault: &Vault) -> Outcome {
        let share = match self.stdin {
            Some(_) => crate::prompt::read_line()?,
            None => ctl
                .prompt
                .hidden("Share", "pipe one in: vaultctl unseal --cancel -")?,
        };
        let reply = vault.system().cancel_unseal(&share).await?;
        ctl.output
            .done("the shares entered so far are forgotten", || {
                to_json(&reply)
            })?;
        Ok(Exit::Ok)
    }
}

/// What is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Share,
    Passphrase,
}

impl Entry {
    pub(crate) fn key(self, text: Text) -> UnsealKey {
        match self {
            Self::Share => UnsealKey::Share(text),
            Self::Passphrase => UnsealKey::Passphrase(text),
        }
    }

    pub(crate) fn question(self) -> &'static str {
        match self {
            Self::Share => "Share",
            Self::Passphrase => "Passphrase",
        }
    }
}

/// The lines of stdin that hold something.
pub(crate) fn lines() -> Result<Vec<Text>, Failure> {
    let bytes: Zeroizing<Vec<u8>> = read_stdin(LARGEST_INPUT)?;
    let mut found = Vec::new();
    for line in bytes.lines() {
        let line = Zeroizing::new(line.map_err(|_| Failure::invalid("stdin is not text"))?);
        if !line.trim().is_empty() {
            found.push(Text::new(line.trim()));
        }
    }
    if found.is_empty() {
        Err(Failure::usage("stdin is empty"))
    } else {
        Ok(found)
    }
}

async fn from_stdin(ctl: &Ctl, vault: &Vault, kind: Entry) -> Result<UnsealResponse, Failure> {
    let mut last = None;
    for text in lines()? {
        let reply = vault.system().unseal(&kind.key(text)).await?;
        let open = reply.state() == SealState::Unsealed;
        if let Some(before) = last.replace(reply) {
            ctl.output.detail(&progress(&before));
        }
        if open {
            break;
        }
    }
    last.ok_or_else(|| Failure::usage("stdin is empty"))
}

/// Asks until the vault is open. A share that does not fit is said so, and the next one asked for.
async fn by_asking(ctl: &Ctl, vault: &Vault, kind: Entry) -> Result<UnsealResponse, Failure> {
    loop {
        let text = ctl
            .prompt
            .hidden(kind.question(), "pipe it in: vaultctl unseal -")?;
        if text.is_empty() {
            return Err(Failure::usage("nothing was entered"));
        }
        match vault.system().unseal(&kind.key(text)).await {
            Ok(reply) if reply.state() == SealState::Unsealed => return Ok(reply),
            Ok(reply) => ctl.output.note(&progress(&reply)),
            Err(error) if error.kind() == vault_sdk::Kind::Invalid => {
                ctl.output.fail(&Failure::from(error));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn progress(reply: &UnsealResponse) -> String {
    match (&reply.state(), &reply.progress) {
        (SealState::Unsealed, _) => "the vault is open".to_owned(),
        (_, Some(p)) => format!("{} of {} shares entered", p.entered.len(), p.threshold),
        (state, None) => format!("the vault is {}", state_word(*state)),
    }
}

fn to_json(reply: &UnsealResponse) -> serde_json::Value {
    let progress = reply.progress.as_ref();
    json!({
        "state": state_word(reply.state()),
        "progress": progress.map(|p| json!({ "threshold": p.threshold, "entered": p.entered })),
    })
}

const LARGEST_INPUT: u64 = 64 * 1024;
