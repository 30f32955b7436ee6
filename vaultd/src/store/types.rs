//! The words that the store and its users share.

use std::sync::Arc;

use bytes::Bytes;
use vault_core::record::{Outcome, Revision};

/// Larger terms, indexes and sequences no cluster reaches; whoever claims them wants the next one to overflow.
pub(crate) const PLAUSIBLE: u64 = 1 << 53;

/// A place in the replicated log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Term of the leader that proposed the entry.
    pub term: u64,
    /// Its number.
    pub index: u64,
}

/// How far the state has applied the log; what a consistency token says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Applied {
    /// Grows when a cluster is restored; an index of another incarnation says nothing.
    pub incarnation: u64,
    /// The last applied entry.
    pub index: u64,
}

/// What the next batch continues from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The cluster, once its first batch is applied.
    pub cluster: Option<[u8; 16]>,
    /// The incarnation, zero before the first batch.
    pub incarnation: u64,
    /// Revision of the last transaction.
    pub last: Revision,
    /// The largest leader time seen, in milliseconds since the epoch.
    pub leader_time: u64,
}

/// A moment between applies: reads within one are of one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub(super) u64);

/// The digest that members of a cluster compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateHash {
    /// The last applied entry.
    pub index: u64,
    /// Over records, generations and stamp.
    pub digest: [u8; 32],
}

/// What a snapshot or backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Of which cluster.
    pub cluster: Option<[u8; 16]>,
    /// Of which incarnation.
    pub incarnation: u64,
    /// Term of the last entry.
    pub term: u64,
    /// Index of the last entry.
    pub index: u64,
    /// Revision of the last transaction.
    pub last: Revision,
    /// The largest leader time, in milliseconds since the epoch.
    pub leader_time: u64,
    /// Number of records.
    pub rows: u64,
    /// As [`StateHash::digest`].
    pub state_hash: [u8; 32],
}

/// A committed entry of the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Position,
    pub(crate) body: Body,
}

/// What an entry asks of the state.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Nothing: a new leader's first entry.
    Blank,
    /// To remember raft's membership.
    Membership(Bytes),
    /// To apply a signed batch.
    Batch(Bytes),
}

impl Entry {
    pub(crate) fn size(&self) -> usize {
        match &self.body {
            Body::Blank => 0,
            Body::Membership(bytes) | Body::Batch(bytes) => bytes.len(),
        }
    }
}

/// What became of an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Response {
    /// It held no batch.
    #[default]
    Nothing,
    /// One outcome for each transaction.
    Outcomes(Vec<Outcome>),
    /// The batch changed nothing.
    Refused(Refused),
}

/// Why a batch was refused as a whole. Every node decides alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It cannot be read.
    #[error("the batch is malformed")]
    Malformed,
    /// The log signer did not sign it.
    #[error("the batch's signature does not hold")]
    Signature,
    /// It removes the signer, or there is none and it brings none.
    #[error("the batch leaves the state without a log signer")]
    Signer,
    /// It is of another cluster.
    #[error("the batch is of another cluster")]
    Cluster,
    /// It was made before a restore.
    #[error("the batch is of another incarnation")]
    Incarnation,
    /// Its maker was not the leader of the entry's term.
    #[error("the batch is of another leader's term")]
    Term,
    /// A sequence is repeated or skipped.
    #[error("the batch does not continue the sequence")]
    Sequence,
    /// A transaction has too many writes or bytes.
    #[error("a transaction of the batch is too large")]
    TooLarge,
}

/// What ends the process when its storage or its audit cannot be trusted any more.
#[derive(Clone)]
pub struct Fatal(Arc<dyn Fn(&str) + Send + Sync>);

impl Fatal {
    /// `end` gets the reason. It should not return; if it does, the store stays broken.
    pub fn new(end: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(end))
    }

    pub(crate) fn call(&self, reason: &str) {
        (self.0)(reason);
    }
}

impl std::fmt::Debug for Fatal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fatal")
    }
}
