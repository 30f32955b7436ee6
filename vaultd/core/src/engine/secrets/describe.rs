//! What is known of a secret and its versions, without values.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};

use super::{
    Once, Operation, Page, PageRequest, Position, Refusal,
    model::{Head, Version},
    once,
    page::At,
    retention, tags, tree,
};
use crate::{
    access::{Action, Grant},
    name::{Description, FieldName, Label, MetaKey, MetaValue, Note, SecretPath, TagKey, TagValue},
    record::{RecordError, Tx},
};

/// Most entries of custom metadata.
const MAX_METADATA: usize = 64;

/// A secret without its values.
#[derive(Debug)]
pub struct Meta {
    /// Where it is.
    pub path: SecretPath,
    /// Stable over renames.
    pub id: u64,
    /// For people.
    pub description: Description,
    /// For finding it.
    pub tags: BTreeMap<TagKey, TagValue>,
    /// Whatever its owner keeps with it.
    pub metadata: BTreeMap<MetaKey, MetaValue>,
    /// The newest version.
    pub latest_version: u64,
    /// Where each label is.
    pub labels: BTreeMap<Label, u64>,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// Milliseconds since the epoch.
    pub updated_at: u64,
    /// Unlabelled versions that are kept; 0: all.
    pub keep_versions: u32,
    /// Of the current version.
    pub field_names: Vec<FieldName>,
}

/// What to change.
#[derive(Clone, Debug, Default)]
pub struct Update {
    /// Set where given.
    pub description: Option<Description>,
    /// Set these.
    pub set_tags: BTreeMap<TagKey, TagValue>,
    /// Remove these; a missing one is no error.
    pub remove_tags: Vec<TagKey>,
    /// Set these.
    pub set_metadata: BTreeMap<MetaKey, MetaValue>,
    /// Remove these; a missing one is no error.
    pub remove_metadata: Vec<MetaKey>,
    /// Unlabelled versions to keep; 0: all.
    pub keep_versions: Option<u32>,
}

/// A version without its value.
#[derive(Debug)]
pub struct VersionInfo {
    /// Its number.
    pub version: u64,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// The principal's name.
    pub created_by: String,
    /// Why it was made.
    pub note: Note,
    /// On it now.
    pub labels: Vec<Label>,
    /// Its fields.
    pub field_names: Vec<FieldName>,
    /// Bytes of all fields together.
    pub size: u64,
    /// Its value is gone.
    pub destroyed: bool,
    /// How it came to be.
    pub operation: Operation,
}

/// What is known of a secret.
///
/// # Errors
/// When it does not exist.
pub fn describe(tx: &mut Tx<'_>, grant: &Grant) -> Result<Meta, Refusal> {
    let path = grant.secret(Action::DESCRIBE)?;
    let (id, head) = tree::head(tx, path)?.ok_or(Refusal::SecretNotFound)?;
    meta(tx, path, id, head)
}

/// Changes what is known of a secret; its values stay.
///
/// # Errors
/// When it does not exist, or a limit is passed.
pub fn update(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    request: &Update,
) -> Result<Meta, Refusal> {
    let path = grant.secret(Action::UPDATE)?;
    let (id, mut head) = tree::head(tx, path)?.ok_or(Refusal::SecretNotFound)?;
    // A retry is told the present state: the outcome is only that it happened.
    if once::replay::<Happened>(tx, grant, once, Some(&head))?.is_some() {
        return meta(tx, path, id, head);
    }
    if request
        .remove_metadata
        .iter()
        .any(|key| request.set_metadata.contains_key(key))
    {
        return Err(Refusal::Invalid(
            "an entry of metadata is both set and removed",
        ));
    }
    if let Some(description) = &request.description {
        head.description = description.clone();
    }
    tags::change(tx, id, &mut head, &request.set_tags, &request.remove_tags)?;
    for key in &request.remove_metadata {
        head.metadata.remove(key);
    }
    for (key, value) in &request.set_metadata {
        head.metadata.insert(key.clone(), value.clone());
    }
    if head.metadata.len() > MAX_METADATA {
        return Err(Refusal::TooLarge(
            "a secret has at most 64 entries of metadata",
        ));
    }
    head.keep = request.keep_versions.unwrap_or(head.keep);
    retention::prune(tx, id, &mut head);
    head.updated_at = tx.now();
    once::remember(tx, grant, once, &mut head, &Happened {})?;
    tx.put(Head::key(id), &head)?;
    meta(tx, path, id, head)
}

/// Versions, newest first.
///
/// # Errors
/// When the secret does not exist.
pub fn list_versions(
    tx: &mut Tx<'_>,
    grant: &Grant,
    page: &PageRequest,
) -> Result<Page<VersionInfo>, Refusal> {
    let path = grant.secret(Action::DESCRIBE)?;
    let limit = page.limit()?;
    let before = match page.after.as_ref().map(|position| &position.0) {
        None => u64::MAX,
        Some(At::Version(version)) => *version,
        Some(At::Name { .. } | At::Id(_) | At::Key(_)) => return Err(Refusal::PositionInvalid),
    };
    let (id, head) = tree::head(tx, path)?.ok_or(Refusal::SecretNotFound)?;
    let mut items = Vec::new();
    for version in head.versions().rev().filter(|version| *version < before) {
        if items.len() == limit {
            let next = items
                .last()
                .map(|last: &VersionInfo| Position(At::Version(last.version)));
            return Ok(Page { items, next });
        }
        let key = Version::key(id, version);
        let found = tx.read::<Version>(&key)?.ok_or(RecordError::Damaged(key))?;
        items.push(VersionInfo {
            version,
            created_at: found.created_at,
            created_by: found.created_by.clone(),
            note: found.note.clone(),
            labels: head.labels_of(version),
            field_names: found.field_names.clone(),
            size: found.size,
            destroyed: found.destroyed,
            operation: found.operation,
        });
    }
    Ok(Page { items, next: None })
}

/// The outcome of an update.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Happened {}

fn meta(tx: &mut Tx<'_>, path: &SecretPath, id: u64, head: Head) -> Result<Meta, Refusal> {
    let field_names = match head.labels.get(&Label::current()) {
        Some(current) => {
            let key = Version::key(id, *current);
            tx.read::<Version>(&key)?
                .ok_or(RecordError::Damaged(key))?
                .field_names
                .clone()
        }
        None => Vec::new(),
    };
    Ok(Meta {
        path: path.clone(),
        id,
        description: head.description,
        tags: head.tags,
        metadata: head.metadata,
        latest_version: head.latest,
        labels: head.labels,
        created_at: head.created_at,
        updated_at: head.updated_at,
        keep_versions: head.keep,
        field_names,
    })
}
