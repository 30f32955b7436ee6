//! Programs that are known by whose process they are: the kernel says which uid is at the other end of the Unix socket.
//!
//! ```text
//! record = ServiceUid ‖ service ‖ uid u32 → since when      shared class, of the guarded collection
//! ```
//! Like a policy that is attached it is a right that an administrator gave, and stays over a restore; it goes with its
//! service. Whether the caller came over the socket at all is known where requests come in.

use minicbor::{Decode, Encode};

use super::{Proven, Refusal, called};
use crate::{
    crypto::envelope::Class,
    name::ServiceName,
    record::{Document, Key, Kind, RecordError, Tx},
};

/// Most uids of one service.
const MOST: usize = 64;
/// A uid of a process at the other end of the socket, or one that is to be bound, and what is nobody's.
#[derive(Clone, Copy, Debug)]
pub struct Uid {
    /// The uid.
    pub uid: u32,
    /// As which the kernel shows whoever has no uid here: every stranger of another user namespace.
    pub overflow: u32,
}

impl Uid {
    fn is_nobodys(self) -> bool {
        self.uid == self.overflow || self.uid == u32::MAX
    }
}

/// Why a uid is not bound to a service.
#[derive(Debug, thiserror::Error)]
pub enum AllowRefusal {
    /// It is nobody's, or anybody's.
    #[error("uid {0} is no user's own: the kernel shows strangers as it")]
    Nobody(u32),
    /// Over 64.
    #[error("a service has at most {MOST} uids")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A uid of a service.
#[derive(Clone, Debug, Encode, Decode)]
struct Bound {
    #[n(0)]
    created_at: u64,
}

impl Document for Bound {
    const CLASS: Class = Class::Shared;
}

/// Lets processes of a uid be a service; `false` if they were.
///
/// # Errors
/// When the uid is nobody's own, or the service has too many.
pub(crate) fn allow(tx: &mut Tx<'_>, service: u64, uid: Uid) -> Result<bool, AllowRefusal> {
    let nobodys = uid.is_nobodys();
    let uid = uid.uid;
    if nobodys {
        return Err(AllowRefusal::Nobody(uid));
    }
    let bound = list(tx, service)?;
    if bound.contains(&uid) {
        return Ok(false);
    }
    if bound.len() >= MOST {
        return Err(AllowRefusal::TooMany);
    }
    let created_at = tx.now();
    tx.put(key(service, uid), &Bound { created_at })?;
    Ok(true)
}

/// Takes a uid from a service; `false` if it had it not.
///
/// # Errors
/// When the store fails.
pub(crate) fn remove(tx: &mut Tx<'_>, service: u64, uid: u32) -> Result<bool, RecordError> {
    let key = key(service, uid);
    let bound = tx.see::<Bound>(&key)?.is_some();
    if bound {
        tx.delete(key);
    }
    Ok(bound)
}

/// The uids of a service, in order.
///
/// # Errors
/// When the store fails.
pub(crate) fn list(tx: &mut Tx<'_>, service: u64) -> Result<Vec<u32>, RecordError> {
    let prefix = Key::new(Kind::ServiceUid, &[&service.to_be_bytes()]);
    let bound = tx.see_all::<Bound>(&prefix)?;
    let uid = |key: &Key| key.ids().get(8..).and_then(|uid| uid.try_into().ok());
    Ok(bound
        .iter()
        .filter_map(|(key, _)| uid(key).map(u32::from_be_bytes))
        .collect())
}

/// Takes all uids from a service that is deleted.
///
/// # Errors
/// When the store fails.
pub(crate) fn forget(tx: &mut Tx<'_>, service: u64) -> Result<(), RecordError> {
    for uid in list(tx, service)? {
        tx.delete(key(service, uid));
    }
    Ok(())
}

/// Looks whether processes of a uid are a service.
///
/// # Errors
/// One for whatever is wrong, found in the same way.
pub fn prove(tx: &mut Tx<'_>, service: &ServiceName, uid: Uid) -> Result<Proven, Refusal> {
    let service = called(tx, service)?;
    // INVARIANT: what is nobody's now proves nothing, whatever it was when it was bound
    let own = (!uid.is_nobodys()).then_some(uid.uid);
    let uid = uid.uid;
    let bound = tx.see::<Bound>(&key(service, uid))?;
    bound.and(own).ok_or(Refusal::Wrong)?;
    Ok(Proven {
        service,
        by: format!("uid {uid}"),
        until: None,
        holder: None,
    })
}

fn key(service: u64, uid: u32) -> Key {
    Key::new(
        Kind::ServiceUid,
        &[&service.to_be_bytes(), &uid.to_be_bytes()],
    )
}
