//! How often one source may try: buckets in memory, before anything is read or hashed.
//!
//! Sources share [`SLOTS`] buckets by a hash under a key that this process drew, so what an attacker sends from
//! however many addresses takes up no more memory, and nobody can choose to share another's bucket. The counters that
//! lock are elsewhere, in the replicated state; this only keeps one source from taking all of the hashing.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vault_core::access::lockout::Source;

const SLOTS: usize = 4096;
/// Tries that a source may make at once.
const BURST: u32 = 60;
/// After which it may make one more.
const REFILL: Duration = Duration::from_millis(500);

/// The buckets.
#[derive(Debug)]
pub(super) struct Sources {
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
    /// Takes a try from a source's bucket, if one is left.
    pub(super) fn admit(&self, source: &Source, now: Duration) -> bool {
        let at = usize::try_from(self.key.hash_one(source)).unwrap_or_default() % SLOTS;
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.get_mut(at).is_none_or(|slot| slot.take(now))
    }
}

impl Slot {
    fn take(&mut self, now: Duration) -> bool {
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
        let left = self.used < BURST;
        self.used += u32::from(left);
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_tries_sixty_times_and_then_twice_a_second_and_others_do_not_notice() {
        let sources = Sources::default();
        let (one, other) = (Source::of_uid(1), Source::of_uid(2));
        let begun = Duration::from_secs(100);
        let tries = |source, now| (0..1000).filter(|_| sources.admit(source, now)).count();
        assert_eq!(tries(&one, begun), 60);
        assert_eq!(tries(&one, begun + Duration::from_millis(499)), 0);
        assert_eq!(tries(&one, begun + Duration::from_secs(1)), 2);
        assert_eq!(tries(&other, begun), 60);
        assert_eq!(tries(&one, begun + Duration::from_hours(1)), 60);
    }

    #[test]
    fn a_million_sources_take_up_no_more_than_one() {
        let sources = Sources::default();
        for uid in 0..1_000_000 {
            sources.admit(&Source::of_uid(uid), Duration::ZERO);
        }
        assert_eq!(sources.slots.lock().unwrap().len(), SLOTS);
    }
}
