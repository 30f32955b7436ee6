//! Requests that nobody authenticated for, failures and looks at the public status: a few are written one by
//! one, the rest are counted, so that a flood can neither fill the disk, nor rotate away what others did, nor
//! slow their lines. What a session is refused because it fills the audit too fast is counted here too.
//!
//! The budget is a bucket: `BURST` lines at once, then one a second. Counters are written once a minute, and
//! are bounded: beyond `KEYS` kinds they share one. Together that is some 50 MB a day at most.

use std::collections::BTreeMap;
use std::time::Duration;

/// What a flood is counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) method: &'static str,
    pub(super) reason: &'static str,
    pub(super) origin: String,
}

/// The budget, and what went over it.
#[derive(Debug)]
pub(super) struct Flood {
    /// Lines that may be written.
    left: u64,
    /// When the budget last grew, in whole seconds.
    grown: u64,
    counted: BTreeMap<Kind, u64>,
    /// When the first of them was counted.
    since: Option<Duration>,
}

impl Default for Flood {
    fn default() -> Self {
        Self {
            left: BURST,
            grown: 0,
            counted: BTreeMap::new(),
            since: None,
        }
    }
}

impl Flood {
    /// Whether this request gets a line of its own; if not, it has been counted.
    pub(super) fn admit(&mut self, now: Duration, kind: impl FnOnce() -> Kind) -> bool {
        let seconds = now.as_secs();
        self.left = (self.left + seconds.saturating_sub(self.grown)).min(BURST);
        self.grown = seconds;
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return true;
        }
        self.count(now, kind());
        false
    }

    /// Counts a request that gets no line of its own.
    pub(super) fn count(&mut self, now: Duration, kind: Kind) {
        self.since.get_or_insert(now);
        let kind = if self.counted.contains_key(&kind) || self.counted.len() < KEYS {
            kind
        } else {
            Kind {
                method: "",
                reason: "",
                origin: "others".to_owned(),
            }
        };
        *self.counted.entry(kind).or_default() += 1;
    }

    /// Takes the counters, once they have counted for a minute.
    pub(super) fn take(&mut self, now: Duration) -> BTreeMap<Kind, u64> {
        if self.since.is_none_or(|since| now < since + PERIOD) {
            return BTreeMap::new();
        }
        self.since = None;
        std::mem::take(&mut self.counted)
    }
}

/// Lines that unauthenticated requests may write at once.
const BURST: u64 = 60;
/// For which counters count.
const PERIOD: Duration = Duration::from_mins(1);
/// Kinds that are counted apart.
const KEYS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(origin: usize) -> Kind {
        Kind {
            method: "/m",
            reason: "TOKEN_INVALID",
            origin: origin.to_string(),
        }
    }

    #[test]
    fn the_first_are_written_and_the_rest_counted() {
        let mut flood = Flood::default();
        let begun = Duration::from_millis(5_500);
        let written = (0..100).filter(|_| flood.admit(begun, || kind(1))).count();
        assert_eq!(written, 60);
        let soon = begun + Duration::from_secs(59);
        assert!(flood.take(soon).is_empty(), "the minute has not ended");
        let later = begun + PERIOD;
        assert_eq!(flood.take(later).into_values().collect::<Vec<_>>(), [40]);
        assert!(flood.take(later + PERIOD).is_empty(), "said once");
    }

    #[test]
    fn a_flood_that_goes_on_writes_one_line_a_second() {
        let mut flood = Flood::default();
        let mut written = 0;
        for tenth in 0..36_000 {
            let now = Duration::from_millis(100 * tenth);
            written += u64::from(flood.admit(now, || kind(1)));
        }
        assert_eq!(written, BURST + 3_599);
    }

    #[test]
    fn a_quiet_time_fills_the_budget_and_no_more() {
        let mut flood = Flood::default();
        while flood.admit(Duration::ZERO, || kind(1)) {}
        let later = Duration::from_hours(10);
        let written = (0..100).filter(|_| flood.admit(later, || kind(1))).count();
        assert_eq!(written, 60);
    }

    #[test]
    fn counters_stay_bounded_and_nothing_goes_uncounted() {
        let mut flood = Flood::default();
        for origin in 0..10_060 {
            flood.admit(Duration::ZERO, || kind(origin));
        }
        let counted = flood.take(PERIOD);
        assert_eq!(counted.len(), KEYS + 1);
        assert_eq!(counted.values().sum::<u64>(), 10_000);
    }
}
