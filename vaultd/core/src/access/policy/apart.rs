//! What a document may mean for one principal and not for another.
//!
//! Documents are compared as what they say of any one request. Where the one is the caller's and the other somebody
//! else's, the same words may mean two things: `secret:home/${vault:PrincipalName}/*` is another home for each. So
//! whatever depends on who calls is taken at its most in what would be handed out, and at its least in what one has.

use std::sync::Arc;

use super::{
    compiled::ActionSet,
    condition::Condition,
    document::{
        Document, Effect, Listed, Principal, PrincipalKind, PrincipalName, ResourcePattern, Sense,
        Statement,
    },
    key::Key,
};
use crate::access::Action;

/// Which way to err about who calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::access) enum Whoever {
    /// All that it may allow anybody.
    AtMost,
    /// No more than it allows everybody.
    AtLeast,
}

/// Somebody of whom it is asked what a document may mean for him.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whom {
    /// A principal that there is.
    Known((PrincipalKind, u64)),
    /// Whoever comes new: no document names him.
    New,
}

impl Statement {
    /// Whether it may be about somebody, whatever its conditions come to; with `anyone`, also where it is about
    /// everybody alike.
    pub(super) fn may_mean(&self, whom: Whom, anyone: bool) -> bool {
        let Some(listed) = &self.principals else {
            return true;
        };
        let mut entries = listed.entries.iter();
        match listed.sense {
            Sense::Others => !entries.any(|entry| surely_means(entry, whom)),
            Sense::These => entries.any(|entry| match (entry, whom) {
                (Principal::Anyone, _) => anyone || depends(self),
                (entry, Whom::Known(whom)) => may_mean(entry, whom),
                (_, Whom::New) => false,
            }),
        }
    }
}

impl Document {
    /// The same without anything that depends on who calls.
    pub(in crate::access) fn of_whoever(self: &Arc<Self>, bound: Whoever) -> Arc<Self> {
        if !self.statements.iter().any(depends) {
            return Arc::clone(self);
        }
        let statements = self.statements.iter().filter_map(|statement| {
            if !depends(statement) {
                return Some(statement.clone());
            }
            // To allow more is to hold for an Allow, and not to for a Deny.
            let holds = (statement.effect == Effect::Allow) == (bound == Whoever::AtMost);
            holds.then(|| widened(statement))
        });
        Arc::new(Self {
            statements: statements.collect(),
            ..(**self).clone()
        })
    }

    /// Whether a trust policy may let somebody assume its role: whatever its conditions come to, and whatever it
    /// denies.
    pub(crate) fn may_trust(&self, whom: (PrincipalKind, u64)) -> bool {
        self.allows_assuming().any(|listed| {
            listed.sense == Sense::Others
                || listed.entries.iter().any(|entry| may_mean(entry, whom))
        })
    }

    /// Whether it may let in whoever comes new, by not naming him.
    pub(crate) fn may_trust_strangers(&self) -> bool {
        self.allows_assuming()
            .any(|listed| listed.sense == Sense::Others)
    }

    fn allows_assuming(&self) -> impl Iterator<Item = &Listed<Principal>> {
        let assume = ActionSet::of(Action::ROLE_ASSUME);
        let allows = self.statements.iter().filter(move |statement| {
            statement.effect == Effect::Allow && ActionSet::meant(statement).meets(assume)
        });
        allows.filter_map(|statement| statement.principals.as_ref())
    }
}

fn may_mean(entry: &Principal, (kind, id): (PrincipalKind, u64)) -> bool {
    let is = |name: &PrincipalName| *name == PrincipalName::Id(id);
    match entry {
        Principal::Anyone => true,
        Principal::One(of, name) => *of == kind && is(name),
        Principal::Session(role, _) => kind == PrincipalKind::Role && is(role),
    }
}

/// Whether it means somebody in each of his sessions.
fn surely_means(entry: &Principal, whom: Whom) -> bool {
    match (entry, whom) {
        (Principal::Anyone, _) => true,
        (Principal::One(..), Whom::Known(whom)) => may_mean(entry, whom),
        (Principal::One(..) | Principal::Session(..), _) => false,
    }
}

fn depends(statement: &Statement) -> bool {
    let listed = statement.resources.iter();
    statement.conditions.iter().any(asks) || listed.flat_map(|listed| &listed.entries).any(varies)
}

fn asks(condition: &Condition) -> bool {
    let mut variables = condition.variables();
    is_of_caller(&condition.key) || variables.any(|variable| is_of_caller(&variable.key))
}

fn varies(pattern: &ResourcePattern) -> bool {
    let mut variables = pattern.template.variables();
    variables.any(|variable| is_of_caller(&variable.key))
}

/// The statement wherever it could hold for anybody: its conditions on who calls hold, his values are any.
fn widened(statement: &Statement) -> Statement {
    let mut wide = statement.clone();
    wide.conditions.retain(|condition| !asks(condition));
    let varies_at_all = |listed: &Listed<ResourcePattern>| listed.entries.iter().any(varies);
    match (wide.effect, &mut wide.resources) {
        // A value that is refused makes a Deny mean everything.
        (Effect::Deny, resources) if resources.as_ref().is_some_and(varies_at_all) => {
            *resources = None;
        }
        (Effect::Allow, Some(listed)) if listed.sense == Sense::Others => {
            listed.entries.retain(|entry| !varies(entry));
        }
        (Effect::Allow, Some(listed)) => {
            for entry in &mut listed.entries {
                entry.template = entry.template.widened(is_of_caller);
            }
        }
        (Effect::Allow | Effect::Deny, _) => {}
    }
    wide
}

/// Whether its value is another for another principal, in the same circumstances.
fn is_of_caller(key: &Key) -> bool {
    match key {
        Key::PrincipalName | Key::PrincipalType | Key::RoleSessionName | Key::PrincipalTag(_) => {
            true
        }
        Key::SourceIp
        | Key::MultiFactorAuthPresent
        | Key::MultiFactorAuthAge
        | Key::CurrentTime
        | Key::ResourceTag(_)
        | Key::RequestTag(_)
        | Key::TagKeys
        | Key::RequestedRegion
        | Key::NodeRegion
        | Key::SecureTransport
        | Key::TokenIssueTime
        | Key::UserAgent => false,
    }
}
