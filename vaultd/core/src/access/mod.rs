//! Who calls, what he may do, and the proof that it was decided.
//!
//! A [`Caller`] is made only by [`authenticate`], a [`Grant`] only by [`authorise`]; a grant owns the
//! resource it was made for, and engines take their path from it. So reading B after authorising A
//! cannot be written. Everything read here becomes a check of the transaction: a write is bound to the
//! rights it was decided under.

mod action;
mod grant;
pub mod lockout;
mod login;
#[cfg(test)]
mod model;
pub mod onetime;
pub mod password;
pub mod policy;
pub mod recovery;
mod session;
#[cfg(test)]
mod tests;
pub mod totp;

pub use action::{Action, ActionGlob, ActionGlobError};
pub use grant::{Denied, Grant, Resource, WrongGrant, authorise};
pub use login::{Login, LoginRefusal, create_administrator, login, logout, sweep_sessions};
pub use session::{Caller, Session, TokenHash, Unauthenticated, authenticate};
