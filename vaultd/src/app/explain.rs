//! Why something is denied: to those who may know.
//!
//! What was missing everybody learns of his own requests. Which statement of which policy decided one is told to
//! whoever may see policies.

use vault_core::access::policy::Layer;
use vault_core::access::{Action, Caller, Denied, Facts, Resource, Sort, Why};
use vault_core::engine::identity;
use vault_core::record::Tx;

use super::error::Error;

/// What is hidden looks as if no policy allowed it.
pub(super) fn hidden(error: Error) -> Error {
    error.more(format!(": {}", missing(Layer::Identity)))
}

fn missing(layer: Layer) -> String {
    format!("no {layer} policy allows it")
}

/// The denial with what decided it, as far as the caller may know.
pub(super) fn denial(tx: &mut Tx<'_>, caller: &Caller, denied: &Denied, error: Error) -> Error {
    match why(tx, caller, &denied.resource, &Err(denied.why.clone())) {
        Some(text) => error.more(format!(": {text}")),
        None => error,
    }
}

/// What a decision rests on, as far as the caller may know.
pub(super) fn why(
    tx: &mut Tx<'_>,
    caller: &Caller,
    resource: &Resource,
    decided: &Result<Why, Why>,
) -> Option<String> {
    let (why, verb) = match decided {
        Ok(why) => (why, "allows"),
        Err(why) => (why, "denies"),
    };
    let text = match why {
        Why::Missing(layer) => missing(*layer),
        Why::Narrowed => "this session was narrowed to other things".to_owned(),
        Why::Below => "it is not allowed for everything below the folder".to_owned(),
        Why::Enrolling => "a second factor is demanded of this user, who has none: `vaultctl mfa enrol`, with a code that \
             an administrator issues (`vaultctl mfa issue-code`)"
            .to_owned(),
        Why::Disabled => "the identity is disabled".to_owned(),
        Why::Statement {
            layer,
            policy,
            statement,
            sid,
            ..
        } => {
            let policies = Resource::Every(Sort::Policy);
            let may_know = caller.decide(Action::POLICY_DESCRIBE, &policies, &Facts::default());
            if may_know.is_err() {
                // A policy of what lies there would tell that something does.
                let hidden = *layer == Layer::Resource && decided.is_err() && !sees(caller, resource);
                let plain = || format!("a policy {verb} it");
                return Some(if hidden { missing(Layer::Identity) } else { plain() });
            }
            let name = identity::policy_called(tx, policy).ok().flatten();
            let place = caller.resource_policies().place_of(policy);
            let place = place.filter(|_| *layer == Layer::Resource);
            let policy = match (name, place) {
                (Some(name), _) => name,
                (None, Some(place)) => format!("the resource policy of `{place}` ({policy})"),
                (None, None) => format!("{layer} policy {policy}"),
            };
            let statement = match sid {
                Some(sid) => format!("`{sid}`"),
                None => (statement + 1).to_string(),
            };
            format!("statement {statement} of {policy} {verb} it")
        }
        Why::Root | Why::OneTimeRoot if decided.is_ok() => {
            "no policy binds the root identity".to_owned()
        }
        Why::Own if decided.is_ok() => "it is the caller's own".to_owned(),
        Why::Root | Why::OneTimeRoot | Why::Own | Why::Hidden => return None,
    };
    Some(text)
}

/// Whether a caller may see what lies beside a secret, or in a folder.
fn sees(caller: &Caller, resource: &Resource) -> bool {
    let folder = match resource {
        Resource::Secret(path) => path.parent(),
        Resource::Folder(path) => path.clone(),
        Resource::User(_)
        | Resource::Service(_)
        | Resource::Role(_)
        | Resource::Group(_)
        | Resource::Policy(_)
        | Resource::Every(_)
        | Resource::Own
        | Resource::System => return true,
    };
    caller.may_list(&folder, &Facts::default())
}
