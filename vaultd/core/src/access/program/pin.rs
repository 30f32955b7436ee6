//! Programs that are known by a key: the TLS handshake has proved that the other end of the connection holds it.
//!
//! ```text
//! record = ServicePin ‖ 0 ‖ hash of the key            → service, number, label, times   shared class, guarded
//!          ServicePin ‖ 1 ‖ service ‖ hash of the key  → nothing, for listing
//! ```
//! A key is one service's, so it says which. A service has two at most, the present one and the next: whoever renews
//! a key adds the new one, changes over, and takes the old one away. Like a uid it is a right that an administrator
//! gave: it stays over a restore, and goes with its service.
//!
//! INVARIANT: a session that was made by a pin is good only with that key, and only while that pin stands. One that
//! was taken away and added again has another number, and brings no session back.

use minicbor::{Decode, Encode};

use super::{Proven, Refusal, called};
use crate::{
    access::{Certificate, KeyHash, Unfit, session::Holder},
    crypto::envelope::Class,
    name::ServiceName,
    record::{Document, Key, Kind, Marker, RecordError, Tx},
};

/// Most keys of one service.
const MOST: usize = 2;
const MINUTE: u64 = 60_000;
/// Ten years.
const LONGEST: u64 = 3_653 * 24 * 60 * MINUTE;

/// Why a key is not pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinRefusal {
    /// Over two.
    #[error(
        "a service has at most {MOST} keys, the present one and the next: take one away first, see `vaultctl service pin ls`"
    )]
    TooMany,
    /// It would not be known whose it is.
    #[error("this key is another service's already: every service has keys of its own")]
    Taken,
    /// Under a minute, or over ten years.
    #[error("a pin lasts from a minute to ten years, or for good")]
    Ttl,
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// How a key is pinned.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// For people to read.
    pub label: String,
    /// Milliseconds; a minute to ten years, and for good unless given.
    pub ttl: Option<u64>,
}

/// A key of a service, as stored.
#[derive(Clone, Debug, Encode, Decode)]
struct Pin {
    #[n(0)]
    service: u64,
    /// No other pin ever has it.
    #[n(1)]
    number: u64,
    #[n(2)]
    label: String,
    #[n(3)]
    created_at: u64,
    #[n(4)]
    end: Option<u64>,
}

impl Document for Pin {
    const CLASS: Class = Class::Shared;
}

impl Pin {
    fn stands(&self, now: u64) -> bool {
        self.end.is_none_or(|end| now < end)
    }
}

/// A key of a service, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub key: KeyHash,
    /// For people to read.
    pub label: String,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// Milliseconds since the epoch; `None`: it does not end.
    pub expires_at: Option<u64>,
}

/// Lets whoever holds a key be a service; whether anything changed by it.
///
/// # Errors
/// When it is another service's, there are too many, or its time is out of bounds.
pub(crate) fn add(
    tx: &mut Tx<'_>,
    service: u64,
    key: KeyHash,
    terms: &Terms,
) -> Result<bool, PinRefusal> {
    let end = match terms.ttl {
        Some(ttl) if !(MINUTE..=LONGEST).contains(&ttl) => return Err(PinRefusal::Ttl),
        ttl => ttl.map(|ttl| tx.now().saturating_add(ttl)),
    };
    if let Some(pin) = find(tx, &key)? {
        if pin.service == service {
            let changed = pin.label != terms.label || pin.end != end;
            let label = terms.label.clone();
            let pin = Pin { label, end, ..pin };
            tx.put(by_key(&key), &pin)?;
            return Ok(changed);
        }
        return Err(PinRefusal::Taken);
    }
    // One that has ended is in nobody's way.
    let mut standing = 0;
    for (key, pin) in of(tx, service)? {
        if pin.stands(tx.now()) {
            standing += 1;
        } else {
            unpin(tx, service, &key);
        }
    }
    if standing >= MOST {
        return Err(PinRefusal::TooMany);
    }
    let pin = Pin {
        service,
        number: tx.next_id()?,
        label: terms.label.clone(),
        created_at: tx.now(),
        end,
    };
    tx.put(by_key(&key), &pin)?;
    tx.put(by_service(service, &key), &Marker {})?;
    Ok(true)
}

/// The pin of a key. One that has ended is taken away: it is nobody's any more.
fn find(tx: &mut Tx<'_>, key: &KeyHash) -> Result<Option<Pin>, RecordError> {
    let Some(pin) = tx.see::<Pin>(&by_key(key))? else {
        return Ok(None);
    };
    if pin.stands(tx.now()) {
        return Ok(Some((*pin).clone()));
    }
    unpin(tx, pin.service, key);
    Ok(None)
}

