//! Applying entries to the state: deterministic, without a key, a clock or a business rule.
//!
//! A batch must carry the signature of the log signer, this cluster, this incarnation, the term of the
//! entry's leader and the next sequence; otherwise it is refused as a whole and changes nothing but
//! the applied position. Then each transaction's checks are held against the state before it, and its
//! writes are made, or none of them.

use std::collections::HashMap;

use bytes::Bytes;
use rusqlite::Connection;
use vault_core::crypto::sign;
use vault_core::record::{
    Batch, BatchError, Check, Key, Kind, Outcome, Record, Revision, Transaction, Write,
};

use super::super::cache::Cache;
use super::super::{Body, Entry, Refused, Response};
use super::meta::Meta;
use super::rows;

/// Why applying cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The database failed; a full disk is one of the causes.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// Nothing is skipped: the node stops.
    #[error("{0}")]
    Stop(String),
}

/// The clear record that holds the log signer's public key.
pub(crate) fn signer_key() -> Key {
    Key::new(Kind::Header, &[b"log-signer"])
}

/// One database transaction's worth of entries.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    connection: &'a Connection,
    cache: &'a Cache,
    /// The state after the entries so far.
    pub(crate) meta: Meta,
    /// Records written so far: `None` when deleted.
    pub(crate) pending: HashMap<Key, Option<Record>>,
    signer: Option<[u8; 32]>,
}

impl<'a> Work<'a> {
    /// Work on top of a state. A database transaction is open on `connection`.
    pub(crate) fn new(
        connection: &'a Connection,
        cache: &'a Cache,
        meta: Meta,
        signer: Option<[u8; 32]>,
    ) -> Self {
        Self {
            connection,
            cache,
            meta,
            pending: HashMap::new(),
            signer,
        }
    }

    /// The signer after the entries so far.
    pub(crate) fn signer(&self) -> Option<[u8; 32]> {
        self.signer
    }

    /// Applies one entry.
    pub(crate) fn entry(&mut self, entry: &Entry) -> Result<Response, Fault> {
        if self
            .meta
            .applied
            .is_some_and(|applied| entry.at.index <= applied.index)
        {
            return Err(Fault::Stop(format!(
                "log entry {} was to be applied twice",
                entry.at.index
            )));
        }
        let response = match &entry.body {
            Body::Blank => Response::Nothing,
            Body::Membership(membership) => {
                self.meta.membership = membership.clone();
                Response::Nothing
            }
            Body::Batch(bytes) => self.batch(entry.at.term, bytes)?,
        };
        self.meta.applied = Some(entry.at);
        Ok(response)
    }

    fn batch(&mut self, term: u64, bytes: &Bytes) -> Result<Response, Fault> {
        let (batch, digest, signature) = match Batch::decode(bytes) {
            Ok(decoded) => decoded,
            Err(BatchError::Truncated) => return Ok(Response::Refused(Refused::Malformed)),
            Err(error @ (BatchError::Format(_) | BatchError::Operation)) => {
                return Err(Fault::Stop(error.to_string()));
            }
        };
        let signer = match self.signer {
            Some(signer) => signer,
            None => match founding_signer(&batch) {
                Some(signer) => signer,
                None => return Ok(Response::Refused(Refused::Signer)),
            },
        };
        if let Some(refused) = self.refuse(&batch, term) {
            return Ok(Response::Refused(refused));
        }
        if !sign::verify(&signer, &digest, &signature) {
            return Ok(Response::Refused(Refused::Signature));
        }
        self.transactions(&batch).map(Response::Outcomes)
    }

    /// Whether the header or the size of a batch forbids it.
    fn refuse(&self, batch: &Batch, term: u64) -> Option<Refused> {
        let stamp = &self.meta.stamp;
        let founded = stamp.cluster.is_some();
        if stamp
            .cluster
            .is_some_and(|cluster| cluster != batch.cluster)
        {
            Some(Refused::Cluster)
        } else if founded && stamp.incarnation != batch.incarnation {
            Some(Refused::Incarnation)
        } else if batch.term != term {
            Some(Refused::Term)
        } else if batch.first_sequence != stamp.last.sequence + 1 {
            Some(Refused::Sequence)
        } else if batch.transactions.iter().any(too_large) {
            Some(Refused::TooLarge)
        } else if !batch.transactions.iter().all(keeps_signer) {
            Some(Refused::Signer)
        } else {
            None
        }
    }

