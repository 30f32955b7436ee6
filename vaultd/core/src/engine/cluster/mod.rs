//! Who belongs to the cluster: the roster of its nodes, and the way onto it.
//!
//! ```text
//! Header "roster" → next id ‖ nodes ‖ candidates ‖ invitations                           in the clear, as any header
//! ```
//! One record, which only a signed batch can change, so that whoever holds a node's key adds nobody. It is in the clear,
//! because a sealed node must know its peers. Of an invitation it has the hash only.
//!
//! ```text
//! invited ─ask→ candidate ─approve→ node ─remove→ gone            ids are given once, also to those who were rejected
//! ```

mod card;
mod roster;
mod tables;
#[cfg(test)]
mod tests;

pub use card::{Candidate, Card, CardError, Invitation, Node};
pub use roster::{Refusal, Roster};
pub use tables::{change, read, roster_key};
