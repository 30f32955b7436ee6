//! Callers in closed loops, and what rounds of them tell.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tonic::Status;

use super::Failure;

/// One round of one kind of call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// Calls in all.
    pub(super) calls: u64,
    /// Calls per second.
    pub(super) rate: f64,
    /// Median latency in microseconds.
    pub(super) p50: f64,
    /// In microseconds.
    pub(super) p99: f64,
}

/// Calls until the time is up, with `callers` at once. `call` is given the number of the caller, and how
/// many calls that caller has made.
pub(super) async fn drive<F, A>(callers: u32, time: Duration, call: F) -> Result<Round, Failure>
where
    F: Fn(u32, u64) -> A + Clone + Send + 'static,
    A: Future<Output = Result<(), Status>> + Send,
{
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for caller in 0..callers {
        let call = call.clone();
        tasks.spawn(async move {
            let mut latencies = Vec::with_capacity(1 << 14);
            while begun.elapsed() < time {
                let sent = Instant::now();
                call(caller, latencies.len() as u64).await?;
                latencies.push(sent.elapsed());
            }
            Ok::<_, Status>(latencies)
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        all.extend(ended??);
    }
    Ok(Round::of(all, begun.elapsed()))
}

impl Round {
    /// What so many latencies come to, of calls that were made in this time.
    pub(super) fn of(mut all: Vec<Duration>, elapsed: Duration) -> Self {
        all.sort_unstable();
        let at = |share: f64| {
            let place = (all.len() as f64 * share) as usize;
            all.get(place.min(all.len().saturating_sub(1)))
                .map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
        };
        Self {
            calls: all.len() as u64,
            rate: all.len() as f64 / elapsed.as_secs_f64(),
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}

/// One call for each number below `count`, with `callers` at once.
pub(super) async fn all<F, A>(callers: u32, count: u32, call: F) -> Result<(), Failure>
where
    F: Fn(u32) -> A + Clone + Send + 'static,
    A: Future<Output = Result<(), Status>> + Send,
{
    let next = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (call, next) = (call.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return Ok::<_, Status>(());
                }
                call(n).await?;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// The middle of what was measured.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
