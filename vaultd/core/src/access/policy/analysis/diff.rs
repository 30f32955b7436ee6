//! What changed from one document to another, statement by statement.

use std::collections::{BTreeMap, VecDeque};

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
    let mut left: BTreeMap<usize, &Statement> = old.statements.iter().enumerate().collect();
    let mut texts: BTreeMap<String, VecDeque<usize>> = BTreeMap::new();
    for (number, statement) in &left {
        let same = texts.entry(statement.to_string()).or_default();
        same.push_back(*number);
    }
    // What is the same is paired before what only has the same name.
    let mut open = Vec::new();
    for statement in &new.statements {
        let same = texts.get_mut(&statement.to_string());
        // In one document a text means one thing, so the first speaks for all; in another it may mean something else.
        let is = |number: &usize| left.get(number).is_some_and(|old| *old == statement);
        let same = same.filter(|same| same.front().is_some_and(is));
        match same.and_then(VecDeque::pop_front) {
            Some(number) => drop(left.remove(&number)),
            None => open.push(statement),
        }
    }
    let numbers = left
        .iter()
        .filter_map(|(number, statement)| Some((statement.sid()?, *number)));
    let named: BTreeMap<&str, usize> = numbers.collect();
    let mut pair = |to: &'d Statement| {
        let from = to.sid().and_then(|sid| left.remove(named.get(sid)?));
        from.map_or(Change::Added(to), |from| Change::Changed { from, to })
    };
    let mut changes: Vec<Change<'d>> = open.into_iter().map(&mut pair).collect();
    changes.extend(left.into_values().map(Change::Removed));
    changes
}
