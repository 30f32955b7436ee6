//! Keys of issuers that are fetched from an address, as this node remembers them, and when they are fetched again.
//!
//! ```text
//! younger than 10 minutes   used
//! younger than 1 hour       used; fetched again beside it, if somebody did use them
//! younger than the bound    fetched again first; used where that fails
//! older                     not believed
//! a key that is not there   one fetch a minute at most, and none right after another
//! a failure                 rests for ten seconds, for a minute where there are keys to go on with; one of this machine's
//!                           own not at all, for ten seconds where there are
//! ```
//! All who need the same keys wait for one fetch. Nothing of this is replicated: keys are public, each node asks for
//! itself, and a node that was started again has none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::keys::{Keys, KeysError};
use crate::outbound::Failure;

/// Age at which keys are fetched again beside their use, and before it.
const AGEING: Duration = Duration::from_mins(10);
const OLD: Duration = Duration::from_hours(1);
/// Between two fetches because of keys that are not there.
const FORCED: Duration = Duration::from_mins(1);
/// After a failure, without keys and with some.
const REST: Duration = Duration::from_secs(10);
const LONG_REST: Duration = Duration::from_mins(1);
/// Logins that wait for keys; more are refused.
const WAITING: usize = 64;

/// Why there are no keys. For the audit, and for whoever may look at the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Why {
    #[error("their address is not in outbound.allow of this node's configuration")]
    NotAllowed,
    #[error("{0}")]
    Failed(Failure),
    #[error("what is at their address is refused: {0}")]
    Keys(KeysError),
    #[error("that they changed could not be recorded")]
    Unrecorded,
    #[error("too many wait for them")]
    Crowded,
    #[error("the issuer was changed meanwhile")]
    Overtaken,
}

impl Why {
    /// Whether somebody was asked, and is to be left alone for a while.
    fn rests(self) -> bool {
        match self {
            Self::Failed(Failure::NoHelper | Failure::Busy | Failure::Request)
            | Self::NotAllowed
            | Self::Crowded
            | Self::Overtaken => false,
            Self::Failed(_) | Self::Keys(_) | Self::Unrecorded => true,
        }
    }
}

/// Of which issuer, by which generation of its rules.
pub(super) type Of = (u64, u64);

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want {
    /// Keys.
    Keys,
    /// Others than were there when the request began.
    Others(Duration),
}

/// What somebody who needs keys is to do.
#[derive(Debug)]
pub(super) enum Turn {
    Use(Arc<Keys>),
    /// Until somebody else has them.
    Wait(watch::Receiver<()>),
    /// And bring them here.
    Fetch(Flight),
    Refused(Why),
}

/// A fetch under way. Dropped, it is over, and whoever waits looks again.
#[derive(Debug)]
#[must_use = "whoever has it fetches"]
pub(super) struct Flight(
    #[expect(dead_code, reason = "its end is what is seen of it")] watch::Sender<()>,
);

/// What is known of the keys of an issuer on this node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySetState {
    /// When they were fetched last, in milliseconds since the epoch, and how many they are.
    pub fetched: Option<(u64, usize)>,
    /// When that failed since, and why.
    pub failed: Option<(u64, String)>,
}

/// When something happened: by the clock that nobody sets, and for people.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) boot: Duration,
    pub(super) wall: u64,
}

#[derive(Debug)]
struct Known {
    generation: u64,
    taken: Option<(Arc<Keys>, Moment)>,
    failed: Option<(Why, Moment)>,
    forced: Option<Duration>,
    flight: Option<watch::Receiver<()>>,
    /// Since they were taken.
    used: bool,
}

impl Known {
    fn of(generation: u64) -> Self {
        Self {
            generation,
            taken: None,
            failed: None,
            forced: None,
            flight: None,
            used: false,
        }
    }

    fn flying(&self) -> Option<&watch::Receiver<()>> {
        self.flight
            .as_ref()
            .filter(|flight| flight.has_changed().is_ok())
    }

    fn fresh(&self, now: Duration, bound: Duration) -> Option<&(Arc<Keys>, Moment)> {
        let young = |at: &Moment| now.saturating_sub(at.boot) <= bound;
        self.taken.as_ref().filter(|(_, at)| young(at))
    }

    /// What failed so shortly ago that nobody is asked again yet.
    fn resting(&self, now: Duration, has_keys: bool) -> Option<Why> {
        let (why, at) = self.failed?;
        let rest = match (why.rests(), has_keys) {
            (true, true) => LONG_REST,
            (true, false) | (false, true) => REST,
            (false, false) => Duration::ZERO,
        };
        (now.saturating_sub(at.boot) < rest).then_some(why)
    }

    fn take_off(&mut self) -> Flight {
        let (sender, receiver) = watch::channel(());
        self.flight = Some(receiver);
        Flight(sender)
    }

