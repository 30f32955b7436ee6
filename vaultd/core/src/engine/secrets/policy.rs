//! The policies of secrets and folders.
//!
//! A secret's goes with it: to another path, into the trash and back, and with its last version for good. A folder's
//! goes with the folder, and keeps it while it is empty. A copy is another secret, and has none.
//!
//! Whoever attaches one hands out what it allows, so that lies within his rights; and whoever takes one away that denies
//! anything has all rights, because nobody can say what it held off. A move to elsewhere hands out there what the
//! policies that go along allow.

use super::{Refusal, tags_of, tree};
use crate::{
    access::{
        Action, Caller, Exceeds, Facts, Grant, Proofs, Resource, ResourcePolicies, StoredPolicy,
        Whose,
        policy::{Document, Kind as PolicyKind, Tags, Warning, resource_name},
        principal::{bind, shown},
        resource_policy::{self, Holder, MAX_BYTES, NotSet, ResourcePolicy},
    },
    name::{FolderPath, SecretPath},
    record::{RecordError, Tx},
};

/// Most policies that one move takes along.
const MAX_MOVED: usize = 64;

/// A policy for people to read.
#[derive(Clone, Debug)]
pub struct ShownPolicy {
    /// What decisions call it, and the audit.
    pub id: String,
    /// In its one form, principals by name.
    pub text: String,
    /// Milliseconds since the epoch.
    pub updated_at: u64,
}

/// Gives what the grant names a policy, or another one in its place.
///
/// # Errors
/// When there is no such secret or folder; the text is no policy, or names what lies elsewhere, or somebody who is not
/// there; it allows more than the caller may, or would keep him from taking it back; it takes the place of one that
/// denies, and the caller has not all rights; or there are too many.
pub fn put_policy(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    text: &str,
) -> Result<Vec<Warning>, Refusal> {
    let (holder, resource) = granted(tx, grant, Action::PUT_RESOURCE_POLICY)?;
    let place = resource_name(resource);
    let (document, warnings) = Document::parse(text, PolicyKind::Resource)?;
    document.check_place(text, &place)?;
    let document = bind(tx, document)?;
    let label = format!("#{}", tx.next_id()?);
    let policy = StoredPolicy::bound(&label, document);
    if policy.text().len() > MAX_BYTES {
        return Err(Refusal::TooLarge(
            "the policy of a secret or folder has at most 20 KiB, principals as ids and indented",
        ));
    }
    let policy = ResourcePolicy {
        place: place.into(),
        policy,
        updated_at: tx.now(),
        deleted: false,
    };
    let tags = if let Resource::Secret(path) = resource {
        tags_of(tx, path)?
    } else {
        Tags::new()
    };
    let facts = Facts {
        resource_tags: &tags,
        ..Facts::default()
    };
    caller
        .may_set((resource, &facts), (holder, &policy))
        .map_err(not_set)?;
    match (resource_policy::denies(tx, holder)?, holder) {
        (Some(true), _) => proofs.everything(tx, caller)?,
        (None, Holder::Folder(folder)) => tree::hold(tx, folder)?,
        (Some(false), _) | (None, Holder::Secret(_)) => {}
    }
    hand_out(tx, caller, proofs, &policy)?;
    tx.put(holder.key(), &policy)?;
    Ok(warnings)
}

/// The policy of what the grant names.
///
/// # Errors
/// When there is no such secret or folder, or it has none.
pub fn describe_policy(tx: &mut Tx<'_>, grant: &Grant) -> Result<ShownPolicy, Refusal> {
    let (holder, _) = granted(tx, grant, Action::GET_RESOURCE_POLICY)?;
    let found = resource_policy::find(tx, holder)?.ok_or(Refusal::PolicyNotFound)?;
    Ok(ShownPolicy {
        id: found.policy.compiled().name().to_owned(),
        text: shown(tx, &found.policy),
        updated_at: found.updated_at,
    })
}

/// Takes its policy from what the grant names. A folder that only its policy kept goes.
///
/// # Errors
/// When there is no such secret or folder, it has none, or one that denies and the caller has not all rights.
pub fn delete_policy(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
) -> Result<(), Refusal> {
    let (holder, _) = granted(tx, grant, Action::DELETE_RESOURCE_POLICY)?;
    if resource_policy::denies(tx, holder)?.ok_or(Refusal::PolicyNotFound)? {
        proofs.everything(tx, caller)?;
    }
    tx.delete(holder.key());
    if let Holder::Folder(folder) = holder {
        tree::release(tx, folder)?;
    }
    Ok(())
}

/// What a move takes along.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moved {
    /// A secret, or a folder with all below it.
    Living,
    /// What was deleted and is restored to elsewhere: any that had the path.
    Deleted,
}

/// Whether any policy goes along.
pub fn carries(caller: &Caller, moved: Moved, from: &Resource) -> bool {
    !along(caller, moved, from).is_empty()
}

