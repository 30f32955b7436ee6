//! Documents tried against requests that nobody made: what they would decide, were they in force.
//!
//! Nobody need exist for it. A name stands for whoever bears it: the same name of the same kind is the same
//! principal in documents and requests, and `#42` is a name like any other. What holds in the vault holds
//! here, as the evaluator is the same; only where documents are attached is what the test says.

mod facts;

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use super::{
    compiled::Compiled,
    document::{Document, Kind, Principal, PrincipalKind, PrincipalName},
    evaluate::{Certainty, Decision, Layer, Layers, ResourceLayer, evaluate},
    parse,
    request::{Request, Who},
    resource,
};
use crate::{access::Action, name::UserName};
use facts::Facts;

/// What is taken for granted of every request that does not say otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// `vault:CurrentTime`, in milliseconds since 1970.
    pub now: u64,
    /// `vault:RequestedRegion` and `vault:NodeRegion`.
    pub region: &'a str,
}

/// A request to be tried.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// `user:alice`, `service:ci`, `role:deploy`, or `session:deploy/alice` for the session of that name.
    pub who: String,
    /// `secret:GetValue`
    pub action: String,
    /// `secret:db/password`; a folder is `secret:db/`.
    pub resource: String,
    /// Values of condition keys, as documents write both.
    pub context: BTreeMap<String, String>,
}

/// What was decided of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Whether the request would go on.
    pub allowed: bool,
    /// Where the statement that decided is, or where one that allows is missing.
    pub layer: Layer,
    /// The statement that decided; none if none allows.
    pub by: Option<Deciding>,
    /// It denies because it could not be told whether it applies.
    pub could_not_tell: bool,
}

/// The statement that decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deciding {
    /// The policy, by the name that it was attached with.
    pub policy: Box<str>,
    /// The statement's place in the document, from zero.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<Box<str>>,
}

/// Why a test cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RehearsalError {
    /// Somebody whom nobody can be.
    #[error("{0}")]
    Principal(String),
    /// No action is called so.
    #[error("`{0}` is no action")]
    Action(String),
    /// Nothing can be called so.
    #[error("{0}")]
    Resource(String),
    /// A condition key that is none, or a value that it never has.
    #[error("{0}")]
    Context(String),
    /// A role is guarded by its trust policy, everything else by resource policies.
    #[error(
        "a resource and a trust policy would both speak of `{0}`: say `to` what each is attached"
    )]
    TwoGuards(String),
}

/// Documents, each where a test attaches it.
#[derive(Debug, Default)]
pub struct Rehearsal {
    attached: Vec<Attached>,
    names: Names,
}

#[derive(Debug)]
struct Attached {
    kind: Kind,
    /// None: to all.
    to: Vec<Target>,
    policy: Arc<Compiled>,
}

/// What a document is attached to.
#[derive(Debug)]
enum Target {
    Caller(Caller),
    /// A resource, or all below a folder.
    Resource(Box<str>),
}

/// Who calls, or is meant.
#[derive(Debug)]
struct Caller {
    kind: PrincipalKind,
    id: u64,
    name: Box<str>,
    session: Option<Box<str>>,
}

impl Rehearsal {
    /// Attaches a document to callers or resources, as its kind is; to all if none are named.
    ///
    /// # Errors
    /// When a principal or a resource is named that cannot exist.
    pub fn attach<'t>(
        &mut self,
        name: &str,
        document: Document,
        to: impl IntoIterator<Item = &'t str>,
    ) -> Result<(), RehearsalError> {
        let kind = document.kind();
        let target = |text: &str| match kind {
            Kind::Identity | Kind::Boundary | Kind::Session => {
                self.names.caller(text).map(Target::Caller)
            }
            Kind::Resource | Kind::Trust => resource(text).map(Target::Resource),
        };
        let to = to.into_iter().map(target).collect::<Result<_, _>>()?;
        let document = self.names.bind(document)?;
        self.attached.push(Attached {
            kind,
            to,
            policy: Arc::new(Compiled::new(name, &document)),
        });
        Ok(())
    }

    /// Decides one request by what is attached to its caller and its resource.
    ///
    /// # Errors
    /// When the request is one that nobody can make.
    pub fn decide(
        &self,
        case: &Case,
        surroundings: Surroundings<'_>,
    ) -> Result<Outcome, RehearsalError> {
        let caller = self.names.caller(&case.who)?;
        let action = Action::from_name(&case.action)
            .ok_or_else(|| RehearsalError::Action(parse::short(&case.action)))?;
        let resource = resource(&case.resource)?;
        let facts = Facts::read(&case.context, surroundings)?;
        let of = |kind| self.of(kind, &caller, &resource);
        let (own, trust) = (of(Kind::Resource), of(Kind::Trust));
        if !own.is_empty() && !trust.is_empty() {
            return Err(RehearsalError::TwoGuards(case.resource.clone()));
        }
        let (identity, boundary, session) =
            (of(Kind::Identity), of(Kind::Boundary), of(Kind::Session));
        let layers = Layers {
            identity: &identity,
            resource: if trust.is_empty() {
                ResourceLayer::Policies(&own)
            } else {
                ResourceLayer::Trust(&trust)
            },
            boundary: Some(boundary.as_slice()).filter(|policies| !policies.is_empty()),
            session: Some(session.as_slice()).filter(|policies| !policies.is_empty()),
        };
        let request = Request {
            action,
            resource: &resource,
            who: Who {
                kind: caller.kind,
                id: caller.id,
                session: caller.session.as_deref(),
            },
            context: facts.context(&caller.name, surroundings),
        };
        Ok(outcome(evaluate(&layers, &request)))
    }

    fn of(&self, kind: Kind, caller: &Caller, resource: &str) -> Vec<Arc<Compiled>> {
        let mine = self.attached.iter().filter(|attached| {
            attached.kind == kind
                && (attached.to.is_empty()
                    || attached.to.iter().any(|to| to.means(caller, resource)))
        });
        mine.map(|attached| Arc::clone(&attached.policy)).collect()
    }
}

