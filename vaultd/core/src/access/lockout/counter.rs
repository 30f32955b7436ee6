//! One counter: how many attempts, when the last one was, and so how long the next one waits.
//!
//! Whatever a policy says, from [`CEILING`] attempts on the wait is an hour at least, and the count is kept for a
//! day at least: guesses go on, 24 a day, unless an administrator unlocks. SP 800-63B-4 §3.2.2 wants no more than 100
//! failures in a row; an end for good would let anybody lock anybody out.

use minicbor::{Decode, Encode};

/// Attempts of one counter after which its wait has a floor.
pub(super) const CEILING: u32 = 100;
const HOUR: u64 = 60 * 60 * 1000;
const DAY: u64 = 24 * HOUR;

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
        let attempts = self.current(now, limits);
        let delay = attempts.checked_sub(limits.threshold).map_or(0, |over| {
            let doubled = 1_u64.checked_shl(over).unwrap_or(u64::MAX);
            limits.first.saturating_mul(doubled).min(limits.longest)
        });
        let least = if attempts >= CEILING { HOUR } else { 0 };
        let delay = delay.max(least);
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
        let least = if self.attempts >= CEILING { DAY } else { 0 };
        if now.saturating_sub(self.last) >= limits.forget.max(least) {
            0
        } else {
            self.attempts
        }
    }
}
