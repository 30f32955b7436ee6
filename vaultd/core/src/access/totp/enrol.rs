//! From a fresh seed to an authenticator that counts, and away again.
//!
//! Whether what was shown suffices is decided in the function that it is shown to ([`super::rules`]), so that
//! it cannot be left out. Who is asking is for the caller to know: an elevation must be of the user's own
//! session. What is left is told, because a password that was long enough beside a second factor may be too
//! short alone.

use super::{
    Code, Parameters, Window,
    elevation::Elevation,
    rules::{NotAllowed, Proof, allow},
    stored::{Authenticator, Factors, Listed, State},
    track::{Judged, Track, reach},
    verify::step,
};
use crate::{
    access::onetime::{self, Purpose},
    crypto::secret::Seed,
    name::AuthenticatorName,
    record::{RecordError, Tx},
};

/// Authenticators of one user at most.
pub const MOST: usize = 8;
/// How long a first code is waited for, in milliseconds.
const PENDING: u64 = 10 * 60_000;

/// What is to be enrolled.
#[derive(Debug)]
pub struct Enrolment<'a> {
    /// Whose.
    pub user: u64,
    /// As its owner calls it.
    pub name: &'a AuthenticatorName,
    /// What sort of codes it shows.
    pub parameters: Parameters,
    /// Drawn by [`Parameters::make_seed`]; shown by [`super::enrolment_uri`], once.
    pub seed: &'a Seed,
}

