//! What can be proven of documents without a request: that a new one allows nothing that an old one does not.
//!
//! Actions are finite and are taken one by one; resources are languages of globs and are compared exactly;
//! principals are those that the documents name, and one that they do not. A condition is a proposition of
//! which nothing is known but that it is the same in both documents; a variable may have any value.
//! "No new access" is said only if it holds whatever they are, "new access" only if it is there whatever
//! they are. Between the two lies "cannot prove".

mod bound;
mod diff;
mod search;

use std::collections::BTreeSet;

pub use diff::{Change, diff};

use self::{
    bound::{Bound, is_conditional, region},
    search::{Access, Budget, TooLarge, beyond},
};
use super::{
    compiled::{ActionSet, Named},
    condition::Condition,
    document::{Document, Effect, Principal, PrincipalKind, PrincipalName, Sense, Statement},
};
use crate::access::Action;

/// Most distinct conditions of which every combination is tried.
const MAX_CONDITIONS: usize = 8;
/// Most principals that documents to be compared may name, and most statements of each.
const MAX_CALLERS: usize = 200;
const MAX_STATEMENTS: usize = 1_000;
/// Steps that a comparison may take: about a second.
const BUDGET: usize = 20_000_000;

/// Whether a document allows what another does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NewAccess {
    /// It does not, whatever the request.
    None,
    /// It allows this, which the other never does.
    Found(Example),
    /// It may allow this: that depends on conditions or variables, of which nothing is known.
    CannotProve(Example),
    /// One names principals by what they are called, the other by their ids: bind or unbind both first.
    Unbound,
    /// The documents are too large to be compared, or it was stopped.
    TooLarge,
}

/// A request that tells two documents apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Example {
    /// What would be done.
    pub action: Action,
    /// To what.
    pub resource: Box<str>,
    /// By whom; none if the documents name nobody who could tell them apart.
    pub principal: Option<Box<str>>,
}

/// Proves that the new document allows nothing beyond the old one, or shows what it does. It takes a second at
/// most where a step takes what it should; whoever will not wait that long says so by `stopped`.
pub fn check_no_new_access(
    old: &Document,
    new: &Document,
    stopped: &dyn Fn() -> bool,
) -> NewAccess {
    if names(old, is_called) && names(new, is_id) || names(old, is_id) && names(new, is_called) {
        return NewAccess::Unbound;
    }
    let longest = old.statements.len().max(new.statements.len());
    if longest > MAX_STATEMENTS {
        return NewAccess::TooLarge;
    }
    let comparison = Comparison::new(old, new);
    if comparison.callers.len() > MAX_CALLERS {
        return NewAccess::TooLarge;
    }
    let mut budget = Budget::new(BUDGET, stopped);
    let candidate = match comparison.prove(&mut budget) {
        Ok(None) => return NewAccess::None,
        Ok(Some(candidate)) => candidate,
        Err(TooLarge) => return NewAccess::TooLarge,
    };
    let known = Truth::Bounds(Bound::AtLeast);
    match comparison.search(&known, &mut budget) {
        Ok(Some(example)) => NewAccess::Found(example),
        Ok(None) => NewAccess::CannotProve(candidate),
        Err(TooLarge) => NewAccess::TooLarge,
    }
}

fn names(document: &Document, is: fn(&PrincipalName) -> bool) -> bool {
    let listed = document
        .statements
        .iter()
        .filter_map(|statement| statement.principals.as_ref());
    let mut principals = listed.flat_map(|listed| &listed.entries);
    principals.any(|principal| match principal {
        Principal::Anyone => false,
        Principal::One(_, name) | Principal::Session(name, _) => is(name),
    })
}

fn is_called(name: &PrincipalName) -> bool {
    matches!(name, PrincipalName::Called(_))
}

fn is_id(name: &PrincipalName) -> bool {
    !is_called(name)
}

/// What is taken to be known of conditions.
enum Truth {
    /// Those of these numbers hold, and no others.
    Holding(usize),
    /// Nothing: the new document is taken at this bound, the old one at the other.
    Bounds(Bound),
}

/// A statement, and the actions that it means.
type Meant<'d> = (ActionSet, &'d Statement);

struct Comparison<'d> {
    old: Vec<Meant<'d>>,
    new: Vec<Meant<'d>>,
    /// Distinct conditions, up to one more than are tried. One in an Allow and the same in a Deny are two: an error makes them differ.
    conditions: Vec<(Effect, &'d Condition)>,
    /// Whom to ask for: none is whoever is named nowhere.
    callers: Vec<Option<&'d Principal>>,
}

impl<'d> Comparison<'d> {
    fn new(old: &'d Document, new: &'d Document) -> Self {
        let mut callers = vec![None];
        let mut conditions = Vec::new();
        for statement in old.statements.iter().chain(&new.statements) {
            let named = statement
                .principals
                .iter()
                .flat_map(|listed| &listed.entries);
            for principal in named.filter(|principal| **principal != Principal::Anyone) {
                if callers.len() <= MAX_CALLERS && !callers.contains(&Some(principal)) {
                    callers.push(Some(principal));
                }
            }
            for condition in &statement.conditions {
                let condition = (statement.effect, condition);
                if conditions.len() <= MAX_CONDITIONS && !conditions.contains(&condition) {
                    conditions.push(condition);
                }
            }
        }
        Self {
            old: old.statements.iter().map(meant).collect(),
            new: unchanged_left_out(&old.statements, &new.statements)
                .map(meant)
                .collect(),
            conditions,
            callers,
        }
    }

