//! Idempotency of writes of secrets: the last outcomes lie in the head of the secret that was written.
//!
//! Those that no longer fit, and those of operations after which no head can be found, lie apart ([`crate::record::once`]).
//! Both are asked, always: a head does not know what another one at its path left behind before it came there,
//! by itself or with a folder. One repetition finds nothing: where a folder was moved away and its secret's path
//! used again, since moving a folder rewrites none of the heads in it, and the outcome went along.

use minicbor::{Decode, Encode};

use super::{Refusal, model::Head};
use crate::{
    access::Grant,
    record::{
        RecordError, Tx,
        once::{self, KEEP, NotReplayed, Once, Remembered},
    },
};

/// Outcomes in a head at most.
const IN_HEAD: usize = 16;

impl From<NotReplayed> for Refusal {
    fn from(why: NotReplayed) -> Self {
        match why {
            NotReplayed::Reused => Self::RequestIdReused,
            NotReplayed::Record(error) => Self::Record(error),
        }
    }
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
    let Some(head) = head else {
        return Ok(once::replay(tx, principal, once)?);
    };
    let mut in_head = head.outcomes.iter();
    if let Some(found) = in_head.find(|outcome| outcome.is_of(principal, once)) {
        return Ok(Some(found.answer(once)?));
    }
    for key in once::places(tx, principal, once) {
        // Not remembered: what is kept apart of this head's outcomes changes with it, and what heads before
        // it at this path left was there when it came.
        if let Some(found) = tx.look::<Remembered>(&key)? {
            return Ok(Some(found.answer(once)?));
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
        once::spill(tx, &oldest)?;
    }
    let outcome = Remembered::new(grant.principal_id(), once, now, reply);
    head.outcomes.push(outcome);
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
    once::remember(tx, grant.principal_id(), once, reply)
}

/// Moves what a head remembers to records of their own, as when its path goes; returns how many rows.
pub(super) fn spill_all(tx: &mut Tx<'_>, head: &mut Head) -> Result<usize, RecordError> {
    let now = tx.now();
    let mut rows = 0;
    for outcome in std::mem::take(&mut head.outcomes) {
        if now.saturating_sub(outcome.at) < KEEP {
            once::spill(tx, &outcome)?;
            rows += 1;
        }
    }
    Ok(rows)
}
