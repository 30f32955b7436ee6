//! What a principal's policies come to: worked out once for each state of the collection.

use std::sync::Arc;

use super::{
    super::{
        ResourcePolicies,
        policy::{Compiled, Document, PrincipalKind, Tags},
    },
    Attachments, Group, ManagedPolicy, Principal,
    stored::PolicyText,
};
use crate::record::{Key, Kind, RecordError, Tx};

/// The policies that have a say in whatever a principal does.
#[derive(Debug)]
pub struct Rights {
    pub(crate) kind: PrincipalKind,
    pub(crate) id: u64,
    /// `vault:PrincipalName`
    pub(crate) name: Box<str>,
    /// `vault:PrincipalTag/…`
    pub(crate) tags: Tags,
    /// Its own policies and its groups'.
    pub(crate) identity: Vec<Arc<Compiled>>,
    /// The most that it may ever do.
    pub(crate) boundary: Option<Vec<Arc<Compiled>>>,
    /// Those of all secrets and folders.
    pub(crate) resources: Arc<ResourcePolicies>,
    /// Whether any of them asks for the tags of a resource.
    pub(crate) asks_resource_tags: bool,
}

impl Rights {
    /// Of a principal, as its record says. `None` if there is none.
    pub(crate) fn of(tx: &mut Tx<'_>, id: u64) -> Result<Option<Arc<Self>>, RecordError> {
        if tx.see::<Principal>(&Principal::key(id))?.is_none() {
            return Ok(None);
        }
        let key = Key::new(Kind::Principal, &[&id.to_be_bytes(), &[0]]);
        tx.derived(&key, |tx| Self::work_out(tx, id)).map(Some)
    }

    fn work_out(tx: &mut Tx<'_>, id: u64) -> Result<Self, RecordError> {
        let key = Principal::key(id);
        let principal = tx
            .see::<Principal>(&key)?
            .ok_or(RecordError::Damaged(key))?;
        let mut identity = Vec::new();
        for attached in attachments(tx, &principal)? {
            for policy in attached.managed {
                identity.push(Arc::clone(in_force(tx, policy)?.0.compiled()));
            }
            let inline = attached.inline.values();
            identity.extend(inline.map(|policy| Arc::clone(policy.compiled())));
        }
        let boundary = match principal.boundary {
            Some(policy) => Some(vec![Arc::clone(in_force(tx, policy)?.0.compiled())]),
            None => None,
        };
        let mut all = identity.iter().chain(boundary.iter().flatten());
        let resources = match ResourcePolicies::of(tx) {
            // One that cannot be read denies everybody whom policies bind. Root mends it.
            Err(RecordError::Open(_) | RecordError::Damaged(_))
                if principal.kind == PrincipalKind::Root =>
            {
                Arc::default()
            }
            found => found?,
        };
        let asks_resource_tags =
            resources.asks_resource_tags() || all.any(|policy| policy.asks_resource_tags());
        Ok(Self {
            resources,
            asks_resource_tags,
            kind: principal.kind,
            id,
            name: principal.name.as_str().into(),
            tags: principal.tags.clone(),
            identity,
            boundary,
        })
    }
}

/// A principal's own policies and its groups'.
fn attachments(tx: &mut Tx<'_>, principal: &Principal) -> Result<Vec<Attachments>, RecordError> {
    let mut found = vec![principal.attached.clone()];
    for id in &principal.groups {
        let key = Group::key(*id);
        let group = tx.see::<Group>(&key)?.ok_or(RecordError::Damaged(key))?;
        found.push(group.attached.clone());
    }
    Ok(found)
}

fn in_force(tx: &mut Tx<'_>, policy: u64) -> Result<Arc<PolicyText>, RecordError> {
    let key = ManagedPolicy::key(policy);
    let head = tx
        .see::<ManagedPolicy>(&key)?
        .ok_or(RecordError::Damaged(key))?;
    let key = PolicyText::key(policy, head.version);
    tx.see::<PolicyText>(&key)?.ok_or(RecordError::Damaged(key))
}

/// Identity documents, and the boundary.
type Documents = (Vec<Arc<Document>>, Option<Arc<Document>>);

/// The documents of a principal. For proofs that one set of rights lies within another.
pub(crate) fn documents_of(tx: &mut Tx<'_>, id: u64) -> Result<Documents, RecordError> {
    let key = Principal::key(id);
    let principal = tx
        .see::<Principal>(&key)?
        .ok_or(RecordError::Damaged(key))?;
    let mut identity = Vec::new();
    for attached in attachments(tx, &principal)? {
        for policy in attached.managed {
            identity.push(Arc::clone(in_force(tx, policy)?.0.document()));
        }
        identity.extend(
            attached
                .inline
                .values()
                .map(|policy| Arc::clone(policy.document())),
        );
    }
    let boundary = match principal.boundary {
        Some(policy) => Some(Arc::clone(in_force(tx, policy)?.0.document())),
        None => None,
    };
    Ok((identity, boundary))
}
