//! A user's password as stored: the hash in use, those before it, and how it came about.
//!
//! A record of its own under the voter key, outside the guarded collection of principals: making a hash anew
//! at login must not invalidate everybody's cached rights. Sealed, so a stolen disk has nothing to crack.
//!
//! Hashing happens outside of transactions, so a change names the hash that it was decided on ([`Seen`]), and
//! does nothing when another came first.

use minicbor::{Decode, Encode};

use super::{Factors, InUse, PasswordHash, Policy};
use crate::crypto::envelope::Class;
use crate::record::{Document, Key, Kind, RecordError, Tx};

const DAY: u64 = 24 * 60 * 60 * 1000;

/// A user's password.
#[derive(Debug, Encode, Decode)]
pub struct Credential {
    #[n(0)]
    current: PasswordHash,
    /// Newest first.
    #[n(1)]
    previous: Vec<PasswordHash>,
    /// Milliseconds since the epoch; not moved by an upgrade of the hash.
    #[n(2)]
    changed_at: u64,
    /// Made by somebody else for one login.
    #[n(3)]
    one_time: Option<OneTime>,
    /// To be changed at the next login, whatever its age.
    #[n(4)]
    must_change: bool,
    /// Good enough beside a second factor, and not alone.
    #[n(5)]
    #[cbor(default)]
    leans: bool,
}

/// What a one-time password is good for, until it is spent.
#[derive(Clone, Copy, Debug, Encode, Decode)]
struct OneTime {
    #[n(0)]
    until: u64,
    /// In which life of the cluster it was drawn: a backup does not know that it was spent since.
    #[n(1)]
    incarnation: u64,
}

impl OneTime {
    fn is_open(&self, tx: &Tx<'_>) -> bool {
        tx.now() < self.until && self.incarnation == tx.incarnation()
    }
}

impl Document for Credential {
    const CLASS: Class = Class::Voter;
}

/// Who chose a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its owner.
    Owner,
    /// Its owner, and it would not do without a second factor.
    OwnerBeside,
    /// Drawn by the vault for one login before a time (milliseconds since the epoch).
    OneTime(u64),
}

/// What a right password is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A session.
    Good,
    /// Nothing but choosing another.
    MustChange,
    /// Nothing: it was for one login, which took place, came too late or was brought back by a restore, or only an
    /// administrator may change it.
    Ended,
}

/// Whether a change took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Seen {
    /// It did.
    Replaced,
    /// The hash is no longer the one that the change was decided on.
    Overtaken,
}

impl Credential {
    fn key(user: u64) -> Key {
        Key::new(Kind::Password, &[&user.to_be_bytes()])
    }

