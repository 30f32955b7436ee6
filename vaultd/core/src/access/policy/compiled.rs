//! A document made ready to decide: actions as bits, resources as prefixes where they are no more.

use super::{
    condition::Condition,
    document::{
        Document, Effect, Listed, Principal, PrincipalKind, PrincipalName, ResourcePattern, Sense,
        Statement,
    },
    key::Key,
    request::{Request, Who},
    template::{Piece, Template},
    verdict::Verdict,
};
use crate::access::Action;

/// A set of actions, a bit for each place in [`Action::ALL`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct ActionSet([u64; WORDS]);

const WORDS: usize = Action::ALL.len().div_ceil(64);

impl ActionSet {
    pub(super) fn of(action: Action) -> Self {
        Action::ALL
            .iter()
            .position(|known| *known == action)
            .map_or_else(Self::default, Self::bit)
    }

    fn bit(at: usize) -> Self {
        let mut set = Self::default();
        if let Some(word) = set.0.get_mut(at / 64) {
            *word = 1 << (at % 64);
        }
        set
    }

    pub(super) fn meets(self, other: Self) -> bool {
        self.0
            .iter()
            .zip(other.0)
            .any(|(own, other)| own & other != 0)
    }

    fn join(self, other: Self) -> Self {
        let mut joined = self;
        for (word, other) in joined.0.iter_mut().zip(other.0) {
            *word |= other;
        }
        joined
    }

    /// The actions that a statement means.
    pub(super) fn meant(statement: &Statement) -> Self {
        let listed = &statement.actions;
        let meant = |action: Action| {
            let named = listed.entries.iter().any(|pattern| pattern.matches(action));
            named == (listed.sense == Sense::These)
        };
        let actions = Action::ALL.iter().filter(|action| meant(**action));
        actions.fold(Self::default(), |set, action| set.join(Self::of(*action)))
    }

    pub(super) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// A policy, ready to decide. Made once for each revision of a document.
#[derive(Debug)]
pub struct Compiled {
    name: Box<str>,
    /// What any of its statements is about.
    actions: ActionSet,
    rules: Box<[Rule]>,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) effect: Effect,
    actions: ActionSet,
    resources: Option<(Sense, Box<[Matcher]>)>,
    principals: Option<Listed<Principal>>,
    conditions: Box<[Condition]>,
    /// Its place in the document, from zero.
    pub(super) index: usize,
    pub(super) sid: Option<Box<str>>,
}

/// A pattern for resources, in the form that costs least.
#[derive(Debug)]
pub(super) enum Matcher {
    All,
    Exact(Box<str>),
    Prefix(Box<str>),
    Template(Template),
}

/// How directly a statement means whoever calls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Named {
    /// As anyone, as whoever is not named, or by the role that he assumed.
    Broadly,
    /// The user or service itself.
    Principal,
    /// This session of a role.
    Session,
}

impl Compiled {
    /// Makes a document ready. The name is what decisions will say.
    pub fn new(name: &str, document: &Document) -> Self {
        let rules: Box<[Rule]> = document
            .statements
            .iter()
            .enumerate()
            .map(Rule::new)
            .collect();
        let actions = rules.iter().map(|rule| rule.actions);
        Self {
            name: name.into(),
            actions: actions.fold(ActionSet::default(), ActionSet::join),
            rules,
        }
    }

    /// What decisions call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a condition, or a resource's name, asks for the tags of the resource.
    pub(crate) fn asks_resource_tags(&self) -> bool {
        self.rules.iter().any(Rule::asks_resource_tags)
    }

    /// The rules about an action.
    pub(super) fn rules(&self, action: ActionSet) -> impl Iterator<Item = &Rule> {
        let about = if self.actions.meets(action) {
            &*self.rules
        } else {
            &[]
        };
        about.iter().filter(move |rule| rule.actions.meets(action))
    }
}

impl Rule {
    fn new((index, statement): (usize, &Statement)) -> Self {
        let resources = statement.resources.as_ref().map(|listed| {
            let matchers = listed.entries.iter().map(Matcher::new).collect();
            (listed.sense, matchers)
        });
        Self {
            effect: statement.effect,
            actions: ActionSet::meant(statement),
            resources,
            principals: statement.principals.clone(),
            conditions: statement.conditions.iter().cloned().collect(),
            index,
            sid: statement.sid.clone(),
        }
    }

