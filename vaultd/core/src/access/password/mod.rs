//! Passwords: what is one.
//!
//! ```text
//! text        what was typed, in the form that is hashed              RFC 8265 OpaqueString
//! ```

#[cfg(test)]
mod tests;
mod text;

pub use text::{MAX_BYTES, MAX_CHARACTERS, Password, PasswordError};
