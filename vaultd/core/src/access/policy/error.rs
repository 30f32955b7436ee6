//! Why a text is not a policy, and where it says so.

use std::{cmp::Ordering, fmt};

/// Longest message: what is quoted from a document may be long.
const MAX_MESSAGE: usize = 300;

/// What is wrong with a document, with the place of the word that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct PolicyError {
    line: usize,
    column: usize,
    message: Box<str>,
}

impl PolicyError {
    pub(super) fn new((line, column): (usize, usize), message: &str) -> Self {
        let end = message
            .char_indices()
            .nth(MAX_MESSAGE)
            .map_or(message.len(), |(at, _)| at);
        Self {
            line,
            column,
            message: message.get(..end).unwrap_or_default().into(),
        }
    }

    /// Counted from one.
    pub fn line(&self) -> usize {
        self.line
    }

    /// In characters, counted from one.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Where something stood in its text, in bytes. It is no part of what a document says: any two are equal.
#[derive(Clone, Copy, Default)]
pub(super) struct Spot(pub(super) usize);

impl PartialEq for Spot {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Spot {}

impl PartialOrd for Spot {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Spot {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl fmt::Debug for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

impl Spot {
    /// Line and column, each from one.
    pub(super) fn place(self, text: &str) -> (usize, usize) {
        let before = text.get(..self.0).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default();
        (line, column.chars().count() + 1)
    }
}

/// Something wrong at a spot, before the text is at hand to say the line.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) spot: Spot,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(spot: Spot, message: impl Into<String>) -> Self {
        Self {
            spot,
            message: message.into(),
        }
    }
}
