//! From JSON to a document: every word is known or refused, with its place.

mod condition;
mod effort;
mod principal;

use std::collections::BTreeSet;

use super::{
    condition::Condition,
    document::{
        ActionPattern, Document, Effect, Kind, Listed, Principal, ResourcePattern, Sense,
        Statement, Version,
    },
    error::{Fault, PolicyError, Spot},
    json::{self, Node, Value, Word},
    resource,
    template::Variables,
    warning::{self, Warning},
};
use crate::{access::Action, name::is_hidden};

/// Longest `Sid`, `Id` and pattern of actions.
const MAX_WORD: usize = 128;
/// Longest quotation in a message, in characters.
const MAX_QUOTED: usize = 80;

impl Document {
    /// Reads a document, and what of it its author may not mean.
    ///
    /// # Errors
    /// The first thing that is not a policy of this kind, with its line and column.
    pub fn parse(text: &str, kind: Kind) -> Result<(Self, Vec<Warning>), PolicyError> {
        let tree = json::read(text)?;
        let document = document(tree, kind)
            .and_then(|document| effort::check(&document).map(|()| document))
            .map_err(|fault| PolicyError::new(fault.spot.place(text), &fault.message))?;
        let warnings = warning::of(&document, text);
        Ok((document, warnings))
    }
}

/// The principal that a text names, as documents write it; otherwise why it is none.
pub(super) fn principal(text: &str) -> Result<Principal, String> {
    principal::one(Spot::default(), text).map_err(|fault| fault.message)
}

fn document(tree: Node, kind: Kind) -> Result<Document, Fault> {
    let Value::Object(entries) = tree.value else {
        return Err(Fault::new(
            tree.spot,
            "a policy is an object with `Version` and `Statement`",
        ));
    };
    let (mut version, mut id, mut statements) = (Version::None, None, None);
    for (word, node) in entries {
        match word.text.as_str() {
            "Version" => version = self::version(&node)?,
            "Id" if kind.names_principals() => id = Some(self::id(&node)?),
            "Id" => {
                return Err(Fault::new(
                    word.spot,
                    "`Id` belongs to policies on resources and roles",
                ));
            }
            "Statement" => statements = Some((word.spot, node)),
            _ => return Err(unknown(&word, "a policy", &["Version", "Id", "Statement"])),
        }
    }
    let Some((spot, node)) = statements else {
        return Err(Fault::new(tree.spot, "a policy has a `Statement`"));
    };
    let nodes = match node.value {
        Value::List(nodes) if nodes.is_empty() => {
            return Err(Fault::new(spot, "a policy has at least one statement"));
        }
        Value::List(nodes) => nodes,
        Value::Null | Value::Flag(_) | Value::Number(_) | Value::Text(_) | Value::Object(_) => {
            vec![node]
        }
    };
    let mut statements: Vec<Statement> = Vec::with_capacity(nodes.len());
    let mut sids = BTreeSet::new();
    for node in nodes {
        let (statement, at) = statement(node, kind, version.variables())?;
        if let Some(sid) = &statement.sid
            && !sids.insert(sid.clone())
        {
            return Err(Fault::new(at, format!("the `Sid` `{sid}` is used twice")));
        }
        statements.push(statement);
    }
    Ok(Document {
        kind,
        version,
        id,
        statements,
    })
}

fn version(node: &Node) -> Result<Version, Fault> {
    match text(node, "`Version`")? {
        "2012-10-17" => Ok(Version::New),
        "2008-10-17" => Ok(Version::Old),
        _ => Err(Fault::new(
            node.spot,
            "`Version` is `2012-10-17` or `2008-10-17`",
        )),
    }
}

fn id(node: &Node) -> Result<Box<str>, Fault> {
    let id = text(node, "`Id`")?;
    let fits = (1..=MAX_WORD).contains(&id.len()) && !id.chars().any(is_hidden);
    fits.then(|| id.into())
        .ok_or_else(|| Fault::new(node.spot, "`Id` has 1 to 128 visible characters"))
}

/// What a statement consists of, before it is known what is missing.
#[derive(Default)]
struct Parts {
    sid: Option<(Spot, Box<str>)>,
    effect: Option<Effect>,
    principals: Option<Listed<Principal>>,
    actions: Option<Listed<ActionPattern>>,
    resources: Option<Listed<ResourcePattern>>,
    conditions: Vec<Condition>,
}

fn statement(node: Node, kind: Kind, variables: Variables) -> Result<(Statement, Spot), Fault> {
    let Value::Object(entries) = node.value else {
        return Err(Fault::new(node.spot, "a statement is an object"));
    };
    let mut parts = Parts::default();
    for (word, value) in entries {
        part(&mut parts, &word, value, kind, variables)?;
    }
    let spot = node.spot;
    let missing = |what: &str| Fault::new(spot, format!("the statement has no {what}"));
    let effect = parts.effect.ok_or_else(|| missing("`Effect`"))?;
    let actions = parts
        .actions
        .ok_or_else(|| missing("`Action` or `NotAction`"))?;
    if parts.principals.is_none() && kind.names_principals() {
        return Err(missing(
            "`Principal` or `NotPrincipal`: policies on resources and roles say whom they are about",
        ));
    }
    let optional = kind.names_principals();
    if parts.resources.is_none() && !optional {
        return Err(missing("`Resource` or `NotResource`"));
    }
    let (at, sid) = parts.sid.map_or((spot, None), |(at, sid)| (at, Some(sid)));
    let statement = Statement {
        spot,
        sid,
        effect,
        principals: parts.principals,
        actions,
        resources: parts.resources,
        conditions: parts.conditions,
    };
    Ok((statement, at))
}

