//! Secret bytes and texts as a client holds them.
//!
//! They wipe their memory when dropped, print as their name only, and give their content through
//! `expose()` alone. No `Clone`, `Display`, `PartialEq` or `Deref`.

use std::fmt;
use std::str::Utf8Error;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The bytes of one field of a secret.
///
/// ```compile_fail
/// let value = vault_sdk::Value::new(b"x".to_vec());
/// let _ = format!("{value}");
/// ```
/// ```compile_fail
/// let value = vault_sdk::Value::new(b"x".to_vec());
/// let _ = value.clone();
/// ```
pub struct Value(Zeroizing<Box<[u8]>>);

impl Value {
    /// Takes the bytes over. Spare capacity of a `Vec` is freed without being wiped, so hand over
    /// an exact one where it matters.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text.
    ///
    /// # Errors
    /// When they are not UTF-8.
    pub fn expose_str(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.0)
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// No bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Compares in constant time.
    pub fn same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

/// A secret text: a share, a passphrase, a generated value.
pub struct Text(Zeroizing<String>);

impl Text {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(..)")
    }
}

/// A bearer token, `vlt_…`, or of a signed session `vlg_…`.
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes the token over.
    pub fn new(token: impl Into<String>) -> Self {
        Self(Zeroizing::new(token.into()))
    }

    /// The token.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, Token, Value};

    #[test]
    fn nothing_secret_is_printed() {
        let shown = format!(
            "{:?} {:?} {:?}",
            Value::new(b"canary".to_vec()),
            Text::new("canary"),
            Token::new("canary")
        );
        assert_eq!(shown, "Value(..) Text(..) Token(..)");
    }

    #[test]
    fn values_compare_by_content() {
        assert!(Value::new(b"a".to_vec()).same(&Value::new(b"a".to_vec())));
        assert!(!Value::new(b"a".to_vec()).same(&Value::new(b"ab".to_vec())));
    }

    #[test]
    fn bytes_that_are_not_text_are_refused_as_text() {
        assert!(Value::new(vec![0xff]).expose_str().is_err());
    }
}
