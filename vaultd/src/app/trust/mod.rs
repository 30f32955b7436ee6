//! Programs whose tokens somebody else signs, and whom to believe.
//!
//! | module | what lives there |
//! |---|---|
//! | [`login`] | from a token to a session |
//! | [`manage`] | what administrators do |
//! | [`jwt`] | a token: its bounds, its signature, its times |
//! | [`keys`] | an issuer's public keys |
//! | [`key_sets`], [`fetch`] | those that are fetched from an address |
//! | [`strict`] | JSON that says nothing twice |

mod fetch;
mod jwt;
mod key_sets;
mod keys;
mod login;
mod manage;
mod strict;

pub use key_sets::KeySetState;
pub(super) use key_sets::KeySets;
pub use login::TokenLogin;
pub use manage::{IssuerName, Told};