fn outcome(decision: Decision<'_>) -> Outcome {
    let (layer, by, could_not_tell) = match decision {
        Decision::Allowed(by) => (by.layer, Some(by), false),
        Decision::Denied(by, certainty) => {
            (by.layer, Some(by), certainty == Certainty::CouldNotTell)
        }
        Decision::NotAllowed(layer) => (layer, None, false),
    };
    Outcome {
        allowed: decision.is_allowed(),
        layer,
        by: by.map(|by| Deciding {
            policy: by.policy.into(),
            statement: by.statement,
            sid: by.sid.map(Into::into),
        }),
        could_not_tell,
    }
}

/// The one resource that a text names.
fn resource(text: &str) -> Result<Box<str>, RehearsalError> {
    resource::named(text).map_err(|why| {
        RehearsalError::Resource(format!("`{}` is no resource: {why}", parse::short(text)))
    })
}

impl Target {
    fn means(&self, caller: &Caller, resource: &str) -> bool {
        match self {
            Self::Caller(meant) => {
                (meant.kind, meant.id) == (caller.kind, caller.id)
                    && (meant.session.is_none() || meant.session == caller.session)
            }
            Self::Resource(folder) if folder.ends_with(['/', ':']) => {
                resource.starts_with(&**folder)
            }
            Self::Resource(meant) => **meant == *resource,
        }
    }
}

/// An id for every name, given when it is first heard.
#[derive(Debug, Default)]
struct Names(RefCell<BTreeMap<(PrincipalKind, Box<str>), u64>>);

impl Names {
    fn id(&self, kind: PrincipalKind, name: &str) -> u64 {
        let mut known = self.0.borrow_mut();
        let next = u64::try_from(known.len()).unwrap_or(u64::MAX);
        *known.entry((kind, name.into())).or_insert(next)
    }

    fn caller(&self, text: &str) -> Result<Caller, RehearsalError> {
        let principal = parse::principal(text).map_err(RehearsalError::Principal)?;
        let (kind, name, session) = match principal {
            Principal::One(kind, name) => (kind, name, None),
            Principal::Session(role, session) => (PrincipalKind::Role, role, Some(session)),
            Principal::Anyone => {
                let why = "`*` is nobody in particular: write `user:…`, `service:…`, `role:…` or `session:role/name`";
                return Err(RehearsalError::Principal(why.into()));
            }
        };
        let name = match &name {
            PrincipalName::Called(called) => canonical(called),
            PrincipalName::Id(id) => Some(numbered(*id)),
        };
        let name = name.ok_or_else(|| nobody(text))?;
        Ok(Caller {
            kind,
            id: self.id(kind, &name),
            name,
            session,
        })
    }

    /// Binds every name that a document says to the id that it has here.
    fn bind(&self, document: Document) -> Result<Document, RehearsalError> {
        // Ids of the vault would meet those that are given here: they become names first.
        let named = document.unbind(|_, id| Some(numbered(id)));
        let id = |kind, name: &str| {
            let name = if name.starts_with('#') {
                Some(name.into())
            } else {
                canonical(name)
            };
            name.map(|name| self.id(kind, &name))
        };
        named.bind(id).map_err(|unknown| nobody(&unknown))
    }
}

fn nobody(text: &str) -> RehearsalError {
    let text = parse::short(text);
    RehearsalError::Principal(format!("`{text}` is a name that nobody can have"))
}

fn numbered(id: u64) -> Box<str> {
    format!("#{id}").into()
}

/// The one form of a name: `Alice` is `alice`.
fn canonical(name: &str) -> Option<Box<str>> {
    let name = UserName::try_from(name).ok()?;
    Some(name.as_str().into())
}
