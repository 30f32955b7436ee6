//! What is known of users, services, roles and groups.

use super::{
    Refusal,
    target::{self, Holder, Target},
};
use crate::{
    access::{
        Action, Grant, Group, ManagedPolicy, Principal, Resource, Sort,
        policy::Tags,
        principal::{Named, shown},
    },
    record::{Key, Kind, RecordError, Tx},
};

/// All of somebody but his credentials.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// Stable, and never another's.
    pub id: u64,
    /// In its canonical form.
    pub name: String,
    /// For people.
    pub description: String,
    /// Of principals.
    pub tags: Tags,
    /// Nobody can call as it.
    pub disabled: bool,
    /// Managed policies, by name.
    pub policies: Vec<String>,
    /// Policies of its own.
    pub inline: Vec<Inline>,
    /// The managed policy that is the most it may ever do.
    pub boundary: Option<String>,
    /// Of a user: his groups. Of a group: its users.
    pub groups: Vec<String>,
    /// Of a role: who may assume it, by name.
    pub trust: Option<String>,
    /// Of a role, in milliseconds; 0: the default.
    pub longest_session: u64,
    /// Of a service: most secret ids at once; 0: the default.
    pub most_secret_ids: u64,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// Milliseconds since the epoch.
    pub updated_at: u64,
}

/// A policy of nobody else.
#[derive(Clone, Debug)]
pub struct Inline {
    /// Its name among the holder's.
    pub name: String,
    /// As its author wrote it.
    pub text: String,
}

/// What the grant names.
///
/// # Errors
/// When it does not exist.
pub fn describe(tx: &mut Tx<'_>, grant: &Grant) -> Result<Described, Refusal> {
    let sort = grant
        .resource()
        .named()
        .map_or(Sort::User, |(sort, _)| sort);
    let (_, _, target) = target::granted(tx, grant, Action::describe(sort))?;
    described(tx, &target)
}

fn described(tx: &mut Tx<'_>, target: &Target) -> Result<Described, Refusal> {
    let attached = target.attached();
    let mut policies = Vec::new();
    for id in &attached.managed {
        policies.push(policy_name(tx, *id)?);
    }
    policies.sort();
    let inline = attached.inline.iter().map(|(name, policy)| Inline {
        name: name.clone(),
        text: policy.text().to_owned(),
    });
    let common = Described {
        id: target.id,
        policies,
        inline: inline.collect(),
        ..Described::default()
    };
    Ok(match &target.holder {
        Holder::Group(group) => Described {
            name: group.name.clone(),
            description: group.description.clone(),
            groups: members(tx, target.id)?,
            created_at: group.created_at,
            updated_at: group.updated_at,
            ..common
        },
        Holder::Principal(principal) => {
            let mut groups = Vec::new();
            for id in &principal.groups {
                let key = Group::key(*id);
                let group = tx.see::<Group>(&key)?.ok_or(RecordError::Damaged(key))?;
                groups.push(group.name.clone());
            }
            groups.sort();
            let boundary = match principal.boundary {
                Some(id) => Some(policy_name(tx, id)?),
                None => None,
            };
            let trust = principal.trust.as_ref().map(|trust| shown(tx, trust));
            Described {
                name: principal.name.clone(),
                description: principal.description.clone(),
                tags: principal.tags.clone(),
                disabled: principal.disabled,
                boundary,
                groups,
                trust,
                longest_session: principal.longest_session,
                most_secret_ids: principal.most_secret_ids,
                created_at: principal.created_at,
                updated_at: principal.updated_at,
                ..common
            }
        }
    })
}

fn policy_name(tx: &mut Tx<'_>, id: u64) -> Result<String, RecordError> {
    let key = ManagedPolicy::key(id);
    let policy = tx.see::<ManagedPolicy>(&key)?;
    Ok(policy.ok_or(RecordError::Damaged(key))?.name.clone())
}

/// Names of a group's users, in order.
fn members(tx: &mut Tx<'_>, group: u64) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    for id in ids(tx, group)? {
        let key = Principal::key(id);
        let user = tx
            .see::<Principal>(&key)?
            .ok_or(RecordError::Damaged(key))?;
        names.push(user.name.clone());
    }
    names.sort();
    Ok(names)
}

/// A group's users.
pub(super) fn ids(tx: &mut Tx<'_>, group: u64) -> Result<Vec<u64>, RecordError> {
    let prefix = Key::new(Kind::Member, &[&group.to_be_bytes()]);
    let found = tx.see_all::<crate::record::Marker>(&prefix)?;
    Ok(found
        .iter()
        .filter_map(|(key, _)| key.ids().get(8..)?.try_into().ok().map(u64::from_be_bytes))
        .collect())
}

/// Names of a sort, in order: up to `limit` after one.
///
/// # Errors
/// When the store fails.
pub fn list(
    tx: &mut Tx<'_>,
    grant: &Grant,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<String>, bool), Refusal> {
    let Resource::Every(sort) = *grant.resource() else {
        return Err(Refusal::Invalid("a list is of all of a sort"));
    };
    grant.about(Action::list(sort))?;
    names(tx, sort, after, limit)
}

/// Users, services and roles in the order of sort and name: up to `limit` after one.
///
/// # Errors
/// When the store fails.
pub fn everybody(
    tx: &mut Tx<'_>,
    grant: &Grant,
    after: Option<(Sort, &str)>,
    limit: usize,
) -> Result<(Vec<(Sort, String)>, bool), Refusal> {
    grant.about(Action::POLICY_SIMULATE)?;
    let mut found = Vec::new();
    for sort in [Sort::User, Sort::Service, Sort::Role] {
        let after = match after {
            Some((past, _)) if past > sort => continue,
            Some((here, name)) if here == sort => Some(name),
            _ => None,
        };
        let left = limit.saturating_sub(found.len());
        let (names, more) = names(tx, sort, after, left)?;
        found.extend(names.into_iter().map(|name| (sort, name)));
        if more {
            return Ok((found, true));
        }
    }
    Ok((found, false))
}

/// The same, for those who hold a grant of another kind.
pub(super) fn names(
    tx: &mut Tx<'_>,
    sort: Sort,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<String>, bool), Refusal> {
    let found = tx.see_all::<Named>(&sort.all())?;
    let names = found.iter().map(|(_, named)| named.name.as_str());
    let mut names: Vec<&str> = names
        .filter(|name| after.is_none_or(|after| *name > after))
        .collect();
    let more = names.len() > limit;
    if more {
        // they lie under tags: only the page is put in order
        names.select_nth_unstable(limit);
        names.truncate(limit);
    }
    names.sort_unstable();
    Ok((names.into_iter().map(str::to_owned).collect(), more))
}
