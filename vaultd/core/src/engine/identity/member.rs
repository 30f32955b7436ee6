//! Who is in which group.

use super::{
    Refusal, describe,
    target::{self, Holder, MAX_GROUPS, Target},
};
use crate::{
    access::{Action, Caller, Grant, Principal, Proofs, Sort, Whose, password::Policy},
    name::UserName,
    record::{Key, Kind, Marker, RecordError, Tx},
};

/// Most users of one group.
const MAX_MEMBERS: usize = 10_000;

/// Puts the user whom the second grant names into the group that the first one names; `false` if he was in it. A group
/// limits its users, too, by what it denies now or later and by its password policy: so it takes a right to each.
///
/// # Errors
/// When either does not exist, or the group has more rights than the caller.
pub fn add_member(
    tx: &mut Tx<'_>,
    caller: &Caller,
    [of_group, of_user]: [&Grant; 2],
    proofs: &mut Proofs,
) -> Result<bool, Refusal> {
    let (into, _, group) = target::granted(tx, of_group, Action::GROUP_ADD_MEMBER)?;
    let (who, name) = of_user.named(Action::GROUP_ADD_MEMBER)?;
    if (into, who) != (Sort::Group, Sort::User) {
        return Err(Refusal::Invalid("users are put into groups"));
    }
    let (id, mut user) = target::user(tx, name)?;
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
/// When either does not exist, or the group limits its users and the caller has not all rights.
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
    if limits(tx, &group)? {
        proofs.everything(tx, caller)?;
    }
    tx.delete(member_key(group.id, id));
    let holder = Holder::Principal(user);
    Target { id, holder }.put(tx)?;
    Ok(true)
}

/// Whether a group keeps its users from anything: leaving it may give rights.
pub(super) fn limits(tx: &mut Tx<'_>, group: &Target) -> Result<bool, RecordError> {
    let documents = group.documents(tx)?;
    let denies = documents.iter().any(|document| document.denies());
    Ok(denies || Policy::load_of(tx, group.id)?.is_some())
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
