//! How old this node's state can be at most, proved without trusting any wall clock.
//!
//! The loop notes its boot time, asks for a quorum-confirmed read index, waits until that is applied: from
//! then on the state is provably no older than the note. Each reply states the bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::raft::Node;
use crate::store::Store;

/// Between two rounds.
const PERIOD: Duration = Duration::from_millis(500);
/// Between two questions of a round that found no leader.
const RETRY: Duration = Duration::from_millis(50);
/// A round that takes longer proves nothing new in time.
const ROUND: Duration = Duration::from_secs(3);

/// The proven bound.
#[derive(Debug)]
pub(super) struct Freshness {
    clock: Clock,
    /// Boot time in milliseconds, plus one; 0: nothing proved yet.
    fresh_as_of: AtomicU64,
    stopped: AtomicBool,
}

impl Freshness {
    /// Starts the loop on the current runtime; it ends with [`Freshness::stop`], or when nobody holds it.
    pub(super) fn start(node: &Node, store: &Store, clock: Clock) -> Arc<Self> {
        let this = Arc::new(Self {
            clock,
            fresh_as_of: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        });
        let (weak, node, store) = (Arc::downgrade(&this), node.clone(), store.clone());
        tokio::spawn(async move {
            while let Some(this) = weak.upgrade() {
                if this.stopped.load(Ordering::Relaxed) {
                    break;
                }
                this.round(&node, &store).await;
                drop(this);
                tokio::time::sleep(PERIOD).await;
            }
        });
        this
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// One proof, on demand or by the loop.
    pub(super) async fn round(&self, node: &Node, store: &Store) {
        let asked = millis(self.clock.boottime());
        let proof = async {
            let index = loop {
                match node.read_index().await {
                    Ok(index) => break index,
                    Err(_) => tokio::time::sleep(RETRY).await,
                }
            };
            store.wait_applied(index).await;
        };
        if tokio::time::timeout(ROUND, proof).await.is_ok() {
            self.fresh_as_of.fetch_max(asked + 1, Ordering::Relaxed);
        }
    }

    pub(super) fn staleness(&self) -> Duration {
        match self.fresh_as_of.load(Ordering::Relaxed) {
            0 => Duration::MAX,
            noted => self
                .clock
                .boottime()
                .saturating_sub(Duration::from_millis(noted - 1)),
        }
    }

    pub(super) fn staleness_ms(&self) -> u64 {
        millis(self.staleness())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