/// Takes a key from a service, and ends the sessions that were made with it; `false` if it had it not.
///
/// # Errors
/// When the store fails.
pub(crate) fn remove(tx: &mut Tx<'_>, service: u64, key: &KeyHash) -> Result<bool, RecordError> {
    let pin = tx.see::<Pin>(&by_key(key))?;
    let Some(pin) = pin.filter(|pin| pin.service == service) else {
        return Ok(false);
    };
    unpin(tx, service, key);
    Ok(pin.stands(tx.now()))
}

/// The keys of a service that stand.
///
/// # Errors
/// When the store fails.
pub(crate) fn list(tx: &mut Tx<'_>, service: u64) -> Result<Vec<Listed>, RecordError> {
    let now = tx.now();
    let mut listed: Vec<_> = of(tx, service)?
        .into_iter()
        .filter(|(_, pin)| pin.stands(now))
        .map(|(key, pin)| Listed {
            key,
            label: pin.label,
            created_at: pin.created_at,
            expires_at: pin.end,
        })
        .collect();
    listed.sort_by_key(|pin| (pin.created_at, pin.key));
    Ok(listed)
}

/// Takes all keys from a service that is deleted.
///
/// # Errors
/// When the store fails.
pub(crate) fn forget(tx: &mut Tx<'_>, service: u64) -> Result<(), RecordError> {
    for (key, _) in of(tx, service)? {
        unpin(tx, service, &key);
    }
    Ok(())
}

/// Looks which service the key of a certificate is; where one is named, whether it is that one.
///
/// # Errors
/// When there is no certificate or it is unfit, told before anything is looked up; one for whatever else is wrong, found in the
/// same way.
pub fn prove(
    tx: &mut Tx<'_>,
    service: Option<&ServiceName>,
    certificate: Option<&Certificate>,
) -> Result<Proven, Refusal> {
    let certificate = certificate.ok_or(Refusal::Certificate(Unfit::Missing))?;
    certificate.check(tx.now()).map_err(Refusal::Certificate)?;
    let named = match service {
        Some(name) => Some(called(tx, name)?),
        None => None,
    };
    let key = certificate.key;
    let pin = tx.see::<Pin>(&by_key(&key))?;
    let pin = pin
        .filter(|pin| pin.stands(tx.now()) && named.is_none_or(|service| service == pin.service));
    let pin = pin.ok_or(Refusal::Wrong)?;
    let until = pin
        .end
        .map_or(certificate.until, |end| end.min(certificate.until));
    Ok(Proven {
        service: pin.service,
        by: format!("key {key}"),
        until: Some(until),
        holder: Some(Holder {
            key,
            pin: pin.number,
        }),
    })
}

/// Whether the pin that a session was made by stands.
///
/// # Errors
/// When the store fails.
pub(in crate::access) fn stands(tx: &mut Tx<'_>, holder: &Holder) -> Result<bool, RecordError> {
    let pin = tx.see::<Pin>(&by_key(&holder.key))?;
    Ok(pin.is_some_and(|pin| pin.number == holder.pin && pin.stands(tx.now())))
}

fn of(tx: &mut Tx<'_>, service: u64) -> Result<Vec<(KeyHash, Pin)>, RecordError> {
    let prefix = Key::new(Kind::ServicePin, &[&[1], &service.to_be_bytes()]);
    let mut found = Vec::new();
    for (marker, _) in tx.see_all::<Marker>(&prefix)? {
        let key = marker.ids().get(9..).and_then(KeyHash::from_bytes);
        let key = key.ok_or(RecordError::Damaged(marker))?;
        let place = by_key(&key);
        let pin = tx.see::<Pin>(&place)?.ok_or(RecordError::Damaged(place))?;
        found.push((key, (*pin).clone()));
    }
    Ok(found)
}

fn unpin(tx: &mut Tx<'_>, service: u64, key: &KeyHash) {
    tx.delete(by_key(key));
    tx.delete(by_service(service, key));
}

fn by_key(key: &KeyHash) -> Key {
    Key::new(Kind::ServicePin, &[&[0], key.as_bytes()])
}

fn by_service(service: u64, key: &KeyHash) -> Key {
    let service = service.to_be_bytes();
    Key::new(Kind::ServicePin, &[&[1], &service, key.as_bytes()])
}