fn part(
    parts: &mut Parts,
    word: &Word,
    node: Node,
    kind: Kind,
    variables: Variables,
) -> Result<(), Fault> {
    let once = |given: bool| {
        let message = || format!("`{}` and its opposite are not given together", word.text);
        if given {
            Err(Fault::new(word.spot, message()))
        } else {
            Ok(())
        }
    };
    match word.text.as_str() {
        "Sid" => parts.sid = Some((node.spot, sid(&node)?)),
        "Effect" => parts.effect = Some(effect(&node)?),
        "Principal" | "NotPrincipal" => {
            once(parts.principals.is_some())?;
            if !kind.names_principals() {
                let message = "only policies on resources and roles say whom they are about: this one is about \
                               whom it is attached to";
                return Err(Fault::new(word.spot, message));
            }
            parts.principals = Some(principal::list(word, node)?);
        }
        "Action" | "NotAction" => {
            once(parts.actions.is_some())?;
            parts.actions = Some(listed(word, &node, "an action", action)?);
        }
        "Resource" | "NotResource" => {
            once(parts.resources.is_some())?;
            if kind == Kind::Trust {
                return Err(Fault::new(
                    word.spot,
                    "a trust policy is about its role and names no resource",
                ));
            }
            let resource = |spot, text: &str| resource(spot, text, variables);
            parts.resources = Some(listed(word, &node, "a resource", resource)?);
        }
        "Condition" => parts.conditions = condition::block(node, variables)?,
        _ => {
            let known = [
                "Sid",
                "Effect",
                "Principal",
                "NotPrincipal",
                "Action",
                "NotAction",
                "Resource",
                "NotResource",
                "Condition",
            ];
            return Err(unknown(word, "a statement", &known));
        }
    }
    Ok(())
}

fn sid(node: &Node) -> Result<Box<str>, Fault> {
    let sid = text(node, "`Sid`")?;
    let plain = sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain && (1..=MAX_WORD).contains(&sid.len()) {
        Ok(sid.into())
    } else {
        Err(Fault::new(
            node.spot,
            "`Sid` has 1 to 128 letters and digits",
        ))
    }
}

fn effect(node: &Node) -> Result<Effect, Fault> {
    match text(node, "`Effect`")? {
        "Allow" => Ok(Effect::Allow),
        "Deny" => Ok(Effect::Deny),
        other => Err(Fault::new(
            node.spot,
            format!("`Effect` is `Allow` or `Deny`, not `{other}`"),
        )),
    }
}

fn action(spot: Spot, text: &str) -> Result<ActionPattern, Fault> {
    let mut pattern = ActionPattern {
        spot,
        text: text.into(),
    };
    let mut meant = Action::ALL
        .iter()
        .filter(|action| pattern.matches(**action));
    let formed = text == "*" || text.contains(':');
    let (Some(first), true, true) = (meant.next(), formed, text.len() <= MAX_WORD) else {
        let near = Action::ALL.iter().map(|action| action.name());
        return Err(Fault::new(
            spot,
            format!("`{}` is no action{}", short(text), hint(text, near)),
        ));
    };
    if !text.contains(['*', '?']) {
        pattern.text = first.name().into();
    }
    Ok(pattern)
}

fn resource(spot: Spot, text: &str, variables: Variables) -> Result<ResourcePattern, Fault> {
    resource::parse(text, variables)
        .map(|template| ResourcePattern { spot, template })
        .map_err(|error| Fault::new(spot, format!("`{}`: {error}", short(text))))
}

/// A list under `Thing` or `NotThing`.
fn listed<T>(
    word: &Word,
    node: &Node,
    what: &str,
    entry: impl Fn(Spot, &str) -> Result<T, Fault>,
) -> Result<Listed<T>, Fault> {
    let texts = texts(node, what)?.into_iter();
    Ok(Listed {
        spot: word.spot,
        sense: sense(word),
        entries: texts
            .map(|(spot, text)| entry(spot, text))
            .collect::<Result<_, _>>()?,
    })
}

fn sense(word: &Word) -> Sense {
    if word.text.starts_with("Not") {
        Sense::Others
    } else {
        Sense::These
    }
}

fn text<'n>(node: &'n Node, what: &str) -> Result<&'n str, Fault> {
    if let Value::Text(text) = &node.value {
        Ok(text)
    } else {
        Err(Fault::new(node.spot, format!("{what} is a text")))
    }
}

/// A text, or a list of at least one.
fn texts<'n>(node: &'n Node, what: &str) -> Result<Vec<(Spot, &'n str)>, Fault> {
    let single = std::slice::from_ref(node);
    let nodes = match &node.value {
        Value::List(nodes) if nodes.is_empty() => {
            return Err(Fault::new(
                node.spot,
                format!("a list has at least one entry: {what}"),
            ));
        }
        Value::List(nodes) => nodes,
        Value::Null | Value::Flag(_) | Value::Number(_) | Value::Text(_) | Value::Object(_) => {
            single
        }
    };
    nodes
        .iter()
        .map(|node| text(node, what).map(|text| (node.spot, text)))
        .collect()
}

fn unknown(word: &Word, place: &str, known: &[&str]) -> Fault {
    let hint = hint(&word.text, known.iter().copied());
    Fault::new(word.spot, format!("{place} has no `{}`{hint}", word.text))
}

/// What is quoted from a document.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What was probably meant: the same but for case or a plural.
fn hint<'a>(text: &str, mut known: impl Iterator<Item = &'a str>) -> String {
    let bare = |text: &str| text.trim_end_matches('s').to_ascii_lowercase();
    known
        .find(|known| bare(known) == bare(text))
        .map(|known| format!(": write `{known}`"))
        .unwrap_or_default()
}
