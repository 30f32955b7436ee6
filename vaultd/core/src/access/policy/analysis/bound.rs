//! A statement as a set of resources: exactly, where it has no variables, and otherwise at least or at most.
//!
//! A variable may have any value. One that is missing or refused makes an Allow mean nothing and a Deny
//! everything, as an error does when requests are decided.

use super::search::{Glob, Region};
use crate::access::policy::{
    document::{Effect, ResourcePattern, Sense, Statement},
    template::Piece,
};

/// Which way to err.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Bound {
    /// No less than it may ever mean.
    AtMost,
    /// No more than it always means.
    AtLeast,
}

impl Bound {
    pub(super) fn other(self) -> Self {
        match self {
            Self::AtMost => Self::AtLeast,
            Self::AtLeast => Self::AtMost,
        }
    }
}

/// The resources of a statement.
pub(super) fn region(statement: &Statement, bound: Bound) -> Region {
    let everything = Region {
        globs: Vec::new(),
        inverted: true,
    };
    let Some(listed) = &statement.resources else {
        return everything;
    };
    let inverted = listed.sense == Sense::Others;
    let varies = listed.entries.iter().any(varies);
    match (statement.effect, bound) {
        (Effect::Deny, Bound::AtMost) if varies => return everything,
        (Effect::Allow, Bound::AtLeast) if varies && inverted => {
            return Region {
                globs: Vec::new(),
                inverted: false,
            };
        }
        (Effect::Allow | Effect::Deny, Bound::AtMost | Bound::AtLeast) => {}
    }
    // All but less is more.
    let wide = (bound == Bound::AtMost) != inverted;
    let kept = listed
        .entries
        .iter()
        .filter(|entry| wide || !self::varies(entry));
    Region {
        globs: kept
            .map(|entry| Glob::widened(entry.template.pieces()))
            .collect(),
        inverted,
    }
}

/// Whether a statement means other requests than its actions and resources say.
pub(super) fn is_conditional(statement: &Statement) -> bool {
    !statement.conditions.is_empty()
}

fn varies(entry: &ResourcePattern) -> bool {
    entry.template.pieces().iter().any(|piece| match piece {
        Piece::Variable(_) => true,
        Piece::Text(_) | Piece::One | Piece::Many => false,
    })
}
