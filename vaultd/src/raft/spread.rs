//! When a write is everywhere: what takes rights away is acknowledged once no member answers by a state without it.
//!
//! A member serves by a state that it has proved to be fresh, and proves it by asking the leader. So one that has not
//! asked for longer than its state counts as fresh cannot serve, and need not be waited for.
//!
//! INVARIANT: that a member asks is noted before it is answered. Its proof counts from before it asked, so what is noted is
//! never earlier than that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{sleep, timeout};

use super::node::Node;
use super::peer::Way;
use crate::clock::Clock;

/// Between two questions to a member that does not answer.
const AGAIN: Duration = Duration::from_millis(50);

/// Who last asked when, on the clock that counts sleep.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    clock: Clock,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    /// Another leader may have answered anybody until then.
    elected: Duration,
    asked: BTreeMap<u64, Duration>,
}

impl Ledger {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This node leads from now on.
    pub(super) fn elected(&self) {
        self.noted().elected = self.clock.boottime();
    }

    /// A member asks, or has just been removed and may have asked until now.
    pub(super) fn asked(&self, id: u64) {
        let now = self.clock.boottime();
        self.noted().asked.insert(id, now);
    }

    fn who(&self) -> BTreeSet<u64> {
        self.noted().asked.keys().copied().collect()
    }

    /// How long what a member has may still be fresh to it; nothing if it is no more.
    fn left(&self, id: u64, bound: Duration) -> Option<Duration> {
        let noted = self.noted();
        let last = noted.asked.get(&id).copied().unwrap_or_default();
        let until = last.max(noted.elected) + bound;
        let left = until.saturating_sub(self.clock.boottime());
        (!left.is_zero()).then_some(left)
    }
}

impl Node {
    /// Returns once every member has applied an index that this node has, or cannot take what it has for fresh any more:
    /// it last asked for longer than `bound` ago. Costs nothing where there are no peers.
    pub async fn spread(&self, index: u64, bound: Duration) {
        let Some(ways) = self.ways() else {
            return;
        };
        let (ledger, own) = (self.ledger(), self.id());
        // ORDER: who has asked before now may have been told of a state without it; who asks later is not.
        let mut waits: BTreeMap<u64, (Duration, Option<Way>)> = BTreeMap::new();
        for id in ledger.who() {
            let left = ledger.left(id, bound);
            waits.extend(left.map(|left| (id, (left, None))));
        }
        for seat in self.members() {
            let left = ledger.left(seat.id, bound);
            let way = ways.to(seat.id, &seat.member);
            waits.extend(left.map(|left| (seat.id, (left, way))));
        }
        waits.remove(&own);
        join_all(waits.into_values().map(|(left, way)| async move {
            // Out of time: it cannot take what it has for fresh any more.
            drop(timeout(left, applied(way, index)).await);
        }))
        .await;
    }
}

/// Returns once a member says that it has applied an index.
async fn applied(way: Option<Way>, index: u64) {
    let Some(way) = way else {
        // It is no member any more, and nobody to ask.
        return std::future::pending().await;
    };
    while way.wait_applied(index).await.is_err() {
        sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_waited_for_from_when_it_asked_or_another_may_have_answered() {
        let ledger = Ledger::default();
        let bound = Duration::from_secs(5);
        assert!(ledger.clock.boottime() > bound, "a machine that runs");
        assert_eq!(ledger.left(2, bound), None, "it has asked nobody");
        ledger.asked(2);
        assert!(ledger.left(2, bound).is_some());
        assert_eq!(ledger.left(3, bound), None);
        assert_eq!(ledger.left(2, Duration::ZERO), None);
        ledger.elected();
        assert!(ledger.left(3, bound).is_some(), "another may have answered");
        assert_eq!(ledger.who(), BTreeSet::from([2]));
    }
}
