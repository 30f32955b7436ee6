//! One log entry: a batch of transactions stamped and signed by the leader.
//!
//! ```text
//! entry     = u32 length of body ‖ body ‖ 64-byte Ed25519 signature of digest
//! body      = format u8 ‖ cluster [16] ‖ incarnation u64 ‖ term u64 ‖ first sequence u64 ‖ leader time u64 (ms)
//!             ‖ u32 count ‖ transaction…
//! transaction = u32 checks ‖ check… ‖ u32 writes ‖ write…
//! check     = 0 ‖ key ‖ term u64 ‖ sequence u64 | 1 ‖ key | 2 ‖ collection u8 ‖ term u64 ‖ sequence u64
//! write     = 0 ‖ key ‖ u32 length ‖ payload | 1 ‖ key          key = u8 length ‖ bytes
//! digest    = BLAKE3("vault log entry v1" ‖ body with BLAKE3(payload) in place of each length and payload)
//! ```
//! Integers are big-endian. The digest leaves payloads out, so that they may later be withheld from a
//! learner without breaking the signature.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Check, Key, Revision, Transaction, Write};

/// The format that this release writes.
pub const FORMAT: u8 = 1;

const LABEL: &str = "vault log entry v1";
const SIGNATURE: usize = 64;
const BODY_HEADER: usize = 1 + 16 + 4 * 8 + 4;

/// A decoded log entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The cluster that the entry belongs to.
    pub cluster: [u8; 16],
    /// Grows when a cluster is restored or recovered.
    pub incarnation: u64,
    /// Raft term of the leader that made the batch.
    pub term: u64,
    /// Sequence of the first transaction; the others follow by one.
    pub first_sequence: u64,
    /// The leader's time, in milliseconds since the epoch.
    pub leader_time: u64,
    /// In the order of their sequences.
    pub transactions: Vec<Transaction>,
}

/// What became of one transaction of an applied batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All checks held; the writes are in the state, at this revision.
    Applied(Revision),
    /// A check failed; nothing was written.
    Conflict,
}

/// Why bytes are not a log entry.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BatchError {
    /// The bytes end early, or go on.
    #[error("a log entry is truncated or has trailing bytes")]
    Truncated,
    /// Written by a later release.
    #[error(
        "log entry format {0} is unknown to this release; nothing is skipped: upgrade this node"
    )]
    Format(u8),
    /// A tag that no release has written.
    #[error("a log entry holds an unknown operation; nothing is skipped: upgrade this node")]
    Operation,
}

impl Batch {
    /// The entry's bytes, signed by `sign` over the digest.
    pub fn encode(&self, sign: impl FnOnce(&[u8; 32]) -> [u8; SIGNATURE]) -> Bytes {
        let room: usize = self.transactions.iter().map(room_of).sum();
        let mut body = BytesMut::with_capacity(4 + BODY_HEADER + room + SIGNATURE);
        let mut hasher = digest();
        // The length, which is known at the end.
        put_len(&mut body, 0);
        let mut covered = body.len();
        self.put_header(&mut body);
        for transaction in &self.transactions {
            put_len(&mut body, transaction.checks.len());
            let checks = transaction.checks.iter();
            checks.for_each(|check| put_check(&mut body, check));
            put_len(&mut body, transaction.writes.len());
            for write in &transaction.writes {
                match write {
                    Write::Put(key, sealed) => {
                        body.put_u8(0);
                        put_key(&mut body, key);
                        hasher.update(body.get(covered..).unwrap_or_default());
                        hasher.update(blake3::hash(sealed).as_bytes());
                        put_len(&mut body, sealed.len());
                        body.put_slice(sealed);
                        covered = body.len();
                    }
                    Write::Delete(key) => {
                        body.put_u8(1);
                        put_key(&mut body, key);
                    }
                }
            }
        }
        hasher.update(body.get(covered..).unwrap_or_default());
        let signature = sign(hasher.finalize().as_bytes());
        let length = length_of(body.len() - 4);
        if let Some(head) = body.first_chunk_mut() {
            *head = length;
        }
        body.put_slice(&signature);
        body.freeze()
    }

