//! Secret ids: issued for a service, used up, taken back, swept.
//!
//! ```text
//! record = SecretId ‖ service ‖ accessor → hash, issuer, times, uses left, places, incarnation      voter class
//! ```
//! A login with one that is good so many times only counts in the transaction that makes the session, so that of any
//! number at once no more succeed. Of a service that is gone nothing is ever asked again, because its id is not; what
//! lies under it is swept when its time has come. A service has so many at once that nobody loses sight of them. A backup does not know what was used or taken back since, so a
//! restore ends all.

use std::fmt;

use minicbor::{Decode, Encode};
use subtle::ConstantTimeEq;

use super::{Proven, Refusal, called};
use crate::{
    access::{Origin, Places, Principal},
    crypto::{
        envelope::Class,
        secret::SecretId,
        secret_id::{self, ACCESSOR_BYTES},
    },
    name::ServiceName,
    record::{Calendar, Document, Key, Kind, RecordError, Tx},
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const SHORTEST: u64 = MINUTE;
const DEFAULT: u64 = 30 * DAY;
const LONGEST: u64 = 365 * DAY;

/// Most secret ids of one service at once, unless more were allowed.
const USUALLY: u64 = 50;
/// Most that can be allowed.
pub const MOST: u64 = 1_000;
/// So many more may lie there that have ended and were not swept yet.
const ENDED: usize = 1_000;

/// When secret ids end, by the hour.
const EXPIRY: Calendar = Calendar::new(21, HOUR);

/// What names a secret id and opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accessor([u8; ACCESSOR_BYTES]);

impl Accessor {
    /// Reads one; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 2 * ACCESSOR_BYTES || !text.bytes().all(digit) {
            return None;
        }
        let number = u128::from_str_radix(text, 16).ok()?;
        number.to_be_bytes().last_chunk().copied().map(Self)
    }
}

impl fmt::Display for Accessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What transactions carry in place of a secret id.
#[derive(Clone, Copy)]
pub struct SecretIdHash([u8; 32]);

impl SecretIdHash {
    /// Of a secret id.
    pub fn of(id: &SecretId) -> Self {
        Self(secret_id::hash(id))
    }

    /// What it is called by.
    pub fn accessor(&self) -> Accessor {
        Accessor(secret_id::accessor(&self.0))
    }
}

/// Secret ids stay out of logs, and so do their hashes.
impl fmt::Debug for SecretIdHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretIdHash(..)")
    }
}

/// How a secret id is held in.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Milliseconds; a minute to a year, by default 30 days.
    pub ttl: Option<u64>,
    /// For how many logins it is good; `None`: for any number.
    pub uses: Option<u64>,
    /// From where; `None`: from everywhere.
    pub places: Option<Places>,
}

/// Why no secret id is issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueRefusal {
    /// Under a minute or over a year.
    #[error("a secret id lasts from a minute to a year")]
    Ttl,
    /// For nothing.
    #[error("a secret id is good for one login at least")]
    Uses,
    /// So many are good yet.
    #[error(
        "the service has {0} secret ids that are good yet, which is the most that it may have: take back those that nobody uses, see `vaultctl service secret-id ls`, or let it have more: `vaultctl service update NAME --most-secret-ids N`, {MOST} at most"
    )]
    TooMany(u64),
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A secret id, as stored.
#[derive(Clone, Debug, Encode, Decode)]
struct Issued {
    #[cbor(n(0), with = "minicbor::bytes")]
    hash: [u8; 32],
    /// Who issued it.
    #[n(1)]
    by: u64,
    #[n(2)]
    created_at: u64,
    #[n(3)]
    end: u64,
    #[n(4)]
    uses: Option<u64>,
    #[n(5)]
    places: Option<Places>,
    /// In which life of the cluster it was issued.
    #[n(6)]
    incarnation: u64,
}

impl Document for Issued {
    const CLASS: Class = Class::Voter;
}

impl Issued {
    fn has_ended(&self, tx: &Tx<'_>) -> bool {
        tx.now() >= self.end || self.incarnation != tx.incarnation()
    }
}

/// A secret id, as lists show it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it is called by.
    pub accessor: Accessor,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// Milliseconds since the epoch.
    pub expires_at: u64,
    /// For how many logins it is good yet; `None`: for any number.
    pub uses: Option<u64>,
    /// From where; `None`: from everywhere.
    pub places: Option<Places>,
    /// Who issued it; `None` where he is gone.
    pub issued_by: Option<String>,
}

/// Stores a secret id of a service, which may have so many at once; 0: the default.
///
/// # Errors
/// When the time or the number of uses is out of bounds, or there are too many.
pub(crate) fn issue(
    tx: &mut Tx<'_>,
    (service, most): (u64, u64),
    id: &SecretIdHash,
    by: u64,
    terms: &Terms,
) -> Result<Listed, IssueRefusal> {
    let ttl = terms.ttl.unwrap_or(DEFAULT);
    if !(SHORTEST..=LONGEST).contains(&ttl) {
        return Err(IssueRefusal::Ttl);
    }
    if terms.uses == Some(0) {
        return Err(IssueRefusal::Uses);
    }
    let most = if most == 0 { USUALLY } else { most.min(MOST) };
    if good_yet(tx, service)? >= most {
        return Err(IssueRefusal::TooMany(most));
    }
    let accessor = id.accessor();
    let issued = Issued {
        hash: id.0,
        by,
        created_at: tx.now(),
        end: tx.now().saturating_add(ttl),
        uses: terms.uses,
        places: terms.places.clone(),
        incarnation: tx.incarnation(),
    };
    tx.put(key(service, accessor), &issued)?;
    EXPIRY.file(tx, issued.end, &ids(service, accessor))?;
    Ok(listed(tx, accessor, issued)?)
}

