//! From the characters of a text to its pieces.

use super::{Piece, TemplateError, Variable};
use crate::access::policy::key::Key;

/// Collects the pieces of a text.
#[derive(Default)]
pub(super) struct Pieces {
    done: Vec<Piece>,
    pub(super) literal: String,
}

impl Pieces {
    fn flush(&mut self) {
        if !self.literal.is_empty() {
            let text = std::mem::take(&mut self.literal);
            self.done.push(Piece::Text(text.into()));
        }
    }

    pub(super) fn wildcard(&mut self, wildcard: Piece) {
        self.flush();
        let twice = wildcard == Piece::Many && self.done.last() == Some(&Piece::Many);
        if !twice {
            self.done.push(wildcard);
        }
    }

    /// What stands between `${` and `}`.
    pub(super) fn variable(&mut self, inside: &str) -> Result<(), TemplateError> {
        if let "*" | "?" | "$" = inside {
            self.literal.push_str(inside);
            return Ok(());
        }
        let (name, default) = match inside.split_once(',') {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let name = name.trim();
        let key =
            Key::from_name(name).map_err(|error| TemplateError::Key(name.to_owned(), error))?;
        if !key.is_variable() {
            return Err(TemplateError::NotText(name.to_owned()));
        }
        let default = match default {
            Some(default) => {
                Some(quoted(default).ok_or_else(|| TemplateError::Default(inside.to_owned()))?)
            }
            None => None,
        };
        self.flush();
        self.done.push(Piece::Variable(Variable { key, default }));
        Ok(())
    }

    pub(super) fn end(mut self) -> Box<[Piece]> {
        self.flush();
        self.done.into()
    }
}

/// The text between two `'`.
fn quoted(text: &str) -> Option<Box<str>> {
    let inside = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    (!inside.contains('\'')).then(|| inside.into())
}
