//! Failed logins: counted in the replicated state, before a hash is computed, and locked out for a while.
//!
//! **The rule.** An attempt is counted when it begins; success takes the count back. A counter that has reached
//! the threshold (5) is locked after each further attempt: 30 s, then twice as long each time, up to an hour. It
//! is forgotten after a day without one. A policy has other numbers, but from 100 attempts on a counter lets no
//! more than one an hour through, whatever it says. There are two kinds of counters:
//!
//! - A *known place* is a network that the account has logged in from within 90 days; the last eight count. Each
//!   has a counter of its own, reset by success. Nobody elsewhere can lock it. Who shares its address is not
//!   elsewhere: a stranger behind the same NAT, or in the same IPv6 /64, locks it with five guesses, for as long
//!   as he goes on. Another known place, the Unix socket among them, is open still; and so is an administrator's
//!   [`unlock`].
//! - *Everywhere else* counts in one of 16,384 buckets, chosen by a MAC of the name, existing or not: that is the
//!   same path, the same state and the same answer for both, and nothing that an attacker can grow. A bucket has
//!   eight counters, chosen by a MAC of name and network, so one network locks one of eight; and one over all of
//!   them, which locks for the longest time, an hour at least, from 100 attempts on: an attacker with however
//!   many networks has 100 guesses, and then 24 a day. Success takes back its own attempt and no other, because names may share a bucket; its
//!   network is known from then on.
//!
//! So a stranger can keep *new* places of an account out for as long as he tries, never a known one; the Unix
//! socket is a place like others, told apart by uid. Who sits at a known place of an account can tell that it
//! exists, by filling the bucket first. A new term of the index key chooses other buckets: counts begin again.
//!
//! Fifty guesses at once get as far as five, for each is counted by a transaction that reads the one before it.
//! So do fifty right passwords: whoever is locked out by his own parallel logins tries again when they are done.
//!
//! A restore brings back the counters of the backup. That is let be: what was counted since is at most 100 guesses
//! and 24 a day, a restore is an administrator's doing, and the other ways out are worse: all begin again, or all
//! are locked.

mod counter;
mod source;
#[cfg(test)]
mod tests;

use minicbor::{Decode, Encode};

use crate::crypto::envelope::Class;
use crate::crypto::tag::index_tag;
use crate::name::UserName;
use crate::record::{Document, Key, Kind, RecordError, Tx};

pub use counter::Limits;
use counter::{CEILING, Counter};
pub use source::Source;

const BUCKETS: u16 = 1 << 14;
const SLOTS: usize = 8;
const PLACES: usize = 8;
const DAY: u64 = 24 * 60 * 60 * 1000;
/// How long a place is known after a login.
const KNOWN_FOR: u64 = 90 * DAY;
/// Whose places are looked up for a name that nobody has. Ids are counted up from 1.
pub(super) const NOBODY: u64 = u64::MAX;

/// An attempt that was counted: what one password may be compared for, once.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    counted: Counted,
    user: Option<u64>,
    source: Source,
}

impl Attempt {
    /// Whose name it is for, if anybody's.
    pub(super) fn user(&self) -> Option<u64> {
        self.user
    }
}

#[derive(Debug)]
enum Counted {
    Place,
    Elsewhere { bucket: u16, slot: u8 },
}

