//! Idempotency: a write that comes again is answered with its first outcome.
//!
//! Outcomes lie in records by the ten minutes in which they are to be dropped:
//! `Outcome ‖ 3 ‖ tag(stretch) ‖ tag(principal, request id)`. Kept ten minutes at least; nothing secret is in them,
//! so what discloses a secret once is not remembered. An engine may keep the last of them elsewhere, as the head
//! of a secret.

use minicbor::{Decode, Encode};

use super::{Calendar, Document, Key, Kind, RecordError, Tx};
use crate::crypto::{envelope::Class, tag};

const MINUTE: u64 = 60_000;
/// How long an outcome is kept at least.
pub(crate) const KEEP: u64 = 10 * MINUTE;

const APART: Calendar = Calendar::of(Kind::Outcome, 3, KEEP);

/// The identity of a request.
#[derive(Clone)]
pub struct Once {
    /// Chosen by the client, the same for every try.
    pub request_id: [u8; 16],
    /// Of method and body, under a key that only voters hold, since values are in it.
    pub digest: [u8; 32],
    /// The same under earlier terms of that key: the first try may have come before the keys were rotated.
    pub earlier: Vec<[u8; 32]>,
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Once(..)")
    }
}

/// Why a repetition is not answered.
#[derive(Debug, thiserror::Error)]
pub enum NotReplayed {
    /// Another request came under the same id.
    #[error("the request id belongs to another request")]
    Reused,
    /// The store or the keyring failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// What a request came to.
#[derive(Clone, Encode, Decode)]
pub(crate) struct Remembered {
    #[n(0)]
    principal: u64,
    #[cbor(n(1), with = "minicbor::bytes")]
    request_id: [u8; 16],
    #[cbor(n(2), with = "minicbor::bytes")]
    digest: [u8; 16],
    #[n(3)]
    pub(crate) at: u64,
    #[cbor(n(4), with = "minicbor::bytes")]
    reply: Vec<u8>,
}

impl Document for Remembered {
    const CLASS: Class = Class::Shared;
}

/// The reply that a principal's request had, if it came before.
///
/// # Errors
/// When another request had its id, or the store fails.
pub fn replay<R: for<'b> Decode<'b, ()>>(
    tx: &mut Tx<'_>,
    principal: u64,
    once: &Once,
) -> Result<Option<R>, NotReplayed> {
    for key in places(tx, principal, once) {
        if let Some(found) = tx.get::<Remembered>(&key)? {
            return found.answer(once).map(Some);
        }
    }
    Ok(None)
}

/// Keeps the reply that a principal's request had.
///
/// # Errors
/// When the store fails.
pub fn remember<R: Encode<()>>(
    tx: &mut Tx<'_>,
    principal: u64,
    once: &Once,
    reply: &R,
) -> Result<(), RecordError> {
    spill(tx, &Remembered::new(principal, once, tx.now(), reply))
}

/// Drops up to `limit` outcomes that are old enough; whether there may be more.
///
/// # Errors
/// When the store fails.
pub fn sweep_outcomes(tx: &mut Tx<'_>, limit: usize) -> Result<bool, RecordError> {
    let due = APART.due(tx, limit)?;
    for item in due.items {
        tx.delete(item.key);
    }
    Ok(due.more)
}

/// Keeps an outcome in a record of its own.
pub(crate) fn spill(tx: &mut Tx<'_>, outcome: &Remembered) -> Result<(), RecordError> {
    let place = place(outcome.principal, &outcome.request_id);
    let tag = tag::index_tag(tx.keys().index().active(), "outcome", &place);
    APART.keep(tx, outcome.until(tx.now()), &tag, outcome)
}

/// Where an outcome may lie that is still kept.
pub(crate) fn places(tx: &Tx<'_>, principal: u64, once: &Once) -> Vec<Key> {
    let (from, until) = (tx.now(), tx.now().saturating_add(KEEP));
    let place = place(principal, &once.request_id);
    let terms = tx.keys().index().iter();
    terms
        .flat_map(|term| {
            let tag = tag::index_tag(term, "outcome", &place);
            APART.places(term, from, until, &tag)
        })
        .collect()
}

fn place(principal: u64, request_id: &[u8; 16]) -> Vec<u8> {
    [principal.to_be_bytes().as_slice(), request_id].concat()
}

impl Remembered {
    pub(crate) fn new<R: Encode<()>>(principal: u64, once: &Once, at: u64, reply: &R) -> Self {
        let mut encoded = Vec::new();
        // Encoding into memory cannot fail.
        let _infallible = minicbor::encode(reply, &mut encoded);
        Self {
            principal,
            request_id: once.request_id,
            digest: short(&once.digest),
            at,
            reply: encoded,
        }
    }

    pub(crate) fn is_of(&self, principal: u64, once: &Once) -> bool {
        self.principal == principal && self.request_id == once.request_id
    }

    pub(crate) fn answer<R: for<'b> Decode<'b, ()>>(&self, once: &Once) -> Result<R, NotReplayed> {
        let mut digests = std::iter::once(&once.digest).chain(&once.earlier);
        if digests.any(|digest| self.digest == short(digest)) {
            // Another kind of reply means another kind of request under the same id.
            minicbor::decode(&self.reply).map_err(|_| NotReplayed::Reused)
        } else {
            Err(NotReplayed::Reused)
        }
    }

    /// Until when it is kept, seen from `now`.
    fn until(&self, now: u64) -> u64 {
        self.at.saturating_add(KEEP).max(now)
    }
}

/// Half of the digest is plenty to tell bodies of one caller apart.
fn short(digest: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = *from);
    half
}
