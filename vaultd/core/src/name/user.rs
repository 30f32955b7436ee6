//! Names of users, groups, roles, policies and services: one canonical form, from one profile.
//!
//! The form is UsernameCaseMapped of RFC 8265 §3.3 (wide and narrow forms to the usual ones, lower case, NFC,
//! bidirectional rule), and it alone is stored, looked up, counted for lockout, audited and named by policies:
//! `Alice` and `alice` are one user, `alice ` is refused. Only what the RFC maps is mapped; everything else is
//! refused, never repaired. Narrower than the RFC: of ASCII punctuation only `.`, `_`, `-` and `@`, because the
//! rest means something in policies, paths and shells; a letter or digit first; nothing invisible.
//!
//! The classes are those of Unicode 6.3, the RFC's registry: a later table cannot change what a name maps to.
//! A name whose form has another form (RFC 8264 §7 warns of it) is refused, so the form is stable.
//! Look-alikes are refused where a name is given ([`super::alias`]), not where one is looked up.

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::{Error as PrecisError, profile::PrecisFastInvocation};

use super::character::is_hidden;
use super::checked::checked;

/// Most characters of a name.
pub const MAX_NAME_CHARACTERS: usize = 128;

/// The rule that a name breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// Nothing at all.
    #[error("a name is not empty")]
    Empty,
    /// Over [`MAX_NAME_CHARACTERS`].
    #[error("a name has at most {MAX_NAME_CHARACTERS} characters")]
    TooLong,
    /// A character outside the alphabet, by its place, from 1.
    #[error(
        "character {0} is not allowed: a name has letters, digits, `.`, `_`, `-` and `@`, no spaces"
    )]
    Character(usize),
    /// Punctuation or a mark at the start.
    #[error("a name begins with a letter or a digit")]
    Start,
    /// Right-to-left and left-to-right letters together (RFC 5893 §2).
    #[error("a name does not mix letters that are written in different directions")]
    Direction,
    /// The canonical form has another canonical form.
    #[error("a name has one canonical form; this one's letters have none")]
    Unstable,
}

/// Declares name types. All have the same form; a group's name is no user's name.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident)+) => {
        $(checked!($(#[$doc])* $name, UserNameError, canonical);)+
    };
}

names! {
    /// Who a person is to the vault.
    UserName
    /// A group of users.
    GroupName
    /// A role that users and programs assume.
    RoleName
    /// A managed policy.
    PolicyName
    /// A program's identity.
    ServiceName
}

/// RFC 8265 §3.3.3 enforcement, and the rules above.
fn canonical(typed: &str) -> Result<Box<str>, UserNameError> {
    // ORDER: bytes first: mapping a huge text costs. A mapping may shorten, never by more than the bytes say.
    if typed.len() > 4 * MAX_NAME_CHARACTERS {
        return Err(UserNameError::TooLong);
    }
    if typed.is_empty() {
        return Err(UserNameError::Empty);
    }
    if let Some(at) = typed.chars().position(is_hidden) {
        return Err(UserNameError::Character(at + 1));
    }
    let name = enforce(typed)?;
    if name.chars().count() > MAX_NAME_CHARACTERS {
        return Err(UserNameError::TooLong);
    }
    if let Some(at) = name.chars().position(|c| !is_allowed(c)) {
        return Err(UserNameError::Character(at + 1));
    }
    if !name.chars().next().is_some_and(char::is_alphanumeric) {
        return Err(UserNameError::Start);
    }
    // RFC 8264 §7: the order of the rules does not make every form stable
    if enforce(&name).as_deref() == Ok(&*name) {
        Ok(name)
    } else {
        Err(UserNameError::Unstable)
    }
}

/// Whether canonical names may have this part: nothing in it is mapped to something else. What normal form it is
/// in is for the whole to say.
pub(crate) fn may_be_part(text: &str) -> bool {
    let is_own_lower = |c: char| c.to_lowercase().eq([c]);
    // RFC 8265 §3.3.3 rule 1: what Unicode decomposes as <wide> or <narrow>
    let is_usual_width = |c: char| c != '\u{3000}' && !('\u{ff00}'..='\u{ffef}').contains(&c);
    text.chars()
        .all(|c| is_allowed(c) && !c.is_whitespace() && is_own_lower(c) && is_usual_width(c))
}

fn enforce(text: &str) -> Result<Box<str>, UserNameError> {
    match UsernameCaseMapped::enforce(text) {
        Ok(name) => Ok(name.as_ref().into()),
        Err(PrecisError::BadCodepoint(found)) => Err(UserNameError::Character(found.position + 1)),
        Err(PrecisError::Invalid) => Err(UserNameError::Direction),
        // a contextual character where its context is missing, or none that the profile knows
        Err(PrecisError::Unexpected(_)) => Err(UserNameError::Unstable),
    }
}

/// What is left of PRECIS's ASCII, which is all of its graphic characters.
fn is_allowed(c: char) -> bool {
    !is_hidden(c) && (!c.is_ascii_punctuation() || matches!(c, '.' | '_' | '-' | '@'))
}

#[cfg(test)]
mod tests;
