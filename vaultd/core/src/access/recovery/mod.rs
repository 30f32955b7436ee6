//! Recovery codes: what gets someone in who has lost his authenticator.
//!
//! ```text
//! text   = 6 groups of the secret ‖ 1 of a checksum                                  crypto::typed
//! secret = 15 random bytes: 120 bits, so that a plain hash is enough
//! hash   = SHA-256 ("vault recovery code v1" ‖ user u64 ‖ secret)
//! record = Recovery ‖ user → hashes of those that are left, when they were made, incarnation   voter class
//! ```
//! Ten at a time, shown once; new ones void the old. Spent by taking the hash out of the record that it was
//! found in, so that of any number of uses at once one succeeds. A recovery code stands in for an
//! authenticator that there is, and for none after a reset: it comes after a right password, its failures
//! count against the account as those of other codes do, its use is audited and told to the user. A backup does
//! not know which codes were spent since, so a restore voids the set; its owner draws another.

mod keep;
#[cfg(test)]
mod tests;

pub use keep::{
    Fresh, Left, RecoveryError, RecoveryHash, ReplaceRefusal, SpendRefusal, clear, left, replace,
    spend,
};
