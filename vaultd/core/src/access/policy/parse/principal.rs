//! Whom a statement is about: `*`, or `{"Vault": ["user:alice", "role:deploy", "session:deploy/alice"]}`.

use super::{sense, short, texts};
use crate::{
    access::policy::{
        document::{Listed, Principal, PrincipalKind, PrincipalName},
        error::{Fault, Spot},
        json::{Node, Value, Word},
    },
    name::is_hidden,
};

pub(super) fn list(word: &Word, node: Node) -> Result<Listed<Principal>, Fault> {
    let spot = node.spot;
    let shape = || Fault::new(spot, "a principal is `*` or an object with `Vault`");
    let entries = match node.value {
        Value::Text(text) if text == "*" => vec![Principal::Anyone],
        Value::Object(groups) if groups.is_empty() => return Err(shape()),
        Value::Object(groups) => groups.into_iter().try_fold(Vec::new(), group)?,
        Value::Null | Value::Flag(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
            return Err(shape());
        }
    };
    Ok(Listed {
        spot: word.spot,
        sense: sense(word),
        entries,
    })
}

fn group(mut found: Vec<Principal>, (word, node): (Word, Node)) -> Result<Vec<Principal>, Fault> {
    if word.text != "Vault" && word.text != "AWS" {
        let message = format!("`{}` is no type of principal: write `Vault`", word.text);
        return Err(Fault::new(word.spot, message));
    }
    for (spot, text) in texts(&node, "a principal")? {
        found.push(one(spot, text)?);
    }
    Ok(found)
}

pub(super) fn one(spot: Spot, text: &str) -> Result<Principal, Fault> {
    if text == "*" {
        return Ok(Principal::Anyone);
    }
    let wrong = |why: &str| Fault::new(spot, format!("`{}` is no principal: {why}", short(text)));
    let (kind, rest) = text
        .split_once(':')
        .ok_or_else(|| wrong("write `user:…`, `service:…`, `role:…` or `session:role/name`"))?;
    let name =
        |text: &str| name(text).ok_or_else(|| wrong("the name is not one, or has a wildcard"));
    match kind {
        "user" => Ok(Principal::One(PrincipalKind::User, name(rest)?)),
        "service" => Ok(Principal::One(PrincipalKind::Service, name(rest)?)),
        "role" => Ok(Principal::One(PrincipalKind::Role, name(rest)?)),
        "session" => {
            let (role, session) = rest
                .split_once('/')
                .ok_or_else(|| wrong("a role's session is `session:role/name`"))?;
            match self::name(session) {
                Some(PrincipalName::Called(session)) => {
                    Ok(Principal::Session(name(role)?, session))
                }
                Some(PrincipalName::Id(_)) | None => {
                    Err(wrong("the session's name is not one, or has a wildcard"))
                }
            }
        }
        "group" => Err(wrong(
            "a group cannot call; name its users, or attach the policy to it",
        )),
        _ => Err(wrong(
            "write `user:…`, `service:…`, `role:…` or `session:role/name`",
        )),
    }
}

/// `alice`, or `#42`, by which stored documents name who was meant.
fn name(text: &str) -> Option<PrincipalName> {
    if let Some(id) = text.strip_prefix('#') {
        let canonical = |id: &u64| id.to_string() == *text.trim_start_matches('#');
        return id.parse().ok().filter(canonical).map(PrincipalName::Id);
    }
    let fits = (1..=128).contains(&text.len()) && unicode_normalization::is_nfc(text);
    let plain = |c: char| !is_hidden(c) && !c.is_whitespace() && !"*?/:#$,".contains(c);
    (fits && text.chars().all(plain)).then(|| PrincipalName::Called(text.into()))
}
