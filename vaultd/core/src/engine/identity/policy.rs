//! Managed policies: named, versioned, attached to many.

use std::sync::Arc;

use super::{Refusal, create::give, describe::names};
use crate::{
    access::{
        Action, Caller, Grant, ManagedPolicy, Proofs, Resource, Sort, StoredPolicy, Whose,
        policy::{Kind as PolicyKind, Warning},
        principal::{Named, PolicyText, named},
    },
    name::PolicyName,
    record::{RecordError, Tx},
};

/// Versions that are kept.
const MAX_VERSIONS: usize = 5;

/// A managed policy with one of its texts.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Stable, and never another's.
    pub id: u64,
    /// In its canonical form.
    pub name: String,
    /// For people.
    pub description: String,
    /// The version in force.
    pub version: u64,
    /// Versions that are kept, with when each was made, in milliseconds since the epoch.
    pub versions: Vec<(u64, u64)>,
    /// The version of the text.
    pub text_version: u64,
    /// As its author wrote it.
    pub text: String,
    /// How often it is attached.
    pub attachments: u64,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// Milliseconds since the epoch.
    pub updated_at: u64,
}

/// What to change of a policy.
#[derive(Clone, Debug)]
pub enum PolicyChange {
    /// A new version with this text, in force at once.
    Text(String),
    /// Puts a version that was kept in force again.
    Version(u64),
    /// Another description.
    Description(String),
}

/// Makes a policy with its first version. Attached to nobody, it gives no rights.
///
/// # Errors
/// When the name is taken, or the text is no policy.
pub fn create_policy(
    tx: &mut Tx<'_>,
    grant: &Grant,
    (text, description): (&str, &str),
) -> Result<(u64, Vec<Warning>), Refusal> {
    let (_, name) = grant.named(Action::POLICY_CREATE)?;
    if named(tx, Sort::Policy, name)?.is_some() {
        return Err(Refusal::Exists(Sort::Policy, name.to_owned()));
    }
    let id = tx.next_id()?;
    let now = tx.now();
    let (policy, warnings) = StoredPolicy::parse(&label(id, 1), text, PolicyKind::Identity)?;
    tx.put(PolicyText::key(id, 1), &PolicyText(policy))?;
    tx.put(
        ManagedPolicy::key(id),
        &ManagedPolicy {
            name: name.to_owned(),
            created_at: now,
            updated_at: now,
            description: description.to_owned(),
            version: 1,
            latest: 1,
            versions: [(1, now)].into(),
            attachments: 0,
        },
    )?;
    give(tx, Sort::Policy, name, id)?;
    Ok((id, warnings))
}

/// A policy with the text of a version, or of the one in force.
///
/// # Errors
/// When it, or the version, does not exist.
pub fn describe_policy(
    tx: &mut Tx<'_>,
    grant: &Grant,
    version: Option<u64>,
) -> Result<Policy, Refusal> {
    let (_, name) = grant.named(Action::POLICY_DESCRIBE)?;
    let (id, head) = find(tx, name)?;
    let version = version.unwrap_or(head.version);
    if !head.versions.contains_key(&version) {
        return Err(Refusal::VersionNotFound(version));
    }
    let text = text(tx, id, version)?;
    Ok(Policy {
        id,
        name: head.name.clone(),
        description: head.description.clone(),
        version: head.version,
        versions: head
            .versions
            .iter()
            .map(|(at, made)| (*at, *made))
            .collect(),
        text_version: version,
        text: text.text().to_owned(),
        attachments: head.attachments,
        created_at: head.created_at,
        updated_at: head.updated_at,
    })
}

/// Names of policies, in order: up to `limit` after one; whether there are more.
///
/// # Errors
/// When the store fails.
pub fn list_policies(
    tx: &mut Tx<'_>,
    grant: &Grant,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<String>, bool), Refusal> {
    if *grant.about(Action::POLICY_LIST)? != Resource::Every(Sort::Policy) {
        return Err(Refusal::Invalid("a list is of all of a sort"));
    }
    names(tx, Sort::Policy, after, limit)
}

