//! `vaultctl user show`, and of the other sorts.

use serde_json::{Value, json};
use vault_sdk::wire::IdentityDescription;

use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::table::record;
use crate::time;

pub(super) async fn run(who: &str, ctl: &Ctl) -> Outcome {
    let found = ctl.vault()?.identity().describe(who).await?;
    let show = if ctl.output.is_terminal() {
        time::local
    } else {
        time::rfc3339
    };
    let tags = found
        .tags
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    let inline = found
        .inline_policies
        .iter()
        .map(|policy| policy.name.as_str());
    let state = if found.disabled { "disabled" } else { "" };
    record(
        &ctl.output,
        &[
            ("who", found.who.clone()),
            ("description", found.description.clone()),
            ("state", state.to_owned()),
            ("tags", tags.collect::<Vec<_>>().join(", ")),
            ("policies", found.policies.join(", ")),
            ("own policies", inline.collect::<Vec<_>>().join(", ")),
            ("boundary", found.boundary.clone()),
            ("groups", found.groups.join(", ")),
            ("members", found.members.join(", ")),
            ("longest session", span(&found)),
            ("secret ids at most", most(&found)),
            ("trust", found.trust_policy.clone()),
            ("created", show(found.created_at.as_ref())),
            ("updated", show(found.updated_at.as_ref())),
        ],
        || to_json(&found),
    )?;
    Ok(Exit::Ok)
}

/// Of a role.
fn span(found: &IdentityDescription) -> String {
    let seconds = found
        .longest_session
        .as_ref()
        .map(|longest| longest.seconds);
    seconds
        .map(|seconds| format!("{seconds}s"))
        .unwrap_or_default()
}

/// Of a service for which it was said.
fn most(found: &IdentityDescription) -> String {
    match found.most_secret_ids {
        0 => String::new(),
        most => most.to_string(),
    }
}

fn to_json(found: &IdentityDescription) -> Value {
    let inline = found.inline_policies.iter();
    let inline = inline.map(|policy| json!({ "name": policy.name, "document": policy.document }));
    let longest = found
        .longest_session
        .as_ref()
        .map(|longest| longest.seconds);
    json!({
        "who": found.who,
        "id": found.id,
        "description": found.description,
        "tags": found.tags,
        "disabled": found.disabled,
        "policies": found.policies,
        "inline_policies": inline.collect::<Vec<_>>(),
        "boundary": found.boundary,
        "groups": found.groups,
        "members": found.members,
        "trust_policy": found.trust_policy,
        "longest_session_seconds": longest,
        "most_secret_ids": Some(found.most_secret_ids).filter(|most| *most != 0),
        "created_at": time::rfc3339(found.created_at.as_ref()),
        "updated_at": time::rfc3339(found.updated_at.as_ref()),
    })
}
