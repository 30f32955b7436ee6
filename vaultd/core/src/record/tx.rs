//! The transaction that engines read and write through.
//!
//! Every record read through [`Tx::get`] or [`Tx::read`] is remembered with its revision: the read set
//! becomes the checks of a write, and is revalidated before a read is answered. Writes are collected
//! in plain and sealed afterwards ([`Changes::seal`]), so that running an engine function again never
//! uses a nonce or a data key twice. No clock, no entropy: time and ids are parameters.

mod derived;
mod unopened;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::{Changes, Key, Kind, Record, Revision, View, ViewError};
use crate::crypto::envelope::Class;
use crate::crypto::keyring::Keyring;
use crate::crypto::secret::Plaintext;

/// A record's content, as an engine knows it. Fields are numbered, so that documents can grow.
pub trait Document: Encode<()> + for<'b> Decode<'b, ()> + Send + Sync + 'static {
    /// Which key seals it: [`Class::Voter`], [`Class::Shared`], or [`Class::Clear`] for none.
    const CLASS: Class;
}

/// Why a record cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store failed.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The envelope does not open under the keyring's keys in this place.
    #[error(
        "record {0:?} does not open: it was altered, moved, or sealed under a key that this node does not hold"
    )]
    Open(Key),
    /// It is under a key that no node outside the home region has.
    #[error("record {0:?} is under a key that only nodes of the home region have")]
    AtHomeOnly(Key),
    /// A value whose data key is not wrapped for the region of this node.
    #[error("the value of record {0:?} is not kept in the region of this node")]
    NotKeptHere(Key),
    /// The envelope opened, but what is in it is not this document.
    #[error("record {0:?} opened to something that is not its document")]
    Damaged(Key),
    /// The reserved ids are used up; the caller reserves more and runs the function again.
    #[error("the reserved block of ids is used up")]
    OutOfIds,
    /// More than [`super::Transaction::MAX_WRITES`] writes or [`super::Transaction::MAX_BYTES`] bytes.
    #[error("the transaction is over 512 writes or 2 MiB")]
    TooLarge,
}

/// Ids that a leader has reserved: they only grow, and what is left at its end is never used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdBlock {
    next: u64,
    end: u64,
}

impl IdBlock {
    /// The ids `next..end`.
    pub const fn new(next: u64, end: u64) -> Self {
        Self { next, end }
    }

    /// Ids that are left.
    pub const fn left(&self) -> u64 {
        self.end.saturating_sub(self.next)
    }

    fn take(&mut self) -> Option<u64> {
        let id = self.next;
        (id < self.end).then(|| {
            self.next += 1;
            id
        })
    }
}

/// Documents that were opened before, by key and revision. Lives and dies with the unsealed keyring.
pub trait Opened: Send + Sync {
    /// The document, if this very revision of it was opened.
    fn get(&self, key: &Key, revision: Revision) -> Option<Arc<dyn Any + Send + Sync>>;
    /// Keeps a document of about `bytes` bytes.
    fn put(
        &self,
        key: &Key,
        revision: Revision,
        document: Arc<dyn Any + Send + Sync>,
        bytes: usize,
    );
}

/// What a transaction depends on.
#[derive(Debug, Default)]
pub struct ReadSet {
    /// Keys with the revision they had; `None`: absent. May name a key twice.
    pub keys: Vec<(Key, Option<Revision>)>,
    /// Guarded collections with their generation.
    pub collections: Vec<(u8, Revision)>,
}

/// A write before it is sealed.
pub(super) enum Pending {
    Sealed(Class, Zeroizing<Vec<u8>>),
    Raw(Bytes),
    /// With the regions beside home that open it.
    Value(Plaintext, Vec<u16>),
    Delete,
}

/// One evaluation of an engine function.
pub struct Tx<'a> {
    view: &'a dyn View,
    keys: &'a Keyring,
    opened: Option<&'a dyn Opened>,
    now: u64,
    ids: &'a mut IdBlock,
    reads: ReadSet,
    writes: BTreeMap<Key, Pending>,
}

impl<'a> Tx<'a> {
    /// A transaction over `view` at leader time `now` (milliseconds since the epoch).
    pub fn new(view: &'a dyn View, keys: &'a Keyring, now: u64, ids: &'a mut IdBlock) -> Self {
        Self {
            view,
            keys,
            opened: None,
            now,
            ids,
            reads: ReadSet::default(),
            writes: BTreeMap::new(),
        }
    }