    /// Reads an entry; returns it with its digest and signature, which the caller verifies.
    ///
    /// # Errors
    /// Malformed bytes, or a format of a later release.
    pub fn decode(entry: &Bytes) -> Result<(Self, [u8; 32], [u8; SIGNATURE]), BatchError> {
        let mut outer = entry.clone();
        let length = take_u32(&mut outer)?;
        if outer.len() != length + SIGNATURE {
            return Err(BatchError::Truncated);
        }
        let body = outer.split_to(length);
        let signature = outer
            .as_ref()
            .try_into()
            .map_err(|_| BatchError::Truncated)?;
        let mut reader = Reader {
            body: &body,
            rest: body.clone(),
            covered: 0,
            hasher: digest(),
        };
        let batch = reader.batch()?;
        Ok((batch, reader.finish(), signature))
    }

    fn put_header(&self, body: &mut BytesMut) {
        body.put_u8(FORMAT);
        body.put_slice(&self.cluster);
        body.put_u64(self.incarnation);
        body.put_u64(self.term);
        body.put_u64(self.first_sequence);
        body.put_u64(self.leader_time);
        put_len(body, self.transactions.len());
    }
}

/// Cuts a body into a batch while hashing everything but the payloads.
struct Reader<'a> {
    body: &'a Bytes,
    rest: Bytes,
    covered: usize,
    hasher: blake3::Hasher,
}

impl Reader<'_> {
    fn batch(&mut self) -> Result<Batch, BatchError> {
        let rest = &mut self.rest;
        let format = rest.try_get_u8().map_err(|_| BatchError::Truncated)?;
        if format != FORMAT {
            return Err(BatchError::Format(format));
        }
        let mut cluster = [0; 16];
        rest.try_copy_to_slice(&mut cluster)
            .map_err(|_| BatchError::Truncated)?;
        let (incarnation, term) = (take_u64(rest)?, take_u64(rest)?);
        let (first_sequence, leader_time) = (take_u64(rest)?, take_u64(rest)?);
        let count = take_count(rest)?;
        let transactions = (0..count)
            .map(|_| self.transaction())
            .collect::<Result<_, _>>()?;
        if !self.rest.is_empty() {
            return Err(BatchError::Truncated);
        }
        Ok(Batch {
            cluster,
            incarnation,
            term,
            first_sequence,
            leader_time,
            transactions,
        })
    }

    fn transaction(&mut self) -> Result<Transaction, BatchError> {
        let checks = take_count(&mut self.rest)?;
        let checks = (0..checks)
            .map(|_| take_check(&mut self.rest))
            .collect::<Result<_, _>>()?;
        let writes = take_count(&mut self.rest)?;
        let writes = (0..writes)
            .map(|_| self.write())
            .collect::<Result<_, _>>()?;
        Ok(Transaction { checks, writes })
    }

    fn write(&mut self) -> Result<Write, BatchError> {
        match self.rest.try_get_u8().map_err(|_| BatchError::Truncated)? {
            0 => {
                let key = take_key(&mut self.rest)?;
                self.absorb();
                let length = take_u32(&mut self.rest)?;
                let payload = take(&mut self.rest, length)?;
                self.hasher.update(blake3::hash(&payload).as_bytes());
                self.covered = self.position();
                Ok(Write::Put(key, payload))
            }
            1 => Ok(Write::Delete(take_key(&mut self.rest)?)),
            _ => Err(BatchError::Operation),
        }
    }

    fn position(&self) -> usize {
        self.body.len() - self.rest.len()
    }

    fn absorb(&mut self) {
        let end = self.position();
        self.hasher
            .update(self.body.get(self.covered..end).unwrap_or_default());
        self.covered = end;
    }

    fn finish(mut self) -> [u8; 32] {
        self.absorb();
        *self.hasher.finalize().as_bytes()
    }
}

fn digest() -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(LABEL.as_bytes());
    hasher
}

/// About what a transaction takes; a buffer that is too short grows.
fn room_of(transaction: &Transaction) -> usize {
    transaction.size() + 8 + 64 * transaction.checks.len() + 6 * transaction.writes.len()
}

