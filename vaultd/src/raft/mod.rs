//! Consensus: the store's log and state behind openraft, and nothing of openraft outside this folder.
//!
//! | file | what it does |
//! |---|---|
//! | `types`, `config` | what openraft is instantiated with |
//! | `log`, `machine`, `peer` | its three traits over the store and the peers |
//! | `node` | the handle: propose, read index, lead, snapshot, shut down |
//! | `read`, `spread` | that a state is fresh, and that a write is everywhere |
//! | `forward` | requests of clients from node to node |
//! | `member`, `membership` | who belongs to the cluster, and how that changes |
//! | `recover` | one node goes on where the others are lost |
//!
//! Raft runs on one thread with a runtime of its own, and so do the connections to peers: no request can delay a
//! heartbeat.

mod config;
mod error;
mod forward;
mod housekeeping;
mod leader;
mod log;
mod machine;
mod member;
mod membership;
mod metrics;
mod node;
mod peer;
mod propose;
mod read;
mod recover;
mod spread;
#[cfg(test)]
pub(crate) use self::peer::testing as peer_testing;
#[cfg(test)]
pub(crate) mod tests;
mod types;

pub use self::config::{NodeOptions, Timing};
pub use self::error::{MembershipError, ProposeError, RaftError, ReadError, StartError};
pub use self::member::Member;
pub use self::membership::Seat;
pub use self::metrics::Metrics;
pub use self::node::{Node, restore};
pub use self::peer::{Forwarded, Leader, NodeKey, NodeKeyError, PeerOptions, Unforwarded};
pub use self::propose::{Done, Proposal};
pub use self::recover::recover;
