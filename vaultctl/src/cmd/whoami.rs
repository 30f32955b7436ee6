//! `vaultctl whoami`

use serde_json::{Value, json};
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
    record(
        &ctl.output,
        &[
            ("principal", session.principal.clone()),
            ("session", session.accessor.clone()),
            ("since", show(session.created_at.as_ref())),
            ("expires", expires),
            ("actions", or_all(session.actions.join(", "))),
            ("under", or_all(session.under.clone())),
        ],
        || session_json(&session),
    )?;
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
    let expires = session.expires_at.as_ref();
    json!({
        "principal": session.principal,
        "accessor": session.accessor,
        "created_at": time::rfc3339(session.created_at.as_ref()),
        "expires_at": expires.map(|at| time::rfc3339(Some(at))),
        "actions": session.actions,
        "under": session.under,
    })
}
