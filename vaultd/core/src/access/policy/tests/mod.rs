//! The language from its texts: documents, operators, layers, and agreement with a slow reference.

mod agreement;
mod bounds;
mod comparison;
mod documents;
mod forms;
mod layers;
mod limits;
mod operators;
mod principals;
mod reference;
mod rehearsed;
mod variables;
mod warnings;

use std::sync::Arc;

use super::*;
use crate::{
    access::Action,
    name::{TagKey, TagValue},
};

/// 2026-11-24T12:30:00Z.
const NOW: u64 = 1_795_523_400_000;

/// A comparison that is given its time.
fn check(old: &Document, new: &Document) -> NewAccess {
    check_no_new_access(old, new, &|| false)
}

/// What a request needs to borrow from.
#[derive(Clone, Debug)]
struct World {
    action: Action,
    resource: String,
    kind: PrincipalKind,
    id: u64,
    session: Option<String>,
    asked_session: Option<String>,
    name: String,
    principal_tags: Tags,
    resource_tags: Tags,
    request_tags: Tags,
    source: Option<String>,
    secure: bool,
    user_agent: Option<String>,
    second_factor: Option<u64>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            action: Action::GET_VALUE,
            resource: "secret:db/password".into(),
            kind: PrincipalKind::User,
            id: 1,
            session: None,
            asked_session: None,
            name: "alice".into(),
            principal_tags: Tags::new(),
            resource_tags: Tags::new(),
            request_tags: Tags::new(),
            source: Some("10.1.2.3".into()),
            secure: true,
            user_agent: None,
            second_factor: None,
        }
    }
}

impl World {
    fn request(&self) -> Request<'_> {
        Request {
            action: self.action,
            resource: &self.resource,
            who: Who {
                kind: self.kind,
                id: self.id,
                session: self.session.as_deref(),
            },
            context: Context {
                principal_name: &self.name,
                role_session_name: self.asked_session.as_deref(),
                principal_tags: &self.principal_tags,
                resource_tags: &self.resource_tags,
                request_tags: &self.request_tags,
                source: self.source.as_ref().map(|text| text.parse().unwrap()),
                secure: self.secure,
                user_agent: self.user_agent.as_deref(),
                now: NOW,
                token_issued: NOW - 60_000,
                second_factor: self.second_factor,
                requested_region: "eu",
                node_region: "eu",
            },
        }
    }

    /// With a tag of the principal.
    fn tagged(value: &str) -> Self {
        Self {
            principal_tags: tags(&[("t", value)]),
            ..Self::default()
        }
    }
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    let tag = |(key, value): &(&str, &str)| {
        let key = TagKey::try_from(*key).unwrap();
        (key, TagValue::try_from(*value).unwrap())
    };
    pairs.iter().map(tag).collect()
}

fn document(text: &str, kind: Kind) -> Document {
    Document::parse(text, kind)
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
        .0
}

fn compiled(text: &str, kind: Kind) -> Arc<Compiled> {
    Arc::new(Compiled::new("p", &document(text, kind)))
}

/// A policy of one statement.
fn statement(effect: &str, rest: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "Action": "*", {rest}}}}}"#
    )
}

/// What identity policies alone decide.
fn decide(policies: &[Arc<Compiled>], world: &World) -> bool {
    let layers = Layers {
        identity: policies,
        resource: ResourceLayer::Policies(&[]),
        boundary: None,
        session: None,
    };
    evaluate(&layers, &world.request()).is_allowed()
}

/// Whether an Allow with this condition allows, and whether a Deny with it leaves what is allowed.
fn passes(condition: &str, world: &World) -> (bool, bool) {
    let rest = format!(r#""Resource": "*", "Condition": {condition}"#);
    let allow = compiled(&statement("Allow", &rest), Kind::Identity);
    let all = compiled(&statement("Allow", r#""Resource": "*""#), Kind::Identity);
    let deny = compiled(&statement("Deny", &rest), Kind::Identity);
    (decide(&[allow], world), decide(&[all, deny], world))
}

/// Whether a condition holds: an Allow with it allows, a Deny denies. Errors are neither.
fn holds(condition: &str, world: &World) -> bool {
    let (allowed, spared) = passes(condition, world);
    assert_ne!(allowed, spared, "{condition} could not be told");
    allowed
}

/// Whether it cannot be told: an Allow does not allow, a Deny denies.
fn errs(condition: &str, world: &World) -> bool {
    passes(condition, world) == (false, false)
}
