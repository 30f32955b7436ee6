//! Programs whose tokens somebody else signs, and whom to believe.
//!
//! | module | what lives there |
//! |---|---|
//! | [`login`] | from a token to a session |
//! | [`manage`] | what administrators do |
//! | [`jwt`] | a token: its bounds, its signature, its times |
//! | [`keys`] | an issuer's public keys |
//! | [`strict`] | JSON that says nothing twice |

mod jwt;
mod keys;
mod login;
mod manage;
mod strict;

pub use login::TokenLogin;
pub use manage::IssuerName;
