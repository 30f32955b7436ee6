//! `vaultctl init`

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;
use vault_sdk::wire::{self, seal_config};
use vault_sdk::{Error, Initialised, Kind, Text, Vault};

use super::Outcome;
use crate::connect::Target;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::read_private;

/// What a new seal is to be; `rekey` takes the same.
#[derive(Debug, clap::Args)]
pub(crate) struct SealArgs {
    /// What opens the vault
    #[arg(long, value_enum, default_value_t)]
    seal: Seal,

    /// Key shares to make
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=64))]
    shares: u32,

    /// Shares that open the vault together
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=64))]
    threshold: u32,

    /// With --seal passphrase: ask for the passphrase, instead of having one made
    #[arg(long)]
    ask_passphrase: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Seal {
    /// Key shares, for several people
    #[default]
    Shamir,
    /// One passphrase, and recovery shares
    Passphrase,
    /// A key file that the daemon's configuration names, and recovery shares
    KeyFile,
    /// A systemd credential that the daemon's configuration names, and recovery shares
    SystemdCredential,
}

/// Create a new vault
///
/// Prints the shares and the first token, and only then has the vault created: if this command fails, what it
/// printed is worth nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    seal: SealArgs,

    /// File that holds the setup code, which is needed over TCP
    #[arg(long, value_name = "FILE")]
    setup_code_file: Option<PathBuf>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let target = ctl.target()?;
        let code = setup_code(ctl, &target, self.setup_code_file.as_deref())?;
        let config = self.seal.to_config(ctl)?;
        let vault = target.vault(ctl)?.with_timeout(KEY_DERIVATION);
        let made = vault.system().init(config, code.as_ref()).await?;
        // Nothing exists yet: what could not be printed is lost with the vault that it would have opened.
        show(ctl, &made, &self.seal).map_err(|failure| unprinted(&failure))?;
        let confirmed = vault
            .system()
            .confirm_init(&made.ceremony, code.as_ref())
            .await;
        if let Err(error) = confirmed {
            find_out(&vault, &made, error).await?;
        }
        for line in &made.bootstrap {
            ctl.output.note(&format!("By the bootstrap file: {line}."));
        }
        ctl.output.note(
            "The vault is created. The token may do everything. Unseal, then log in with it: vaultctl login",
        );
        Ok(Exit::Ok)
    }
}

fn unprinted(failure: &Failure) -> Failure {
    let what = if failure.is_silent() {
        "whoever read the output went away"
    } else {
        failure.what()
    };
    Failure::new(
        "io",
        Exit::Internal,
        format!(
            "the shares and the token were not all printed ({what}); the vault was not created"
        ),
    )
    .hint("what was printed is worthless; run it again: vaultctl init")
}

/// After a confirmation that was not answered well: whether the vault exists all the same.
async fn find_out(vault: &Vault, made: &Initialised, error: Error) -> Result<(), Failure> {
    if !may_exist(error.kind()) {
        return Err(not_created(error));
    }
    // A stranger over TCP is not told which cluster it is.
    let status = vault.system().status().await;
    let cluster = status.map(|status| status.cluster_id).unwrap_or_default();
    if cluster == made.cluster_id {
        return Ok(());
    }
    if !cluster.is_empty() {
        return Err(not_created(error));
    }
    let what = format!(
        "it is not known whether the vault was created: {}",
        error.message()
    );
    Err(Failure::from(error)
        .saying(what)
        .hint("look in a minute: vaultctl status; if it is not initialised, what was printed is worthless")
        .hint(format!(
            "if it is, its own shares alone are accepted, and on its machine it says which it is: {}",
            made.cluster_id
        )))
}

/// Whether a confirmation that ended so may have created the vault. Only what is refused before anything is done
/// certainly did not; whoever throws shares away on a guess may throw away the only ones.
fn may_exist(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Invalid | Kind::Unauthenticated | Kind::Forbidden | Kind::Precondition
    )
}

fn not_created(error: Error) -> Failure {
    let what = format!(
        "the vault was not created, and what was printed is worthless: {}",
        error.message()
    );
    Failure::from(error)
        .saying(what)
        .hint("run it again: vaultctl init")
}

