//! Sealing a transaction's writes and opening records: which key, which place.
//!
//! Documents are sealed under the record key of their class, bound to cluster, tenant, scope and record
//! key. A value gets a data key of its own; the data key is wrapped in a record beside it. Nonces and
//! data keys are drawn here, once per sealing.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::tx::Pending;
use super::{Check, Key, Kind, ReadSet, Record, RecordError, Transaction, Write};
use crate::crypto::entropy::Entropy;
use crate::crypto::envelope::{self, Class, Place};
use crate::crypto::keyring::{Keyring, Role};
use crate::crypto::ring::Ring;
use crate::crypto::secret::{Dek, Plaintext, RecordKey};
use crate::crypto::wrap::{self, WrapError, WrapPlace};

/// A transaction that was evaluated and not yet sealed.
pub struct Changes {
    reads: ReadSet,
    writes: BTreeMap<Key, Pending>,
}

impl Changes {
    pub(super) fn new(reads: ReadSet, writes: BTreeMap<Key, Pending>) -> Self {
        Self { reads, writes }
    }

    /// Whether there is anything to write.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Seals the writes under the keyring's active terms and turns the read set into checks.
    ///
    /// # Errors
    /// [`RecordError::TooLarge`] when the sealed transaction is over its bounds.
    pub fn seal(
        self,
        keys: &Keyring,
        entropy: &mut dyn Entropy,
    ) -> Result<Transaction, RecordError> {
        let mut writes = Vec::with_capacity(self.writes.len() + 1);
        for (key, pending) in self.writes {
            match pending {
                Pending::Delete => writes.push(Write::Delete(key)),
                Pending::Raw(bytes) => writes.push(Write::Put(key, bytes)),
                Pending::Value(plain, regions) => {
                    writes.extend(seal_value(keys, key, &plain, regions, entropy)?);
                }
                Pending::Sealed(class, plain) => {
                    let sealed = seal(keys, &key, class, &plain, entropy)?;
                    writes.push(Write::Put(key, sealed));
                }
            }
        }
        let transaction = Transaction {
            checks: checks(self.reads),
            writes,
        };
        if transaction.writes.len() > Transaction::MAX_WRITES
            || transaction.size() > Transaction::MAX_BYTES
        {
            return Err(RecordError::TooLarge);
        }
        Ok(transaction)
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes")
            .field("reads", &self.reads)
            .field("writes", &self.writes.len())
            .finish()
    }
}

/// Opens a sealed document.
pub(super) fn open(
    keys: &Keyring,
    key: &Key,
    class: Class,
    record: &Record,
) -> Result<Plaintext, RecordError> {
    let ring = ring(keys, class).ok_or_else(|| without(class, key, RecordError::Open))?;
    ring.open(&place(keys, key, class), &record.sealed)
        .map_err(|_| RecordError::Open(key.clone()))
}

/// Opens a value through its wrapped data key.
pub(super) fn open_value(
    keys: &Keyring,
    key: &Key,
    value: &Record,
    wrap_key: &Key,
    wrap: &Record,
) -> Result<Plaintext, RecordError> {
    let dek = wrap::unwrap(keys, &wrap_place(wrap_key), &wrap.sealed);
    let dek = dek.map_err(|error| match error {
        // Home keeps every value: one that it cannot unwrap is damaged.
        WrapError::NoRegion(_) if !keys.is_home() => RecordError::NotKeptHere(key.clone()),
        WrapError::NoRegion(_) | WrapError::Damaged | WrapError::Open => {
            RecordError::Open(wrap_key.clone())
        }
    })?;
    envelope::open(&dek, &place(keys, key, Class::Value), &value.sealed).map_err(|_| {
        keys.count_failed_value();
        RecordError::Open(key.clone())
    })
}

fn seal(
    keys: &Keyring,
    key: &Key,
    class: Class,
    plain: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Bytes, RecordError> {
    if class == Class::Clear {
        return Ok(Bytes::copy_from_slice(plain));
    }
    let ring = ring(keys, class).ok_or_else(|| without(class, key, RecordError::Damaged))?;
    Ok(ring.seal(&place(keys, key, class), entropy, plain).into())
}

fn seal_value(
    keys: &Keyring,
    key: Key,
    plain: &Plaintext,
    mut regions: Vec<u16>,
    entropy: &mut dyn Entropy,
) -> Result<[Write; 2], RecordError> {
    let dek = Dek::make(entropy);
    let wrap_key = key.sibling(Kind::Wrap);
    // EXPOSE: into the envelope
    let sealed = envelope::seal(
        &dek,
        &place(keys, &key, Class::Value),
        entropy,
        plain.expose(),
    );
    regions.push(keys.region());
    let wrap = wrap::wrap(keys, &regions, &wrap_place(&wrap_key), &dek, entropy)
        .map_err(|_| RecordError::Damaged(wrap_key.clone()))?;
    Ok([
        Write::Put(key, sealed.into()),
        Write::Put(wrap_key, wrap.into()),
    ])
}

/// Where a record lies: what its envelope is bound to. The ring sets the term.
fn place<'a>(keys: &'a Keyring, key: &'a Key, class: Class) -> Place<'a> {
    Place {
        cluster: keys.cluster(),
        tenant: key.tenant(),
        class,
        scope: key.scope(),
        term: 0,
        key: key.as_bytes(),
    }
}

/// The same for a wrapped data key.
pub(crate) fn wrap_place(key: &Key) -> WrapPlace<'_> {
    WrapPlace {
        tenant: key.tenant(),
        scope: key.scope(),
        key: key.as_bytes(),
    }
}

