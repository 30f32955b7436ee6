//! `vaultctl password reset|unlock|policy`

use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::Outcome;
use super::policy::read_text;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::record;
use crate::time::{self, parse_span};

/// Largest password policy.
const LARGEST: u64 = 256 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Reset(Reset),
    Unlock(Unlock),
    /// What passwords must be like, and when failed logins lock
    #[command(subcommand)]
    Policy(Policy),
}

/// Give a user a one-time password, at whose login another one is chosen
///
/// Ends the user's sessions and unlocks the user. The one-time password is shown once: hand it over.
#[derive(Debug, clap::Args)]
pub(crate) struct Reset {
    #[arg(value_name = "USER")]
    user: String,

    /// How long it is good, 1m to 7d [default: 1d]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,
}

/// Forget the failed logins of a user
#[derive(Debug, clap::Args)]
pub(crate) struct Unlock {
    #[arg(value_name = "USER")]
    user: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Show it, and what is unwise in it
    Show,
    Set(Set),
}

/// Replace it: what the file leaves out has its default
#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    /// JSON; `-` for stdin
    #[arg(value_name = "FILE")]
    file: String,
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Reset(args) => args.run(ctl).await,
            Self::Unlock(args) => args.run(ctl).await,
            Self::Policy(command) => command.run(ctl).await,
        }
    }
}

impl Reset {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let made = vault.auth().reset_password(self.user.clone(), self.ttl);
        let made = made.await?;
        // EXPOSE: stdout, because that is what the command is for
        let password = made.password.expose().to_owned();
        let show = if ctl.output.is_terminal() {
            time::local
        } else {
            time::rfc3339
        };
        let expires = made.expires_at.as_ref();
        record(
            &ctl.output,
            &[
                ("user", self.user.clone()),
                ("one-time password", password.clone()),
                ("expires", show(expires)),
            ],
            || {
                json!({
                    "user": self.user,
                    "one_time_password": password,
                    "expires_at": time::rfc3339(expires),
                })
            },
        )?;
        Ok(Exit::Ok)
    }
}

impl Unlock {
    async fn run(self, ctl: &Ctl) -> Outcome {
        ctl.vault()?.auth().unlock_user(self.user.clone()).await?;
        let words = format!("the failed logins of {} are forgotten", self.user);
        ctl.output
            .done(&words, || json!({ "user": self.user, "unlocked": true }))?;
        Ok(Exit::Ok)
    }
}

impl Policy {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let reply = match self {
            Self::Show => vault.auth().password_policy().await?,
            Self::Set(Set { file }) => {
                let document = read_text(&file, LARGEST, "a password policy")?;
                vault.auth().put_password_policy(document).await?
            }
        };
        for advice in &reply.advice {
            ctl.output.warn(advice);
        }
        if ctl.output.is_json() {
            let policy: Value = serde_json::from_str(&reply.document)
                .map_err(|_| Failure::internal("the vault's password policy is not JSON"))?;
            ctl.output
                .json(&json!({ "policy": policy, "advice": reply.advice }))?;
        } else {
            ctl.output.line(&reply.document)?;
        }
        Ok(Exit::Ok)
    }
}
