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