    /// Whether it is about the request, of which the action has been looked at.
    pub(super) fn applies(&self, request: &Request<'_>) -> Verdict {
        let resource = self.is_about(request);
        if resource == Verdict::No {
            return Verdict::No;
        }
        let conditions = self
            .conditions
            .iter()
            .map(|condition| condition.test(request));
        Verdict::all(
            [resource, self.means(request.who)]
                .into_iter()
                .chain(conditions),
        )
    }

    pub(super) fn resources(&self) -> Option<(Sense, &[Matcher])> {
        let resources = self.resources.as_ref();
        resources.map(|(sense, matchers)| (*sense, &**matchers))
    }

    pub(super) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    fn asks_resource_tags(&self) -> bool {
        let matchers = self.resources.iter().flat_map(|(_, matchers)| matchers);
        self.conditions.iter().any(Condition::is_about_resource)
            || matchers.into_iter().any(|matcher| match matcher {
                Matcher::Template(template) => template
                    .variables()
                    .any(|variable| matches!(variable.key, Key::ResourceTag(_))),
                Matcher::All | Matcher::Exact(_) | Matcher::Prefix(_) => false,
            })
    }

    fn is_about(&self, request: &Request<'_>) -> Verdict {
        let Some((sense, matchers)) = &self.resources else {
            return Verdict::Yes;
        };
        let any = Verdict::any(matchers.iter().map(|matcher| matcher.matches(request)));
        any.not_if(*sense == Sense::Others)
    }

    /// Whether it means whoever calls.
    pub(super) fn means(&self, who: Who<'_>) -> Verdict {
        let Some(listed) = &self.principals else {
            return Verdict::Yes;
        };
        let any = Verdict::any(listed.entries.iter().map(|principal| principal.means(who)));
        any.not_if(listed.sense == Sense::Others)
    }

    /// How directly, if it does.
    pub(super) fn names(&self, who: Who<'_>) -> Named {
        let listed = self
            .principals
            .iter()
            .filter(|listed| listed.sense == Sense::These);
        listed
            .flat_map(|listed| &listed.entries)
            .filter(|principal| principal.means(who) == Verdict::Yes)
            .map(Principal::directness)
            .max()
            .unwrap_or(Named::Broadly)
    }
}

impl Principal {
    /// One that has not been bound to an id means nobody, and cannot be told from anybody: an error.
    fn means(&self, who: Who<'_>) -> Verdict {
        let same = |name: &PrincipalName| match name {
            PrincipalName::Called(_) => Verdict::Error,
            PrincipalName::Id(id) => Verdict::from(*id == who.id),
        };
        match self {
            Self::Anyone => Verdict::Yes,
            Self::One(kind, name) if *kind == who.kind => same(name),
            Self::Session(role, name)
                if who.kind == PrincipalKind::Role && who.session == Some(&**name) =>
            {
                same(role)
            }
            Self::One(..) | Self::Session(..) => Verdict::No,
        }
    }

    pub(super) fn directness(&self) -> Named {
        match self {
            Self::Anyone | Self::One(PrincipalKind::Role | PrincipalKind::Root, _) => {
                Named::Broadly
            }
            Self::One(PrincipalKind::User | PrincipalKind::Service, _) => Named::Principal,
            Self::Session(..) => Named::Session,
        }
    }
}

impl Matcher {
    pub(super) fn new(pattern: &ResourcePattern) -> Self {
        match pattern.template.pieces() {
            [Piece::Many] => Self::All,
            [Piece::Text(text)] => Self::Exact(text.clone()),
            [Piece::Text(text), Piece::Many] => Self::Prefix(text.clone()),
            _ => Self::Template(pattern.template.clone()),
        }
    }

    fn matches(&self, request: &Request<'_>) -> Verdict {
        let name = request.resource;
        match self {
            Self::All => Verdict::Yes,
            Self::Exact(text) => Verdict::from(&**text == name),
            Self::Prefix(text) => Verdict::from(name.starts_with(&**text)),
            Self::Template(template) => template.matches(name, request),
        }
    }
}