/// Lengths are bounded by [`Transaction::MAX_BYTES`] and the batch budget, far below 4 GiB.
fn length_of(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn put_len(out: &mut BytesMut, length: usize) {
    out.put_slice(&length_of(length));
}

fn put_key(out: &mut BytesMut, key: &Key) {
    out.put_u8(u8::try_from(key.as_bytes().len()).unwrap_or(u8::MAX));
    out.put_slice(key.as_bytes());
}

fn put_revision(out: &mut BytesMut, revision: Revision) {
    out.put_u64(revision.term);
    out.put_u64(revision.sequence);
}

fn put_check(out: &mut BytesMut, check: &Check) {
    match check {
        Check::Unchanged(key, revision) => {
            out.put_u8(0);
            put_key(out, key);
            put_revision(out, *revision);
        }
        Check::Absent(key) => {
            out.put_u8(1);
            put_key(out, key);
        }
        Check::Collection(id, revision) => {
            out.put_u8(2);
            out.put_u8(*id);
            put_revision(out, *revision);
        }
    }
}

fn take_check(rest: &mut Bytes) -> Result<Check, BatchError> {
    match rest.try_get_u8().map_err(|_| BatchError::Truncated)? {
        0 => Ok(Check::Unchanged(take_key(rest)?, take_revision(rest)?)),
        1 => Ok(Check::Absent(take_key(rest)?)),
        2 => {
            let id = rest.try_get_u8().map_err(|_| BatchError::Truncated)?;
            Ok(Check::Collection(id, take_revision(rest)?))
        }
        _ => Err(BatchError::Operation),
    }
}

fn take_revision(rest: &mut Bytes) -> Result<Revision, BatchError> {
    Ok(Revision {
        term: take_u64(rest)?,
        sequence: take_u64(rest)?,
    })
}

fn take_key(rest: &mut Bytes) -> Result<Key, BatchError> {
    let length = rest.try_get_u8().map_err(|_| BatchError::Truncated)?;
    Key::from_bytes(take(rest, usize::from(length))?).map_err(|_| BatchError::Truncated)
}

fn take(rest: &mut Bytes, length: usize) -> Result<Bytes, BatchError> {
    if rest.len() < length {
        Err(BatchError::Truncated)
    } else {
        Ok(rest.split_to(length))
    }
}

fn take_u64(rest: &mut Bytes) -> Result<u64, BatchError> {
    rest.try_get_u64().map_err(|_| BatchError::Truncated)
}

fn take_u32(rest: &mut Bytes) -> Result<usize, BatchError> {
    let number = rest.try_get_u32().map_err(|_| BatchError::Truncated)?;
    usize::try_from(number).map_err(|_| BatchError::Truncated)
}

/// A count, bounded by the bytes that are left, so that it allocates nothing on a lie.
fn take_count(rest: &mut Bytes) -> Result<usize, BatchError> {
    let count = take_u32(rest)?;
    if count > rest.len() {
        Err(BatchError::Truncated)
    } else {
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn sample() -> Batch {
        let key = |n: u64| Key::new(Kind::Secret, &[&n.to_be_bytes()]);
        let revision = Revision {
            term: 3,
            sequence: 9,
        };
        Batch {
            cluster: [7; 16],
            incarnation: 1,
            term: 3,
            first_sequence: 10,
            leader_time: 1_700_000_000_000,
            transactions: vec![
                Transaction {
                    checks: vec![
                        Check::Unchanged(key(1), revision),
                        Check::Absent(key(2)),
                        Check::Collection(8, revision),
                    ],
                    writes: vec![
                        Write::Put(key(2), Bytes::from_static(b"sealed")),
                        Write::Delete(key(1)),
                    ],
                },
                Transaction::default(),
            ],
        }
    }

    #[test]
    fn an_entry_reads_back_with_the_digest_that_was_signed() {
        let mut signed = [0; 32];
        let entry = sample().encode(|digest| {
            signed = *digest;
            [1; 64]
        });
        let (batch, digest, signature) = Batch::decode(&entry).unwrap();
        assert_eq!(batch, sample());
        assert_eq!(digest, signed);
        assert_eq!(signature, [1; 64]);
    }

    #[test]
    fn every_truncation_and_every_extension_is_refused() {
        let entry = sample().encode(|_| [1; 64]);
        for end in 0..entry.len() {
            assert!(Batch::decode(&entry.slice(..end)).is_err(), "cut at {end}");
        }
        let mut longer = entry.to_vec();
        longer.push(0);
        assert!(Batch::decode(&longer.into()).is_err());
    }

    #[test]
    fn every_changed_byte_of_the_body_changes_the_digest_or_is_refused() {
        let entry = sample().encode(|_| [1; 64]);
        let (_, digest, _) = Batch::decode(&entry).unwrap();
        for at in 4..entry.len() - SIGNATURE {
            let mut changed = entry.to_vec();
            changed[at] ^= 1;
            if let Ok((_, other, _)) = Batch::decode(&changed.into()) {
                assert_ne!(other, digest, "byte {at}");
            }
        }
    }
}
