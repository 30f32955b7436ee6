//! Programs whose tokens somebody else signs, and whom to believe.
//!
//! | module | what lives there |
//! |---|---|
//! | [`login`] | from a token to a session |
//! | [`manage`] | what administrators do |
//! | [`jwt`] | a token: its bounds, its signature, its times |
//! | [`key_sets`], [`fetch`] | those that are fetched from an address |
//! | [`verify`] | whether an issuer said it, and who that is: bounded, beside the threads that serve requests |
//! | [`keys`], [`known`] | an issuer's public keys, and those that were read before |
//! | [`strict`] | JSON that says nothing twice |

mod fetch;
mod jwt;
mod key_sets;
mod keys;
mod known;
mod login;
mod manage;
mod strict;
mod verify;

pub use key_sets::KeySetState;
pub(super) use key_sets::KeySets;
pub use login::TokenLogin;
pub use manage::{IssuerName, Told};
pub(super) use verify::Tokens;
