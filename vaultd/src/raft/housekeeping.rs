//! Cutting the log: by size, and by age so that destroyed data leaves the disk. Never beyond what the state
//! holds durably.
//!
//! By age, in two steps of half a [`RETENTION`]: the segment that is written to is closed, and what was closed
//! the time before is purged, so that on a quiet vault, too, nothing stays in the log for longer than one
//! retention. What a restart finds is of unknown age and goes soon after it. Then the database's
//! write-ahead log is emptied: it holds old pages of rows that are gone.

use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::metrics::RaftMetrics;
use tokio::sync::oneshot;

use super::error::RaftError;
use super::node::Core;
use super::types::Types;
use crate::clock::Clock;
use crate::store::Store;

/// Longest time that an entry stays in the log, in boot time, which counts sleep.
pub(super) const RETENTION: Duration = Duration::from_hours(24);

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(10);

/// Segments that are kept for peers that lag.
const SEGMENTS: usize = 4;

/// Runs until the node stops.
pub(super) async fn run(raft: Core, store: Store, clock: Clock) {
    let mut ageing = Ageing::default();
    let mut timer = tokio::time::interval(INTERVAL);
    // A start has better things to do.
    timer.tick().await;
    loop {
        timer.tick().await;
        if let Err(error) = ageing.look(&raft, &store, clock.boottime()).await {
            tracing::debug!(%error, "the log was not cut by age");
        }
        if store.log().segments() > SEGMENTS
            && let Err(error) = cut_log(&raft, &store, u64::MAX).await
        {
            tracing::debug!(%error, "the log was not cut");
        }
    }
}

/// How old what lies in the log can be.
#[derive(Debug, Default)]
pub(super) struct Ageing {
    /// When a segment was last closed for its age, and the last entry before that.
    closed: Option<(Duration, u64)>,
    /// The database's write-ahead log is still to be emptied.
    lingers: bool,
}

impl Ageing {
    /// Does what is due at `now`. What could not be done is due again at the next look.
    pub(super) async fn look(
        &mut self,
        raft: &Core,
        store: &Store,
        now: Duration,
    ) -> Result<(), RaftError> {
        let due = self
            .closed
            .is_none_or(|(at, _)| now.saturating_sub(at) >= RETENTION / 2);
        if due && store.applied().index > 0 {
            let last = || store.log().bounds().1.map_or(0, |last| last.index);
            let before = self.closed.map(|(_, before)| before);
            if before != Some(last()) && !close_segment(store).await {
                return Ok(());
            }
            // ORDER: looked at after the segment is closed: whatever lies in it is not beyond this.
            let last = last();
            cut_log(raft, store, before.unwrap_or(last)).await?;
            self.closed = Some((now, last));
            self.lingers = true;
        }
        if self.lingers {
            self.lingers = !store.empty_write_ahead().await;
        }
        Ok(())
    }
}

/// Has what follows written to a new segment; `false` when there is none, as on a full disk.
async fn close_segment(store: &Store) -> bool {
    let (done, wait) = oneshot::channel();
    let asked = store.log().rotate(Box::new(move |result| {
        // Whoever asked is gone only when the node stops.
        drop(done.send(result));
    }));
    asked.is_ok() && wait.await.is_ok_and(|closed| closed.is_ok())
}

/// Takes note of a snapshot, then purges what it covers, up to an entry.
pub(super) async fn cut_log(raft: &Core, store: &Store, upto: u64) -> Result<(), RaftError> {
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
    let upto = wanted.min(store.durable_applied()).min(upto);
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

#[cfg(test)]
mod tests;
