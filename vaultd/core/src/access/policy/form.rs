//! In what form a document writes what requests are compared with: names are stored in one form, and a Deny of
//! another form of a name would deny nobody.

use super::template::{Piece, Template};
use crate::name::{UserName, UserNameError, is_hidden, may_be_part};

/// Why a text can never be what a request has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum FormError {
    #[error("has control, bidirectional or zero-width characters")]
    Hidden,
    #[error("is not in unicode normal form c")]
    NotNormalised,
    #[error("names no one: names are stored in one form, so write `{0}`")]
    Name(Box<str>),
    #[error("names no one: {0}")]
    NoName(UserNameError),
    #[error("matches no name: names are stored in lower case, in usual width, without spaces")]
    Part,
}

/// Whether a text is one that a reader sees as it is.
pub(super) fn text(text: &str) -> Result<(), FormError> {
    if text.chars().any(is_hidden) {
        Err(FormError::Hidden)
    } else if unicode_normalization::is_nfc(text) {
        Ok(())
    } else {
        Err(FormError::NotNormalised)
    }
}

/// Whether a pattern for names of users, groups, roles, services or policies can match one, as far as its literal
/// parts tell.
pub(super) fn name(pattern: &Template) -> Result<(), FormError> {
    let [Piece::Text(whole)] = pattern.pieces() else {
        return parts(pattern, may_be_part);
    };
    if is_variable_that_is_off(whole) {
        return Ok(());
    }
    let name = UserName::try_from(&**whole).map_err(FormError::NoName)?;
    if name.as_str() == &**whole {
        Ok(())
    } else {
        Err(FormError::Name(name.as_str().into()))
    }
}

/// The same where case does not count.
pub(super) fn name_ignoring_case(pattern: &Template) -> Result<(), FormError> {
    parts(pattern, |part| may_be_part(&part.to_lowercase()))
}

fn parts(pattern: &Template, fits: impl Fn(&str) -> bool) -> Result<(), FormError> {
    let fit = pattern.pieces().iter().all(|piece| match piece {
        Piece::Text(text) => is_variable_that_is_off(text) || fits(text),
        Piece::Variable(variable) => variable.default.as_deref().is_none_or(&fits),
        Piece::One | Piece::Many => true,
    });
    if fit { Ok(()) } else { Err(FormError::Part) }
}

/// What is said by a warning: documents that are older than variables are taken as they are.
fn is_variable_that_is_off(text: &str) -> bool {
    text.contains("${")
}
