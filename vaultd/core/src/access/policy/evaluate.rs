//! The decision: every layer that has a say, in IAM's order for one account.
//!
//! 1. A Deny that applies, or of which that could not be told, in any layer: denied.
//! 2. What the resource's policies allow needs no identity policy. If they name the user or service, the
//!    boundary does not limit it either; if they name the session of a role, nothing does. If they name a
//!    role, or anyone, boundary and session policies must allow too.
//! 3. Otherwise the identity policies must allow. Where a trust policy is asked, they are not enough.
//! 4. The boundary must allow, if there is one.
//! 5. The session policies must allow, if there are any.
//!
//! An Allow of which it could not be told whether it applies does not allow.

use std::{fmt, sync::Arc};

use super::{
    compiled::{ActionSet, Compiled, Named, Rule},
    document::Effect,
    request::Request,
    verdict::Verdict,
};

/// The policies that have a say in a request.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// Of the caller: his own and his groups', or his role's.
    pub identity: &'a [Arc<Compiled>],
    /// Of the resource.
    pub resource: ResourceLayer<'a>,
    /// The most that the caller may ever do. Policies here allow together; none allow nothing.
    pub boundary: Option<&'a [Arc<Compiled>]>,
    /// The most that this session may do. Policies here allow together; none allow nothing.
    pub session: Option<&'a [Arc<Compiled>]>,
}

/// What the resource itself says.
#[derive(Clone, Copy, Debug)]
pub enum ResourceLayer<'a> {
    /// It may allow, beside identity policies.
    Policies(&'a [Arc<Compiled>]),
    /// It must allow: it is a role with its trust policy.
    Trust(&'a [Arc<Compiled>]),
}

/// Where a policy was attached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// To the caller.
    Identity,
    /// To the resource.
    Resource,
    /// To a role, as its trust policy.
    Trust,
    /// To the caller, as his boundary.
    Boundary,
    /// To the session.
    Session,
}

/// What was decided, and by what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision<'a> {
    /// By this statement, within boundary and session policies.
    Allowed(Deciding<'a>),
    /// By this statement, whatever allows it.
    Denied(Deciding<'a>, Certainty),
    /// Nothing denies it, and nothing in this layer allows it.
    NotAllowed(Layer),
}

/// Whether a Deny applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Certainty {
    /// It did.
    Applies,
    /// That could not be told, from a value of the request that cannot be compared or substituted.
    CouldNotTell,
}

/// The statement that decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deciding<'a> {
    /// Where its policy is attached.
    pub layer: Layer,
    /// The policy, as [`Compiled::new`] was told.
    pub policy: &'a str,
    /// The statement's place in the document, from zero.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<&'a str>,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity",
            Self::Resource => "resource",
            Self::Trust => "trust",
            Self::Boundary => "boundary",
            Self::Session => "session",
        })
    }
}

impl Decision<'_> {
    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

impl<'a> ResourceLayer<'a> {
    pub(super) fn policies(self) -> &'a [Arc<Compiled>] {
        match self {
            Self::Policies(policies) | Self::Trust(policies) => policies,
        }
    }

    fn layer(self) -> Layer {
        match self {
            Self::Policies(_) => Layer::Resource,
            Self::Trust(_) => Layer::Trust,
        }
    }
}

/// Decides. Allocates nothing.
pub fn evaluate<'a>(layers: &Layers<'a>, request: &Request<'_>) -> Decision<'a> {
    let asked = Asked {
        action: ActionSet::of(request.action),
        request,
    };
    let own = (layers.resource.layer(), layers.resource.policies());
    let boundary = (Layer::Boundary, layers.boundary.unwrap_or_default());
    let session = (Layer::Session, layers.session.unwrap_or_default());
    for layer in [(Layer::Identity, layers.identity), own, boundary, session] {
        if let Some((by, certainty)) = asked.denied(layer) {
            return Decision::Denied(by, certainty);
        }
    }
    let (by, named) = match (asked.granted(own), layers.resource) {
        (Some((by, named)), _) => (by, named),
        (None, ResourceLayer::Trust(_)) => return Decision::NotAllowed(Layer::Trust),
        (None, ResourceLayer::Policies(_)) => {
            match asked.allowed((Layer::Identity, layers.identity)).next() {
                Some((by, _)) => (by, Named::Broadly),
                None => return Decision::NotAllowed(Layer::Identity),
            }
        }
    };
    let permits = |layer| asked.allowed(layer).next().is_some();
    if named < Named::Principal && layers.boundary.is_some() && !permits(boundary) {
        return Decision::NotAllowed(Layer::Boundary);
    }
    if named < Named::Session && layers.session.is_some() && !permits(session) {
        return Decision::NotAllowed(Layer::Session);
    }
    Decision::Allowed(by)
}

/// A layer and its policies.
type Attached<'a> = (Layer, &'a [Arc<Compiled>]);

struct Asked<'r> {
    action: ActionSet,
    request: &'r Request<'r>,
}

impl Asked<'_> {
    fn denied<'a>(&self, layer: Attached<'a>) -> Option<(Deciding<'a>, Certainty)> {
        self.rules(layer, Effect::Deny)
            .find_map(|(by, rule)| match rule.applies(self.request) {
                Verdict::Yes => Some((by, Certainty::Applies)),
                Verdict::Error => Some((by, Certainty::CouldNotTell)),
                Verdict::No => None,
            })
    }

    fn allowed<'a>(&self, layer: Attached<'a>) -> impl Iterator<Item = (Deciding<'a>, &'a Rule)> {
        self.rules(layer, Effect::Allow)
            .filter(|(_, rule)| rule.applies(self.request) == Verdict::Yes)
    }

    /// The Allow of a resource that names the caller most directly.
    fn granted<'a>(&self, layer: Attached<'a>) -> Option<(Deciding<'a>, Named)> {
        let mut best: Option<(Deciding<'a>, Named)> = None;
        for (by, rule) in self.allowed(layer) {
            let named = rule.names(self.request.who);
            if best.is_none_or(|(_, known)| known < named) {
                best = Some((by, named));
            }
        }
        best
    }

    fn rules<'a>(
        &self,
        (layer, policies): Attached<'a>,
        effect: Effect,
    ) -> impl Iterator<Item = (Deciding<'a>, &'a Rule)> {
        let action = self.action;
        policies.iter().flat_map(move |policy| {
            let rules = policy
                .rules(action)
                .filter(move |rule| rule.effect == effect);
            rules.map(move |rule| (deciding(layer, policy, rule), rule))
        })
    }
}

fn deciding<'a>(layer: Layer, policy: &'a Compiled, rule: &'a Rule) -> Deciding<'a> {
    Deciding {
        layer,
        policy: policy.name(),
        statement: rule.index,
        sid: rule.sid.as_deref(),
    }
}
