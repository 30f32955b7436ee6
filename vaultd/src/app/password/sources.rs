//! How often one source may try: buckets in memory, before anything is read or hashed.
//!
//! Sources share [`SLOTS`] buckets by a hash under a key that this process drew, so what an attacker sends from
//! however many addresses takes up no more memory, and nobody can choose to share another's bucket. The counters that
//! lock are elsewhere, in the replicated state; this only keeps one source from taking all of the hashing.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const SLOTS: usize = 4096;
/// Tries that a source may make at once.
const BURST: u32 = 60;
/// After which it may make one more.
const REFILL: Duration = Duration::from_millis(500);

/// The buckets.
#[derive(Debug)]
pub(in crate::app) struct Sources {
    key: RandomState,
    slots: Mutex<Vec<Slot>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    used: u32,
    since: Duration,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            key: RandomState::new(),
            slots: Mutex::new(vec![Slot::default(); SLOTS]),
        }
    }
}

impl Sources {
    /// Takes so many tries from a source's bucket, if they are left.
    pub(in crate::app) fn admit(&self, source: &impl Hash, tries: u32, now: Duration) -> bool {
        self.with(source, |slot| slot.take(tries, now))
            .unwrap_or(true)
    }

    /// Gives a try back that was none: what it brought was right.
    pub(in crate::app) fn give_back(&self, source: &impl Hash) {
        self.with(source, |slot| slot.used = slot.used.saturating_sub(1));
    }

    fn with<R>(&self, source: &impl Hash, f: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        let at = usize::try_from(self.key.hash_one(source)).unwrap_or_default() % SLOTS;
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.get_mut(at).map(f)
    }
}

impl Slot {
    fn take(&mut self, tries: u32, now: Duration) -> bool {
        let passed = now.saturating_sub(self.since).as_millis() / REFILL.as_millis();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        if passed >= self.used {
            *self = Self {
                used: 0,
                since: now,
            };
        } else {
            self.used -= passed;
            self.since += REFILL * passed;
        }
        let used = self.used.saturating_add(tries);
        let left = used <= BURST;
        if left {
            self.used = used;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use vault_core::access::lockout::Source;

    use super::*;

    #[test]
    fn a_source_tries_sixty_times_and_then_twice_a_second_and_others_do_not_notice() {
        let sources = Sources::default();
        let (one, other) = (Source::of_uid(1), Source::of_uid(2));
        let begun = Duration::from_secs(100);
        let tries = |source, now| (0..1000).filter(|_| sources.admit(source, 1, now)).count();
        assert_eq!(tries(&one, begun), 60);
        assert_eq!(tries(&one, begun + Duration::from_millis(499)), 0);
        assert_eq!(tries(&one, begun + Duration::from_secs(1)), 2);
        assert_eq!(tries(&other, begun), 60);
        assert_eq!(tries(&one, begun + Duration::from_hours(1)), 60);
    }

    #[test]
    fn what_costs_two_dozen_tries_is_made_twice_and_then_every_twelve_seconds() {
        let sources = Sources::default();
        let begun = Duration::from_secs(100);
        let tries = |now| {
            (0..10)
                .filter(|_| sources.admit(&("user", 7), 24, now))
                .count()
        };
        assert_eq!(tries(begun), 2);
        assert_eq!(tries(begun + Duration::from_secs(5)), 0);
        assert_eq!(tries(begun + Duration::from_secs(6)), 1);
        assert_eq!(tries(begun + Duration::from_secs(17)), 0);
        assert_eq!(tries(begun + Duration::from_secs(18)), 1);
        assert!(
            sources.admit(&("user", 7), 0, begun),
            "nothing costs nothing"
        );
        assert!(!sources.admit(&("user", 8), u32::MAX, begun));
        assert!(
            sources.admit(&("user", 8), 60, begun),
            "a refusal takes none"
        );
    }

    #[test]
    fn what_is_given_back_was_not_tried() {
        let (sources, one) = (Sources::default(), Source::of_uid(1));
        for _ in 0..1000 {
            assert!(sources.admit(&one, 1, Duration::ZERO));
            sources.give_back(&one);
        }
        let more = (0..1000).filter(|_| sources.admit(&one, 1, Duration::ZERO));
        assert_eq!(more.count(), 60);
    }

    #[test]
    fn a_million_sources_take_up_no_more_than_one() {
        let sources = Sources::default();
        for uid in 0..1_000_000 {
            sources.admit(&Source::of_uid(uid), 1, Duration::ZERO);
        }
        assert_eq!(sources.slots.lock().unwrap().len(), SLOTS);
    }
}