/// Changes a policy: whoever has it is bound by it from the next request on.
///
/// # Errors
/// When it does not exist, the text is no policy, it is attached and allows more than the caller may, or a Deny
/// would be lifted by somebody without all rights.
pub fn update_policy(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    change: &PolicyChange,
) -> Result<Vec<Warning>, Refusal> {
    let (_, name) = grant.named(Action::POLICY_UPDATE)?;
    let (id, mut head) = find(tx, name)?;
    let (before, now) = (head.version, tx.now());
    let mut warnings = Vec::new();
    let document = match change {
        PolicyChange::Description(description) => {
            head.description.clone_from(description);
            None
        }
        PolicyChange::Version(version) => {
            if !head.versions.contains_key(version) {
                return Err(Refusal::VersionNotFound(*version));
            }
            head.version = *version;
            Some(Arc::clone(text(tx, id, *version)?.document()))
        }
        PolicyChange::Text(text) => {
            head.latest += 1;
            head.version = head.latest;
            let label = label(id, head.latest);
            let (policy, found) = StoredPolicy::parse(&label, text, PolicyKind::Identity)?;
            warnings = found;
            let document = Arc::clone(policy.document());
            tx.put(PolicyText::key(id, head.latest), &PolicyText(policy))?;
            head.versions.insert(head.latest, now);
            if head.versions.len() > MAX_VERSIONS
                && let Some((oldest, _)) = head.versions.iter().find(|(at, _)| **at != before)
            {
                let oldest = *oldest;
                head.versions.remove(&oldest);
                tx.delete(PolicyText::key(id, oldest));
            }
            Some(document)
        }
    };
    if let Some(document) = document.filter(|_| head.attachments > 0) {
        let lifted = text(tx, id, before)?.document().denies();
        if lifted || is_boundary(tx, id)? {
            proofs.everything(tx, caller)?;
        }
        let whose = match change {
            PolicyChange::Text(_) => Whose::Own,
            PolicyChange::Version(_) | PolicyChange::Description(_) => {
                Whose::Of(grant.resource().clone())
            }
        };
        proofs.within(tx, caller, &[document], &whose)?;
    }
    head.updated_at = now;
    tx.put(ManagedPolicy::key(id), &head)?;
    Ok(warnings)
}

/// Deletes a policy that is attached to nobody.
///
/// # Errors
/// When it does not exist, or is attached.
pub fn delete_policy(tx: &mut Tx<'_>, grant: &Grant) -> Result<(), Refusal> {
    let (_, name) = grant.named(Action::POLICY_DELETE)?;
    let (id, head) = find(tx, name)?;
    if head.attachments > 0 {
        return Err(Refusal::Attached(head.attachments));
    }
    for version in head.versions.keys() {
        tx.delete(PolicyText::key(id, *version));
    }
    tx.delete(ManagedPolicy::key(id));
    Ok(Named::take(tx, Sort::Policy, name)?)
}

/// What people call a policy that a decision names by its id: `policy:readers, version 3`. `None` if it is of one
/// holder only, or is no more.
///
/// # Errors
/// When the store fails.
pub fn policy_called(tx: &mut Tx<'_>, label: &str) -> Result<Option<String>, RecordError> {
    let parts = label.strip_prefix('#').and_then(|id| id.split_once('@'));
    let Some((id, version)) = parts.and_then(|(id, at)| Some((id.parse().ok()?, at))) else {
        return Ok(None);
    };
    let head = tx.see::<ManagedPolicy>(&ManagedPolicy::key(id))?;
    Ok(head.map(|head| format!("policy:{}, version {version}", head.name)))
}

/// By name.
pub(super) fn by_name(tx: &mut Tx<'_>, name: &PolicyName) -> Result<(u64, ManagedPolicy), Refusal> {
    find(tx, name.as_str())
}

fn find(tx: &mut Tx<'_>, name: &str) -> Result<(u64, ManagedPolicy), Refusal> {
    let missing = || Refusal::NotFound(Sort::Policy, name.to_owned());
    let id = named(tx, Sort::Policy, name)?.ok_or_else(missing)?;
    let key = ManagedPolicy::key(id);
    let head = tx
        .see::<ManagedPolicy>(&key)?
        .ok_or(RecordError::Damaged(key))?;
    Ok((id, (*head).clone()))
}

/// A version's text.
pub(super) fn text(
    tx: &mut Tx<'_>,
    policy: u64,
    version: u64,
) -> Result<StoredPolicy, RecordError> {
    let key = PolicyText::key(policy, version);
    let text = tx.see::<PolicyText>(&key)?;
    Ok(text.ok_or(RecordError::Damaged(key))?.0.clone())
}

/// Whether it is anybody's boundary: then another text of it may give rights.
fn is_boundary(tx: &mut Tx<'_>, policy: u64) -> Result<bool, RecordError> {
    let prefix = crate::record::Key::new(
        crate::record::Kind::Attached,
        &[&policy.to_be_bytes(), &[super::attach::Use::Boundary as u8]],
    );
    Ok(!tx.see_all::<crate::record::Marker>(&prefix)?.is_empty())
}

fn label(policy: u64, version: u64) -> String {
    format!("#{policy}@{version}")
}
