//! Wrapped values: handed to whoever brings the code, once.
//!
//! ```text
//! Wrapped      lookup hash of the code   → who left it, until when, whom it was handed to    voter class
//! Value, Wrap  id ‖ 1                    → envelope under the code's key, sealed like any secret's value
//! Due          calendar 4, lookup hash   → nothing
//! ```
//! The code is nowhere: who holds disk and keys, or the open vault, cannot open the value without it. The lookup
//! hash, which opens nothing, is the accessor by which its creator looks after it.
//!
//! A value is handed out to a *claim*, random bytes that the client draws and repeats with each try. The write that
//! hands it out binds it to the claim's hash, so of any number of takers one gets it; and he, if the reply was lost,
//! gets it again for a minute. Whoever comes with another claim gets what one gets for a code that never was.
//! A restore from a backup ends what the backup holds: it may have been handed out since.

mod keep;
mod refusal;
mod sealed;
mod taking;
#[cfg(test)]
mod tests;

pub use keep::{Info, Share, look_up, revoke, share, sweep};
pub use refusal::Refusal;
pub use sealed::{Accessor, AccessorError, Wrapped, wrap};
pub use taking::{Claim, ClaimError, Unwrapped, unwrap};
