//! The evaluator again, slow and obvious: from the texts of a document, sentence by sentence.
//!
//! `None` is an error. Nothing of the compiled form, the matchers or the conditions is used.

use super::*;
use crate::access::policy::{
    condition::Condition,
    document::{Listed, Principal, PrincipalName, Sense, Version},
};

type Told = Option<bool>;

fn and(all: &[Told]) -> Told {
    if all.contains(&Some(false)) {
        return Some(false);
    }
    if all.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn or(any: &[Told]) -> Told {
    let none: Vec<Told> = any.iter().copied().map(not).collect();
    not(and(&none))
}

fn not(told: Told) -> Told {
    told.map(|yes| !yes)
}

/// Whether every layer lets the request through, in IAM's order.
pub(super) fn allows(
    layers: &[Vec<Document>; 4],
    present: [bool; 2],
    trust: bool,
    world: &World,
) -> bool {
    let [identity, resource, boundary, session] = layers;
    let applied = |documents: &[Document], effect: Effect| -> Vec<(Statement, Told)> {
        let statements = documents.iter().flat_map(|document| {
            document
                .statements
                .iter()
                .map(|statement| (document.version, statement))
        });
        statements
            .filter(|(_, statement)| statement.effect == effect)
            .map(|(version, statement)| (statement.clone(), applies(statement, version, world)))
            .collect()
    };
    // 1. Any Deny that applies, or might.
    let mut in_force = vec![identity, resource];
    in_force.extend(present[0].then_some(boundary));
    in_force.extend(present[1].then_some(session));
    for documents in in_force {
        if applied(documents, Effect::Deny)
            .iter()
            .any(|(_, told)| *told != Some(false))
        {
            return false;
        }
    }
    let allowed = |documents: &[Document]| {
        applied(documents, Effect::Allow)
            .iter()
            .any(|(_, told)| *told == Some(true))
    };
    // 2. What the resource allows, and to whom it does by name.
    let granted: Vec<Statement> = applied(resource, Effect::Allow)
        .into_iter()
        .filter(|(_, told)| *told == Some(true))
        .map(|(statement, _)| statement)
        .collect();
    let names = |session: bool| {
        granted.iter().any(|statement| {
            let listed = statement
                .principals
                .as_ref()
                .filter(|listed| listed.sense == Sense::These);
            listed.is_some_and(|listed| {
                listed.entries.iter().any(|principal| {
                    let is_session = matches!(principal, Principal::Session(..));
                    let is_self = matches!(
                        principal,
                        Principal::One(PrincipalKind::User | PrincipalKind::Service, _)
                    );
                    means(principal, world) == Some(true) && (is_session || (is_self && !session))
                })
            })
        })
    };
    if granted.is_empty() && (trust || !allowed(identity)) {
        return false;
    }
    // 4. and 5. Unless it is named itself.
    let bounded = present[0] && !names(false) && !allowed(boundary);
    let narrowed = present[1] && !names(true) && !allowed(session);
    !bounded && !narrowed
}

fn applies(statement: &Statement, version: Version, world: &World) -> Told {
    let action = world.action.name().to_lowercase();
    let named = statement
        .actions
        .entries
        .iter()
        .any(|pattern| glob(&tokens(&pattern.text.to_lowercase(), true), &action));
    let mut all = vec![Some(named == (statement.actions.sense == Sense::These))];
    if let Some(listed) = &statement.resources {
        let each = listed.entries.iter();
        let each = each.map(|entry| {
            like(
                entry.template.as_str(),
                &world.resource,
                true,
                version,
                world,
            )
        });
        all.push(listed_as(listed, or(&each.collect::<Vec<_>>())));
    }
    if let Some(listed) = &statement.principals {
        let each = listed
            .entries
            .iter()
            .map(|principal| means(principal, world));
        all.push(listed_as(listed, or(&each.collect::<Vec<_>>())));
    }
    all.extend(
        statement
            .conditions
            .iter()
            .map(|condition| holds(condition, version, world)),
    );
    and(&all)
}

fn listed_as<T>(listed: &Listed<T>, any: Told) -> Told {
    if listed.sense == Sense::These {
        any
    } else {
        not(any)
    }
}

fn means(principal: &Principal, world: &World) -> Told {
    let id = |name: &PrincipalName| match name {
        PrincipalName::Called(_) => None,
        PrincipalName::Id(id) => Some(*id == world.id),
    };
    match principal {
        Principal::Anyone => Some(true),
        Principal::One(kind, name) if *kind == world.kind => id(name),
        Principal::Session(name, session)
            if world.kind == PrincipalKind::Role && world.session.as_deref() == Some(session) =>
        {
            id(name)
        }
        Principal::One(..) | Principal::Session(..) => Some(false),
    }
}

/// The values of a key, as texts; what is no text is compared as one of the same form.
fn values(key: &str, world: &World) -> Vec<String> {
    let name = key.strip_prefix("vault:").unwrap();
    let tag = |tags: &Tags, name: &str| {
        let key = TagKey::try_from(name).unwrap();
        tags.get(&key)
            .map(ToString::to_string)
            .into_iter()
            .collect()
    };
    if let Some((of, name)) = name.split_once('/') {
        return match of {
            "PrincipalTag" => tag(&world.principal_tags, name),
            "ResourceTag" => tag(&world.resource_tags, name),
            _ => tag(&world.request_tags, name),
        };
    }
    let one = |value: String| vec![value];
    match name {
        "SourceIp" => world.source.clone().into_iter().collect(),
        "MultiFactorAuthPresent" => one(world.second_factor.is_some().to_string()),
        "MultiFactorAuthAge" => world
            .second_factor
            .map(|at| ((NOW - at) / 1000).to_string())
            .into_iter()
            .collect(),
        "CurrentTime" => one((NOW / 1000).to_string()),
        "TokenIssueTime" => one((NOW / 1000 - 60).to_string()),
        "PrincipalName" => one(world.name.clone()),
        "RoleSessionName" => {
            let asked = world.asked_session.clone();
            asked
                .or_else(|| world.session.clone())
                .into_iter()
                .collect()
        }
        "PrincipalType" => one(world.kind.name().into()),
        "TagKeys" => world.request_tags.keys().map(ToString::to_string).collect(),
        "RequestedRegion" | "NodeRegion" => one("eu".into()),
        "SecureTransport" => one(world.secure.to_string()),
        "UserAgent" => world.user_agent.clone().into_iter().collect(),
        _ => panic!("{name}"),
    }
}

fn holds(condition: &Condition, version: Version, world: &World) -> Told {
    let operator = condition.operator.to_string();
    let found = values(&condition.key.to_string(), world);
    let wanted: Vec<&str> = condition
        .values
        .iter()
        .map(|wanted| &*wanted.text)
        .collect();
    if operator == "Null" {
        return Some(wanted.contains(&if found.is_empty() { "true" } else { "false" }));
    }
    let (set, rest) = operator.split_once(':').unwrap_or(("", &operator));
    let (base, if_exists) = rest
        .strip_suffix("IfExists")
        .map_or((rest, false), |base| (base, true));
    let negated = base.contains("Not");
    if found.is_empty() {
        return Some(if_exists || set == "ForAllValues" || (set.is_empty() && negated));
    }
    let one = |value: &String| {
        let each = wanted
            .iter()
            .map(|wanted| compare(base, value, wanted, version, world));
        let any = or(&each.collect::<Vec<_>>());
        if negated { not(any) } else { any }
    };
    let each: Vec<Told> = found.iter().map(one).collect();
    if set == "ForAnyValue" {
        or(&each)
    } else {
        and(&each)
    }
}

fn compare(base: &str, value: &str, wanted: &str, version: Version, world: &World) -> Told {
    match base.replace("Not", "").as_str() {
        "StringEquals" => like(wanted, value, false, version, world),
        "StringEqualsIgnoreCase" => {
            like(&fold(wanted), &value.to_lowercase(), false, version, world)
        }
        "StringLike" => like(wanted, value, true, version, world),
        "NumericEquals" => number(value, wanted, |order| order == 0),
        "NumericLessThan" => number(value, wanted, |order| order < 0),
        "NumericGreaterThanEquals" => number(value, wanted, |order| order >= 0),
        "DateLessThan" => number(value, wanted, |order| order < 0),
        "Bool" => match value {
            "true" | "false" => Some(value == wanted),
            _ => None,
        },
        "IpAddress" => {
            let address: std::net::Ipv4Addr = value.parse().ok()?;
            let (net, bits) = wanted.split_once('/').unwrap();
            let net: std::net::Ipv4Addr = net.parse().unwrap();
            let bits: u32 = bits.parse().unwrap();
            let same =
                (0..bits).all(|n| (address.to_bits() ^ net.to_bits()) & (1 << (31 - n)) == 0);
            Some(same)
        }
        other => panic!("{other} is not in the generator"),
    }
}

/// Lower case outside of variables, whose values are folded when they are put in.
fn fold(wanted: &str) -> String {
    if wanted.contains("${") {
        wanted.replace("${vault:PrincipalName}", "${fold}")
    } else {
        wanted.to_lowercase()
    }
}

fn number(value: &str, wanted: &str, is: impl Fn(i64) -> bool) -> Told {
    let value: i64 = value.parse().ok()?;
    let wanted: i64 = wanted.parse().unwrap();
    Some(is(value - wanted))
}

/// Replaces variables, and then matches the whole text.
fn like(pattern: &str, text: &str, wild: bool, version: Version, world: &World) -> Told {
    if version != Version::New {
        return Some(glob(&tokens(pattern, wild), text));
    }
    let mut out: Vec<Token> = Vec::new();
    let (mut missing, mut refused) = (false, false);
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, tail) = after.split_once('}').unwrap();
        out.extend(tokens(before, wild));
        let (key, default) = name
            .split_once(',')
            .map_or((name, None), |(key, default)| (key, Some(default)));
        let value = match name {
            "*" | "?" | "$" => {
                out.extend(name.chars().map(Token::Char));
                rest = tail;
                continue;
            }
            "fold" => Some(world.name.to_lowercase()),
            _ => values(key, world).pop(),
        };
        match (value, default) {
            (Some(value), _) if value.is_empty() || value.contains(['/', '*', '?', '+', ',']) => {
                refused = true;
            }
            (Some(value), _) => out.extend(value.chars().map(Token::Char)),
            (None, Some(default)) => {
                out.extend(default.trim().trim_matches('\'').chars().map(Token::Char));
            }
            (None, None) => missing = true,
        }
        rest = tail;
    }
    out.extend(tokens(rest, wild));
    if refused {
        return None;
    }
    Some(!missing && glob(&out, text))
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Char(char),
    One,
    Many,
}

fn tokens(text: &str, wild: bool) -> Vec<Token> {
    let token = |c| match c {
        '*' if wild => Token::Many,
        '?' if wild => Token::One,
        c => Token::Char(c),
    };
    text.chars().map(token).collect()
}

/// The definition of a glob, by trying everything.
fn glob(pattern: &[Token], text: &str) -> bool {
    let mut chars = text.chars();
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Token::Many, after)) => {
            glob(after, text) || (chars.next().is_some() && glob(pattern, chars.as_str()))
        }
        Some((Token::One, after)) => chars.next().is_some() && glob(after, chars.as_str()),
        Some((Token::Char(c), after)) => chars.next() == Some(*c) && glob(after, chars.as_str()),
    }
}
