//! The nodes of the cluster: who is invited, asks, is approved, gets a vote, goes.
//!
//! | module | what it does |
//! |---|---|
//! | [`members`] | what administrators do with nodes |
//! | [`joining`] | how a node comes |
//! | [`joined`] | which cluster a node belongs to that did not make one: a file of its own |
//! | [`follow`] | the membership follows the roster; a sealed leader hands over |
//!
//! The roster is a record, so every change of it is granted, signed, audited and told by the log. Raft's membership only
//! follows it, on the leader, step by step: what a crash or a change of leader cuts off, the next leader goes on with.

mod follow;
mod joined;
mod joining;
mod members;

use std::sync::Arc;

use tokio::sync::watch;
use vault_core::engine::cluster::Card;

pub(super) use follow::start;
pub use joined::{Joined, JoinedError, Voter};
pub use joining::{Invited, Membership};
pub use members::{Listed, State};

/// How this node has peers.
#[derive(Clone, Debug)]
pub struct Presence {
    /// How it presents itself to them.
    pub card: Card,
    /// Whether it may be handed the lead: told to raft.
    pub may_lead: Arc<watch::Sender<bool>>,
    /// It was told which cluster it joins.
    pub joined: Option<Joined>,
}
