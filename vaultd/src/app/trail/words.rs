//! What a query names, in words: callers, resources, actions, outcomes.

use vault_core::access::{ActionGlob, Resource};
use vault_core::name::{
    FolderPath, GroupName, PolicyName, RoleName, SecretPath, ServiceName, UserName,
};
use vault_proto::v1::Reason;

use crate::app::audit::Status;
use crate::app::error::{Error, Result};
use crate::app::keyring::Deed;

/// A resource by the words of policies and command lines.
pub(super) fn resource(text: &str) -> Result<Resource> {
    let bad = |error: &dyn std::fmt::Display| {
        let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
        invalid(format!("`{shown}` is no resource: {error}"))
    };
    match text {
        SYSTEM => return Ok(Resource::System),
        OWN => return Ok(Resource::Own),
        _ => {}
    }
    let named = text.split_once(':').and_then(|(sort, name)| {
        Some(match sort {
            "user" => UserName::try_from(name).map(Resource::User),
            "service" => ServiceName::try_from(name).map(Resource::Service),
            "role" => RoleName::try_from(name).map(Resource::Role),
            "group" => GroupName::try_from(name).map(Resource::Group),
            "policy" => PolicyName::try_from(name).map(Resource::Policy),
            _ => return None,
        })
    });
    if let Some(named) = named {
        return named.map_err(|error| bad(&error));
    }
    let path = text.strip_prefix("secret:").unwrap_or(text);
    match path.strip_suffix('/') {
        Some(folder) => FolderPath::try_from(folder)
            .map(Resource::Folder)
            .map_err(|error| bad(&error)),
        None => SecretPath::try_from(path)
            .map(Resource::Secret)
            .map_err(|error| bad(&error)),
    }
}

/// What the trail may call whom a text means: `user:alice` and `role:deploy/alice` with names in their canonical
/// form; without a sort a user, the root identity, or the session of an accessor.
pub(super) fn caller(text: &str) -> Result<Vec<(String, String)>> {
    let canonical = |name: &str| {
        UserName::try_from(name).map_err(|error| {
            let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
            invalid(format!("`{shown}` is no caller: {error}"))
        })
    };
    let both = |text: String| (text.clone(), text);
    if let Some((sort @ ("user" | "service" | "role"), rest)) = text.split_once(':') {
        let (name, session) = rest.split_once('/').unwrap_or((rest, ""));
        let name = canonical(name)?;
        let slash = if session.is_empty() { "" } else { "/" };
        return Ok(vec![both(format!("{sort}:{name}{slash}{session}"))]);
    }
    let name = canonical(text)?;
    let names = [name.to_string(), format!("user:{name}"), text.to_owned()];
    Ok(names.map(both).into())
}

/// A pattern for actions, of which there must be one; what the daemon does by itself has actions too.
pub(super) fn action(text: &str) -> Result<String> {
    let own = [Deed::DESTROY_TERMS, Deed::TAKE_ISSUER_KEYS];
    if own.iter().any(|deed| text == deed.action()) || ActionGlob::try_from(text).is_ok() {
        return Ok(text.to_owned());
    }
    let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    Err(invalid(format!(
        "`{shown}` is no action: write one as `secret:GetValue`, or the beginning of one and `*`"
    )))
}

/// The classes that a word means.
pub(super) fn outcome(text: &str) -> Result<Vec<&'static str>> {
    let words = || Status::ALL.into_iter().map(Status::word);
    if text == FAILED {
        return Ok(words().filter(|word| *word != Status::Ok.word()).collect());
    }
    let Some(word) = words().find(|word| *word == text) else {
        let all = words().collect::<Vec<_>>().join(", ");
        return Err(invalid(format!("an outcome is one of {all}, or {FAILED}")));
    };
    Ok(vec![word])
}

pub(super) fn invalid(message: String) -> Error {
    Error::new(Reason::RequestInvalid, message)
}

/// What is no secret, in words.
pub(super) const SYSTEM: &str = "system";
pub(super) const OWN: &str = "own";
/// All outcomes but one.
const FAILED: &str = "failed";
