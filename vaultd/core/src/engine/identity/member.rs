//! Who is in which group.

use super::{
    Refusal, describe,
    target::{self, Holder, MAX_GROUPS, Target},
};
use crate::{
    access::{Action, Caller, Grant, Principal, Proofs, Whose},
    name::UserName,
    record::{Key, Kind, Marker, Tx},
};

/// Most users of one group.
const MAX_MEMBERS: usize = 10_000;

/// Puts a user into the group that the grant names; `false` if he was in it.
///
/// # Errors
/// When either does not exist, or the group has more rights than the caller.
pub fn add_member(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    user: &UserName,
) -> Result<bool, Refusal> {
    let (_, _, group) = target::granted(tx, grant, Action::GROUP_ADD_MEMBER)?;
    let (id, mut user) = target::user(tx, user.as_str())?;
    if user.groups.contains(&group.id) {
        return Ok(false);
    }
    let documents = group.documents(tx)?;
    proofs.within(tx, caller, &documents, &Whose::others())?;
    if user.groups.len() >= MAX_GROUPS {
        return Err(Refusal::TooMany("a user is in at most 100 groups"));
    }
    if describe::ids(tx, group.id)?.len() >= MAX_MEMBERS {
        return Err(Refusal::TooMany("a group has at most 10,000 users"));
    }
    user.groups.insert(group.id);
    tx.put(member_key(group.id, id), &Marker {})?;
    let holder = Holder::Principal(user);
    Target { id, holder }.put(tx)?;
    Ok(true)
}

/// Takes a user out of the group that the grant names; `false` if he was not in it.
///
/// # Errors
/// When either does not exist, or the group denies something and the caller has not all rights.
pub fn remove_member(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    user: &UserName,
) -> Result<bool, Refusal> {
    let (_, _, group) = target::granted(tx, grant, Action::GROUP_REMOVE_MEMBER)?;
    let (id, mut user) = target::user(tx, user.as_str())?;
    if !user.groups.remove(&group.id) {
        return Ok(false);
    }
    if group
        .documents(tx)?
        .iter()
        .any(|document| document.denies())
    {
        proofs.everything(tx, caller)?;
    }
    tx.delete(member_key(group.id, id));
    let holder = Holder::Principal(user);
    Target { id, holder }.put(tx)?;
    Ok(true)
}

/// Takes a user out of all groups: he is being deleted.
pub(super) fn leave_all(tx: &mut Tx<'_>, id: u64, user: &Principal) {
    for group in &user.groups {
        tx.delete(member_key(*group, id));
    }
}

pub(super) fn member_key(group: u64, user: u64) -> Key {
    Key::new(Kind::Member, &[&group.to_be_bytes(), &user.to_be_bytes()])
}