/// How many secret ids of a service are good yet.
fn good_yet(tx: &mut Tx<'_>, service: u64) -> Result<u64, RecordError> {
    let prefix = Key::new(Kind::SecretId, &[&service.to_be_bytes()]);
    let most = ENDED.saturating_add(usize::try_from(MOST).unwrap_or(ENDED));
    // No check: of two that are issued at once both may be the last.
    let lying = tx.peek::<Issued>(prefix.as_bytes(), None, most)?;
    let good = lying.iter().filter(|(_, issued)| !issued.has_ended(tx));
    Ok(good.count() as u64)
}

/// Looks at a secret id that was brought for a service, and counts the use.
///
/// # Errors
/// One for whatever is wrong, found in the same way.
pub fn prove(
    tx: &mut Tx<'_>,
    service: &ServiceName,
    id: &SecretIdHash,
    origin: &Origin,
) -> Result<Proven, Refusal> {
    let service = called(tx, service)?;
    let accessor = id.accessor();
    let issued = tx.get::<Issued>(&key(service, accessor))?;
    let good = issued.filter(|issued| {
        let places = issued.places.as_ref();
        bool::from(issued.hash.ct_eq(&id.0))
            && !issued.has_ended(tx)
            && places.is_none_or(|places| places.contain(origin.source))
    });
    let issued = good.ok_or(Refusal::Wrong)?;
    let until = issued.end;
    match issued.uses {
        None => {}
        Some(0 | 1) => remove(tx, service, accessor, &issued),
        Some(left) => {
            let counted = Issued {
                uses: Some(left - 1),
                ..issued
            };
            tx.put(key(service, accessor), &counted)?;
        }
    }
    Ok(Proven {
        service,
        by: format!("secret id {accessor}"),
        until: Some(until),
        holder: None,
    })
}

/// Takes a secret id of a service back; `false` when there was none.
///
/// # Errors
/// When the store fails.
pub(crate) fn revoke(
    tx: &mut Tx<'_>,
    service: u64,
    accessor: Accessor,
) -> Result<bool, RecordError> {
    let issued = tx.get::<Issued>(&key(service, accessor))?;
    let Some(issued) = issued else {
        return Ok(false);
    };
    remove(tx, service, accessor, &issued);
    Ok(!issued.has_ended(tx))
}

/// Secret ids of a service that are good yet: a page after one of them, and after which to go on.
///
/// # Errors
/// When the store fails.
pub(crate) fn list(
    tx: &mut Tx<'_>,
    service: u64,
    after: Option<Accessor>,
    limit: usize,
) -> Result<(Vec<Listed>, Option<Accessor>), RecordError> {
    let prefix = Key::new(Kind::SecretId, &[&service.to_be_bytes()]);
    let after = after.map(|accessor| key(service, accessor));
    let page = tx.peek::<Issued>(prefix.as_bytes(), after.as_ref(), limit)?;
    let full = page.len() == limit;
    let (mut found, mut last) = (Vec::new(), None);
    for (key, issued) in page {
        let accessor = key.ids().get(8..).and_then(|id| id.try_into().ok());
        let accessor = Accessor(accessor.ok_or(RecordError::Damaged(key))?);
        last = Some(accessor);
        if !issued.has_ended(tx) {
            found.push(listed(tx, accessor, issued)?);
        }
    }
    Ok((found, last.filter(|_| full)))
}

fn listed(tx: &mut Tx<'_>, accessor: Accessor, issued: Issued) -> Result<Listed, RecordError> {
    let by = tx.see::<Principal>(&Principal::key(issued.by))?;
    Ok(Listed {
        accessor,
        created_at: issued.created_at,
        expires_at: issued.end,
        uses: issued.uses,
        places: issued.places,
        issued_by: by.map(|principal| principal.shown()),
    })
}

/// Removes up to `limit` secret ids that have ended; whether there may be more.
///
/// # Errors
/// When the store fails.
pub fn sweep(tx: &mut Tx<'_>, limit: usize) -> Result<bool, RecordError> {
    let due = EXPIRY.due(tx, limit)?;
    for item in due.items {
        let key = Key::new(Kind::SecretId, &[&item.id]);
        match tx.get::<Issued>(&key)? {
            Some(issued) if issued.has_ended(tx) => tx.delete(key),
            Some(_) | None => {}
        }
        tx.delete(item.key);
    }
    Ok(due.more)
}

fn remove(tx: &mut Tx<'_>, service: u64, accessor: Accessor, issued: &Issued) {
    tx.delete(key(service, accessor));
    EXPIRY.unfile(tx, issued.end, &ids(service, accessor));
}

fn key(service: u64, accessor: Accessor) -> Key {
    Key::new(Kind::SecretId, &[&ids(service, accessor)])
}

fn ids(service: u64, accessor: Accessor) -> [u8; 8 + ACCESSOR_BYTES] {
    let mut ids = [0; 8 + ACCESSOR_BYTES];
    let bytes = service.to_be_bytes().into_iter().chain(accessor.0);
    ids.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    ids
}
