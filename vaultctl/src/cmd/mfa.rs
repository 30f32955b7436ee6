//! `vaultctl mfa enrol|confirm|ls|rm|recovery-codes|issue-code|reset`

mod admin;
mod enrol;
mod ls;
mod qr;
mod recovery;
mod rm;

use clap::Subcommand;
use serde_json::{Value, json};
use vault_sdk::wire::{Authenticator, TotpAlgorithm};
use vault_sdk::{Error, Text};

use super::Outcome;
use crate::ctl::Ctl;
use crate::failure::Failure;
use crate::prompt::read_line;
use crate::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Enrol(enrol::Args),
    /// Finish an enrolment: with the first code of the authenticator, from stdin or asked for
    Confirm,
    /// List your authenticators
    Ls,
    Rm(rm::Args),
    /// Draw recovery codes in place of those before
    RecoveryCodes,
    IssueCode(admin::Issue),
    Reset(admin::Reset),
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Enrol(args) => args.run(ctl).await,
            Self::Confirm => enrol::confirm(ctl).await,
            Self::Ls => ls::run(ctl).await,
            Self::Rm(args) => args.run(ctl).await,
            Self::RecoveryCodes => recovery::run(ctl).await,
            Self::IssueCode(args) => args.run(ctl).await,
            Self::Reset(args) => args.run(ctl).await,
        }
    }
}

/// Does it, and if the vault wants a second factor for it, again with one.
async fn showing<T>(
    ctl: &Ctl,
    question: &str,
    act: impl AsyncFn(Option<&Text>) -> Result<T, Error>,
) -> Result<T, Failure> {
    match act(None).await {
        Err(error) if error.reason() == "SECOND_FACTOR_NEEDED" => {
            if !ctl.prompt.is_allowed() && !ctl.prompt.is_piped() {
                return Err(error.into());
            }
            let Ok(code) = typed(ctl, question) else {
                return Err(error.into());
            };
            Ok(act(Some(&code)).await?)
        }
        done => Ok(done?),
    }
}

/// A code: from stdin where something is piped in, and asked for otherwise.
pub(super) fn typed(ctl: &Ctl, question: &str) -> Result<Text, Failure> {
    if ctl.prompt.is_piped() {
        return read_line();
    }
    ctl.prompt.hidden(question, "pipe it in")
}

fn algorithm(authenticator: &Authenticator) -> &'static str {
    match authenticator.algorithm() {
        TotpAlgorithm::Sha256 => "SHA256",
        TotpAlgorithm::Sha512 => "SHA512",
        TotpAlgorithm::Sha1 | TotpAlgorithm::Unspecified => "SHA1",
    }
}

fn authenticator_json(authenticator: &Authenticator) -> Value {
    json!({
        "id": authenticator.id,
        "name": authenticator.name,
        "algorithm": algorithm(authenticator),
        "digits": authenticator.digits,
        "created_at": time::rfc3339(authenticator.created_at.as_ref()),
        "active_since": time::rfc3339(authenticator.active_since.as_ref()),
        "pending_until": time::rfc3339(authenticator.pending_until.as_ref()),
    })
}

/// Prints recovery codes, one a line, with what to do with them.
fn print_codes(ctl: &Ctl, codes: &[Text]) -> Result<(), Failure> {
    for code in codes {
        // EXPOSE: stdout, because this is the one time that they are shown
        ctl.output.line(code.expose())?;
    }
    ctl.output.note(
        "keep these recovery codes apart from the device: each gets you in once, and they are not shown again",
    );
    Ok(())
}

fn exposed(codes: &[Text]) -> Vec<&str> {
    // EXPOSE: stdout in JSON, the one time that they are shown
    codes.iter().map(Text::expose).collect()
}
