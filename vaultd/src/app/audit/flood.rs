//! Failed requests that nobody authenticated for: the first of each second are written one by one,
//! the rest are counted, so that a flood can neither fill the disk nor slow the lines of others.
//!
//! Counters are bounded: beyond `KEYS` kinds of failure they share one.

use std::collections::BTreeMap;
use std::time::Duration;

/// What a flood is counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) method: &'static str,
    pub(super) reason: &'static str,
    pub(super) origin: String,
}

/// The budget of the present second, and what went over it.
#[derive(Debug, Default)]
pub(super) struct Flood {
    second: u64,
    written: u32,
    counted: BTreeMap<Kind, u64>,
}

impl Flood {
    /// Whether this failure gets a line of its own; if not, it has been counted.
    pub(super) fn admit(&mut self, now: Duration, kind: impl FnOnce() -> Kind) -> bool {
        if self.second != now.as_secs() {
            self.second = now.as_secs();
            self.written = 0;
        }
        if self.written < LINES_PER_SECOND {
            self.written += 1;
            return true;
        }
        let kind = kind();
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
        false
    }

    /// Takes the counters of the seconds that have ended.
    pub(super) fn take(&mut self, now: Duration) -> BTreeMap<Kind, u64> {
        if self.second == now.as_secs() {
            return BTreeMap::new();
        }
        std::mem::take(&mut self.counted)
    }
}

/// Lines that unauthenticated failures may write in a second.
const LINES_PER_SECOND: u32 = 20;
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
    fn the_first_of_each_second_are_written_and_the_rest_counted() {
        let mut flood = Flood::default();
        let second = Duration::from_secs(5);
        let written = (0..100).filter(|_| flood.admit(second, || kind(1))).count();
        assert_eq!(written, 20);
        assert!(flood.take(second).is_empty(), "the second has not ended");
        let later = Duration::from_secs(6);
        assert_eq!(flood.take(later).into_values().collect::<Vec<_>>(), [80]);
        assert!(flood.admit(later, || kind(1)), "a new second, a new budget");
    }

    #[test]
    fn counters_stay_bounded_and_nothing_goes_uncounted() {
        let mut flood = Flood::default();
        let second = Duration::from_secs(5);
        for origin in 0..10_020 {
            flood.admit(second, || kind(origin));
        }
        let counted = flood.take(Duration::from_secs(6));
        assert_eq!(counted.len(), KEYS + 1);
        assert_eq!(counted.values().sum::<u64>(), 10_000);
    }
}
