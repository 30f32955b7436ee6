//! What can go wrong with raft, as its users see it.

use std::io;

use crate::store::Refused;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No thread or runtime.
    #[error("raft's thread did not start: {0}")]
    Thread(#[from] io::Error),
    /// Raft refused its storage or settings.
    #[error("raft did not start: {0}")]
    Raft(String),
    /// It ended while starting.
    #[error("raft stopped while starting")]
    Stopped,
}

/// Why raft does not do something.
#[derive(Debug, thiserror::Error)]
pub enum RaftError {
    /// The node belongs to a cluster already.
    #[error("this node belongs to a cluster already")]
    Initialised,
    /// Raft has stopped.
    #[error("raft has stopped")]
    Stopped,
}

/// Why a batch has no outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// It was surely not appended: this node does not lead in that term.
    #[error("this node is not the leader")]
    NotLeader {
        /// Who may be.
        leader: Option<u64>,
    },
    /// It may or may not be applied, now or later.
    #[error("the outcome is unknown")]
    Unknown,
    /// It was applied and changed nothing.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Why there is no read index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// This node does not lead.
    #[error("this node is not the leader")]
    NotLeader {
        /// Who may be.
        leader: Option<u64>,
    },
    /// No quorum confirmed that it still leads.
    #[error("no quorum of voters was reached")]
    NoQuorum,
    /// Raft has stopped.
    #[error("raft has stopped")]
    Stopped,
}

/// Why the membership is not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// This node does not lead.
    #[error("this node is not the leader")]
    NotLeader {
        /// Who may be.
        leader: Option<u64>,
    },
    /// Ids are never used again, and a member keeps its key and address.
    #[error(
        "node id {id} belongs to another member; every node gets an id of its own, also one that replaces another"
    )]
    IdTaken {
        /// The id.
        id: u64,
    },
    /// The one before is not committed yet.
    #[error("another change of the membership is under way; wait until it is done")]
    InProgress,
    /// It cannot take the lead.
    #[error("node {id} has no vote, or lags behind; wait until it has caught up")]
    Unfit {
        /// The node.
        id: u64,
    },
    /// It makes no sense: the last voter, an unknown node.
    #[error("the membership cannot be changed like that: {0}")]
    Refused(String),
    /// It may or may not have been made.
    #[error("the outcome is unknown; look at the members before trying again")]
    Unknown,
    /// Raft has stopped.
    #[error("raft has stopped")]
    Stopped,
}