/// Why nothing is enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolRefusal {
    /// The proof does not suffice.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The one-time code is not accepted.
    #[error(transparent)]
    Code(#[from] onetime::SpendRefusal),
    /// There are enough.
    #[error("a user has at most {MOST} authenticators: remove one first")]
    TooMany,
    /// Two of one name could be taken for one another.
    #[error("there is an authenticator of that name: choose another name, or remove it first")]
    NameTaken,
    /// The seed was drawn for other parameters.
    #[error("the seed does not have the length that its algorithm wants")]
    Seed,
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Stores a pending authenticator, in place of an earlier pending one; it counts after [`confirm`].
///
/// # Errors
/// When the proof does not suffice, there are too many, or the name is taken.
pub fn enrol(
    tx: &mut Tx<'_>,
    proof: &Proof<'_>,
    what: &Enrolment<'_>,
) -> Result<Listed, EnrolRefusal> {
    let user = what.user;
    let mut factors = Factors::of(tx, user)?;
    allow(factors.active().count(), factors.reset_at, proof, tx.now())?;
    if let Proof::Code(code) = proof {
        onetime::spend(tx, user, Purpose::Enrol, code)?;
    }
    factors.take_out(tx, user, |listed| !listed.is_active());
    if factors.listed.len() >= MOST {
        return Err(EnrolRefusal::TooMany);
    }
    let name = what.name.as_str();
    if factors.listed.iter().any(|listed| listed.name == name) {
        return Err(EnrolRefusal::NameTaken);
    }
    if !what.parameters.fit(what.seed) {
        return Err(EnrolRefusal::Seed);
    }
    let listed = Listed {
        id: tx.next_id()?,
        name: name.to_owned(),
        parameters: what.parameters,
        created_at: tx.now(),
        state: State::Pending {
            until: tx.now().saturating_add(PENDING),
        },
    };
    let authenticator = Authenticator {
        // EXPOSE: into the record, which is sealed
        seed: Seed::copy_of(what.seed.expose()),
        track: Track::default(),
    };
    authenticator.put(tx, user, listed.id)?;
    factors.listed.push(listed.clone());
    tx.put(Factors::key(user), &factors)?;
    Ok(listed)
}

/// What became of a first code. Commit the transaction in either case.
#[derive(Debug)]
#[must_use]
pub enum Confirmed {
    /// The authenticator counts from now on.
    Active(Listed),
    /// The code is not one that it shows now, or of a step beside those that are accepted: that is remembered, so
    /// that the next one may be.
    Wrong,
}

/// Why there is nothing to confirm.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmRefusal {
    /// None is waited for, or no longer.
    #[error("no enrolment waits for a first code: begin again")]
    NotPending,
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Lets the pending authenticator count from its first valid code on, which is used up. A wrong one counts
/// against the account like any other, since a right one shows a second factor. A clock two steps off is learnt
/// here too, from two codes in a row. What a user is told of a wrong one: to check the clock of the device, to
/// show the next code too, or to enrol with SHA1, which is all that some apps can.
///
/// # Errors
/// When none is pending.
pub fn confirm(
    tx: &mut Tx<'_>,
    user: u64,
    code: &Code,
    window: Window,
) -> Result<Confirmed, ConfirmRefusal> {
    let mut factors = Factors::of(tx, user)?;
    let (now, at) = (tx.now(), step(tx));
    let mut all = factors.listed.iter_mut();
    let pending = all
        .find(|listed| !listed.is_active() && !listed.is_over(now))
        .ok_or(ConfirmRefusal::NotPending)?;
    let mut found = Authenticator::of(tx, user, pending)?;
    let steps = pending.parameters.steps(&found.seed, code, reach(at));
    match found.track.judge(at, &steps, window) {
        Judged::Accepted(track) => found.track = track,
        Judged::Noted(track) => {
            found.track = track;
            found.put(tx, user, pending.id)?;
            return Ok(Confirmed::Wrong);
        }
        Judged::Used | Judged::Wrong => return Ok(Confirmed::Wrong),
    }
    found.put(tx, user, pending.id)?;
    pending.state = State::Active { since: now };
    let listed = pending.clone();
    // A code that was not needed would wait for the day when this authenticator is removed.
    onetime::revoke(tx, user, Purpose::Enrol)?;
    tx.put(Factors::key(user), &factors)?;
    Ok(Confirmed::Active(listed))
}

/// A user's authenticators, oldest first, without those that nobody confirmed in time.
///
/// # Errors
/// When the store fails.
pub fn list(tx: &mut Tx<'_>, user: u64) -> Result<Vec<Listed>, RecordError> {
    let mut listed = Factors::of(tx, user)?.listed;
    listed.retain(|listed| !listed.is_over(tx.now()));
    Ok(listed)
}

/// How many authenticators count: whether a login asks for a code.
///
/// # Errors
/// When the store fails.
pub fn count_active(tx: &mut Tx<'_>, user: u64) -> Result<usize, RecordError> {
    Ok(Factors::of(tx, user)?.active().count())
}

/// Why an authenticator is not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveRefusal {
    /// No second factor was just shown.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// There is no such one.
    #[error("there is no such authenticator")]
    Unknown,
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Removes one; returns how many that count are left. Where none is left it is a [`reset`], so that what was made
/// beside the last one is of no use beside the next: enrol a new one before the old one goes.
///
/// # Errors
/// When no second factor was just shown, or there is no such authenticator.
pub fn remove(
    tx: &mut Tx<'_>,
    user: u64,
    elevation: &Elevation,
    id: u64,
) -> Result<usize, RemoveRefusal> {
    may_change::<RemoveRefusal>(tx, user, elevation)?;
    let mut factors = Factors::of(tx, user)?;
    if factors.take_out(tx, user, |listed| listed.id == id) == 0 {
        return Err(RemoveRefusal::Unknown);
    }
    if factors.active().next().is_none() {
        empty(tx, user, factors)?;
        return Ok(0);
    }
    tx.put(Factors::key(user), &factors)?;
    Ok(factors.active().count())
}

/// An administrator's reset: removes all, voids recovery codes and an enrolment code that was issued before, and
/// lets nothing that was shown before count for a change. Sessions are for the caller to end.
///
/// # Errors
/// When the store fails.
pub fn reset(tx: &mut Tx<'_>, user: u64) -> Result<usize, RecordError> {
    let factors = Factors::of(tx, user)?;
    empty(tx, user, factors)
}

fn empty(tx: &mut Tx<'_>, user: u64, mut factors: Factors) -> Result<usize, RecordError> {
    let removed = factors.take_out(tx, user, |_| true);
    factors.reset_at = Some(tx.now());
    onetime::revoke(tx, user, Purpose::Enrol)?;
    tx.put(Factors::key(user), &factors)?;
    Ok(removed)
}

/// Whether what the user's session has shown suffices to change his second factors.
pub(in crate::access) fn may_change<E: From<RecordError> + From<NotAllowed>>(
    tx: &mut Tx<'_>,
    user: u64,
    elevation: &Elevation,
) -> Result<(), E> {
    let factors = Factors::of(tx, user)?;
    let proof = Proof::Session(elevation);
    allow(factors.active().count(), factors.reset_at, &proof, tx.now())?;
    Ok(())
}

/// Whether what was made then may stand in for a code: there is one to stand in for, and no reset since.
pub(in crate::access) fn stands_in(
    tx: &mut Tx<'_>,
    user: u64,
    made_at: u64,
) -> Result<bool, RecordError> {
    let factors = Factors::of(tx, user)?;
    let since = factors.reset_at.is_none_or(|reset| made_at > reset);
    Ok(since && factors.active().next().is_some())
}

/// Removes all that is known of a user who is deleted; his id is never used again.
///
/// # Errors
/// When the store fails.
pub fn forget(tx: &mut Tx<'_>, user: u64) -> Result<(), RecordError> {
    let mut factors = Factors::of(tx, user)?;
    factors.take_out(tx, user, |_| true);
    tx.delete(Factors::key(user));
    Ok(())
}
