//! Transactions: checks of what was read, then writes; all or nothing.

use bytes::Bytes;
use minicbor::{Decode, Encode};

use super::Key;

/// When a record was last written: the leader's term and the transaction's place in it.
///
/// Sequences grow by one over all terms; [`Revision::ZERO`] is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Revision {
    /// Raft term of the leader that proposed the transaction.
    #[n(0)]
    pub term: u64,
    /// Number of the transaction.
    #[n(1)]
    pub sequence: u64,
}

impl Revision {
    /// Before any write.
    pub const ZERO: Self = Self {
        term: 0,
        sequence: 0,
    };
}

/// A stored record without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Of its last put.
    pub revision: Revision,
    /// The envelope, or for clear kinds the bytes themselves.
    pub sealed: Bytes,
}

/// What must still hold when a transaction is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// The key has this revision.
    Unchanged(Key, Revision),
    /// The key does not exist.
    Absent(Key),
    /// Nothing was put into or deleted from the guarded collection since this revision.
    Collection(u8, Revision),
}

/// One effect on the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Creates or replaces.
    Put(Key, Bytes),
    /// Deletes; a missing key is no error.
    Delete(Key),
}

/// Checks and writes, applied as one. At most 512 writes or 2 MiB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// All must hold.
    pub checks: Vec<Check>,
    /// Each key at most once.
    pub writes: Vec<Write>,
}

impl Transaction {
    /// Most writes in one transaction.
    pub const MAX_WRITES: usize = 512;
    /// Most bytes of keys and sealed payloads in one transaction.
    pub const MAX_BYTES: usize = 2 << 20;

    /// Bytes of keys and payloads.
    pub fn size(&self) -> usize {
        self.writes
            .iter()
            .map(|write| match write {
                Write::Put(key, sealed) => key.as_bytes().len() + sealed.len(),
                Write::Delete(key) => key.as_bytes().len(),
            })
            .sum()
    }
}
