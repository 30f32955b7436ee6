//! One-time codes in the store: issued, spent once, taken back, swept.

use minicbor::{Decode, Encode};
use subtle::ConstantTimeEq;

use super::{OneTimeHash, Purpose};
use crate::{
    access::totp,
    crypto::envelope::Class,
    record::{Calendar, Document, Key, Kind, RecordError, Tx},
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const SHORTEST: u64 = MINUTE;
const DEFAULT: u64 = 24 * HOUR;
const LONGEST: u64 = 7 * 24 * HOUR;

/// When codes end, by the hour.
const EXPIRY: Calendar = Calendar::new(20, HOUR);

/// A code, as stored.
#[derive(Encode, Decode)]
struct Issued {
    #[cbor(n(0), with = "minicbor::bytes")]
    hash: [u8; 32],
    #[n(1)]
    issuer: u64,
    #[n(2)]
    end: u64,
    /// In which life of the cluster it was issued: a backup does not know that it was spent since.
    #[n(3)]
    incarnation: u64,
}

impl Issued {
    /// Whether it has ended: by its time, or because the cluster was restored from a backup since.
    fn has_ended(&self, tx: &Tx<'_>) -> bool {
        tx.now() >= self.end || self.incarnation != tx.incarnation()
    }
}

impl Document for Issued {
    const CLASS: Class = Class::Voter;
}

/// Why no code was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueRefusal {
    /// Under a minute or over a week.
    #[error("a one-time code lasts from a minute to a week")]
    Ttl,
    /// For oneself: a stolen password of an administrator would be enough to enrol the thief.
    #[error("a one-time code is for someone else: ask another administrator for yours")]
    Own,
    /// There is an authenticator that counts. A code beside it would wait for the day when it is removed.
    #[error(
        "the user has an authenticator that counts, beside which a code enrols nothing: reset his second factors first, if it is lost"
    )]
    HasFactor,
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Why a code is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SpendRefusal {
    /// A code for something else, as its text says.
    #[error("this one-time code is for another purpose: it begins with `{}`", .0.prefix())]
    Purpose(Purpose),
    /// Not this user's, spent, expired, replaced, taken back or of before a restore: one answer for all.
    #[error("the one-time code is not valid: ask an administrator for a new one")]
    Unknown,
    /// The store could not say.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A code that was accepted. It is spent when the transaction is applied.
#[derive(Debug)]
pub struct Spent {
    user: u64,
    issuer: u64,
}

impl Spent {
    /// Whose it was.
    pub fn user(&self) -> u64 {
        self.user
    }

    /// Who had issued it, for the audit.
    pub fn issuer(&self) -> u64 {
        self.issuer
    }
}

/// Stores a code for `user`, in place of an earlier one for the same purpose; returns when it ends.
/// `ttl` is in milliseconds: a minute to a week, by default a day.
///
/// # Errors
/// When the time is out of bounds, the issuer is the user, or a code to enrol would lie beside an authenticator.
pub fn issue(
    tx: &mut Tx<'_>,
    user: u64,
    code: &OneTimeHash,
    issuer: u64,
    ttl: Option<u64>,
) -> Result<u64, IssueRefusal> {
    let ttl = ttl.unwrap_or(DEFAULT);
    if !(SHORTEST..=LONGEST).contains(&ttl) {
        return Err(IssueRefusal::Ttl);
    }
    if issuer == user {
        return Err(IssueRefusal::Own);
    }
    if code.purpose == Purpose::Enrol && totp::count_active(tx, user)? > 0 {
        return Err(IssueRefusal::HasFactor);
    }
    // ORDER: the old entry of the calendar goes first; it may be the very key of the new one.
    revoke(tx, user, code.purpose)?;
    let end = tx.now().saturating_add(ttl);
    let record = Issued {
        hash: code.hash,
        issuer,
        end,
        incarnation: tx.incarnation(),
    };
    tx.put(key(user, code.purpose), &record)?;
    EXPIRY.file(tx, end, &id(user, code.purpose))?;
    Ok(end)
}

/// Accepts a code and deletes it, in the transaction that does what it is for.
///
/// # Errors
/// When it is for something else or not valid.
pub fn spend(
    tx: &mut Tx<'_>,
    user: u64,
    purpose: Purpose,
    code: &OneTimeHash,
) -> Result<Spent, SpendRefusal> {
    if code.purpose != purpose {
        return Err(SpendRefusal::Purpose(code.purpose));
    }
    let issued = tx.get::<Issued>(&key(user, purpose))?;
    let issued = issued
        .filter(|issued| bool::from(issued.hash.ct_eq(&code.hash)) && !issued.has_ended(tx))
        .ok_or(SpendRefusal::Unknown)?;
    remove(tx, user, purpose, &issued);
    Ok(Spent {
        user,
        issuer: issued.issuer,
    })
}

/// Takes a code back; `false` when there was none.
///
/// # Errors
/// When the store fails.
pub fn revoke(tx: &mut Tx<'_>, user: u64, purpose: Purpose) -> Result<bool, RecordError> {
    let issued = tx.get::<Issued>(&key(user, purpose))?;
    if let Some(issued) = &issued {
        remove(tx, user, purpose, issued);
    }
    Ok(issued.is_some())
}

/// Takes back all codes of a user who is disabled or deleted.
///
/// # Errors
/// When the store fails.
pub fn revoke_all(tx: &mut Tx<'_>, user: u64) -> Result<(), RecordError> {
    for purpose in Purpose::ALL {
        revoke(tx, user, purpose)?;
    }
    Ok(())
}

/// When the user's code for a purpose ends, if there is one that has not.
///
/// # Errors
/// When the store fails.
pub fn outstanding(
    tx: &mut Tx<'_>,
    user: u64,
    purpose: Purpose,
) -> Result<Option<u64>, RecordError> {
    let issued = tx.get::<Issued>(&key(user, purpose))?;
    Ok(issued
        .filter(|issued| !issued.has_ended(tx))
        .map(|issued| issued.end))
}

/// Removes up to `limit` codes that have ended; whether there may be more.
///
/// # Errors
/// When the store fails.
pub fn sweep(tx: &mut Tx<'_>, limit: usize) -> Result<bool, RecordError> {
    let due = EXPIRY.due(tx, limit)?;
    for item in due.items {
        if let Some((user, purpose)) = from_id(&item.id) {
            let issued = tx.get::<Issued>(&key(user, purpose))?;
            // A newer code may lie where the old one was: only what has really ended goes.
            if issued.is_some_and(|issued| issued.has_ended(tx)) {
                tx.delete(key(user, purpose));
            }
        }
        tx.delete(item.key);
    }
    Ok(due.more)
}

fn remove(tx: &mut Tx<'_>, user: u64, purpose: Purpose, issued: &Issued) {
    tx.delete(key(user, purpose));
    EXPIRY.unfile(tx, issued.end, &id(user, purpose));
}

fn key(user: u64, purpose: Purpose) -> Key {
    Key::new(Kind::OneTime, &[&id(user, purpose)])
}

fn id(user: u64, purpose: Purpose) -> [u8; 9] {
    let mut id = [purpose.number(); 9];
    for (byte, from) in id.iter_mut().zip(user.to_be_bytes()) {
        *byte = from;
    }
    id
}

fn from_id(id: &[u8]) -> Option<(u64, Purpose)> {
    let (user, purpose) = id.split_first_chunk::<8>()?;
    let [purpose] = purpose else { return None };
    Some((u64::from_be_bytes(*user), Purpose::of_number(*purpose)?))
}
