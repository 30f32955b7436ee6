//! What the writer and the requests know of each other: whether lines can be written now, since when
//! a write or a sync has been running, how many lines were lost.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;

use super::budget::{Budget, Payer};
use super::flood::{Flood, Kind};
use super::{AuditClock, AuditConfig, AuditError};

pub(super) struct State {
    pub(super) clock: Arc<dyn AuditClock>,
    pub(super) node: u64,
    /// How long a request waits for its line.
    pub(super) bound: Duration,
    /// The last attempt to write failed.
    pub(super) down: AtomicBool,
    /// A sync beside the writer failed; the writer has not yet dealt with it.
    pub(super) unsyncable: AtomicBool,
    /// Lines that could not be written since the last line that said so.
    pub(super) lost: AtomicU64,
    pub(super) writing: Busy,
    pub(super) syncing: Busy,
    /// The last sequence that is in the sink, told a moment later: for those who read along.
    pub(super) written: watch::Sender<u64>,
    flood: Mutex<Flood>,
    budget: Mutex<Budget>,
    /// Until then somebody may have nothing left to pay with; milliseconds.
    strained: AtomicU64,
}

impl State {
    pub(super) fn new(clock: Arc<dyn AuditClock>, node: u64, config: &AuditConfig) -> Self {
        Self {
            clock,
            node,
            bound: config.bound,
            down: AtomicBool::new(false),
            unsyncable: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            writing: Busy::default(),
            syncing: Busy::default(),
            written: watch::Sender::new(0),
            flood: Mutex::default(),
            budget: Mutex::new(Budget::new(config.session_rate)),
            strained: AtomicU64::new(0),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Whether a line that is queued now has a prospect.
    pub(super) fn ready(&self) -> Result<(), AuditError> {
        if self.down.load(Ordering::Acquire) {
            return Err(AuditError::Unavailable);
        }
        let now = self.now();
        if self.writing.longer_than(self.bound, now) || self.syncing.longer_than(self.bound, now) {
            return Err(AuditError::Unavailable);
        }
        Ok(())
    }

    pub(super) fn with_flood<T>(&self, f: impl FnOnce(&mut Flood, Duration) -> T) -> T {
        let now = self.now();
        let mut flood = match self.flood.lock() {
            Ok(flood) => flood,
            // Counters only: whatever a panic left there is still a count.
            Err(poisoned) => poisoned.into_inner(),
        };
        f(&mut flood, now)
    }

    /// Tells those who read along how far lines go.
    pub(super) fn tell(&self, last: u64) {
        self.written.send_if_modified(|told| {
            let more = *told != last;
            *told = last;
            more
        });
    }

    /// Pays for a line of so many bytes; whether it may be written. What `must` be is, on credit.
    pub(super) fn pay(&self, payer: Payer<'_>, bytes: usize, must: bool) -> bool {
        let now = self.now();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let mut budget = self.budget();
        let paid = budget.pay(now, payer, bytes, must);
        let again = budget.again(now, payer);
        drop(budget);
        if !paid || again > now {
            let until = u64::try_from(again.max(now).as_millis()).unwrap_or(u64::MAX);
            self.strained
                .fetch_max(until.saturating_add(1), Ordering::AcqRel);
        }
        paid
    }

    /// Whether this caller has anything left to pay with. Looks nothing up while everybody has.
    pub(super) fn affords(&self, payer: Payer<'_>) -> Result<(), AuditError> {
        let strained = self.strained.load(Ordering::Acquire);
        if strained == 0 {
            return Ok(());
        }
        let now = self.now();
        let over = now < Duration::from_millis(strained) && self.budget().again(now, payer) > now;
        if over {
            Err(AuditError::OverBudget)
        } else {
            Ok(())
        }
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        match self.budget.lock() {
            Ok(budget) => budget,
            // A purse that was paid from half is still a purse.
            Err(poisoned) => poisoned.into_inner(),
        }
    }

    /// What was counted and is due to be written by then.
    pub(super) fn counted(&self, by: Duration) -> Vec<(Kind, u64)> {
        self.with_flood(|flood, _| flood.take(by).into_iter().collect())
    }
}

/// Since when something is running.
#[derive(Debug, Default)]
pub(super) struct Busy {
    /// Microseconds, and one; 0 is idle.
    since: AtomicU64,
}

impl Busy {
    pub(super) fn start(&self, now: Duration) {
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX - 1);
        self.since
            .store(micros.saturating_add(1), Ordering::Release);
    }

    pub(super) fn stop(&self) {
        self.since.store(0, Ordering::Release);
    }

    fn longer_than(&self, bound: Duration, now: Duration) -> bool {
        match self.since.load(Ordering::Acquire) {
            0 => false,
            since => now.saturating_sub(Duration::from_micros(since - 1)) > bound,
        }
    }
}