    /// Tries everything that conditions may be; where that is too much, takes each document at its worst.
    fn prove(&self, budget: &mut Budget<'_>) -> Result<Option<Example>, TooLarge> {
        if self.conditions.len() > MAX_CONDITIONS {
            return self.search(&Truth::Bounds(Bound::AtMost), budget);
        }
        for holding in 0..1_usize << self.conditions.len() {
            if let Some(example) = self.search(&Truth::Holding(holding), budget)? {
                return Ok(Some(example));
            }
        }
        Ok(None)
    }

    fn search(&self, truth: &Truth, budget: &mut Budget<'_>) -> Result<Option<Example>, TooLarge> {
        let new_bound = match truth {
            Truth::Holding(_) => Bound::AtMost,
            Truth::Bounds(bound) => *bound,
        };
        let mut done = BTreeSet::new();
        for action in Action::ALL.iter().copied() {
            for caller in self.callers.iter().copied() {
                for level in [Named::Broadly, Named::Principal, Named::Session] {
                    budget.spend(self.old.len() + self.new.len())?;
                    let asked = Asked {
                        action: ActionSet::of(action),
                        caller,
                        level,
                    };
                    let new = self.meant(&self.new, &asked, truth, new_bound);
                    let old = self.meant(&self.old, &asked, truth, new_bound.other());
                    // The same statements say the same of every action.
                    if new.is_empty() || !done.insert((new.clone(), old.clone())) {
                        continue;
                    }
                    let new = access(&self.new, &new, new_bound);
                    let old = access(&self.old, &old, new_bound.other());
                    if let Some(resource) = beyond(&new, &old, budget)? {
                        return Ok(Some(Example {
                            action,
                            resource: resource.into(),
                            principal: caller.map(|caller| caller.to_string().into()),
                        }));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The numbers of the statements that apply.
    fn meant(
        &self,
        statements: &[Meant<'_>],
        asked: &Asked<'_>,
        truth: &Truth,
        bound: Bound,
    ) -> Vec<usize> {
        let holds = |statement: &Statement| match (truth, statement.effect) {
            (Truth::Holding(holding), effect) => statement.conditions.iter().all(|condition| {
                let number = self
                    .conditions
                    .iter()
                    .position(|known| *known == (effect, condition));
                number.is_some_and(|number| holding >> number & 1 == 1)
            }),
            // At most what the document allows: its Allows hold and its Denies do not.
            (Truth::Bounds(_), Effect::Allow) => {
                bound == Bound::AtMost || !is_conditional(statement)
            }
            (Truth::Bounds(_), Effect::Deny) => {
                bound == Bound::AtLeast || !is_conditional(statement)
            }
        };
        let applies = |(actions, statement): &Meant<'_>| {
            actions.meets(asked.action) && asked.means(statement) && holds(statement)
        };
        let numbered = statements.iter().enumerate();
        numbered
            .filter(|(_, meant)| applies(meant))
            .map(|(n, _)| n)
            .collect()
    }
}

fn meant(statement: &Statement) -> Meant<'_> {
    (ActionSet::meant(statement), statement)
}

/// An Allow that the old document has too adds nothing, if all that the old one denies is denied still.
fn unchanged_left_out<'d>(
    old: &'d [Statement],
    new: &'d [Statement],
) -> impl Iterator<Item = &'d Statement> {
    let mut denied = old
        .iter()
        .filter(|statement| statement.effect == Effect::Deny);
    let still = denied.all(|statement| new.iter().any(|other| other.says_what(statement)));
    new.iter().filter(move |statement| {
        let known = || old.iter().any(|other| other.says_what(statement));
        statement.effect == Effect::Deny || !still || !known()
    })
}

fn access(statements: &[Meant<'_>], numbers: &[usize], bound: Bound) -> Access {
    let mut access = Access::default();
    for (_, statement) in numbers.iter().filter_map(|number| statements.get(*number)) {
        match statement.effect {
            Effect::Allow => access.allow.push(region(statement, bound)),
            Effect::Deny => access.deny.push(region(statement, bound.other())),
        }
    }
    access
}

/// One question: an action, a caller, and how directly an Allow must name him to be counted.
struct Asked<'d> {
    action: ActionSet,
    caller: Option<&'d Principal>,
    level: Named,
}

impl Asked<'_> {
    fn means(&self, statement: &Statement) -> bool {
        let Some(listed) = &statement.principals else {
            // Nobody is named in policies of identities.
            return self.level == Named::Broadly;
        };
        let named = listed.entries.iter().filter(|entry| self.is(entry));
        let directness = named.map(Principal::directness).max();
        if statement.effect == Effect::Deny || self.level == Named::Broadly {
            return directness.is_some() == (listed.sense == Sense::These);
        }
        listed.sense == Sense::These && directness.is_some_and(|named| named >= self.level)
    }

    fn is(&self, entry: &Principal) -> bool {
        match (entry, self.caller) {
            (Principal::Anyone, _) => true,
            (Principal::One(PrincipalKind::Role, role), Some(Principal::Session(of, _))) => {
                role == of
            }
            (entry, Some(caller)) => entry == caller,
            (Principal::One(..) | Principal::Session(..), None) => false,
        }
    }
}
