//! A key that rotates: its terms, of which the newest seals and all open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::entropy::Entropy;
use super::envelope::{self, OpenError, Place, SealingKey};
use super::secret::Plaintext;

/// The terms of one key. There is always an active one: the newest.
#[derive(Debug)]
pub struct Ring<K> {
    /// Oldest first.
    older: Vec<Arc<Term<K>>>,
    active: Arc<Term<K>>,
}

/// One term of a key.
#[derive(Debug)]
pub struct Term<K> {
    number: u32,
    created_at: u64,
    key: K,
    failed_opens: AtomicU64,
}

impl<K> Term<K> {
    pub(super) fn new(number: u32, created_at: u64, key: K) -> Self {
        Self {
            number,
            created_at,
            key,
            failed_opens: AtomicU64::new(0),
        }
    }

    /// Counts from 1; never used again for another key.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// In milliseconds since the epoch.
    pub fn created_at(&self) -> u64 {
        self.created_at
    }

    /// The key itself.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// How often something did not open under this key, since the process unsealed.
    ///
    /// Poly1305 bounds a forger by the number of tries: many failures are an alarm.
    pub fn failed_opens(&self) -> u64 {
        self.failed_opens.load(Ordering::Relaxed)
    }

    pub(super) fn count_failure(&self) {
        self.failed_opens.fetch_add(1, Ordering::Relaxed);
    }
}

impl<K> Ring<K> {
    /// A ring of one term.
    pub(super) fn first(term: Term<K>) -> Self {
        Self {
            older: Vec::new(),
            active: Arc::new(term),
        }
    }

    /// A ring of terms whose numbers must rise.
    pub(super) fn of(terms: Vec<Term<K>>) -> Option<Self> {
        let rising = terms.is_sorted_by(|a, b| a.number < b.number);
        let mut older: Vec<_> = terms.into_iter().map(Arc::new).collect();
        let active = older.pop().filter(|_| rising)?;
        Some(Self { older, active })
    }

    /// This ring and a newer term, which becomes the active one.
    pub(super) fn and(&self, term: Term<K>) -> Self {
        let mut older = self.older.clone();
        older.push(Arc::clone(&self.active));
        Self {
            older,
            active: Arc::new(term),
        }
    }

    /// This ring without one of its older terms.
    pub(super) fn without(&self, number: u32) -> Self {
        let mut ring = self.share();
        ring.older.retain(|term| term.number != number);
        ring
    }

    /// The same terms, shared.
    pub(super) fn share(&self) -> Self {
        Self {
            older: self.older.clone(),
            active: Arc::clone(&self.active),
        }
    }

    /// The term that seals.
    pub fn active(&self) -> &Term<K> {
        &self.active
    }

    /// A term by its number.
    pub fn get(&self, number: u32) -> Option<&Term<K>> {
        if self.active.number == number {
            return Some(&self.active);
        }
        self.older
            .iter()
            .find(|term| term.number == number)
            .map(|term| &**term)
    }

    /// All terms, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Term<K>> {
        self.older.iter().chain([&self.active]).map(|term| &**term)
    }

    /// Failed opens of all terms.
    pub fn failed_opens(&self) -> u64 {
        self.iter().map(Term::failed_opens).sum()
    }
}

impl<K: SealingKey> Ring<K> {
    /// Seals under the active term; the place's own term is not looked at.
    ///
    /// # Panics
    /// As [`envelope::seal`].
    pub fn seal(&self, place: &Place<'_>, entropy: &mut dyn Entropy, plain: &[u8]) -> Vec<u8> {
        let term = self.active();
        let place = Place {
            term: term.number,
            ..*place
        };
        envelope::seal(&term.key, &place, entropy, plain)
    }

    /// Opens under the term that the envelope names, and counts a failure against it; the place's own
    /// term is not looked at.
    ///
    /// # Errors
    /// As [`envelope::open`]; also when there is no such term (any more).
    pub fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Plaintext, OpenError> {
        let number = envelope::header(sealed)?.term;
        let term = self.get(number).ok_or(OpenError)?;
        let place = Place {
            term: number,
            ..*place
        };
        envelope::open(&term.key, &place, sealed).inspect_err(|_| term.count_failure())
    }
}
