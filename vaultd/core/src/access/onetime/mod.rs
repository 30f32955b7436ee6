//! Codes that an administrator hands to someone: to enrol a first authenticator, or to set a new password.
//!
//! ```text
//! text   = "vlt-enrol" | "vlt-reset" ‖ 8 groups of the secret ‖ 1 of a checksum     crypto::typed
//! secret = 20 random bytes
//! hash   = SHA-256 ("vault one-time code v1" ‖ purpose u8 ‖ secret)
//! record = OneTime ‖ user ‖ purpose u8 → hash, issuer, end, incarnation              voter class
//! ```
//! One at a time for each user and purpose: a new one voids the old, and nothing has to be searched for to
//! take one back. Spent by a delete in the transaction that does what it is for, so that of any number of
//! uses at once one succeeds. Unknown, spent and expired are one answer. A backup does not know what was spent
//! since, so a restore ends all codes.

mod code;
mod keep;
#[cfg(test)]
mod tests;

pub use code::{OneTimeError, OneTimeHash, Purpose, make};
pub use keep::{
    IssueRefusal, SpendRefusal, Spent, issue, outstanding, revoke, revoke_all, spend, sweep,
};
