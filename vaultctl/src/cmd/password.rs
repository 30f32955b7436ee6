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
    Show(Whose),
    Set(Set),
    /// Go back to the default; with --group, to the vault's alone
    Clear(Whose),
}

/// Whose policy.
#[derive(Debug, clap::Args)]
pub(crate) struct Whose {
    /// What this group asks of its members beyond the vault's; of several groups the strictest counts
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
}

/// Replace it: what the file leaves out has its default, or is not asked for by the group
#[derive(Debug, clap::Args)]
pub(crate) struct Set {
    /// JSON; `-` for stdin
    #[arg(value_name = "FILE")]
    file: String,

    #[command(flatten)]
    whose: Whose,
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
            Self::Show(Whose { group }) => vault.auth().password_policy(group).await?,
            Self::Set(Set { file, whose }) => {
                let document = read_text(&file, LARGEST, "a password policy")?;
                if document.trim().is_empty() {
                    return Err(Failure::invalid("the password policy is empty")
                        .hint("to go back to the default: vaultctl password policy clear"));
                }
                vault
                    .auth()
                    .put_password_policy(whose.group, document)
                    .await?
            }
            Self::Clear(Whose { group }) => {
                vault
                    .auth()
                    .put_password_policy(group, String::new())
                    .await?
            }
        };
        for advice in &reply.advice {
            ctl.output.warn(advice);
        }
        let policy: Option<Value> = match reply.document.as_str() {
            "" => None,
            document => serde_json::from_str(document)
                .map_err(|_| Failure::internal("the vault's password policy is not JSON"))?,
        };
        if ctl.output.is_json() {
            ctl.output.json(&json!({
                "policy": policy,
                "advice": reply.advice,
                "groups": reply.groups,
                "blocklist": reply.blocklist,
                "old_hashes": reply.old_hashes,
            }))?;
        } else if policy.is_some() {
            ctl.output.line(&reply.document)?;
        }
        if policy.is_none() {
            ctl.output
                .note("the group has no password policy of its own: the vault's holds");
        }
        if !reply.groups.is_empty() {
            let text = format!("groups with their own: {}", reply.groups.join(", "));
            ctl.output.note(&text);
        }
        Ok(Exit::Ok)
    }
}
