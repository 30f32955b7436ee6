//! A password as its owner typed it, in the form that is hashed: OpaqueString of RFC 8265 §4.2.
//!
//! ```text
//! FreeformClass (RFC 8264 §4.3) → spaces of other scripts to U+0020 → NFC → not empty
//! ```
//! Composed and decomposed letters are one password; case, and every character, counts. Nothing is trimmed or
//! cut off: what is too long is refused. Controls, invisible characters and code points that Unicode 6.3 does
//! not know are refused when the password is set, because a later normalisation could change what they hash to.
//!
//! What is missing is missing for good:
//! ```compile_fail,E0599
//! use vault_core::access::password::Password;
//! fn twice(password: Password) -> Password { password.clone() }
//! ```
//! ```compile_fail,E0277
//! fn print(password: &vault_core::access::password::Password) { println!("{password}"); }
//! ```
//! ```compile_fail,E0369
//! use vault_core::access::password::Password;
//! fn compare(a: &Password, b: &Password) -> bool { a == b }
//! ```

use std::fmt;

use precis_profiles::precis_core::{FreeformClass, StringClass};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Most characters (code points) of a password.
pub const MAX_CHARACTERS: usize = 1024;
/// Most bytes of a password, so that hashing is bounded.
pub const MAX_BYTES: usize = 4096;

/// A password in canonical form.
pub struct Password {
    text: Zeroizing<String>,
    characters: usize,
}

/// Why text is no password, whatever a policy says. Tells nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nothing was typed.
    #[error("a password is not empty")]
    Empty,
    /// Over [`MAX_CHARACTERS`] or [`MAX_BYTES`].
    #[error("a password has at most {MAX_CHARACTERS} characters and {MAX_BYTES} bytes")]
    TooLong,
    /// A control, an invisible character, or one that has no stable form.
    #[error(
        "the password has a character that keyboards do not agree on: a control, an invisible one, or one that is newer than Unicode 6.3"
    )]
    Character,
}

impl TryFrom<&str> for Password {
    type Error = PasswordError;

    /// Copies what was typed; whoever holds the original wipes it.
    fn try_from(typed: &str) -> Result<Self, PasswordError> {
        if typed.is_empty() {
            return Err(PasswordError::Empty);
        }
        // ORDER: before anything looks at the text
        if typed.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        if FreeformClass::default().allows(typed).is_err() {
            return Err(PasswordError::Character);
        }
        // UAX 15: NFC grows a UTF-8 text threefold at most; growth would leave copies behind
        let mut text = Zeroizing::new(String::with_capacity(3 * typed.len()));
        text.extend(typed.chars().map(plain_space).nfc());
        // A form that is not allowed as it is has no stable form: U+0387 becomes U+00B7, which only stands between
        // two `l` (RFC 5892, A.3).
        if FreeformClass::default().allows(text.as_str()).is_err() {
            return Err(PasswordError::Character);
        }
        let characters = text.chars().count();
        if characters > MAX_CHARACTERS || text.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        Ok(Self { text, characters })
    }
}

impl Password {
    /// The text; say in an `EXPOSE` line where it goes.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// How many code points it has.
    pub fn characters(&self) -> usize {
        self.characters
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// RFC 8265 §4.2.2 rule 2: general category Zs, which has not changed since Unicode 6.3.
fn plain_space(c: char) -> char {
    match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        other => other,
    }
}