    fn transactions(&mut self, batch: &Batch) -> Result<Vec<Outcome>, Fault> {
        let stamp = &mut self.meta.stamp;
        stamp.cluster = Some(batch.cluster);
        stamp.incarnation = batch.incarnation;
        stamp.leader_time = stamp.leader_time.max(batch.leader_time);
        let mut outcomes = Vec::with_capacity(batch.transactions.len());
        for (sequence, transaction) in (batch.first_sequence..).zip(&batch.transactions) {
            let revision = Revision {
                term: batch.term,
                sequence,
            };
            self.meta.stamp.last = revision;
            outcomes.push(self.transaction(revision, transaction)?);
        }
        Ok(outcomes)
    }

    fn transaction(
        &mut self,
        revision: Revision,
        transaction: &Transaction,
    ) -> Result<Outcome, Fault> {
        for check in &transaction.checks {
            if !self.holds(check)? {
                return Ok(Outcome::Conflict);
            }
        }
        for write in &transaction.writes {
            match write {
                Write::Put(key, sealed) => self.put(key, revision, sealed)?,
                Write::Delete(key) => self.delete(key)?,
            }
            let (Write::Put(key, _) | Write::Delete(key)) = write;
            if let Some(collection) = key.collection() {
                self.meta.generations.set(collection, revision);
            }
        }
        Ok(Outcome::Applied(revision))
    }

    fn holds(&self, check: &Check) -> Result<bool, Fault> {
        Ok(match check {
            Check::Unchanged(key, revision) => self.revision(key)? == Some(*revision),
            Check::Absent(key) => self.revision(key)?.is_none(),
            Check::Collection(id, revision) => self.meta.generations.get(*id) == *revision,
        })
    }

    fn revision(&self, key: &Key) -> Result<Option<Revision>, Fault> {
        if let Some(record) = self.pending.get(key) {
            return Ok(record.as_ref().map(|record| record.revision));
        }
        if let Some(revision) = self.cache.revision(key) {
            return Ok(Some(revision));
        }
        Ok(rows::revision_of(self.connection, key)?)
    }

    fn put(&mut self, key: &Key, revision: Revision, sealed: &Bytes) -> Result<(), Fault> {
        let digest = rows::digest(key, revision, sealed);
        match rows::put(self.connection, key, revision, sealed, &digest)? {
            Some(old) => self.meta.lanes.remove(&old.digest),
            None => self.meta.rows += 1,
        }
        self.meta.lanes.add(&digest);
        if *key == signer_key() {
            self.signer = sealed.as_ref().try_into().ok();
        }
        let sealed = sealed.clone();
        self.pending
            .insert(key.clone(), Some(Record { revision, sealed }));
        Ok(())
    }

    fn delete(&mut self, key: &Key) -> Result<(), Fault> {
        if let Some(old) = rows::delete(self.connection, key)? {
            self.meta.lanes.remove(&old.digest);
            self.meta.rows = self.meta.rows.saturating_sub(1);
        }
        self.pending.insert(key.clone(), None);
        Ok(())
    }
}

/// The signer that the first batch of a cluster brings: in its first transaction, without checks
/// that could fail on an empty state.
fn founding_signer(batch: &Batch) -> Option<[u8; 32]> {
    let first = batch.transactions.first()?;
    let certain = |check: &Check| match check {
        Check::Absent(_) => true,
        Check::Collection(_, revision) => *revision == Revision::ZERO,
        Check::Unchanged(..) => false,
    };
    if !first.checks.iter().all(certain) {
        return None;
    }
    let signer = signer_key();
    first.writes.iter().find_map(|write| match write {
        Write::Put(key, sealed) if *key == signer => sealed.as_ref().try_into().ok(),
        Write::Put(..) | Write::Delete(_) => None,
    })
}

/// A state always has a signer: it may be replaced, not removed.
fn keeps_signer(transaction: &Transaction) -> bool {
    let signer = signer_key();
    transaction.writes.iter().all(|write| match write {
        Write::Put(key, sealed) => *key != signer || sealed.len() == 32,
        Write::Delete(key) => *key != signer,
    })
}

fn too_large(transaction: &Transaction) -> bool {
    transaction.writes.len() > Transaction::MAX_WRITES
        || transaction.size() > Transaction::MAX_BYTES
}