    /// A user's, if he has one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn load(tx: &mut Tx<'_>, user: u64) -> Result<Option<Self>, RecordError> {
        tx.get(&Self::key(user))
    }

    /// What a password is compared with.
    pub fn hash(&self) -> &PasswordHash {
        &self.current
    }

    /// When its owner, or the vault for him, chose it.
    pub fn changed_at(&self) -> u64 {
        self.changed_at
    }

    /// What the right password is good for now, under a policy and beside these factors: one that leaned on a second
    /// factor is changed once that is gone (R-PW-1).
    pub fn standing(&self, tx: &Tx<'_>, policy: &Policy, factors: Factors) -> Standing {
        let alone = self.leans && factors == Factors::Alone;
        let age = tx.now().saturating_sub(self.changed_at);
        let old = policy
            .max_age_days()
            .is_some_and(|days| age >= u64::from(days) * DAY);
        match self.one_time {
            Some(one_time) if one_time.is_open(tx) => Standing::MustChange,
            Some(_) => Standing::Ended,
            None if old && policy.hard_expiry() => Standing::Ended,
            None if old || alone || self.must_change => Standing::MustChange,
            None => Standing::Good,
        }
    }

    /// What a new password must not be: the one in use, the `last` ones before it, and the one that a reset took away.
    pub(super) fn history(&self, last: usize) -> Vec<PasswordHash> {
        let last = last.max(kept_at_least(self.one_time.is_some()));
        let hashes = std::iter::once(&self.current).chain(self.previous.iter().take(last));
        hashes.map(PasswordHash::copy).collect()
    }

    /// Replaces a user's password. `decided_on`: the hash that the old password was compared with; none for an
    /// administrator's reset and for a first password. Keeps as many old hashes as the policy asks for, and at a
    /// reset the one that it replaces: it was reset because somebody may know it, and is not to come back.
    ///
    /// # Errors
    /// When the store fails.
    pub fn replace(
        tx: &mut Tx<'_>,
        user: u64,
        hash: &PasswordHash,
        origin: Origin,
        decided_on: Option<&PasswordHash>,
        policy: &Policy,
    ) -> Result<Seen, RecordError> {
        let before = Self::load(tx, user)?;
        if let Some(seen) = decided_on
            && before
                .as_ref()
                .is_none_or(|before| !before.current.is(seen))
        {
            return Ok(Seen::Overtaken);
        }
        let gone = before.as_ref().map(|before| before.current.cost());
        InUse::moved(tx, gone, Some(hash.cost()))?;
        let mut previous = Vec::new();
        if let Some(before) = before {
            // what the vault drew was nobody's habit
            if before.one_time.is_none() {
                previous.push(before.current);
            }
            previous.extend(before.previous);
            let reset = matches!(origin, Origin::OneTime(_));
            previous.truncate(policy.reuse_prevention().max(kept_at_least(reset)));
        }
        let credential = Self {
            current: hash.copy(),
            previous,
            changed_at: tx.now(),
            one_time: match origin {
                Origin::Owner | Origin::OwnerBeside => None,
                Origin::OneTime(until) => Some(OneTime {
                    until,
                    incarnation: tx.incarnation(),
                }),
            },
            must_change: false,
            leans: origin == Origin::OwnerBeside,
        };
        tx.put(Self::key(user), &credential)?;
        Ok(Seen::Replaced)
    }

    /// Stores the same password's hash at another cost.
    ///
    /// # Errors
    /// When the store fails.
    pub fn upgrade(
        tx: &mut Tx<'_>,
        user: u64,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> Result<Seen, RecordError> {
        let upgraded = Self::change(tx, user, Some(from), |credential| {
            credential.current = to.copy();
        })?;
        if upgraded == Seen::Replaced {
            InUse::moved(tx, Some(from.cost()), Some(to.cost()))?;
        }
        Ok(upgraded)
    }

    /// Spends a one-time password: at the login that it was made for, in the transaction that makes the session.
    /// [`Seen::Overtaken`]: another login was first, or it is not one-time.
    ///
    /// # Errors
    /// When the store fails.
    pub fn spend(tx: &mut Tx<'_>, user: u64, seen: &PasswordHash) -> Result<Seen, RecordError> {
        let one_time = Self::load(tx, user)?.and_then(|credential| credential.one_time);
        let Some(open) = one_time.filter(|one_time| one_time.is_open(tx)) else {
            return Ok(Seen::Overtaken);
        };
        Self::change(tx, user, Some(seen), |credential| {
            credential.one_time = Some(OneTime { until: 0, ..open });
        })
    }

    /// Asks for another password at the next login: after evidence that this one is known.
    ///
    /// # Errors
    /// When the store fails.
    pub fn force_change(tx: &mut Tx<'_>, user: u64) -> Result<Seen, RecordError> {
        Self::change(tx, user, None, |credential| credential.must_change = true)
    }

    /// Removes a user's password, if he has one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn delete(tx: &mut Tx<'_>, user: u64) -> Result<(), RecordError> {
        let before = Self::load(tx, user)?;
        InUse::moved(tx, before.map(|before| before.current.cost()), None)?;
        tx.delete(Self::key(user));
        Ok(())
    }

    fn change(
        tx: &mut Tx<'_>,
        user: u64,
        seen: Option<&PasswordHash>,
        change: impl FnOnce(&mut Self),
    ) -> Result<Seen, RecordError> {
        let Some(mut credential) = Self::load(tx, user)? else {
            return Ok(Seen::Overtaken);
        };
        if seen.is_some_and(|seen| !credential.current.is(seen)) {
            return Ok(Seen::Overtaken);
        }
        change(&mut credential);
        tx.put(Self::key(user), &credential)?;
        Ok(Seen::Replaced)
    }
}

/// How many old hashes are kept and compared whatever the policy says.
fn kept_at_least(reset: bool) -> usize {
    usize::from(reset)
}
