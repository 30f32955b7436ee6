//! `vaultctl rekey`

use serde_json::json;
use vault_sdk::wire::SealKind;
use vault_sdk::wire::rekey_status::Phase;
use vault_sdk::{Rekey, Text, Vault};

use super::Outcome;
use super::init::{KEY_DERIVATION, SealArgs, show_lines};
use super::unseal::{Entry, lines};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

/// Replace the root key and what opens the vault
///
/// Asks for the present shares, shows the new ones, and asks for those again before the old ones stop
/// working. In a script: `rekey -` reads the present shares and prints the new ones and the id of the rekey,
/// then `rekey --verify ID -` reads the new ones. A rekey ends ten minutes after its last entry.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    seal: SealArgs,

    /// `-` reads shares (one a line) or the passphrase from stdin
    #[arg(value_name = "-", value_parser = ["-"])]
    stdin: Option<String>,

    /// Go on with the rekey of this id, whose new shares were shown: enter them
    #[arg(long, value_name = "ID")]
    verify: Option<String>,

    /// Go on with the rekey of this id, whose present shares are awaited
    #[arg(long, value_name = "ID", conflicts_with = "verify")]
    resume: Option<String>,

    /// What is entered is a passphrase
    #[arg(long)]
    passphrase: bool,

    /// Abandon the rekey of this id; the present seal stays
    #[arg(long, value_name = "ID", conflicts_with_all = ["verify", "resume"])]
    cancel: Option<String>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?.with_timeout(KEY_DERIVATION);
        if let Some(id) = &self.cancel {
            vault.system().cancel_rekey(id).await?;
            ctl.output.done(
                "the rekey is abandoned; the present seal stays",
                || json!({ "phase": "cancelled" }),
            )?;
            return Ok(Exit::Ok);
        }
        if let Some(id) = &self.verify {
            return self.verify(ctl, &vault, id).await;
        }
        let present = self.present(&vault).await?;
        let id = if let Some(id) = &self.resume {
            id.clone()
        } else {
            let seal = self.seal.to_config(ctl)?;
            vault.system().start_rekey(seal).await?.ceremony
        };
        let made = self
            .enter(ctl, &vault, &id, present, Phase::Authorise)
            .await?;
        show(ctl, &made, &self.seal)?;
        match made.phase {
            Phase::Done => {}
            Phase::Verify if self.stdin.is_none() && ctl.prompt.is_allowed() => {
                return self.verify(ctl, &vault, &id).await;
            }
            Phase::Verify => ctl.output.note(&format!(
                "the old ones work until the new ones are entered, within ten minutes: vaultctl rekey --verify {id}"
            )),
            Phase::Authorise => ctl
                .output
                .note(&format!("to enter the others: vaultctl rekey --resume {id}")),
            Phase::Unspecified | Phase::Cancelled => {
                return Err(Failure::new(
                    "precondition",
                    Exit::Precondition,
                    "the rekey was cancelled",
                ));
            }
        }
        Ok(Exit::Ok)
    }

    /// What opens the vault now.
    async fn present(&self, vault: &Vault) -> Result<Entry, Failure> {
        if self.passphrase {
            return Ok(Entry::Passphrase);
        }
        let status = vault.system().status().await?;
        let by_passphrase = status
            .slots
            .iter()
            .any(|slot| slot.kind() == SealKind::Passphrase);
        Ok(if by_passphrase {
            Entry::Passphrase
        } else {
            Entry::Share
        })
    }

    /// The new shares, whatever else opens the vault: they are its last resort.
    async fn verify(&self, ctl: &Ctl, vault: &Vault, id: &str) -> Outcome {
        let done = self
            .enter(ctl, vault, id, Entry::Share, Phase::Verify)
            .await?;
        if done.phase == Phase::Done {
            let words = "done: the new ones open the vault, the old ones do not";
            ctl.output.done(words, || json!({ "phase": "done" }))?;
        } else {
            ctl.output
                .done(&progress(&done), || json!({ "phase": "verify" }))?;
        }
        Ok(Exit::Ok)
    }

    /// Enters shares until the phase is over, or stdin is.
    async fn enter(
        &self,
        ctl: &Ctl,
        vault: &Vault,
        id: &str,
        entry: Entry,
        phase: Phase,
    ) -> Result<Rekey, Failure> {
        let which = if phase == Phase::Verify {
            "new"
        } else {
            "present"
        };
        let mut piped = match self.stdin {
            Some(_) => Some(lines()?.into_iter()),
            None => None,
        };
        let mut last = None;
        loop {
            let text = match &mut piped {
                Some(lines) => match lines.next() {
                    Some(text) => text,
                    None => return last.ok_or_else(|| Failure::usage("stdin is empty")),
                },
                None => ctl.prompt.hidden(
                    &format!("{} ({which})", entry.question()),
                    "pipe it in: vaultctl rekey -",
                )?,
            };
            match vault.system().submit_rekey(id, &entry.key(text)).await {
                Ok(reply) if reply.phase != phase => return Ok(reply),
                Ok(reply) => {
                    if piped.is_none() {
                        ctl.output.note(&progress(&reply));
                    }
                    last = Some(reply);
                }
                Err(error) if error.kind() == vault_sdk::Kind::Invalid && piped.is_none() => {
                    ctl.output.fail(&Failure::from(error));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn progress(rekey: &Rekey) -> String {
    let progress = rekey.progress.clone().unwrap_or_default();
    format!(
        "{} of {} shares entered",
        progress.entered.len(),
        progress.threshold
    )
}

/// The new shares, shown this once.
fn show(ctl: &Ctl, made: &Rekey, seal: &SealArgs) -> Result<(), Failure> {
    // EXPOSE: stdout, once: this is what the command is for
    let texts = |list: &[Text]| {
        list.iter()
            .map(|t| t.expose().to_owned())
            .collect::<Vec<_>>()
    };
    let (shares, recovery) = (texts(&made.shares), texts(&made.recovery_shares));
    let passphrase = made.passphrase.as_ref().map(Text::expose);
    if shares.is_empty() && recovery.is_empty() && passphrase.is_none() {
        ctl.output.note(&progress(made));
        return Ok(());
    }
    if ctl.output.is_json() {
        return ctl.output.json(&json!({
            "ceremony": made.ceremony,
            "phase": if made.phase == Phase::Done { "done" } else { "verify" },
            "shares": shares,
            "recovery_shares": recovery,
            "passphrase": passphrase,
        }));
    }
    ctl.output.warn(&seal.advice());
    show_lines(ctl, &shares, &recovery, passphrase)?;
    ctl.output.line(&format!("rekey\t{}", made.ceremony))
}
