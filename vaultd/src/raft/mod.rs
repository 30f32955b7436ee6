//! Consensus: the store's log and state behind openraft, and nothing of openraft outside this folder.
//!
//! | file | what it does |
//! |---|---|
//! | `types`, `config` | what openraft is instantiated with |
//! | `log`, `machine`, `network` | its three traits over the store and the peers |
//! | `node` | the handle: propose, read index, lead, snapshot, shut down |
//!
//! Raft runs on one thread with a runtime of its own, so that no request can delay a heartbeat.

mod config;
mod error;
mod housekeeping;
mod leader;
mod log;
mod machine;
mod metrics;
mod network;
mod node;
mod propose;
mod read;
#[cfg(test)]
mod tests;
mod types;

pub use self::config::{NodeOptions, Timing};
pub use self::error::{ProposeError, RaftError, ReadError, StartError};
pub use self::metrics::Metrics;
pub use self::node::{Node, restore};
pub use self::propose::{Done, Proposal};
