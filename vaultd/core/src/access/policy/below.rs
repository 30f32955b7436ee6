//! What is done to a folder with all below it: whether it is allowed for everything that lies or may come to lie
//! there. Never wrongly so; a policy may be such that it cannot be told, and then it is not.

use super::{
    compiled::{ActionSet, Compiled, Matcher, Rule},
    document::{Effect, Sense},
    evaluate::Layers,
    request::Request,
    template::Piece,
    verdict::Verdict,
};

/// Whether what is allowed for a folder's own name is so for every name that begins with it.
///
/// That is so if no Deny can mean anything below, and an Allow of the caller or of the resource means all below;
/// of boundary and session policies as well, where there are any. Tags of what lies below are not looked at: a
/// statement that asks for them cannot be told.
pub fn allows_below(layers: &Layers<'_>, request: &Request<'_>) -> bool {
    let action = ActionSet::of(request.action);
    let own = layers.resource.policies();
    let rules = |policies| rules(policies, action);
    let every = [
        layers.identity,
        own,
        layers.boundary.unwrap_or_default(),
        layers.session.unwrap_or_default(),
    ];
    let denied = every
        .into_iter()
        .flat_map(rules)
        .any(|rule| rule.effect == Effect::Deny && rule.touches_below(request));
    let allowed = |policies| {
        rules(policies).any(|rule| rule.effect == Effect::Allow && rule.covers_below(request))
    };
    !denied
        && (allowed(layers.identity) || allowed(own))
        && layers.boundary.is_none_or(allowed)
        && layers.session.is_none_or(allowed)
}

/// Whether policies of what lies below the request's folder may deny it anything.
pub fn denied_below<'p>(
    policies: impl Iterator<Item = &'p Compiled>,
    request: &Request<'_>,
) -> bool {
    let action = ActionSet::of(request.action);
    policies
        .flat_map(|policy| policy.rules(action))
        .any(|rule| rule.effect == Effect::Deny && rule.touches_below(request))
}

fn rules(policies: &[std::sync::Arc<Compiled>], action: ActionSet) -> impl Iterator<Item = &Rule> {
    policies.iter().flat_map(move |policy| policy.rules(action))
}

impl Rule {
    /// Whether it may apply to anything below the request's folder.
    fn touches_below(&self, request: &Request<'_>) -> bool {
        let elsewhere = self
            .resources()
            .is_some_and(|(sense, matchers)| !touch_below(sense, matchers, request.resource));
        let excluded = self.conditions().iter().any(|condition| {
            !condition.is_about_resource() && condition.test(request) == Verdict::No
        });
        !elsewhere && !excluded && self.means(request.who) != Verdict::No
    }

    /// Whether it surely applies to everything below.
    fn covers_below(&self, request: &Request<'_>) -> bool {
        let there = self
            .resources()
            .is_none_or(|(sense, matchers)| cover_below(sense, matchers, request.resource));
        let met = self.conditions().iter().all(|condition| {
            !condition.is_about_resource() && condition.test(request) == Verdict::Yes
        });
        there && met && self.means(request.who) == Verdict::Yes
    }
}

fn touch_below(sense: Sense, matchers: &[Matcher], folder: &str) -> bool {
    match sense {
        Sense::These => matchers.iter().any(|matcher| matcher.touches(folder)),
        Sense::Others => !matchers.iter().any(|matcher| matcher.covers(folder)),
    }
}

fn cover_below(sense: Sense, matchers: &[Matcher], folder: &str) -> bool {
    match sense {
        Sense::These => matchers.iter().any(|matcher| matcher.covers(folder)),
        Sense::Others => !matchers.iter().any(|matcher| matcher.touches(folder)),
    }
}

impl Matcher {
    /// Whether it may match a text that begins with the folder's.
    pub(super) fn touches(&self, folder: &str) -> bool {
        match self {
            Self::All => true,
            Self::Exact(text) => text.starts_with(folder),
            Self::Prefix(text) => meet(text, folder),
            Self::Template(template) => match template.pieces().first() {
                Some(Piece::Text(text)) => meet(text, folder),
                Some(Piece::One | Piece::Many | Piece::Variable(_)) | None => true,
            },
        }
    }

    /// Whether it matches every text that begins with the folder's.
    fn covers(&self, folder: &str) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(text) => folder.starts_with(&**text),
            Self::Exact(_) | Self::Template(_) => false,
        }
    }
}

/// Whether some text begins with both.
fn meet(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}