impl SealArgs {
    pub(crate) fn to_config(&self, ctl: &Ctl) -> Result<wire::SealConfig, Failure> {
        if self.threshold > self.shares {
            return Err(Failure::usage("--threshold is larger than --shares"));
        }
        let shamir = wire::ShamirSeal {
            shares: self.shares,
            threshold: self.threshold,
        };
        if self.ask_passphrase && self.seal != Seal::Passphrase {
            return Err(Failure::usage(
                "--ask-passphrase goes with --seal passphrase",
            ));
        }
        let kind = match self.seal {
            Seal::Shamir => {
                let kind = Some(seal_config::Kind::Shamir(shamir));
                return Ok(wire::SealConfig {
                    kind,
                    recovery: None,
                });
            }
            Seal::Passphrase => {
                let passphrase = if self.ask_passphrase {
                    let instead = "without --ask-passphrase one is made";
                    let chosen = ctl.prompt.hidden_twice("New passphrase", instead)?;
                    // To the node, none would mean that it is to make one.
                    if chosen.is_empty() {
                        return Err(Failure::usage("nothing was entered").hint(instead));
                    }
                    // EXPOSE: to the node, to be made a seal of
                    chosen.expose().to_owned()
                } else {
                    String::new()
                };
                seal_config::Kind::Passphrase(wire::PassphraseSeal { passphrase })
            }
            Seal::KeyFile => seal_config::Kind::KeyFile(wire::KeyFileSeal {}),
            Seal::SystemdCredential => {
                seal_config::Kind::SystemdCredential(wire::SystemdCredentialSeal {})
            }
        };
        Ok(wire::SealConfig {
            kind: Some(kind),
            recovery: Some(shamir),
        })
    }

    /// Whether the vault opens by a key that lies on its machine.
    pub(crate) fn is_automatic(&self) -> bool {
        matches!(self.seal, Seal::KeyFile | Seal::SystemdCredential)
    }

    /// What to tell people about the shares they see.
    pub(crate) fn advice(&self) -> String {
        let (shares, threshold) = (self.shares, self.threshold);
        let what = if self.seal == Seal::Shamir {
            "shares"
        } else {
            "recovery shares"
        };
        format!(
            "Shown this once, and kept nowhere. Give each of the {shares} {what} to another person; \
             any {threshold} of them open the vault, and fewer open nothing."
        )
    }
}

/// The code that proves the right to initialise over TCP.
pub(crate) fn setup_code(
    ctl: &Ctl,
    target: &Target,
    file: Option<&std::path::Path>,
) -> Result<Option<Text>, Failure> {
    if let Some(path) = file {
        let text = read_private(path)?;
        let text =
            text.ok_or_else(|| Failure::invalid(format!("{} is missing", path.display())))?;
        return Ok(Some(Text::new(text.trim())));
    }
    if target.is_local() {
        return Ok(None);
    }
    let instead = "--setup-code-file FILE: the daemon wrote it to its data directory; or use its \
                   Unix socket: --addr unix:/path";
    ctl.prompt.hidden("Setup code", instead).map(Some)
}

/// One secret a line; which it is before it.
fn show(ctl: &Ctl, made: &Initialised, seal: &SealArgs) -> Result<(), Failure> {
    // EXPOSE: stdout, once: this is what the command is for
    let texts = |list: &[Text]| {
        list.iter()
            .map(|t| t.expose().to_owned())
            .collect::<Vec<_>>()
    };
    let (shares, recovery) = (texts(&made.shares), texts(&made.recovery_shares));
    let passphrase = made.passphrase.as_ref().map(Text::expose);
    let token = made.initial_token.expose();
    if ctl.output.is_json() {
        return ctl.output.json(&json!({
            "cluster_id": made.cluster_id,
            "shares": shares,
            "recovery_shares": recovery,
            "passphrase": passphrase,
            "initial_token": token,
            "bootstrap": made.bootstrap,
        }));
    }
    ctl.output.warn(&seal.advice());
    show_lines(ctl, &shares, &recovery, passphrase)?;
    ctl.output.line(&format!("token\t{token}"))
}

/// The lines of shares that `init` and `rekey` have in common.
pub(crate) fn show_lines(
    ctl: &Ctl,
    shares: &[String],
    recovery: &[String],
    passphrase: Option<&str>,
) -> Result<(), Failure> {
    for share in shares {
        ctl.output.line(&format!("share\t{share}"))?;
    }
    for share in recovery {
        ctl.output.line(&format!("recovery-share\t{share}"))?;
    }
    passphrase.map_or(Ok(()), |text| {
        ctl.output.line(&format!("passphrase\t{text}"))
    })
}

/// Deriving a key from a passphrase is slow by intent.
pub(crate) const KEY_DERIVATION: std::time::Duration = std::time::Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use vault_sdk::Kind;

    use super::may_exist;

    #[test]
    fn shares_are_called_worthless_only_after_a_refusal_from_before_the_act() {
        for refused in [
            Kind::Invalid,
            Kind::Unauthenticated,
            Kind::Forbidden,
            Kind::Precondition,
        ] {
            assert!(!may_exist(refused), "{refused:?}");
        }
        for doubtful in [
            Kind::Unknown,
            Kind::Unavailable,
            Kind::Internal,
            Kind::Exists,
            Kind::Limited,
            Kind::Conflict,
            Kind::NotFound,
        ] {
            assert!(may_exist(doubtful), "{doubtful:?}");
        }
    }
}
