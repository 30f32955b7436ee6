//! Why something is denied: to those who may know.
//!
//! What was missing everybody learns of his own requests. Which statement of which policy denied one is told to
//! whoever may see policies.

use vault_core::access::policy::Layer;
use vault_core::access::{Action, Caller, Denied, Facts, Resource, Sort, Why};
use vault_core::engine::identity;
use vault_core::record::Tx;

use super::error::Error;

/// What is hidden looks as if no policy allowed it.
pub(super) fn hidden(error: Error) -> Error {
    missing(error, Layer::Identity)
}

fn missing(error: Error, layer: Layer) -> Error {
    error.more(format!(": no {layer} policy allows it"))
}

/// The denial with what decided it, as far as the caller may know.
pub(super) fn denial(tx: &mut Tx<'_>, caller: &Caller, denied: &Denied, error: Error) -> Error {
    match &denied.why {
        Why::Missing(layer) => missing(error, *layer),
        Why::Narrowed => error.more(": this session was narrowed to other things"),
        Why::Below => error.more(": it is not allowed for everything below the folder"),
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
                return error.more(": a policy denies it");
            }
            let name = identity::policy_called(tx, policy).ok().flatten();
            let policy = name.unwrap_or_else(|| format!("{layer} policy {policy}"));
            let statement = match sid {
                Some(sid) => format!("`{sid}`"),
                None => (statement + 1).to_string(),
            };
            error.more(format!(": statement {statement} of {policy} denies it"))
        }
        Why::Root | Why::Own | Why::Hidden => error,
    }
}
