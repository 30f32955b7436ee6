//! Whom an operation is about: a principal, or a group.

use std::sync::Arc;

use super::{Refusal, reach};
use crate::{
    access::{
        Action, Attachments, Caller, Grant, Group, ManagedPolicy, Principal, Proofs, Sort,
        policy::{Document, PrincipalKind},
        principal::named,
    },
    record::{RecordError, Tx},
};

/// Most managed policies of one holder, and most inline ones.
pub(super) const MAX_ATTACHED: usize = 1_000;
pub(super) const MAX_INLINE: usize = 20;
/// Most groups of one user.
pub(super) const MAX_GROUPS: usize = 100;

/// A principal or a group, to be changed.
pub(super) struct Target {
    pub(super) id: u64,
    pub(super) holder: Holder,
}

pub(super) enum Holder {
    Principal(Box<Principal>),
    Group(Group),
}

/// By a grant.
pub(super) fn granted(
    tx: &mut Tx<'_>,
    grant: &Grant,
    action: Action,
) -> Result<(Sort, String, Target), Refusal> {
    let (sort, name) = grant.named(action)?;
    let target = find(tx, sort, name)?;
    Ok((sort, name.to_owned(), target))
}

/// By name.
pub(super) fn find(tx: &mut Tx<'_>, sort: Sort, name: &str) -> Result<Target, Refusal> {
    let missing = || Refusal::NotFound(sort, name.to_owned());
    let id = named(tx, sort, name)?.ok_or_else(missing)?;
    let holder = match sort {
        Sort::User | Sort::Service | Sort::Role => {
            let key = Principal::key(id);
            let principal = tx.see::<Principal>(&key)?;
            let principal = principal.ok_or(RecordError::Damaged(key))?;
            Holder::Principal(Box::new((*principal).clone()))
        }
        Sort::Group => {
            let key = Group::key(id);
            let group = tx.see::<Group>(&key)?.ok_or(RecordError::Damaged(key))?;
            Holder::Group((*group).clone())
        }
        Sort::Policy => return Err(Refusal::Invalid("a policy holds no policies")),
    };
    Ok(Target { id, holder })
}

/// The user of a name.
pub(super) fn user(tx: &mut Tx<'_>, name: &str) -> Result<(u64, Box<Principal>), Refusal> {
    let target = find(tx, Sort::User, name)?;
    match target.holder {
        Holder::Principal(user) if user.kind == PrincipalKind::User => Ok((target.id, user)),
        Holder::Principal(_) | Holder::Group(_) => {
            Err(RecordError::Damaged(Principal::key(target.id)).into())
        }
    }
}

impl Target {
    pub(super) fn attached(&self) -> &Attachments {
        match &self.holder {
            Holder::Principal(principal) => &principal.attached,
            Holder::Group(group) => &group.attached,
        }
    }

    pub(super) fn attached_mut(&mut self) -> &mut Attachments {
        match &mut self.holder {
            Holder::Principal(principal) => &mut principal.attached,
            Holder::Group(group) => &mut group.attached,
        }
    }

    /// Stores it as changed now.
    pub(super) fn put(mut self, tx: &mut Tx<'_>) -> Result<(), RecordError> {
        let now = tx.now();
        match &mut self.holder {
            Holder::Principal(principal) => {
                principal.updated_at = now;
                tx.put(Principal::key(self.id), &**principal)
            }
            Holder::Group(group) => {
                group.updated_at = now;
                tx.put(Group::key(self.id), group)
            }
        }
    }

    /// All documents that give its rights; of a user, his groups' too.
    pub(super) fn documents(&self, tx: &mut Tx<'_>) -> Result<Vec<Arc<Document>>, RecordError> {
        match &self.holder {
            Holder::Principal(_) => {
                crate::access::principal::documents_of(tx, self.id).map(|(identity, _)| identity)
            }
            Holder::Group(group) => documents(tx, &group.attached),
        }
    }
}

/// The documents of what is attached.
pub(super) fn documents(
    tx: &mut Tx<'_>,
    attached: &Attachments,
) -> Result<Vec<Arc<Document>>, RecordError> {
    let mut found = Vec::new();
    for policy in &attached.managed {
        found.push(in_force(tx, *policy)?);
    }
    let inline = attached.inline.values();
    found.extend(inline.map(|policy| Arc::clone(policy.document())));
    Ok(found)
}

/// The document of a managed policy's version in force.
pub(super) fn in_force(tx: &mut Tx<'_>, policy: u64) -> Result<Arc<Document>, RecordError> {
    let key = ManagedPolicy::key(policy);
    let head = tx
        .see::<ManagedPolicy>(&key)?
        .ok_or(RecordError::Damaged(key))?;
    super::policy::text(tx, policy, head.version).map(|text| Arc::clone(text.document()))
}

/// Whether everything that a user, service or role may do, and may come to do by roles, lies within the caller's
/// rights: before his credentials are given to anybody.
///
/// # Errors
/// When it does not, it must be proved first, or there is nobody of that name.
pub fn hand_over(
    tx: &mut Tx<'_>,
    caller: &Caller,
    proofs: &mut Proofs,
    (sort, name): (Sort, &str),
) -> Result<(), Refusal> {
    let target = find(tx, sort, name)?;
    reach::within(tx, caller, proofs, &target)
}
