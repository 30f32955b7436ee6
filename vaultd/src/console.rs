//! What the daemon says to a person: results on stdout, troubles on stderr. Log lines are elsewhere.

use std::error::Error;
use std::io::Write as _;

/// Prints to stdout. A reader that has gone is nobody's trouble.
pub(crate) fn say(text: impl std::fmt::Display) {
    drop(writeln!(std::io::stdout(), "{text}"));
}

/// Prints an error with its causes to stderr, on one line.
pub(crate) fn complain(error: &dyn Error) {
    drop(writeln!(std::io::stderr(), "vaultd: {}", chain(error)));
}

/// Prints a line to stderr.
pub(crate) fn complain_of(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// An error and its causes. A cause that its effect has quoted already is left out.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}
