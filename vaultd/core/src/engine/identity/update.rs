//! Changing what somebody is like, and ending what he has open.

use std::collections::BTreeSet;

use super::{
    Refusal,
    create::{MAX_TAGS, only_of_a_role, trust},
    reach,
    target::{self, Holder},
};
use crate::{
    access::{
        Action, Caller, Grant, Principal, Proofs, Sort, StoredPolicy, may_have_one, onetime,
        policy::{PrincipalKind, Tags},
        program::secret_id::MOST,
    },
    name::TagKey,
    record::Tx,
};

/// What to change; nothing where nothing is given.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// For people.
    pub description: Option<String>,
    /// Set these.
    pub set_tags: Tags,
    /// Remove these; a missing one is no error.
    pub remove_tags: BTreeSet<TagKey>,
    /// Whether anybody can call as it. Disabling ends all its sessions.
    pub disabled: Option<bool>,
    /// Who may assume a role. Sessions of the role end.
    pub trust: Option<String>,
    /// Longest session of a role, in milliseconds; 0: the default.
    pub longest_session: Option<u64>,
    /// Most secret ids of a service at once, up to 1,000; 0: the default.
    pub most_secret_ids: Option<u64>,
    /// Ends all its sessions.
    pub end_sessions: bool,
}

impl Change {
    /// Whether it ends sessions, or has nobody call as it any more, and does nothing else.
    pub fn only_ends(&self) -> bool {
        let Self {
            description,
            set_tags,
            remove_tags,
            disabled,
            trust,
            longest_session,
            most_secret_ids,
            end_sessions,
        } = self;
        let ends = *disabled == Some(true) || (*end_sessions && disabled.is_none());
        let tagged = !set_tags.is_empty() || !remove_tags.is_empty();
        let bounded = longest_session.is_some() || most_secret_ids.is_some();
        let else_changed = description.is_some() || trust.is_some() || bounded;
        ends && !tagged && !else_changed
    }
}

/// Changes what the grant names.
///
/// # Errors
/// When it does not exist, what is asked for does not go with its sort, or the change would give rights that the
/// caller has not.
pub fn update(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    change: &Change,
) -> Result<(), Refusal> {
    let sort = grant
        .resource()
        .named()
        .map_or(Sort::User, |(sort, _)| sort);
    let (_, _, mut target) = target::granted(tx, grant, Action::update(sort))?;
    let tagged = !change.set_tags.is_empty() || !change.remove_tags.is_empty();
    let enabled = change.disabled == Some(false);
    if tagged {
        // Any policy may ask for them.
        proofs.everything(tx, caller)?;
    }
    if enabled || change.trust.is_some() || change.longest_session.is_some() {
        // A role or a user who can be called as again, or for longer, gives what he has.
        reach::within(tx, caller, proofs, &target)?;
    }
    let bound = match &change.trust {
        Some(text) => Some(trust(tx, text)?),
        None => None,
    };
    match &mut target.holder {
        Holder::Group(group) => {
            let of_a_role = bound.is_some() || change.longest_session.is_some();
            let of_one = of_a_role || change.most_secret_ids.is_some();
            if tagged || change.disabled.is_some() || of_one || change.end_sessions {
                return Err(Refusal::Invalid("of a group only the description changes"));
            }
            if let Some(description) = &change.description {
                group.description.clone_from(description);
            }
        }
        Holder::Principal(principal) => {
            if ends_nothing(tx, target.id, principal, change)? {
                return Ok(());
            }
            let of_a_role = bound.is_some() || change.longest_session.is_some();
            only_of_a_role(principal.kind, of_a_role)?;
            set(principal, change, bound)?;
            if principal.disabled {
                onetime::revoke_all(tx, target.id)?;
            }
        }
    }
    Ok(target.put(tx)?)
}

/// The change, as far as it is of the principal's own record.
fn set(
    principal: &mut Principal,
    change: &Change,
    bound: Option<StoredPolicy>,
) -> Result<(), Refusal> {
    if let Some(description) = &change.description {
        principal.description.clone_from(description);
    }
    for tag in &change.remove_tags {
        principal.tags.remove(tag);
    }
    principal.tags.extend(change.set_tags.clone());
    if principal.tags.len() > MAX_TAGS {
        return Err(Refusal::TooMany("a principal has at most 50 tags"));
    }
    if let Some(most) = change.most_secret_ids {
        only_of_a_service(principal.kind, most)?;
        principal.most_secret_ids = most;
    }
    if let Some(longest) = change.longest_session {
        principal.longest_session = longest;
    }
    let ends = change.disabled == Some(true) || bound.is_some() || change.end_sessions;
    principal.disabled = change.disabled.unwrap_or(principal.disabled);
    principal.trust = bound.or_else(|| principal.trust.take());
    if ends {
        principal.epoch += 1;
    }
    Ok(())
}

/// Whether a change that only ends things finds nothing to end: a brake that is pulled again is no change, so that its
/// line is paid.
fn ends_nothing(
    tx: &mut Tx<'_>,
    id: u64,
    principal: &Principal,
    change: &Change,
) -> Result<bool, Refusal> {
    let disables = change.disabled == Some(true) && !principal.disabled;
    if !change.only_ends() || disables {
        return Ok(false);
    }
    // Of one that is disabled already none goes on, whether or not it lies in a list.
    if !principal.disabled && may_have_one(tx, (id, principal.kind))? {
        return Ok(false);
    }
    if principal.disabled {
        onetime::revoke_all(tx, id)?;
    }
    Ok(true)
}

fn only_of_a_service(kind: PrincipalKind, most: u64) -> Result<(), Refusal> {
    if kind != PrincipalKind::Service {
        return Err(Refusal::Invalid("only a service has secret ids"));
    }
    if most > MOST {
        return Err(Refusal::Invalid(
            "a service has at most 1000 secret ids at once",
        ));
    }
    Ok(())
}
