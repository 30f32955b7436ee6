//! `vaultctl mfa issue-code` and `reset`: what administrators do for others.

use std::time::Duration;

use serde_json::json;

use crate::cmd::Outcome;
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::time::{self, parse_span};

/// Print a one-time code that enrols a user's first authenticator
///
/// Hand it over by another way than the password went.
#[derive(Debug, clap::Args)]
pub(crate) struct Issue {
    /// Whose
    user: String,

    /// How long it lasts, 1m to 7d [default: 1d]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,
}

impl Issue {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let issued = vault.mfa().issue_enrolment_code(&self.user, self.ttl);
        let (code, end) = issued.await?;
        if ctl.output.is_json() {
            // EXPOSE: stdout, the one time that it is shown
            ctl.output.json(&json!({
                "user": self.user,
                "code": code.expose(),
                "expires_at": time::rfc3339(end.as_ref()),
            }))?;
            return Ok(Exit::Ok);
        }
        // EXPOSE: stdout, the one time that it is shown
        ctl.output.line(code.expose())?;
        ctl.output.note(&format!(
            "good once, until {}: {} takes it to `vaultctl mfa enrol`",
            time::local(end.as_ref()),
            self.user
        ));
        Ok(Exit::Ok)
    }
}

/// Take all second factors from a user, and end his sessions
///
/// For whoever has lost them. A new one is enrolled with `vaultctl mfa issue-code`.
#[derive(Debug, clap::Args)]
pub(crate) struct Reset {
    /// Whose
    user: String,
}

impl Reset {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let user = &self.user;
        let what = format!("take all second factors from {user}, and end his sessions");
        type_word(ctl, &what, "", user)?;
        let removed = ctl.vault()?.mfa().reset(user).await?;
        let words = format!("removed {removed} authenticators of {user}; his sessions have ended");
        ctl.output
            .done(&words, || json!({ "user": user, "removed": removed }))?;
        Ok(Exit::Ok)
    }
}