fn ring(keys: &Keyring, class: Class) -> Option<&Ring<RecordKey>> {
    match class {
        Class::Voter => keys.voter(),
        Class::Shared => Some(keys.shared()),
        Class::Clear | Class::Value | Class::Wrap | Class::Keyring | Class::Root => None,
    }
}

/// Why there is no key of a class: for one that only home has, that.
fn without(class: Class, key: &Key, otherwise: fn(Key) -> RecordError) -> RecordError {
    match class {
        Class::Voter => RecordError::AtHomeOnly(key.clone()),
        Class::Shared
        | Class::Clear
        | Class::Value
        | Class::Wrap
        | Class::Keyring
        | Class::Root => otherwise(key.clone()),
    }
}

/// The read set as checks, each key once.
fn checks(mut reads: ReadSet) -> Vec<Check> {
    reads.keys.sort_unstable();
    reads.keys.dedup();
    let keys = reads
        .keys
        .into_iter()
        .map(|(key, revision)| match revision {
            Some(revision) => Check::Unchanged(key, revision),
            None => Check::Absent(key),
        });
    keys.chain(
        reads
            .collections
            .into_iter()
            .map(|(id, generation)| Check::Collection(id, generation)),
    )
    .collect()
}

/// Wraps the data key of a value record again, under the active terms: `None` when it already is.
///
/// # Errors
/// [`RecordError::Open`] when the wrap does not open.
pub fn rewrap(
    keys: &Keyring,
    key: &Key,
    record: &Record,
    entropy: &mut dyn Entropy,
) -> Result<Option<Bytes>, RecordError> {
    let wrap = wrap::rewrap(keys, &wrap_place(key), &record.sealed, entropy);
    wrap.map(|bytes| bytes.map(Bytes::from))
        .map_err(|_| RecordError::Open(key.clone()))
}

/// Wraps the data key of a value record for exactly home and `regions`: `None` when it already is.
///
/// # Errors
/// [`RecordError::Open`] when home's wrap does not open, or the keyring has no key of one of them.
pub fn wrap_for(
    keys: &Keyring,
    regions: &[u16],
    key: &Key,
    record: &Record,
    entropy: &mut dyn Entropy,
) -> Result<Option<Bytes>, RecordError> {
    let wrap = wrap::wrap_for(keys, regions, &wrap_place(key), &record.sealed, entropy);
    wrap.map(|bytes| bytes.map(Bytes::from))
        .map_err(|_| RecordError::Open(key.clone()))
}

/// Whether a record opens under the keyring: `None` for records that are not under its terms (clear headers,
/// the keyring itself, and values, whose data keys are the wraps).
pub fn opens(keys: &Keyring, key: &Key, sealed: &[u8]) -> Option<bool> {
    if !Kind::under_terms().any(|kind| kind as u8 == key.kind_byte()) {
        return None;
    }
    if key.kind_byte() == Kind::Wrap as u8 {
        return Some(wrap::unwrap(keys, &wrap_place(key), sealed).is_ok());
    }
    let opened = envelope::header(sealed).ok().and_then(|header| {
        let ring = ring(keys, header.class)?;
        ring.open(&place(keys, key, header.class), sealed).ok()
    });
    Some(opened.is_some())
}

/// Whether a wrapped data key is one that a region unwraps, by what the record says in clear.
pub fn kept_in(sealed: &[u8], region: u16) -> bool {
    let terms = wrap::terms(sealed).unwrap_or_default();
    terms.iter().any(|(of, _)| *of == region)
}

/// Which terms of which keys a record needs to be opened, by what it says in clear.
///
/// # Errors
/// [`RecordError::Open`] when it does not say: it is damaged, or is under no term.
pub fn terms_of(key: &Key, sealed: &[u8]) -> Result<Vec<(Role, u32)>, RecordError> {
    let unreadable = || RecordError::Open(key.clone());
    if key.kind_byte() == Kind::Wrap as u8 {
        let terms = wrap::terms(sealed).map_err(|_| unreadable())?;
        return Ok(terms
            .into_iter()
            .map(|(region, term)| (Role::Kek(region), term))
            .collect());
    }
    let header = envelope::header(sealed).map_err(|_| unreadable())?;
    match header.class {
        Class::Voter => Ok(vec![(Role::Voter, header.term)]),
        Class::Shared => Ok(vec![(Role::Shared, header.term)]),
        Class::Clear | Class::Value | Class::Wrap | Class::Keyring | Class::Root => {
            Err(unreadable())
        }
    }
}

/// Seals a document record again under the active term of its class: `None` when it already is.
///
/// # Errors
/// [`RecordError::Open`] when the record does not open, or is not a document.
pub fn reseal(
    keys: &Keyring,
    key: &Key,
    record: &Record,
    entropy: &mut dyn Entropy,
) -> Result<Option<Bytes>, RecordError> {
    let header = envelope::header(&record.sealed).map_err(|_| RecordError::Open(key.clone()))?;
    let ring = ring(keys, header.class).ok_or_else(|| RecordError::Open(key.clone()))?;
    if header.term == ring.active().number() {
        return Ok(None);
    }
    let plain = open(keys, key, header.class, record)?;
    // EXPOSE: into the new envelope
    seal(keys, key, header.class, plain.expose(), entropy).map(Some)
}
