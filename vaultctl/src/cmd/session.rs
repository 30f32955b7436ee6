//! `vaultctl session ls|revoke|renew|elevate`

use clap::Subcommand;
use serde_json::json;

use super::Outcome;
use super::mfa::typed;
use super::whoami::session_json;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::Lister;
use crate::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List sessions that can still be used, but for signed ones, of which no record is kept
    Ls {
        /// Whose, as user:alice, service:ci or role:deploy [default: yours]
        who: Option<String>,
    },
    /// End a session, with those made from it; with --all every session of somebody
    Revoke(Revoke),
    /// Put the end of your session off
    Renew,
    /// Show a second factor again: with a code, from stdin or asked for
    Elevate,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// The session, as `session ls` and the audit name it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    accessor: Option<String>,

    /// End all sessions of a user, a service or a role
    #[arg(long, value_name = "WHO")]
    all: Option<String>,
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Ls { who } => list(ctl, &who.unwrap_or_default()).await,
            Self::Revoke(args) => args.run(ctl).await,
            Self::Renew => renew(ctl).await,
            Self::Elevate => elevate(ctl).await,
        }
    }
}

async fn list(ctl: &Ctl, who: &str) -> Outcome {
    let vault = ctl.vault()?;
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let columns = ["session", "principal", "since", "expires", "mfa", "from"];
    let mut lister = Lister::new(&ctl.output, &columns);
    let mut after = String::new();
    loop {
        let page = vault.sessions().list(who, after).await?;
        for session in &page.sessions {
            let expires = match &session.expires_at {
                Some(at) => show(Some(at)),
                None => "never".to_owned(),
            };
            let mfa = if session.mfa_at.is_some() {
                "yes"
            } else {
                "no"
            };
            let cells = vec![
                session.accessor.clone(),
                session.principal.clone(),
                show(session.created_at.as_ref()),
                expires,
                mfa.to_owned(),
                session.places.join(", "),
            ];
            lister.push(cells, || session_json(session))?;
        }
        if page.next.is_empty() {
            break;
        }
        after = page.next;
    }
    lister.finish("no sessions")?;
    if who.starts_with("service:") {
        ctl.output.note(
            "signed sessions, of 15 minutes at most, are not listed: no record is kept of them",
        );
    }
    Ok(Exit::Ok)
}

impl Revoke {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        match (self.accessor, self.all) {
            (Some(accessor), _) => {
                vault.sessions().revoke(&accessor).await?;
                let words = format!("ended {accessor}");
                ctl.output
                    .done(&words, || json!({ "accessor": accessor }))?;
            }
            (None, Some(who)) => {
                vault.sessions().revoke_all(&who).await?;
                let words = format!("ended all sessions of {who}");
                ctl.output.done(&words, || json!({ "who": who }))?;
            }
            (None, None) => return Err(Failure::usage("which session?")),
        }
        Ok(Exit::Ok)
    }
}

async fn renew(ctl: &Ctl) -> Outcome {
    let session = ctl.vault()?.sessions().renew().await?;
    let until = time::local(session.expires_at.as_ref());
    let words = format!("your session goes on until {until}");
    ctl.output.done(&words, || session_json(&session))?;
    Ok(Exit::Ok)
}

async fn elevate(ctl: &Ctl) -> Outcome {
    let vault = ctl.vault()?;
    let code = typed(ctl, "Code, or recovery code")?;
    let shown = vault.mfa().elevate(&code).await?;
    let left = shown.recovery_codes_left;
    let words = match left {
        None => "this session has shown a second factor".to_owned(),
        Some(left) => {
            format!("this session has shown a second factor; {left} recovery codes left")
        }
    };
    ctl.output.done(&words, || {
        json!({
            "shown_at": time::rfc3339(shown.shown_at.as_ref()),
            "recovery_codes_left": left,
        })
    })?;
    Ok(Exit::Ok)
}