/// Whether what goes along may be handed out where the grant says, which is the right to set policies there.
///
/// # Errors
/// When a policy allows what the caller may not there, or that must be proved first.
pub fn carry(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    (moved, from): (Moved, &Resource),
) -> Result<(), Refusal> {
    let to = resource_name(grant.about(Action::PUT_RESOURCE_POLICY)?);
    let length = resource_name(from).len();
    for policy in along(caller, moved, from) {
        let rest = policy.place.get(length..).unwrap_or_default();
        let place = format!("{to}{rest}");
        hand_out(tx, caller, proofs, &ResourcePolicy { place, ..policy })?;
    }
    Ok(())
}

fn along(caller: &Caller, moved: Moved, from: &Resource) -> Vec<ResourcePolicy> {
    let known = caller.resource_policies();
    let place = resource_name(from);
    match (moved, from) {
        (Moved::Deleted, _) => {
            let deleted = known.of_deleted(&place).iter();
            deleted.map(|policy| (**policy).clone()).collect()
        }
        (Moved::Living, Resource::Folder(_)) => {
            let found = known.from(&place);
            found.map(|(_, policy)| policy.clone()).collect()
        }
        (Moved::Living, _) => known.at(&place).cloned().into_iter().collect(),
    }
}

/// Whether what a policy allows where it is, or will be, lies within the caller's rights.
fn hand_out(
    tx: &mut Tx<'_>,
    caller: &Caller,
    proofs: &mut Proofs,
    policy: &ResourcePolicy,
) -> Result<(), Refusal> {
    let document = policy.policy.document();
    if caller.is_denied_part_of(document, &policy.place) {
        return Err(not_set(NotSet::DeniedHimself));
    }
    if let Some(allowed) = document.handed_out(&policy.place) {
        proofs.within(tx, caller, &[allowed], &Whose::Own)?;
    }
    Ok(())
}

fn not_set(why: NotSet) -> Refusal {
    match why {
        NotSet::DeniedHimself => Refusal::Exceeds(Exceeds::Denied(
            "a policy of a folder above, or of something below, denies the caller some of it",
        )),
        NotSet::LocksOut => Refusal::LocksOut,
        NotSet::TooMany => Refusal::TooMany(
            "a vault has at most 1,000 policies of secrets and folders, of 2 MiB together",
        ),
    }
}

/// The secret or folder that the grant names.
fn granted<'g>(
    tx: &mut Tx<'_>,
    grant: &'g Grant,
    action: Action,
) -> Result<(Holder, &'g Resource), Refusal> {
    let resource = grant.about(action)?;
    let holder = if let Resource::Secret(path) = resource {
        let (id, _) = tree::seen(tx, path)?.ok_or(Refusal::SecretNotFound)?;
        Holder::Secret(id)
    } else {
        let path = grant.folder(action)?;
        Holder::Folder(tree::folder(tx, path)?.ok_or(Refusal::FolderNotFound)?)
    };
    Ok((holder, resource))
}

/// Into the trash with its secret; how many records that writes.
pub(super) fn bury(tx: &mut Tx<'_>, id: u64) -> Result<usize, RecordError> {
    let holder = Holder::Secret(id);
    resource_policy::change(tx, holder, |policy| policy.deleted = true).map(usize::from)
}

/// Back from there with its secret.
pub(super) fn revive(tx: &mut Tx<'_>, id: u64, path: &SecretPath) -> Result<(), Refusal> {
    let holder = Holder::Secret(id);
    let place = place_of(path);
    let found = resource_policy::find(tx, holder)?;
    if let Some(found) = found.filter(|found| found.place != place) {
        may_move(&found)?;
    }
    resource_policy::change(tx, holder, |policy| {
        (policy.place, policy.deleted) = (place, false);
    })?;
    Ok(())
}

/// To another path with its secret.
pub(super) fn move_of_secret(tx: &mut Tx<'_>, id: u64, to: &SecretPath) -> Result<(), Refusal> {
    let holder = Holder::Secret(id);
    if let Some(found) = resource_policy::find(tx, holder)? {
        may_move(&found)?;
    }
    resource_policy::change(tx, holder, |policy| policy.place = place_of(to))?;
    Ok(())
}

/// To another path with a folder: its own, and all below it.
pub(super) fn move_below(
    tx: &mut Tx<'_>,
    from: &FolderPath,
    to: &FolderPath,
) -> Result<(), Refusal> {
    let (from, to) = (
        resource_name(&Resource::Folder(from.clone())),
        resource_name(&Resource::Folder(to.clone())),
    );
    let known = ResourcePolicies::of(tx)?;
    let mut moved = Vec::new();
    for (key, policy) in known.from(&from) {
        may_move(policy)?;
        moved.push((key.clone(), policy.clone()));
    }
    if moved.len() > MAX_MOVED {
        return Err(Refusal::TooLarge(
            "a folder with more than 64 policies below it does not move at once: move parts of it",
        ));
    }
    for (key, policy) in moved {
        let rest = policy.place.get(from.len()..).unwrap_or_default();
        let place = format!("{to}{rest}");
        tx.put(key, &ResourcePolicy { place, ..policy })?;
    }
    Ok(())
}

fn may_move(policy: &ResourcePolicy) -> Result<(), Refusal> {
    if policy.policy.document().names_paths() {
        return Err(Refusal::PolicyNamesPaths(policy.place.as_str().into()));
    }
    Ok(())
}

fn place_of(path: &SecretPath) -> String {
    resource_name(&Resource::Secret(path.clone())).into()
}
