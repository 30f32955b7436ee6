//! Policies and whom they are attached to.

use super::{
    Refusal,
    policy::by_name,
    target::{self, Holder, MAX_ATTACHED, MAX_INLINE, Target},
};
use crate::{
    access::{
        Action, Caller, Grant, ManagedPolicy, Proofs, Resource, Sort, StoredPolicy, Whose,
        policy::{Kind as PolicyKind, Warning},
    },
    name::{PolicyName, look},
    record::{Key, Kind, Marker, RecordError, Tx},
};

/// How a policy is attached. Numbers are on disk.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Rights = 1,
    Boundary = 2,
}

/// Attaches a managed policy to whom the grant names; `false` if it was.
///
/// # Errors
/// When either does not exist, or the policy allows more than the caller may.
pub fn attach(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    policy: &PolicyName,
) -> Result<bool, Refusal> {
    let mut target = holder(tx, grant, Action::attach)?;
    let (id, _) = by_name(tx, policy)?;
    if target.attached().managed.contains(&id) {
        return Ok(false);
    }
    let document = target::in_force(tx, id)?;
    let whose = Whose::Of(Resource::Policy(policy.clone()));
    proofs.within(tx, caller, &[document], &whose)?;
    if target.attached().managed.len() >= MAX_ATTACHED {
        return Err(Refusal::TooMany(
            "at most 1,000 policies are attached to one",
        ));
    }
    target.attached_mut().managed.insert(id);
    count(tx, id, target.id, Use::Rights, 1)?;
    target.put(tx)?;
    Ok(true)
}

/// Detaches a managed policy; `false` if it was not attached.
///
/// # Errors
/// When either does not exist, or the policy denies something and the caller has not all rights.
pub fn detach(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    policy: &PolicyName,
) -> Result<bool, Refusal> {
    let mut target = holder(tx, grant, Action::detach)?;
    let (id, _) = by_name(tx, policy)?;
    if !target.attached_mut().managed.remove(&id) {
        return Ok(false);
    }
    if target::in_force(tx, id)?.denies() {
        proofs.everything(tx, caller)?;
    }
    count(tx, id, target.id, Use::Rights, -1)?;
    target.put(tx)?;
    Ok(true)
}

/// Gives whom the grant names a policy of its own, or another text of it.
///
/// # Errors
/// When the text is no policy, or allows more than the caller may.
pub fn put_inline(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    (name, text): (&PolicyName, &str),
) -> Result<Vec<Warning>, Refusal> {
    let mut target = holder(tx, grant, Action::attach)?;
    let label = format!("#{}", tx.next_id()?);
    let (policy, warnings) = StoredPolicy::parse(&label, text, PolicyKind::Identity)?;
    let document = std::sync::Arc::clone(policy.document());
    proofs.within(tx, caller, &[document], &Whose::Own)?;
    let inline = &mut target.attached_mut().inline;
    if inline.len() >= MAX_INLINE && !inline.contains_key(name.as_str()) {
        return Err(Refusal::TooMany("one has at most 20 inline policies"));
    }
    if !inline.contains_key(name.as_str()) {
        check_look(inline.keys(), name.as_str())?;
    }
    let before = inline.insert(name.as_str().to_owned(), policy);
    if before.is_some_and(|before| before.document().denies()) {
        proofs.everything(tx, caller)?;
    }
    target.put(tx)?;
    Ok(warnings)
}

/// Whether a new inline policy's name can be told from its holder's others.
fn check_look<'a>(mut others: impl Iterator<Item = &'a String>, name: &str) -> Result<(), Refusal> {
    let mixed = |mixed| Refusal::MixedScripts(Sort::Policy, name.to_owned(), mixed);
    let wanted = look(name).map_err(mixed)?;
    match others.find(|other| look(other).is_ok_and(|look| look == wanted)) {
        Some(other) => Err(Refusal::LooksLike(
            Sort::Policy,
            name.to_owned(),
            other.clone(),
        )),
        None => Ok(()),
    }
}

/// Takes an inline policy away.
///
/// # Errors
/// When there is none of that name, or it denies something and the caller has not all rights.
pub fn delete_inline(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    name: &PolicyName,
) -> Result<(), Refusal> {
    let mut target = holder(tx, grant, Action::detach)?;
    let before = target.attached_mut().inline.remove(name.as_str());
    let before = before.ok_or_else(|| Refusal::InlineNotFound(name.as_str().to_owned()))?;
    if before.document().denies() {
        proofs.everything(tx, caller)?;
    }
    Ok(target.put(tx)?)
}

/// Sets the most that a principal may ever do, or lifts it. Where there was a boundary, that takes all rights.
///
/// # Errors
/// When either does not exist, or a boundary would be lifted by somebody without all rights.
pub fn set_boundary(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    policy: Option<&PolicyName>,
) -> Result<(), Refusal> {
    let mut target = holder(tx, grant, Action::set_boundary)?;
    let wanted = match policy {
        Some(policy) => Some(by_name(tx, policy)?.0),
        None => None,
    };
    let Holder::Principal(principal) = &mut target.holder else {
        return Err(Refusal::Invalid("a group has no boundary"));
    };
    let before = std::mem::replace(&mut principal.boundary, wanted);
    if before == wanted {
        return Ok(());
    }
    if let Some(before) = before {
        proofs.everything(tx, caller)?;
        count(tx, before, target.id, Use::Boundary, -1)?;
    }
    if let Some(wanted) = wanted {
        count(tx, wanted, target.id, Use::Boundary, 1)?;
    }
    Ok(target.put(tx)?)
}

/// Counts everything that is attached to somebody who is being deleted.
pub(super) fn release(tx: &mut Tx<'_>, target: &Target) -> Result<(), RecordError> {
    for policy in &target.attached().managed {
        count(tx, *policy, target.id, Use::Rights, -1)?;
    }
    if let Holder::Principal(principal) = &target.holder
        && let Some(policy) = principal.boundary
    {
        count(tx, policy, target.id, Use::Boundary, -1)?;
    }
    Ok(())
}

fn holder(
    tx: &mut Tx<'_>,
    grant: &Grant,
    action: impl Fn(Sort) -> Action,
) -> Result<Target, Refusal> {
    let sort = grant
        .resource()
        .named()
        .map_or(Sort::User, |(sort, _)| sort);
    Ok(target::granted(tx, grant, action(sort))?.2)
}

/// Notes that a policy is attached, or no more.
fn count(tx: &mut Tx<'_>, policy: u64, holder: u64, how: Use, by: i64) -> Result<(), RecordError> {
    let key = ManagedPolicy::key(policy);
    let mut head = tx
        .get::<ManagedPolicy>(&key)?
        .ok_or_else(|| RecordError::Damaged(key.clone()))?;
    head.attachments = head.attachments.saturating_add_signed(by);
    tx.put(key, &head)?;
    let place = Key::new(
        Kind::Attached,
        &[&policy.to_be_bytes(), &[how as u8], &holder.to_be_bytes()],
    );
    if by > 0 {
        tx.put(place, &Marker {})
    } else {
        tx.delete(place);
        Ok(())
    }
}