    /// Takes opened documents from, and leaves them in, a cache.
    #[must_use]
    pub fn with_opened(mut self, opened: &'a dyn Opened) -> Self {
        self.opened = Some(opened);
        self
    }

    /// Leader time, in milliseconds since the epoch.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Which life of the cluster this is; see [`View::incarnation`].
    pub fn incarnation(&self) -> u64 {
        self.view.incarnation()
    }

    /// The unsealed keyring.
    pub fn keys(&self) -> &'a Keyring {
        self.keys
    }

    /// A fresh id, larger than every id before it.
    ///
    /// # Errors
    /// [`RecordError::OutOfIds`]; the caller of the engine reserves more and runs it again.
    pub fn next_id(&mut self) -> Result<u64, RecordError> {
        self.ids.take().ok_or(RecordError::OutOfIds)
    }

    /// Reads a document for changing it. Sees this transaction's own writes.
    ///
    /// # Errors
    /// When the store fails, or the record does not open to the document.
    pub fn get<D: Document>(&mut self, key: &Key) -> Result<Option<D>, RecordError> {
        match self.writes.get(key) {
            Some(Pending::Sealed(_, plain)) => return decode(key, plain).map(Some),
            Some(Pending::Raw(_)) => return Err(RecordError::Damaged(key.clone())),
            Some(Pending::Delete | Pending::Value(..)) => return Ok(None),
            None => {}
        }
        let Some(record) = self.fetch(key)? else {
            return Ok(None);
        };
        self.open::<D>(key, &record).map(Some)
    }

    /// Reads a document for looking at it: from the cache of opened documents where it can.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn read<D: Document>(&mut self, key: &Key) -> Result<Option<Arc<D>>, RecordError> {
        if self.writes.contains_key(key) {
            return Ok(self.get(key)?.map(Arc::new));
        }
        let Some(record) = self.fetch(key)? else {
            return Ok(None);
        };
        let document = self.opened_before(key, &record)?;
        Ok(Some(document))
    }

    /// Documents under a key prefix, in key order, for listings: they are not remembered as checks, so no
    /// write may depend on them.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn peek<D: Document>(
        &self,
        prefix: &[u8],
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, D)>, RecordError> {
        let page = self.view.scan(prefix, after, limit)?;
        page.into_iter()
            .map(|(key, record)| self.open(&key, &record).map(|document| (key, document)))
            .collect()
    }

    /// One document like [`Tx::peek`]: for what cannot change without another record that is remembered.
    /// Sees this transaction's own writes.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn look<D: Document>(&self, key: &Key) -> Result<Option<D>, RecordError> {
        match self.writes.get(key) {
            Some(Pending::Sealed(_, plain)) => decode(key, plain).map(Some),
            Some(Pending::Raw(_) | Pending::Delete | Pending::Value(..)) => Ok(None),
            None => match self.view.get(key)? {
                Some(record) => self.open(key, &record).map(Some),
                None => Ok(None),
            },
        }
    }

    /// Binds the transaction to a guarded collection: it fails if anything is put there or deleted first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn guard(&mut self, collection: u8) -> Result<(), RecordError> {
        if self
            .reads
            .collections
            .iter()
            .all(|(id, _)| *id != collection)
        {
            self.reads
                .collections
                .push((collection, self.view.generation(collection)?));
        }
        Ok(())
    }

    /// Creates or replaces a document.
    ///
    /// # Errors
    /// [`RecordError::Damaged`] when the document does not encode, which no document does.
    pub fn put<D: Document>(&mut self, key: Key, document: &D) -> Result<(), RecordError> {
        let plain = encode(document).ok_or_else(|| RecordError::Damaged(key.clone()))?;
        self.writes.insert(key, Pending::Sealed(D::CLASS, plain));
        Ok(())
    }

    /// Reads a record as it is stored, for those who keep a sealing of their own: the keyring, wraps.
    ///
    /// # Errors
    /// When the store fails.
    pub fn get_stored(&mut self, key: &Key) -> Result<Option<Record>, RecordError> {
        self.fetch(key)
    }

    /// Writes bytes as they are: sealed already, or clear for every reader of the disk.
    pub fn put_stored(&mut self, key: Key, bytes: Bytes) {
        self.writes.insert(key, Pending::Raw(bytes));
    }

    /// Deletes a record; a missing one is no error.
    pub fn delete(&mut self, key: Key) {
        self.writes.insert(key, Pending::Delete);
    }

    /// Stores a version's value, under a data key of its own that is wrapped for the home region.
    pub fn put_value(&mut self, id: u64, version: u64, plain: Plaintext) {
        self.put_value_for(id, version, plain, &[]);
    }

    /// The same, wrapped for other regions too: their nodes open it as soon as it is there. It is not sealed where the
    /// keyring has no key of one of them.
    pub fn put_value_for(&mut self, id: u64, version: u64, plain: Plaintext, regions: &[u16]) {
        let value = Pending::Value(plain, regions.to_vec());
        self.writes.insert(value_key(id, version), value);
    }

    /// Deletes a version's value and its wrapped data key.
    pub fn delete_value(&mut self, id: u64, version: u64) {
        self.delete(value_key(id, version));
        self.delete(wrap_key(id, version));
    }

    /// Opens a version's value. Not remembered: a value never changes, and the head that led here is.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn open_value(&self, id: u64, version: u64) -> Result<Option<Plaintext>, RecordError> {
        let key = value_key(id, version);
        match self.writes.get(&key) {
            // EXPOSE: a copy for the same transaction, which holds the original until it is sealed
            Some(Pending::Value(plain, _)) => return Ok(Some(Plaintext::copy_of(plain.expose()))),
            Some(_) => return Ok(None),
            None => {}
        }
        let Some(value) = self.view.get(&key)? else {
            return Ok(None);
        };
        let wrap_key = wrap_key(id, version);
        let Some(wrap) = self.view.get(&wrap_key)? else {
            return Ok(None);
        };
        super::sealing::open_value(self.keys, &key, &value, &wrap_key, &wrap).map(Some)
    }

    /// Whether there is anything to write.
    pub fn is_read_only(&self) -> bool {
        self.writes.is_empty()
    }

    /// The read set, of a transaction that was only read through.
    pub fn into_reads(self) -> ReadSet {
        self.reads
    }

    /// The writes with their checks, to be sealed.
    pub fn into_changes(self) -> Changes {
        Changes::new(self.reads, self.writes)
    }

    fn fetch(&mut self, key: &Key) -> Result<Option<Record>, RecordError> {
        let record = self.view.get(key)?;
        self.reads
            .keys
            .push((key.clone(), record.as_ref().map(|record| record.revision)));
        Ok(record)
    }

    fn open<D: Document>(&self, key: &Key, record: &Record) -> Result<D, RecordError> {
        if D::CLASS == Class::Clear {
            return decode(key, &record.sealed);
        }
        let plain = super::sealing::open(self.keys, key, D::CLASS, record)?;
        // EXPOSE: decoded into the document that the engine asked for
        decode(key, plain.expose())
    }
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx")
            .field("now", &self.now)
            .field("reads", &self.reads)
            .finish_non_exhaustive()
    }
}

/// Key of a version's value.
pub(super) fn value_key(id: u64, version: u64) -> Key {
    Key::new(Kind::Value, &[&id.to_be_bytes(), &version.to_be_bytes()])
}

/// Key of a version's wrapped data keys.
pub(super) fn wrap_key(id: u64, version: u64) -> Key {
    Key::new(Kind::Wrap, &[&id.to_be_bytes(), &version.to_be_bytes()])
}

/// The document's bytes. Their length is known before they are written: a buffer that grows leaves what it held
/// behind, unwiped.
pub(super) fn encode<D: Document>(document: &D) -> Option<Zeroizing<Vec<u8>>> {
    struct Length(usize);
    impl minicbor::encode::Write for Length {
        type Error = std::convert::Infallible;

        fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
            self.0 += bytes.len();
            Ok(())
        }
    }
    let mut length = Length(0);
    minicbor::encode(document, &mut length).ok()?;
    let mut plain = Zeroizing::new(Vec::with_capacity(length.0));
    minicbor::encode(document, &mut *plain).ok()?;
    Some(plain)
}

fn decode<D: Document>(key: &Key, plain: &[u8]) -> Result<D, RecordError> {
    minicbor::decode(plain).map_err(|_| RecordError::Damaged(key.clone()))
}
