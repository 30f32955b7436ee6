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
    match why(tx, caller, &Err(denied.why.clone())) {
        Some(text) => error.more(format!(": {text}")),
        None => error,
    }
}

/// What a decision rests on, as far as the caller may know.
pub(super) fn why(tx: &mut Tx<'_>, caller: &Caller, decided: &Result<Why, Why>) -> Option<String> {
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
                return Some(format!("a policy {verb} it"));
            }
            let name = identity::policy_called(tx, policy).ok().flatten();
            let policy = name.unwrap_or_else(|| format!("{layer} policy {policy}"));
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
