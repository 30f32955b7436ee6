//! A policy as its author wrote it, every word checked: what is rendered, compared and compiled.

use minicbor::{Decode, Encode};

use super::{
    condition::Condition,
    error::Spot,
    template::{Template, Variables},
};
use crate::access::Action;

/// What a document is for, which decides what it may say. Numbers are on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum Kind {
    /// Attached to a user, a group, a role or a service.
    #[n(0)]
    Identity,
    /// Attached to a secret or a folder; names principals.
    #[n(1)]
    Resource,
    /// Says who may assume a role; names principals and no resources.
    #[n(2)]
    Trust,
    /// The most that a principal may ever do.
    #[n(3)]
    Boundary,
    /// The most that one session may do.
    #[n(4)]
    Session,
}

impl Kind {
    /// Whether its statements say whom they are about.
    pub(super) fn names_principals(self) -> bool {
        match self {
            Self::Resource | Self::Trust => true,
            Self::Identity | Self::Boundary | Self::Session => false,
        }
    }
}

/// What the language of a document is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Version {
    /// None given: variables are plain text.
    None,
    /// 2008-10-17: the same, said.
    Old,
    /// 2012-10-17: variables are replaced.
    New,
}

impl Version {
    pub(super) fn variables(self) -> Variables {
        match self {
            Self::New => Variables::On,
            Self::None | Self::Old => Variables::Off,
        }
    }
}

/// What a statement does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// Lets it happen, unless something denies it.
    Allow,
    /// Keeps it from happening, whatever allows it.
    Deny,
}

/// A checked policy. Two are equal where they say the same; their order means nothing but that.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Document {
    pub(super) kind: Kind,
    pub(super) version: Version,
    pub(super) id: Option<Box<str>>,
    pub(super) statements: Vec<Statement>,
}

/// One statement of a policy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Statement {
    pub(super) spot: Spot,
    pub(super) sid: Option<Box<str>>,
    pub(super) effect: Effect,
    /// Given in resource and trust policies only.
    pub(super) principals: Option<Listed<Principal>>,
    pub(super) actions: Listed<ActionPattern>,
    /// Left out in trust policies; in resource policies none means all that it is attached to.
    pub(super) resources: Option<Listed<ResourcePattern>>,
    pub(super) conditions: Vec<Condition>,
}

/// A list, or all but a list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Listed<T> {
    pub(super) spot: Spot,
    pub(super) sense: Sense,
    pub(super) entries: Vec<T>,
}

/// How a list is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Sense {
    /// `Action`: these.
    These,
    /// `NotAction`: all but these.
    Others,
}

/// `secret:Get*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct ActionPattern {
    pub(super) spot: Spot,
    pub(super) text: Box<str>,
}

/// `secret:db/*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct ResourcePattern {
    pub(super) spot: Spot,
    pub(super) template: Template,
}

/// Whom a statement is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Principal {
    /// `*`
    Anyone,
    /// `user:alice`, `service:ci`, `role:deploy`
    One(PrincipalKind, PrincipalName),
    /// `session:deploy/alice`: the session of that name of a role.
    Session(PrincipalName, Box<str>),
}

/// What a principal is. Numbers are on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Encode, Decode)]
#[cbor(index_only)]
pub enum PrincipalKind {
    /// The identity that set the vault up; no policy names it.
    #[default]
    #[n(0)]
    Root,
    /// A person.
    #[n(1)]
    User,
    /// A program.
    #[n(2)]
    Service,
    /// A role, assumed by somebody.
    #[n(3)]
    Role,
}

/// A principal's name before it is bound, its id after.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum PrincipalName {
    /// `alice`: means nobody until it is bound.
    Called(Box<str>),
    /// `#42`: never used again for another.
    Id(u64),
}

impl PrincipalKind {
    /// As in `vault:PrincipalType`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "Root",
            Self::User => "User",
            Self::Service => "Service",
            Self::Role => "Role",
        }
    }
}

