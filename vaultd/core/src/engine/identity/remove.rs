//! Deleting users, services, roles and groups.

use super::{
    Refusal, attach, describe, member,
    target::{self, Holder, Target},
};
use crate::{
    access::{
        Action, Caller, Grant, Group, Principal, Proofs, Sort, factor, lockout,
        password::Credential,
        principal::Named,
        program::{peer, pin},
        trust,
    },
    record::{Key, Kind, RecordError, Tx},
};

/// Users of a group that is deleted, and managed policies that are attached to it: two writes each, of the 512 that one
/// change has room for, beside what is the group's own.
const MAX_AT_ONCE: usize = 250;

/// Deletes what the grant names, with everything that is its own. Its sessions have ended with that.
///
/// # Errors
/// When it does not exist, or it is a group that limits its users and the caller has not all rights.
pub fn delete(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
) -> Result<(), Refusal> {
    let sort = grant
        .resource()
        .named()
        .map_or(Sort::User, |(sort, _)| sort);
    let (sort, name, target) = target::granted(tx, grant, Action::delete(sort))?;
    attach::release(tx, &target)?;
    match &target.holder {
        Holder::Principal(principal) => {
            member::leave_all(tx, target.id, principal);
            forget(tx, target.id)?;
            tx.delete(Principal::key(target.id));
        }
        Holder::Group(_) => {
            disband(tx, caller, proofs, &target)?;
            tx.delete(Group::key(target.id));
        }
    }
    Ok(Named::take(tx, sort, &name)?)
}

fn disband(
    tx: &mut Tx<'_>,
    caller: &Caller,
    proofs: &mut Proofs,
    group: &Target,
) -> Result<(), Refusal> {
    let members = describe::ids(tx, group.id)?;
    if members.len() + group.attached().managed.len() > MAX_AT_ONCE {
        return Err(Refusal::TooMany(
            "the group has over 250 users and attached policies together, more than one change takes out: take some out first",
        ));
    }
    if !members.is_empty() && member::limits(tx, group)? {
        proofs.everything(tx, caller)?;
    }
    for id in members {
        let key = Principal::key(id);
        if let Some(user) = tx.see::<Principal>(&key)? {
            let mut user = (*user).clone();
            user.groups.remove(&group.id);
            tx.put(key, &user)?;
        }
        tx.delete(member::member_key(group.id, id));
    }
    tx.delete(Key::new(Kind::PasswordPolicy, &[&group.id.to_be_bytes()]));
    Ok(())
}

/// What is kept of somebody beside his record.
fn forget(tx: &mut Tx<'_>, id: u64) -> Result<(), RecordError> {
    lockout::forget_places(tx, id);
    trust::forget_service(tx, id)?;
    Credential::delete(tx, id)?;
    peer::forget(tx, id)?;
    pin::forget(tx, id)?;
    factor::forget(tx, id)
}
