//! Making versions.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use super::{
    Fields, Once, Operation, Refusal, fields, get, label,
    model::{Head, Version},
    once, retention, tags, tree,
};
use crate::{
    access::{Action, Grant},
    name::{Description, FieldName, Label, Note, TagKey, TagValue},
    record::{RecordError, Tx},
};

/// A new version.
#[derive(Debug, Default)]
pub struct Put {
    /// Set these.
    pub fields: Fields,
    /// Drop the current version's other fields instead of keeping them.
    pub replace: bool,
    /// Drop these of the current version's fields.
    pub remove_fields: Vec<FieldName>,
    /// The latest version must be this one; 0: the secret must not exist.
    pub if_version: Option<u64>,
    /// For the new version; none: `current`.
    pub labels: Vec<Label>,
    /// Why, for people.
    pub note: Note,
    /// Set where given.
    pub description: Option<Description>,
    /// Set these.
    pub tags: BTreeMap<TagKey, TagValue>,
    /// How listings name the origin of the version.
    pub operation: Operation,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PutReply {
    /// The new version.
    #[n(0)]
    pub version: u64,
    /// The secret did not exist.
    #[n(1)]
    pub created: bool,
    /// The version that was current before; 0: none.
    #[n(2)]
    pub previous: u64,
    /// Milliseconds since the epoch.
    #[n(3)]
    pub created_at: u64,
}

/// Makes a version, and the secret if there is none.
///
/// # Errors
/// When a condition does not hold, a field to remove is not there, or a limit is passed.
pub fn put(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    request: &Put,
) -> Result<PutReply, Refusal> {
    let path = grant.secret(Action::PUT_VALUE)?;
    let found = tree::head(tx, path)?;
    if let Some(reply) = once::replay(tx, grant, once, found.as_ref().map(|(_, head)| head))? {
        return Ok(reply);
    }
    expect_version(
        request.if_version,
        found.as_ref().map_or(0, |(_, head)| head.latest),
    )?;
    let created = found.is_none();
    let now = tx.now();
    let (id, mut head) = if let Some(found) = found {
        found
    } else {
        let id = tx.next_id()?;
        tree::vacant(tx, id)?;
        let parent = tree::link(tx, &path.parent(), path.name(), tree::Link::Secret, id)?;
        (id, Head::new(parent, path.name(), now))
    };
    let fields = merge(tx, id, &head, request)?;
    let version = head.latest + 1;
    let previous = head.labels.get(&Label::current()).copied().unwrap_or(0);
    head.latest = version;
    head.updated_at = now;
    label::place_on_new(&mut head, &request.labels, version)?;
    if let Some(description) = &request.description {
        head.description = description.clone();
    }
    tags::change(tx, id, &mut head, &request.tags, &[])?;
    let reply = PutReply {
        version,
        created,
        previous,
        created_at: now,
    };
    let meta = Version {
        created_at: now,
        created_by: grant.principal().to_owned(),
        note: request.note.clone(),
        field_names: fields.names().cloned().collect(),
        size: fields.size() as u64,
        destroyed: false,
        operation: request.operation,
    };
    tx.put(Version::key(id, version), &meta)?;
    tx.put_value(id, version, fields::encode(now, &fields));
    retention::prune(tx, id, &mut head);
    once::remember(tx, grant, once, &mut head, &reply)?;
    tx.put(Head::key(id), &head)?;
    Ok(reply)
}

/// Compare-and-set on the latest version; 0 stands for no secret.
pub(super) fn expect_version(expected: Option<u64>, found: u64) -> Result<(), Refusal> {
    match expected {
        Some(version) if version != found => Err(Refusal::VersionMismatch { found }),
        Some(_) | None => Ok(()),
    }
}

/// The new version's fields: those of the request, over the current version's.
fn merge(tx: &mut Tx<'_>, id: u64, head: &Head, request: &Put) -> Result<Fields, Refusal> {
    if request
        .remove_fields
        .iter()
        .any(|name| request.fields.get(name).is_some())
    {
        return Err(Refusal::Invalid("a field is both set and removed"));
    }
    let current = head.labels.get(&Label::current()).copied();
    let mut merged = match current {
        Some(version) if !request.replace && !covers(tx, id, version, request)? => {
            get::open(tx, id, head, version)?.1
        }
        Some(_) | None => Fields::new(),
    };
    for name in &request.remove_fields {
        merged.remove(name)?;
    }
    for (name, value) in request.fields.iter() {
        merged.insert(name.clone(), value.clone())?;
    }
    if merged.is_empty() {
        Err(Refusal::Invalid("a version has at least one field"))
    } else {
        Ok(merged)
    }
}

/// Whether a request sets every field of a version: then its value need not be opened.
fn covers(tx: &Tx<'_>, id: u64, version: u64, request: &Put) -> Result<bool, RecordError> {
    // Not remembered: whatever changes a version writes its head, which is.
    let Some(meta) = tx.look::<Version>(&Version::key(id, version))? else {
        return Ok(false);
    };
    let mut names = meta.field_names.iter();
    Ok(!meta.destroyed
        && request.remove_fields.is_empty()
        && names.all(|name| request.fields.get(name).is_some()))
}
