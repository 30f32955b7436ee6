//! `vaultctl mfa enrol` and `confirm`

use clap::ValueEnum;
use serde_json::json;
use vault_sdk::wire::TotpAlgorithm;
use vault_sdk::{Enrolment, NewAuthenticator, Text, Vault};

use super::{authenticator_json, exposed, print_codes, qr, showing, typed};
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

/// What is asked where a second factor is wanted.
const QUESTION: &str =
    "Code of an authenticator that you have, recovery code, or an administrator's one-time code";
const FIRST: &str = "Code that the new authenticator shows";

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Algorithm {
    /// What every app can
    #[default]
    Sha1,
    /// Some apps take SHA-1 instead and say nothing
    Sha256,
    /// As before
    Sha512,
}

/// Enrol an authenticator: scan what is drawn, and type the code that it shows
///
/// A first one takes a one-time code of an administrator, another one a code of one that you have. It counts from
/// its first code on. Without a terminal the URI is printed instead, and `vaultctl mfa confirm` takes the first code.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to call it, if you have several
    #[arg(long, default_value = "authenticator")]
    name: String,

    /// One-time code of an administrator; without it, what is needed is asked for
    #[arg(long, value_name = "CODE", allow_hyphen_values = true)]
    code: Option<String>,

    /// What the app shows beside your name [default: vault]
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    issuer: String,

    /// Hash of the codes
    #[arg(long, value_enum, default_value_t)]
    algorithm: Algorithm,

    /// Length of the codes, 6 or 8
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(6..=8))]
    digits: u32,

    /// Print the otpauth URI and the secret, too
    #[arg(long)]
    uri: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let show_uri = self.uri;
        let begun = self.begin(ctl, &vault).await?;
        if ctl.output.is_json() {
            // EXPOSE: stdout, the one time that they are shown
            ctl.output.json(&json!({
                "authenticator": authenticator_json(&begun.authenticator),
                "uri": begun.uri.expose(),
                "secret": begun.secret.expose(),
            }))?;
            return Ok(Exit::Ok);
        }
        show(ctl, &begun, show_uri)?;
        if !ctl.prompt.is_allowed() {
            ctl.output
                .note("it counts after its first code: vaultctl mfa confirm");
            return Ok(Exit::Ok);
        }
        let code = ctl
            .prompt
            .hidden(FIRST, "pipe it into `vaultctl mfa confirm`")?;
        finish(ctl, &vault, &code).await
    }

    async fn begin(self, ctl: &Ctl, vault: &Vault) -> Result<Enrolment, Failure> {
        let new = NewAuthenticator {
            name: self.name,
            algorithm: match self.algorithm {
                Algorithm::Sha1 => TotpAlgorithm::Sha1,
                Algorithm::Sha256 => TotpAlgorithm::Sha256,
                Algorithm::Sha512 => TotpAlgorithm::Sha512,
            },
            digits: self.digits,
            issuer: self.issuer,
        };
        let start =
            async |code: Option<&Text>| vault.mfa().start_enrolment(new.clone(), code).await;
        match self.code.map(Text::new) {
            Some(code) => Ok(start(Some(&code)).await?),
            None => showing(ctl, QUESTION, start).await,
        }
    }
}

/// Takes the first code of an authenticator that waits for it.
pub(super) async fn confirm(ctl: &Ctl) -> Outcome {
    let vault = ctl.vault()?;
    let code = typed(ctl, FIRST)?;
    finish(ctl, &vault, &code).await
}

async fn finish(ctl: &Ctl, vault: &Vault, code: &Text) -> Outcome {
    let confirmed = vault.mfa().confirm_enrolment(code).await.map_err(|error| {
        let wrong = error.reason() == "CODE_WRONG";
        let failure = Failure::from(error);
        if wrong {
            failure.hint("the enrolment waits for ten minutes: vaultctl mfa confirm")
        } else {
            failure
        }
    })?;
    let (authenticator, codes) = (&confirmed.authenticator, &confirmed.recovery_codes);
    let words = format!("{} counts from now on", authenticator.name);
    ctl.output.done(&words, || {
        json!({
            "authenticator": authenticator_json(authenticator),
            "recovery_codes": exposed(codes),
        })
    })?;
    if !ctl.output.is_json() && !codes.is_empty() {
        print_codes(ctl, codes)?;
    }
    Ok(Exit::Ok)
}

/// Draws the URI where that can be scanned; prints it where not, or where it was asked for.
fn show(ctl: &Ctl, begun: &Enrolment, uri: bool) -> Result<(), Failure> {
    // EXPOSE: stdout, the one time that they are shown
    let drawn = qr::draw(begun.uri.expose(), ctl.output.width());
    if let Some(picture) = &drawn {
        ctl.output.bytes(picture.as_bytes())?;
    }
    if uri || drawn.is_none() {
        ctl.output.line(begun.uri.expose())?;
        ctl.output
            .note(&format!("to be typed in: {}", begun.secret.expose()));
    }
    Ok(())
}
