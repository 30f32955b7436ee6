//! `vaultctl logout`

use serde_json::json;
use vault_sdk::Kind;

use super::Outcome;
use crate::contexts::{Contexts, remove_token};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::time;

/// End the session of the context
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Forget the token on this machine, and tell the vault nothing
    #[arg(long)]
    local: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let target = ctl.target()?;
        let Some(context) = target.context.clone() else {
            return Err(Failure::usage("there is no context to log out of"));
        };
        if target.token.is_none() {
            ctl.output.done(
                "not logged in",
                || json!({ "context": context, "ended": false }),
            )?;
            return Ok(Exit::Ok);
        }
        let ended = if self.local {
            false
        } else {
            end(ctl, target).await?
        };
        remove_token(&ctl.paths, &context)?;
        Contexts::change(&ctl.paths, &context, |there| there.hold(None))?;
        let words = format!("logged out of {context}");
        ctl.output
            .done(&words, || json!({ "context": context, "ended": ended }))?;
        Ok(Exit::Ok)
    }
}

/// Ends the session at the vault; one that has expired is as good as ended.
async fn end(ctl: &Ctl, target: crate::connect::Target) -> Result<bool, Failure> {
    let vault = target.vault(ctl)?;
    let session = match vault.auth().who_am_i().await {
        Ok(session) => session,
        Err(error) if error.kind() == Kind::Unauthenticated => return Ok(false),
        Err(error) => {
            return Err(Failure::from(error).hint("to forget the token all the same: --local"));
        }
    };
    if session.expires_at.is_none() {
        return Err(
            Failure::usage("this is the initial token, which does not end by logging out")
                .hint("to forget it on this machine: vaultctl logout --local"),
        );
    }
    if session.signed {
        ctl.output.warn(&signed(&session));
        return Ok(false);
    }
    match vault.auth().logout().await {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == Kind::Unauthenticated => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The vault keeps no record of it that it could remove.
fn signed(session: &vault_sdk::wire::Session) -> String {
    format!(
        "this session is signed: a copy of its token is good until {}; what ends all sessions of it at once: vaultctl \
         session revoke --all {}",
        time::local(session.expires_at.as_ref()),
        session.principal
    )
}
