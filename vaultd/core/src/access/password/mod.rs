//! Passwords: what is one, which are good enough, how they are hashed and kept.
//!
//! ```text
//! text        what was typed, in the form that is hashed              RFC 8265 OpaqueString
//! policy      what an administrator asks for                          SP 800-63B-4 by default
//! check       a new password against it: every reason, never the text
//! cost        what a hash costs, and which costs are in use
//! hash        argon2id, compared in a time that tells nothing
//! checked     a right password, and whose: what a session is made for
//! choice      a new one: looked at, compared with those before, hashed
//! credential  the stored record
//! ```
//! Order at login: the source's bucket in memory, a hashing slot, the counter ([`super::lockout::begin`]), the
//! hash, and in the transaction that makes the session [`Checked::succeed`]. Hashing is slow and happens between
//! transactions, in a pool of its own.

mod blocklist;
mod check;
mod checked;
mod choice;
mod cost;
mod credential;
mod hash;
mod policy;
mod strength;
#[cfg(test)]
mod tests;
mod text;

pub use blocklist::{BadLine, Blocklist, Reading};
pub use check::{Context, Factors, Weakness, check};
pub use checked::{Checked, SucceedRefusal, Uncompared};
pub use choice::{Candidate, Chosen, Step, Unfit};
pub use cost::{Cost, CostError, InUse};
pub use credential::{Credential, Origin, Seen, Standing};
pub use hash::{Hasher, NoMemory, PasswordHash, Verdict};
pub use policy::{Advice, Policy, PolicyError};
pub use text::{MAX_BYTES, MAX_CHARACTERS, Password, PasswordError};
