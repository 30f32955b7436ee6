//! `vaultctl whoami`

use serde_json::{Value, json};
use vault_sdk::Timestamp;
use vault_sdk::wire::Session;

use super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::table::record;
use crate::time;

pub(crate) async fn run(ctl: &Ctl) -> Outcome {
    let session = ctl.vault()?.auth().who_am_i().await?;
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let expires = match &session.expires_at {
        Some(at) => show(Some(at)),
        None => "never".to_owned(),
    };
    let mut parts = vec![("principal", session.principal.clone())];
    if !session.assumed_by.is_empty() {
        parts.push(("assumed by", session.assumed_by.clone()));
    }
    parts.extend([
        ("session", session.accessor.clone()),
        ("since", show(session.created_at.as_ref())),
        ("expires", expires),
    ]);
    if session.idle.is_some() {
        parts.push(("renewed until", show(session.ends_at.as_ref())));
    }
    let mfa = match &session.mfa_at {
        Some(at) => format!("since {}", show(Some(at))),
        None => "no".to_owned(),
    };
    parts.push(("mfa", mfa));
    if session.only_enrols {
        parts.push(("good for", "enrolling a second factor only".to_owned()));
    }
    if session.signed {
        parts.push(("kept", "no, its token is signed".to_owned()));
    }
    if let Some(left) = session.uses_left {
        parts.push(("uses left", left.to_string()));
    }
    if !session.key_hash.is_empty() {
        parts.push(("only with", session.key_hash.clone()));
    }
    parts.extend([
        ("from", or_all(session.places.join(", "))),
        ("actions", or_all(session.actions.join(", "))),
        ("under", or_all(session.under.clone())),
    ]);
    if session.has_policies {
        parts.push(("policies", "limited by policies of its own".to_owned()));
    }
    record(&ctl.output, &parts, || session_json(&session))?;
    Ok(Exit::Ok)
}

/// A session that is not narrowed.
fn or_all(text: String) -> String {
    if text.is_empty() {
        "all".to_owned()
    } else {
        text
    }
}

pub(crate) fn session_json(session: &Session) -> Value {
    let time = |at: Option<&Timestamp>| at.map(|at| time::rfc3339(Some(at)));
    json!({
        "principal": session.principal,
        "accessor": session.accessor,
        "created_at": time::rfc3339(session.created_at.as_ref()),
        "expires_at": time(session.expires_at.as_ref()),
        "ends_at": time(session.ends_at.as_ref()),
        "assumed_by": session.assumed_by,
        "only_enrols": session.only_enrols,
        "mfa_at": time(session.mfa_at.as_ref()),
        "uses_left": session.uses_left,
        "places": session.places,
        "actions": session.actions,
        "under": session.under,
        "idle_seconds": session.idle.as_ref().map(|idle| idle.seconds),
        "has_policies": session.has_policies,
        "key_hash": session.key_hash,
        "signed": session.signed,
    })
}