impl Statement {
    /// The `Sid` that its author gave it.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// Whether both say the same, whatever they are called.
    pub(super) fn says_what(&self, other: &Self) -> bool {
        self.effect == other.effect
            && self.actions == other.actions
            && self.resources == other.resources
            && self.principals == other.principals
            && self.conditions == other.conditions
    }
}

impl ActionPattern {
    /// Whether the action is meant, case aside.
    pub(super) fn matches(&self, action: Action) -> bool {
        wild(&self.text, action.name())
    }
}

/// Whether a pattern of ASCII with `*` and `?` means a name, case aside.
fn wild(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut left, mut rest) = (pattern, name);
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        (left, rest) = match (left.split_first(), rest.split_first()) {
            (None, None) => return true,
            (Some((b'*', after)), _) => {
                star = Some((after, rest));
                (after, rest)
            }
            (Some((p, after)), Some((c, more))) if *p == b'?' || p.eq_ignore_ascii_case(c) => {
                (after, more)
            }
            _ => {
                let Some((after, from)) = star else {
                    return false;
                };
                let Some((_, more)) = from.split_first() else {
                    return false;
                };
                star = Some((after, more));
                (after, more)
            }
        };
    }
}

impl Document {
    /// What it is for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The `Id` that its author gave it.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The `Version` that it says.
    pub fn version(&self) -> Option<&'static str> {
        match self.version {
            Version::None => None,
            Version::Old => Some("2008-10-17"),
            Version::New => Some("2012-10-17"),
        }
    }

    /// Binds every principal that is called by a name to its id; rendered, the document then says `#42`.
    ///
    /// # Errors
    /// The first name that nobody bears, as `user:alice`.
    pub fn bind(
        mut self,
        id: impl Fn(PrincipalKind, &str) -> Option<u64>,
    ) -> Result<Self, Box<str>> {
        self.rename(|kind, name| match name {
            PrincipalName::Called(called) => id(kind, called).map(PrincipalName::Id),
            PrincipalName::Id(_) => Some(name.clone()),
        })?;
        Ok(self)
    }

    /// The other way, for people to read: ids of principals that are no more stay as they are.
    #[must_use]
    pub fn unbind(mut self, called: impl Fn(PrincipalKind, u64) -> Option<Box<str>>) -> Self {
        let shown = |kind, name: &PrincipalName| match name {
            PrincipalName::Id(id) => called(kind, *id).map(PrincipalName::Called),
            PrincipalName::Called(_) => None,
        };
        // What has no name to show keeps what it has, so none is ever missing.
        self.rename(|kind, name| shown(kind, name).or_else(|| Some(name.clone())))
            .unwrap_or_default();
        self
    }

    fn rename(
        &mut self,
        new: impl Fn(PrincipalKind, &PrincipalName) -> Option<PrincipalName>,
    ) -> Result<(), Box<str>> {
        let statements = self.statements.iter_mut();
        let listed = statements.filter_map(|statement| statement.principals.as_mut());
        for principal in listed.flat_map(|listed| &mut listed.entries) {
            let unknown: Box<str> = principal.to_string().into();
            let (kind, name) = match principal {
                Principal::Anyone => continue,
                Principal::One(kind, name) => (*kind, name),
                Principal::Session(name, _) => (PrincipalKind::Role, name),
            };
            *name = new(kind, name).ok_or(unknown)?;
        }
        Ok(())
    }
}

impl Document {
    /// Several documents as one: what they allow and deny together.
    pub(in crate::access) fn joined(documents: &[std::sync::Arc<Self>]) -> Self {
        let statements = documents
            .iter()
            .flat_map(|document| document.statements.iter().cloned());
        Self {
            kind: Kind::Identity,
            version: Version::New,
            id: None,
            statements: statements.collect(),
        }
    }

    /// Allows everything.
    pub(in crate::access) fn everything() -> Option<Self> {
        let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
        let parsed = Self::parse(text, Kind::Identity);
        parsed.ok().map(|(document, _)| document)
    }

    /// Whether it denies anything: taking it away may give rights.
    pub(crate) fn denies(&self) -> bool {
        self.statements
            .iter()
            .any(|statement| statement.effect == Effect::Deny)
    }
}
