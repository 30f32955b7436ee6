//! Making users, services, roles and groups. They begin with no rights.

use super::{Refusal, reach};
use crate::{
    access::{
        Action, Caller, Grant, Group, Principal, Proofs, Sort, StoredPolicy,
        policy::{Document, Kind, PrincipalKind, Tags},
        principal::{Named, NotGiven, bind, named},
    },
    record::Tx,
};

/// Most tags of a principal.
pub(super) const MAX_TAGS: usize = 50;

/// What somebody new is like.
#[derive(Clone, Debug, Default)]
pub struct New {
    /// For people to read.
    pub description: String,
    /// `vault:PrincipalTag/…`; not of groups.
    pub tags: Tags,
    /// Who may assume it: of a role, and then needed.
    pub trust: Option<String>,
    /// Longest session of a role, in milliseconds; 0: the default.
    pub longest_session: u64,
}

/// Makes what the grant names. Its id is new, so it has no rights of anybody before.
///
/// # Errors
/// When the name is taken, what is asked for does not go with the sort, or it would have rights that the caller has
/// not: by its tags, or because a role trusts whoever it does not name, or, of a role, may trust it.
pub fn create(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    new: &New,
) -> Result<u64, Refusal> {
    let (sort, name) = match grant.resource().named() {
        Some((sort, _)) => grant.named(Action::create(sort))?,
        None => grant.named(Action::USER_CREATE)?,
    };
    if named(tx, sort, name)?.is_some() {
        return Err(Refusal::Exists(sort, name.to_owned()));
    }
    if new.tags.len() > MAX_TAGS {
        return Err(Refusal::TooMany("a principal has at most 50 tags"));
    }
    let id = tx.next_id()?;
    let now = tx.now();
    let kind = match sort {
        Sort::User => PrincipalKind::User,
        Sort::Service => PrincipalKind::Service,
        Sort::Role => PrincipalKind::Role,
        Sort::Group => {
            let group = group(name, now, new)?;
            tx.put(Group::key(id), &group)?;
            give(tx, sort, name, id)?;
            return Ok(id);
        }
        Sort::Policy => return Err(Refusal::Invalid("a policy is made with its document")),
    };
    only_of_a_role(kind, new.trust.is_some() || new.longest_session != 0)?;
    let trust = match (&new.trust, kind) {
        (Some(text), PrincipalKind::Role) => Some(trust(tx, text)?),
        (None, PrincipalKind::Role) => {
            return Err(Refusal::Invalid("a role needs a trust policy"));
        }
        (None | Some(_), _) => None,
    };
    if !new.tags.is_empty() {
        proofs.everything(tx, caller)?;
    }
    reach::of_newcomer(tx, caller, proofs, (kind, id))?;
    let principal = Principal {
        name: name.to_owned(),
        created_at: now,
        updated_at: now,
        kind,
        description: new.description.clone(),
        tags: new.tags.clone(),
        trust,
        longest_session: new.longest_session,
        ..Principal::default()
    };
    tx.put(Principal::key(id), &principal)?;
    give(tx, sort, name, id)?;
    Ok(id)
}

fn group(name: &str, now: u64, new: &New) -> Result<Group, Refusal> {
    if !new.tags.is_empty() || new.trust.is_some() || new.longest_session != 0 {
        return Err(Refusal::Invalid(
            "a group has no tags, no trust policy and no longest session",
        ));
    }
    Ok(Group {
        name: name.to_owned(),
        created_at: now,
        updated_at: now,
        description: new.description.clone(),
        ..Group::default()
    })
}

/// What only a role has, to be given to somebody of this kind.
pub(super) fn only_of_a_role(kind: PrincipalKind, given: bool) -> Result<(), Refusal> {
    if given && kind != PrincipalKind::Role {
        return Err(Refusal::Invalid(
            "only a role has a trust policy and a longest session",
        ));
    }
    Ok(())
}

pub(super) fn give(tx: &mut Tx<'_>, sort: Sort, name: &str, id: u64) -> Result<(), Refusal> {
    Named::give(tx, sort, name, id).map_err(|not_given| match not_given {
        NotGiven::Mixed(mixed) => Refusal::MixedScripts(sort, name.to_owned(), mixed),
        NotGiven::Taken(other) => Refusal::LooksLike(sort, name.to_owned(), other),
        NotGiven::Record(error) => Refusal::Record(error),
    })
}

/// A trust policy, its principals bound.
pub(super) fn trust(tx: &mut Tx<'_>, text: &str) -> Result<StoredPolicy, Refusal> {
    let (document, _) = Document::parse(text, Kind::Trust)?;
    let document = bind(tx, document)?;
    let label = format!("#{}", tx.next_id()?);
    Ok(StoredPolicy::bound(&label, document))
}