    fn turn(&mut self, now: Duration, want: Want, bound: Duration) -> Turn {
        self.used = true;
        let fresh = self
            .fresh(now, bound)
            .map(|(keys, at)| (Arc::clone(keys), at.boot));
        let resting = self.resting(now, fresh.is_some());
        if let Some((keys, at)) = &fresh {
            let enough = match want {
                Want::Keys => now.saturating_sub(*at) < OLD || resting.is_some(),
                Want::Others(since) => {
                    let forced = self
                        .forced
                        .is_some_and(|at| now.saturating_sub(at) < FORCED);
                    *at >= since || (self.flying().is_none() && (forced || resting.is_some()))
                }
            };
            if enough {
                return Turn::Use(Arc::clone(keys));
            }
        }
        if let Some(flight) = self.flying() {
            return Turn::Wait(flight.clone());
        }
        if let Some(why) = resting {
            return Turn::Refused(why);
        }
        if matches!(want, Want::Others(_)) {
            self.forced = Some(now);
        }
        Turn::Fetch(self.take_off())
    }
}

/// The keys of all issuers that are fetched.
#[derive(Debug)]
pub(in crate::app) struct KeySets {
    known: Mutex<BTreeMap<u64, Known>>,
    pub(super) waiting: Semaphore,
    failures: AtomicU64,
}

impl Default for KeySets {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            waiting: Semaphore::new(WAITING),
            failures: AtomicU64::new(0),
        }
    }
}

impl KeySets {
    fn known(&self) -> MutexGuard<'_, BTreeMap<u64, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do for the keys of an issuer.
    pub(super) fn turn(&self, of: Of, now: Duration, want: Want, bound: Duration) -> Turn {
        let (id, generation) = of;
        let mut all = self.known();
        let known = all.entry(id).or_insert_with(|| Known::of(generation));
        if known.generation > generation {
            return Turn::Refused(Why::Overtaken);
        }
        if known.generation < generation {
            *known = Known::of(generation);
        }
        known.turn(now, want, bound)
    }

    /// What there is after a fetch.
    pub(super) fn after(&self, of: Of, now: Duration, bound: Duration) -> Result<Arc<Keys>, Why> {
        self.with(of, |known| match (known.fresh(now, bound), known.failed) {
            (Some((keys, _)), _) => Ok(Arc::clone(keys)),
            (None, Some((why, _))) => Err(why),
            (None, None) => Err(Why::Failed(Failure::TimedOut)),
        })
        .unwrap_or(Err(Why::Overtaken))
    }

    /// Whether these keys are the ones that are known, and whether any are.
    pub(super) fn compare(&self, of: Of, keys: &Keys) -> (bool, bool) {
        let known = self.with(of, |known| {
            let taken = known.taken.as_ref();
            (
                taken.is_some_and(|(before, _)| before.digest() == keys.digest()),
                taken.is_some(),
            )
        });
        known.unwrap_or_default()
    }

    /// Keeps what a fetch brought.
    pub(super) fn take(&self, of: Of, keys: Keys, at: Moment) {
        let taken = Some((Arc::new(keys), at));
        // Of rules that were changed meanwhile they are nobody's.
        let _kept = self.with(of, |known| {
            known.taken = taken;
            known.failed = None;
            known.used = false;
        });
    }

    /// Keeps why a fetch brought nothing; whether that is news.
    pub(super) fn fail(&self, of: Of, why: Why, at: Moment) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let news = self.with(of, |known| {
            let before = known.failed.replace((why, at));
            if !why.rests() {
                known.forced = None;
            }
            before.is_none_or(|(before, _)| before != why)
        });
        news.unwrap_or_default()
    }

    /// Fetches that are due because somebody uses what ages.
    pub(super) fn due(&self, now: Duration) -> Vec<(Of, Flight)> {
        let mut due = Vec::new();
        for (id, known) in self.known().iter_mut() {
            let ages = known.taken.as_ref();
            let ages = ages.is_some_and(|(_, at)| now.saturating_sub(at.boot) >= AGEING);
            let idle = known.flying().is_none() && known.resting(now, true).is_none();
            if known.used && ages && idle {
                due.push(((*id, known.generation), known.take_off()));
            }
        }
        due
    }

    /// Forgets issuers that are gone.
    pub(super) fn keep(&self, ids: &BTreeSet<u64>) {
        self.known().retain(|id, _| ids.contains(id));
    }

    /// What is known of them.
    pub(super) fn state(&self, of: Of) -> KeySetState {
        let state = self.with(of, |known| KeySetState {
            fetched: known.taken.as_ref().map(|(keys, at)| (at.wall, keys.len())),
            failed: known.failed.map(|(why, at)| (at.wall, why.to_string())),
        });
        state.unwrap_or_default()
    }

    /// Age of the keys that were fetched longest ago, of those that somebody uses.
    pub(super) fn age(&self, now: Duration) -> Duration {
        let all = self.known();
        let used = all.values().filter(|known| known.used);
        let taken = used.filter_map(|known| known.taken.as_ref());
        let ages = taken.map(|(_, at)| now.saturating_sub(at.boot));
        ages.max().unwrap_or_default()
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Of an issuer that is known and was not changed meanwhile.
    fn with<R>(&self, (id, generation): Of, act: impl FnOnce(&mut Known) -> R) -> Option<R> {
        let mut all = self.known();
        let known = all.get_mut(&id);
        known
            .filter(|known| known.generation == generation)
            .map(act)
    }
}

#[cfg(test)]
mod tests;
