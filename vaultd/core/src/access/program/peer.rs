//! Programs that are known by whose process they are: the kernel says which uid is at the other end of the Unix socket.
//!
//! ```text
//! record = ServiceUid ‖ service ‖ uid u32 → gid, since when      shared class, of the guarded collection
//! ```
//! Like a policy that is attached it is a right that an administrator gave, and stays over a restore; it goes with its
//! service. Whether the caller came over the socket at all is known where requests come in.
//!
//! A uid may be bound with a gid, which then has to be the process's own, effective one as of its connecting: of groups
//! beside that SO_PEERCRED tells nothing.

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

/// A uid of a service, as lists show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Whose processes.
    pub uid: u32,
    /// In which group alone; `None`: whatever group they have.
    pub gid: Option<u32>,
}

/// Why a uid is not bound to a service.
#[derive(Debug, thiserror::Error)]
pub enum AllowRefusal {
    /// It is nobody's, or anybody's.
    #[error("uid {0} is no user's own: the kernel shows strangers as it")]
    Nobody(u32),
    /// The same of a group.
    #[error("gid {0} is no group's own: the kernel shows strangers as in it")]
    NoGroup(u32),
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
    #[n(1)]
    gid: Option<u32>,
}

impl Document for Bound {
    const CLASS: Class = Class::Shared;
}

/// Lets processes of a uid be a service, in this group or in any; `false` if it was so.
///
/// # Errors
/// When the uid or the gid is nobody's own, or the service has too many.
pub(crate) fn allow(
    tx: &mut Tx<'_>,
    service: u64,
    (member, overflow): (Member, u32),
) -> Result<bool, AllowRefusal> {
    let Member { uid, gid } = member;
    let strange = |uid: u32| Uid { uid, overflow }.is_nobodys();
    if strange(uid) {
        return Err(AllowRefusal::Nobody(uid));
    }
    if let Some(gid) = gid.filter(|gid| strange(*gid)) {
        return Err(AllowRefusal::NoGroup(gid));
    }
    let bound = list(tx, service)?;
    if bound.contains(&member) {
        return Ok(false);
    }
    let anew = !bound.iter().any(|one| one.uid == uid);
    if anew && bound.len() >= MOST {
        return Err(AllowRefusal::TooMany);
    }
    let created_at = tx.now();
    tx.put(key(service, uid), &Bound { created_at, gid })?;
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
pub(crate) fn list(tx: &mut Tx<'_>, service: u64) -> Result<Vec<Member>, RecordError> {
    let prefix = Key::new(Kind::ServiceUid, &[&service.to_be_bytes()]);
    let bound = tx.see_all::<Bound>(&prefix)?;
    let uid = |key: &Key| key.ids().get(8..).and_then(|uid| uid.try_into().ok());
    Ok(bound
        .iter()
        .filter_map(|(key, bound)| {
            let uid = uid(key).map(u32::from_be_bytes)?;
            Some(Member {
                uid,
                gid: bound.gid,
            })
        })
        .collect())
}

/// Takes all uids from a service that is deleted.
///
/// # Errors
/// When the store fails.
pub(crate) fn forget(tx: &mut Tx<'_>, service: u64) -> Result<(), RecordError> {
    for member in list(tx, service)? {
        tx.delete(key(service, member.uid));
    }
    Ok(())
}

/// Looks whether processes of a uid, in a group, are a service.
///
/// # Errors
/// One for whatever is wrong, found in the same way.
pub fn prove(
    tx: &mut Tx<'_>,
    service: &ServiceName,
    (uid, gid): (Uid, u32),
) -> Result<Proven, Refusal> {
    let service = called(tx, service)?;
    // INVARIANT: what is nobody's now proves nothing, whatever it was when it was bound
    let own = (!uid.is_nobodys()).then_some(uid.uid);
    let uid = uid.uid;
    let bound = tx.see::<Bound>(&key(service, uid))?;
    let bound = bound.filter(|bound| bound.gid.is_none_or(|only| only == gid));
    let bound = bound.filter(|_| own.is_some()).ok_or(Refusal::Wrong)?;
    let by = match bound.gid {
        Some(gid) => format!("uid {uid}, gid {gid}"),
        None => format!("uid {uid}"),
    };
    Ok(Proven {
        service,
        by,
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
