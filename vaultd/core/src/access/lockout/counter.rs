//! One counter: how many attempts, when the last one was, and so how long the next one waits.

use minicbor::{Decode, Encode};

/// When counters lock. Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many attempts are free.
    pub threshold: u32,
    /// The wait after the last free one; doubled by each further one.
    pub first: u64,
    /// The longest wait.
    pub longest: u64,
    /// A counter without an attempt for so long begins again.
    pub forget: u64,
}

/// Attempts that were not, or not yet, successful. What is locked follows from it, so that a change of policy
/// binds what was counted before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Counter {
    #[n(0)]
    attempts: u32,
    #[n(1)]
    last: u64,
}

impl Counter {
    /// How long the next attempt waits.
    pub(super) fn wait(&self, now: u64, limits: &Limits) -> u64 {
        let Some(over) = self.current(now, limits).checked_sub(limits.threshold) else {
            return 0;
        };
        let doubled = 1_u64.checked_shl(over).unwrap_or(u64::MAX);
        let delay = limits.first.saturating_mul(doubled).min(limits.longest);
        self.last.saturating_add(delay).saturating_sub(now)
    }

    /// Counts one that does not wait.
    pub(super) fn count(&mut self, now: u64, limits: &Limits) {
        self.attempts = self.current(now, limits).saturating_add(1);
        // leader time does not go back; if it did, locks would last longer, not shorter
        self.last = self.last.max(now);
    }

    /// One of them was right.
    pub(super) fn take_back(&mut self) {
        self.attempts = self.attempts.saturating_sub(1);
    }

    fn current(&self, now: u64, limits: &Limits) -> u32 {
        if now.saturating_sub(self.last) >= limits.forget {
            0
        } else {
            self.attempts
        }
    }
}