/// Why there is no attempt.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Too many were counted. From a new place the same for names that exist and that do not.
    #[error("too many attempts to log in; the next one counts in {} seconds", wait.div_ceil(1000))]
    Locked {
        /// Milliseconds from now.
        wait: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The places that an account logs in from, last used first.
#[derive(Debug, Default, Encode, Decode)]
#[cbor(transparent)]
struct Places(Vec<Place>);

#[derive(Debug, Encode, Decode)]
struct Place {
    #[n(0)]
    source: Source,
    /// Of the last login.
    #[n(1)]
    used_at: u64,
    #[n(2)]
    counter: Counter,
}

/// What was tried from elsewhere, at all names that share a bucket.
#[derive(Debug, Default, Encode, Decode)]
struct Bucket {
    #[n(0)]
    slots: [Counter; SLOTS],
    #[n(1)]
    all: Counter,
}

impl Document for Places {
    const CLASS: Class = Class::Voter;
}

impl Document for Bucket {
    const CLASS: Class = Class::Voter;
}

/// Counts an attempt to log in as `name`; `user` is whose name that is, if anybody's. `limits` are those of the
/// vault's policy for everybody: a group's would tell who exists.
///
/// Run it in a transaction of its own, and compare the password after that is applied.
///
/// # Errors
/// [`Refusal::Locked`], which writes nothing.
pub fn begin(
    tx: &mut Tx<'_>,
    name: &UserName,
    user: Option<u64>,
    source: Source,
    limits: &Limits,
) -> Result<Attempt, Refusal> {
    let now = tx.now();
    // ORDER: nobody's places are read for a name that nobody has: the same reads for both
    let mut places = Places::load(tx, user.unwrap_or(NOBODY))?;
    if let (Some(user), Some(place)) = (user, places.find(&source, now)) {
        count(&mut [(&mut place.counter, *limits)], now)?;
        tx.put(Places::key(user), &places)?;
        let counted = Counted::Place;
        return Ok(Attempt {
            counted,
            user: Some(user),
            source,
        });
    }
    let (number, slot) = elsewhere(tx, name, &source);
    let mut bucket = Bucket::load(tx, number)?;
    let [own, all] = bucket.counters(slot);
    let ceiling = Limits {
        threshold: CEILING,
        first: limits.longest,
        ..*limits
    };
    count(&mut [(own, *limits), (all, ceiling)], now)?;
    tx.put(Bucket::key(number), &bucket)?;
    let counted = Counted::Elsewhere {
        bucket: number,
        slot,
    };
    Ok(Attempt {
        counted,
        user,
        source,
    })
}

/// Counts on all of the counters, or on none.
fn count(counters: &mut [(&mut Counter, Limits)], now: u64) -> Result<(), Refusal> {
    let waits = counters
        .iter()
        .map(|(counter, limits)| counter.wait(now, limits));
    match waits.max() {
        Some(wait) if wait > 0 => Err(Refusal::Locked { wait }),
        _ => {
            for (counter, limits) in counters {
                counter.count(now, limits);
            }
            Ok(())
        }
    }
}

/// Takes the count back and knows the place from now on: for a password that was right, which is for
/// [`Checked::succeed`](super::password::Checked::succeed) to know.
///
/// # Errors
/// When the store fails.
pub(super) fn succeeded(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<(), RecordError> {
    if let Counted::Elsewhere { .. } = attempt.counted {
        take_back(tx, attempt)?;
    }
    // INVARIANT: nobody's password is never right
    let Some(user) = attempt.user else {
        return Ok(());
    };
    let now = tx.now();
    let mut places = Places::load(tx, user)?;
    places
        .0
        .retain(|place| place.source != attempt.source && place.is_known(now));
    places.0.insert(
        0,
        Place {
            source: attempt.source,
            used_at: now,
            counter: Counter::default(),
        },
    );
    places.0.truncate(PLACES);
    tx.put(Places::key(user), &places)
}

/// Takes back this attempt and no other: for a right password that comes to nothing yet.
///
/// # Errors
/// When the store fails.
pub(super) fn take_back(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<(), RecordError> {
    match (&attempt.counted, attempt.user) {
        (Counted::Elsewhere { bucket, slot }, _) => {
            let mut stored = Bucket::load(tx, *bucket)?;
            let [own, all] = stored.counters(*slot);
            own.take_back();
            all.take_back();
            tx.put(Bucket::key(*bucket), &stored)
        }
        (Counted::Place, Some(user)) => {
            let now = tx.now();
            let mut places = Places::load(tx, user)?;
            if let Some(place) = places.find(&attempt.source, now) {
                place.counter.take_back();
                tx.put(Places::key(user), &places)?;
            }
            Ok(())
        }
        (Counted::Place, None) => Ok(()),
    }
}

/// Lets attempts at a name begin again, from everywhere and at its account's places: an administrator's unlocking.
/// Names that share the bucket are unlocked too. The ceiling begins again with it, or nobody could let a user in for a
/// day whom others have guessed at. So who may unlock is the engine's to say: nobody himself, and only who may do all
/// that the user may and has nothing to gain by guesses.
///
/// # Errors
/// When the store fails.
pub fn unlock(tx: &mut Tx<'_>, name: &UserName, user: Option<u64>) -> Result<(), RecordError> {
    let number = bucket_of(tx, name);
    tx.put(Bucket::key(number), &Bucket::default())?;
    if let Some(user) = user {
        let mut places = Places::load(tx, user)?;
        for place in &mut places.0 {
            place.counter = Counter::default();
        }
        tx.put(Places::key(user), &places)?;
    }
    Ok(())
}

/// Forgets the places of an account: when it is deleted, or somebody else was logged in.
pub fn forget_places(tx: &mut Tx<'_>, user: u64) {
    tx.delete(Places::key(user));
}

impl Places {
    fn key(user: u64) -> Key {
        Key::new(Kind::Failures, &[&[1], &user.to_be_bytes()])
    }

    fn load(tx: &mut Tx<'_>, user: u64) -> Result<Self, RecordError> {
        Ok(tx.get(&Self::key(user))?.unwrap_or_default())
    }

    fn find(&mut self, source: &Source, now: u64) -> Option<&mut Place> {
        let mut places = self.0.iter_mut();
        places.find(|place| place.source == *source && place.is_known(now))
    }
}

impl Place {
    fn is_known(&self, now: u64) -> bool {
        now.saturating_sub(self.used_at) < KNOWN_FOR
    }
}

impl Bucket {
    fn key(number: u16) -> Key {
        Key::new(Kind::Failures, &[&[0], &number.to_be_bytes()])
    }

    fn load(tx: &mut Tx<'_>, number: u16) -> Result<Self, RecordError> {
        Ok(tx.get(&Self::key(number))?.unwrap_or_default())
    }

    /// A slot's counter, and that of all.
    fn counters(&mut self, slot: u8) -> [&mut Counter; 2] {
        let Self {
            slots: [first, rest @ ..],
            all,
        } = self;
        let nth = usize::from(slot)
            .checked_sub(1)
            .and_then(|at| rest.get_mut(at));
        [nth.unwrap_or(first), all]
    }
}

fn elsewhere(tx: &Tx<'_>, name: &UserName, source: &Source) -> (u16, u8) {
    // the source's length is fixed by its first byte, so the two do not run into each other
    let mut both = source.to_bytes();
    both.extend_from_slice(name.as_str().as_bytes());
    let [_, slot, ..] = index_tag(tx.keys().index().active(), "login place", &both);
    (bucket_of(tx, name), slot % 8)
}

fn bucket_of(tx: &Tx<'_>, name: &UserName) -> u16 {
    let term = tx.keys().index().active();
    let [_, high, low, ..] = index_tag(term, "login name", name.as_str().as_bytes());
    u16::from_be_bytes([high, low]) % BUCKETS
}

/// An attempt from nowhere, for tests of what comes after counting.
#[cfg(test)]
pub(in crate::access) fn counted_for_tests(user: Option<u64>) -> Attempt {
    Attempt {
        counted: Counted::Place,
        user,
        source: Source::of_uid(0),
    }
}
