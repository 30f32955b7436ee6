//! Cutting the log: by size, and once a day so that destroyed data leaves the disk. Never beyond what
//! the state holds durably.

use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::metrics::RaftMetrics;

use super::error::RaftError;
use super::node::Core;
use super::types::Types;
use crate::store::Store;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(10);

/// Looks after which the log is cut whatever its size: a day.
const LOOKS: u32 = 24 * 60 * 6;

/// Segments that are kept for peers that lag.
const SEGMENTS: usize = 4;

/// Runs until the node stops.
pub(super) async fn run(raft: Core, store: Store) {
    let mut timer = tokio::time::interval(INTERVAL);
    let mut looks = 0;
    loop {
        timer.tick().await;
        looks += 1;
        if looks < LOOKS && store.log().segments() <= SEGMENTS {
            continue;
        }
        looks = 0;
        if let Err(error) = cut_log(&raft, &store).await {
            tracing::debug!(%error, "the log was not cut");
        }
    }
}

/// Takes note of a snapshot, then purges what it covers.
pub(super) async fn cut_log(raft: &Core, store: &Store) -> Result<(), RaftError> {
    let wanted = store.applied().index;
    if wanted == 0 {
        return Ok(());
    }
    raft.trigger()
        .snapshot()
        .await
        .map_err(|_| RaftError::Stopped)?;
    until(raft, |now| {
        now.snapshot.as_ref().is_some_and(|id| id.index >= wanted)
    })
    .await?;
    let upto = wanted.min(store.durable_applied());
    raft.trigger()
        .purge_log(upto)
        .await
        .map_err(|_| RaftError::Stopped)?;
    until(raft, |now| {
        now.purged.as_ref().is_some_and(|id| id.index >= upto)
    })
    .await
}

async fn until(raft: &Core, holds: impl Fn(&RaftMetrics<Types>) -> bool) -> Result<(), RaftError> {
    let mut metrics = raft.metrics();
    while !holds(&metrics.borrow_and_update()) {
        metrics.changed().await.map_err(|_| RaftError::Stopped)?;
    }
    Ok(())
}
