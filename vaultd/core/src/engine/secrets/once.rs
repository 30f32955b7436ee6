//! Idempotency: a write that comes again is answered with its first outcome.
//!
//! The last outcomes lie in the head of the secret that was written. Those that no longer fit, and those
//! of operations after which no head can be found, lie in records of their own, by the ten minutes in which
//! they are to be dropped: `Outcome ‖ 3 ‖ tag(stretch) ‖ tag(principal, request id)`. Kept ten minutes at
//! least; nothing secret is in them.
//!
//! Both are asked, always: a head does not know what another one at its path left behind before it came there,
//! by itself or with a folder. One repetition finds nothing: where a folder was moved away and its secret's path
//! used again, since moving a folder rewrites none of the heads in it, and the outcome went along.

use minicbor::{Decode, Encode};

use super::{Refusal, model::Head};
use crate::{
    access::Grant,
    crypto::{envelope::Class, tag},
    record::{Calendar, Document, Key, Kind, RecordError, Tx},
};

const MINUTE: u64 = 60_000;
/// How long an outcome is kept at least.
const KEEP: u64 = 10 * MINUTE;
/// Outcomes in a head at most.
const IN_HEAD: usize = 16;

/// The records of their own.
const APART: Calendar = Calendar::of(Kind::Outcome, 3, KEEP);

/// The identity of a request.
#[derive(Clone, Copy)]
pub struct Once {
    /// Chosen by the client, the same for every try.
    pub request_id: [u8; 16],
    /// Of method and body, under a key that only voters hold, since values are in it.
    pub digest: [u8; 32],
}

impl std::fmt::Debug for Once {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Once(..)")
    }
}

/// What a request came to.
#[derive(Clone, Encode, Decode)]
pub(super) struct Remembered {
    #[n(0)]
    principal: u64,
    #[cbor(n(1), with = "minicbor::bytes")]
    request_id: [u8; 16],
    #[cbor(n(2), with = "minicbor::bytes")]
    digest: [u8; 16],
    #[n(3)]
    at: u64,
    #[cbor(n(4), with = "minicbor::bytes")]
    reply: Vec<u8>,
}

impl Document for Remembered {
    const CLASS: Class = Class::Shared;
}

/// The reply that the request had, if it came before.
pub(super) fn replay<R: for<'b> Decode<'b, ()>>(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    head: Option<&Head>,
) -> Result<Option<R>, Refusal> {
    let Some(once) = once else { return Ok(None) };
    let principal = grant.principal_id();
    let in_head = head.iter().flat_map(|head| &head.outcomes);
    if let Some(found) = in_head
        .into_iter()
        .find(|r| r.principal == principal && r.request_id == once.request_id)
    {
        return found.answer(once).map(Some);
    }
    for key in places(tx, &place(principal, &once.request_id)) {
        let found = match head {
            // Not remembered: what is kept apart of this head's outcomes changes with it, and what heads before
            // it at this path left was there when it came.
            Some(_) => tx.look::<Remembered>(&key)?,
            None => tx.get::<Remembered>(&key)?,
        };
        if let Some(found) = found {
            return found.answer(once).map(Some);
        }
    }
    Ok(None)
}

/// Keeps a reply in the head, which the caller puts.
pub(super) fn remember<R: Encode<()>>(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    head: &mut Head,
    reply: &R,
) -> Result<(), RecordError> {
    let Some(once) = once else { return Ok(()) };
    let now = tx.now();
    head.outcomes
        .retain(|old| now.saturating_sub(old.at) < KEEP);
    while head.outcomes.len() >= IN_HEAD {
        let oldest = head.outcomes.remove(0);
        spill(tx, &oldest)?;
    }
    head.outcomes.push(Remembered::new(grant, once, now, reply));
    Ok(())
}

/// Keeps a reply in a record of its own.
pub(super) fn remember_apart<R: Encode<()>>(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    reply: &R,
) -> Result<(), RecordError> {
    let Some(once) = once else { return Ok(()) };
    spill(tx, &Remembered::new(grant, once, tx.now(), reply))
}

/// Moves what a head remembers to records of their own, as when its path goes; returns how many rows.
pub(super) fn spill_all(tx: &mut Tx<'_>, head: &mut Head) -> Result<usize, RecordError> {
    let now = tx.now();
    let mut rows = 0;
    for outcome in std::mem::take(&mut head.outcomes) {
        if now.saturating_sub(outcome.at) < KEEP {
            spill(tx, &outcome)?;
            rows += 1;
        }
    }
    Ok(rows)
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

fn spill(tx: &mut Tx<'_>, outcome: &Remembered) -> Result<(), RecordError> {
    let tag = tag::index_tag(tx.keys().index().active(), "outcome", &outcome.place());
    APART.keep(tx, outcome.until(tx.now()), &tag, outcome)
}

/// Where an outcome may lie that is still kept.
fn places(tx: &Tx<'_>, place: &[u8]) -> Vec<Key> {
    let (from, until) = (tx.now(), tx.now().saturating_add(KEEP));
    let terms = tx.keys().index().iter();
    terms
        .flat_map(|term| {
            let tag = tag::index_tag(term, "outcome", place);
            APART.places(term, from, until, &tag)
        })
        .collect()
}

fn place(principal: u64, request_id: &[u8; 16]) -> Vec<u8> {
    [principal.to_be_bytes().as_slice(), request_id].concat()
}

impl Remembered {
    fn new<R: Encode<()>>(grant: &Grant, once: &Once, at: u64, reply: &R) -> Self {
        let mut encoded = Vec::new();
        // Encoding into memory cannot fail.
        let _infallible = minicbor::encode(reply, &mut encoded);
        Self {
            principal: grant.principal_id(),
            request_id: once.request_id,
            digest: short(once),
            at,
            reply: encoded,
        }
    }

    fn answer<R: for<'b> Decode<'b, ()>>(&self, once: &Once) -> Result<R, Refusal> {
        if self.digest == short(once) {
            // Another kind of reply means another kind of request under the same id.
            minicbor::decode(&self.reply).map_err(|_| Refusal::RequestIdReused)
        } else {
            Err(Refusal::RequestIdReused)
        }
    }

    /// Until when it is kept, seen from `now`.
    fn until(&self, now: u64) -> u64 {
        self.at.saturating_add(KEEP).max(now)
    }

    fn place(&self) -> Vec<u8> {
        place(self.principal, &self.request_id)
    }
}

/// Half of the digest is plenty to tell bodies of one caller apart.
fn short(once: &Once) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut()
        .zip(once.digest)
        .for_each(|(to, from)| *to = from);
    half
}
