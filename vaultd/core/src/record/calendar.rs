//! What is due when: an index of ids by stretches of time, for the leader's background jobs.
//!
//! ```text
//! entry  = Due ‖ calendar u8 ‖ tag(calendar, stretch) ‖ id     → nothing, or a document that goes with its time
//! cursor = Job ‖ 1 ‖ calendar u8                               → the first stretch that may hold entries
//! ```
//! The stretch is blinded like every name. INVARIANT: the cursor never passes the present stretch, and
//! nothing is filed into the past; so nothing lies before the cursor.

use minicbor::{Decode, Encode};

use super::{Document, Key, Kind, RecordError, Tx};
use crate::crypto::{envelope::Class, ring::Term, secret::IndexKey, tag};

/// Stretches that one look goes through at most.
const MAX_STRETCHES: usize = 1024;

/// One such index.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    kind: Kind,
    number: u8,
    width: u64,
}

/// An id that is due, with the key of its entry, which whoever deals with it deletes.
#[derive(Clone, Debug)]
pub struct Due {
    /// Of the entry.
    pub key: Key,
    /// As it was filed.
    pub id: Vec<u8>,
}

/// What one look found.
#[derive(Clone, Debug, Default)]
pub struct DueItems {
    /// Of one stretch.
    pub items: Vec<Due>,
    /// Look again.
    pub more: bool,
}

/// The first stretch that may hold entries.
#[derive(Encode, Decode)]
struct Cursor {
    #[n(0)]
    stretch: u64,
}

impl Document for Cursor {
    const CLASS: Class = Class::Shared;
}

/// A record whose key says it all.
#[derive(Encode, Decode)]
pub(crate) struct Marker {}

impl Document for Marker {
    const CLASS: Class = Class::Shared;
}

impl Calendar {
    /// Calendar `number`, with stretches of `width` milliseconds: the delay that it adds at most.
    pub const fn new(number: u8, width: u64) -> Self {
        Self::of(Kind::Due, number, width)
    }

    /// The same, of documents that lie in the calendar itself, under a kind of their own.
    pub const fn of(kind: Kind, number: u8, width: u64) -> Self {
        Self {
            kind,
            number,
            width,
        }
    }

    /// Files an id under a time, which is not in the past.
    ///
    /// # Errors
    /// When the store fails.
    pub fn file(&self, tx: &mut Tx<'_>, at: u64, id: &[u8]) -> Result<(), RecordError> {
        self.keep(tx, at, id, &Marker {})
    }

    /// Keeps a document until that time, which is not in the past.
    ///
    /// # Errors
    /// When the store fails.
    pub fn keep<D: Document>(
        &self,
        tx: &mut Tx<'_>,
        until: u64,
        id: &[u8],
        document: &D,
    ) -> Result<(), RecordError> {
        let cursor = self.cursor();
        if tx.read::<Cursor>(&cursor)?.is_none() {
            let stretch = tx.now() / self.width;
            tx.put(cursor, &Cursor { stretch })?;
        }
        let term = tx.keys().index().active();
        tx.put(self.place(term, until / self.width, id), document)
    }

    /// Where documents lie that are kept until a time between these two, with ids as one term makes them.
    pub fn places(&self, term: &Term<IndexKey>, from: u64, until: u64, id: &[u8]) -> Vec<Key> {
        (from / self.width..=until / self.width)
            .map(|stretch| self.place(term, stretch, id))
            .collect()
    }

    /// Takes out an id that was filed under that time.
    pub fn unfile(&self, tx: &mut Tx<'_>, at: u64, id: &[u8]) {
        for term in tx.keys().index().iter() {
            tx.delete(self.place(term, at / self.width, id));
        }
    }

    /// Up to `limit` ids of the first stretch that is over and holds any.
    ///
    /// # Errors
    /// When the store fails.
    pub fn due(&self, tx: &mut Tx<'_>, limit: usize) -> Result<DueItems, RecordError> {
        let Some(cursor) = tx.get::<Cursor>(&self.cursor())? else {
            return Ok(DueItems::default());
        };
        let present = tx.now() / self.width;
        let mut found = DueItems::default();
        let mut stretch = cursor.stretch;
        let mut looks = 0;
        while stretch < present && looks < MAX_STRETCHES {
            found.items = self.entries(tx, stretch, limit)?;
            if !found.items.is_empty() {
                break;
            }
            stretch += 1;
            looks += 1;
        }
        found.more = stretch < present;
        if stretch != cursor.stretch {
            tx.put(self.cursor(), &Cursor { stretch })?;
        }
        Ok(found)
    }

    fn entries(&self, tx: &Tx<'_>, stretch: u64, limit: usize) -> Result<Vec<Due>, RecordError> {
        let mut items = Vec::new();
        for prefix in self.prefixes(tx, stretch) {
            let left = limit.saturating_sub(items.len());
            for (key, Marker {}) in tx.peek(prefix.as_bytes(), None, left)? {
                let id = key
                    .as_bytes()
                    .get(prefix.as_bytes().len()..)
                    .unwrap_or_default()
                    .to_vec();
                items.push(Due { key, id });
            }
        }
        Ok(items)
    }

    /// One for each term of the index key.
    fn prefixes(&self, tx: &Tx<'_>, stretch: u64) -> Vec<Key> {
        let terms = tx.keys().index().iter();
        terms.map(|term| self.place(term, stretch, &[])).collect()
    }

    fn place(&self, term: &Term<IndexKey>, stretch: u64, id: &[u8]) -> Key {
        let tag = tag::index_tag(term, "due", &self.stretch(stretch));
        Key::new(self.kind, &[&[self.number], &tag, id])
    }

    fn stretch(&self, number: u64) -> [u8; 9] {
        let mut bytes = [self.number; 9];
        for (byte, from) in bytes.iter_mut().skip(1).zip(number.to_be_bytes()) {
            *byte = from;
        }
        bytes
    }

    fn cursor(&self) -> Key {
        Key::new(Kind::Job, &[&[1, self.number]])
    }
}
