//! What changed from one document to another, statement by statement.

use crate::access::policy::document::{Document, Statement};

/// One statement that is not the same in both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change<'d> {
    /// Only the new document has it.
    Added(&'d Statement),
    /// Only the old document has it.
    Removed(&'d Statement),
    /// Both have one of this `Sid`, and they differ.
    Changed {
        /// As it was.
        from: &'d Statement,
        /// As it is.
        to: &'d Statement,
    },
}

/// The changes, in the order of the new document; what was removed comes last. The order of statements
/// means nothing, and a statement that only moved has not changed.
pub fn diff<'d>(old: &'d Document, new: &'d Document) -> Vec<Change<'d>> {
    let mut left: Vec<&Statement> = old.statements.iter().collect();
    // What is the same is paired before what only has the same name.
    let mut open = Vec::new();
    for statement in &new.statements {
        if take(&mut left, |other| other == statement).is_none() {
            open.push(statement);
        }
    }
    let changes = open.into_iter().map(|to| {
        let named = |other: &Statement| to.sid.is_some() && other.sid == to.sid;
        take(&mut left, named).map_or(Change::Added(to), |from| Change::Changed { from, to })
    });
    let mut changes: Vec<Change<'d>> = changes.collect();
    changes.extend(left.into_iter().map(Change::Removed));
    changes
}

fn take<'d>(
    left: &mut Vec<&'d Statement>,
    is: impl Fn(&Statement) -> bool,
) -> Option<&'d Statement> {
    let at = left.iter().position(|statement| is(statement))?;
    Some(left.remove(at))
}
