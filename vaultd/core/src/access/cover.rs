//! Nobody hands out more than he has: proofs that a document lies within a caller's own rights.
//!
//! A proof may take a second, so none is made where a request is decided. What is asked for and not known is
//! noted; [`Proofs::prove`] is run apart, and then the request once more. A proof is kept under both documents
//! themselves, so it holds for what says the same and for nothing else, whatever has changed since: what one evaluation
//! wanted stands in no other's way. Who calls is another on each side: see [`Whoever`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use super::{
    Action, ActionGlob, Caller, Facts, Resource, Sort,
    policy::{Document, Example, Kind, NewAccess, PrincipalKind, Whoever, check_no_new_access},
    principal::documents_of,
};
use crate::record::{RecordError, Tx};

/// Proofs for one request.
#[derive(Debug, Default)]
pub struct Proofs {
    known: BTreeMap<Claim, NewAccess>,
    wanted: BTreeSet<Claim>,
}

/// That one document lies within another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Claim {
    what: Arc<Document>,
    within: Arc<Document>,
}

/// Why a document may not be handed out.
#[derive(Debug, thiserror::Error)]
pub enum Exceeds {
    /// It is not known yet.
    #[error("it has not been proved that this stays within the caller's own rights")]
    Unproven,
    /// It allows what the caller's own policies do not, or that cannot be told.
    #[error(transparent)]
    Beyond(Beyond),
    /// Something denies the caller a part of what he would hand out.
    #[error("it would hand out more than the caller has: {0}")]
    Denied(&'static str),
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What would be handed out beyond what the caller has. What it is says what somebody else may do, so it is told to
/// those only who may see that, and always to the audit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Beyond {
    found: NewAccess,
    told: bool,
}

/// Whose words a document is: whether the caller may be told what it says.
#[derive(Debug)]
pub(crate) enum Whose {
    /// His own, in this request, or nobody's.
    Own,
    /// Those of this policy, or of any: for those who may see it.
    Of(Resource),
}

impl Whose {
    /// Of whatever is attached to somebody.
    pub(crate) fn others() -> Self {
        Self::Of(Resource::Every(Sort::Policy))
    }

    fn may_be_told(&self, caller: &Caller) -> bool {
        match self {
            Self::Own => true,
            Self::Of(policy) => caller
                .decide(Action::POLICY_DESCRIBE, policy, &Facts::default())
                .is_ok(),
        }
    }
}

impl Beyond {
    /// A request that would have been let through. Not for the caller.
    pub fn example(&self) -> Option<&Example> {
        match &self.found {
            NewAccess::Found(example) | NewAccess::CannotProve(example) => Some(example),
            NewAccess::None | NewAccess::Unbound | NewAccess::TooLarge => None,
        }
    }
}

/// For the caller.
impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it would hand out more than the caller has")?;
        match &self.found {
            NewAccess::Found(Example {
                action, resource, ..
            }) if self.told => write!(f, ": {action} on {resource}"),
            NewAccess::CannotProve(Example {
                action, resource, ..
            }) if self.told => write!(
                f,
                ": perhaps {action} on {resource}, which depends on conditions"
            ),
            NewAccess::Found(_) | NewAccess::CannotProve(_) | NewAccess::None => {
                f.write_str("; what that is, is told to those who may see policies")
            }
            NewAccess::Unbound => {
                f.write_str(": one of the policies names principals that nobody has looked up")
            }
            NewAccess::TooLarge => f.write_str(": the policies are too large to be compared"),
        }
    }
}

impl Proofs {
    /// Whether something must be proved first.
    pub fn wants(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Forgets what was wanted before: for an evaluation that begins.
    pub fn begin(&mut self) {
        self.wanted.clear();
    }

    /// Proves what was wanted, until it is stopped; whether it came any further. What is left is wanted still. Slow:
    /// not for a thread that others wait for.
    pub fn prove(&mut self, stopped: &dyn Fn() -> bool) -> bool {
        let mut further = false;
        while let Some(claim) = self.wanted.pop_first() {
            let proof = check_no_new_access(&claim.within, &claim.what, stopped);
            if stopped() {
                self.wanted.insert(claim);
                break;
            }
            self.known.insert(claim, proof);
            further = true;
        }
        further
    }

    /// Whether the documents lie within everything that limits the caller. Whose they are decides what he is told.
    ///
    /// # Errors
    /// When they do not, or it must be proved first.
    pub(crate) fn within(
        &mut self,
        tx: &mut Tx<'_>,
        caller: &Caller,
        documents: &[Arc<Document>],
        whose: &Whose,
    ) -> Result<(), Exceeds> {
        let limits = limits(tx, caller)?;
        let mut proved = true;
        for what in documents {
            let what = what.of_whoever(Whoever::AtMost);
            for within in &limits {
                let claim = Claim {
                    what: Arc::clone(&what),
                    within: Arc::clone(within),
                };
                match self.known.get(&claim) {
                    Some(NewAccess::None) => {}
                    Some(found) => {
                        return Err(Exceeds::Beyond(Beyond {
                            found: found.clone(),
                            told: whose.may_be_told(caller),
                        }));
                    }
                    None => {
                        proved = false;
                        self.wanted.insert(claim);
                    }
                }
            }
        }
        if proved {
            Ok(())
        } else {
            Err(Exceeds::Unproven)
        }
    }

    /// Whether the caller may do everything: for what takes a limit away, of which nobody can say what it held off.
    pub(crate) fn everything(&mut self, tx: &mut Tx<'_>, caller: &Caller) -> Result<(), Exceeds> {
        match Document::everything() {
            Some(everything) => self.within(tx, caller, &[Arc::new(everything)], &Whose::Own),
            None => Err(Exceeds::Beyond(Beyond {
                found: NewAccess::TooLarge,
                told: true,
            })),
        }
    }
}

/// All that limits a caller: a document must lie within each.
fn limits(tx: &mut Tx<'_>, caller: &Caller) -> Result<Vec<Arc<Document>>, RecordError> {
    let mut limits = Vec::new();
    let rights = &caller.rights;
    if rights.kind != PrincipalKind::Root {
        let (mut identity, boundary) = documents_of(tx, rights.id)?;
        identity.extend(caller.denied_by_resources());
        limits.push(Arc::new(Document::joined(&identity)));
        limits.extend(boundary);
    }
    if let Some(policies) = &caller.session.policies {
        let documents: Vec<_> = policies
            .iter()
            .map(|policy| Arc::clone(policy.document()))
            .collect();
        limits.push(Arc::new(Document::joined(&documents)));
    }
    if let Some(actions) = caller.session.actions() {
        limits.push(Arc::new(narrowed_to(actions)));
    }
    let least = limits
        .iter()
        .map(|limit| limit.of_whoever(Whoever::AtLeast));
    Ok(least.collect())
}

/// What a narrowed session may do, as a document.
fn narrowed_to(actions: &[ActionGlob]) -> Document {
    let actions: Vec<_> = actions
        .iter()
        .map(|action| format!("\"{action}\""))
        .collect();
    let text = format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": [{}], "Resource": "*"}}}}"#,
        actions.join(", ")
    );
    // INVARIANT: actions of sessions were checked; if one has gone since, nothing lies within nothing
    Document::parse(&text, Kind::Session)
        .map_or_else(|_| Document::joined(&[]), |(document, _)| document)
}
