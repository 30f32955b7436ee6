//! Tags of secrets, and the index of secrets by tag.

use std::collections::BTreeMap;

use super::{Refusal, model::Head};
use crate::{
    crypto::tag,
    name::{TagKey, TagValue},
    record::{Key, Kind, Marker, RecordError, Tx},
};

/// Most tags of a secret.
const MAX_TAGS: usize = 50;

/// Sets and removes tags in head and index; the caller puts the head.
pub(super) fn change(
    tx: &mut Tx<'_>,
    id: u64,
    head: &mut Head,
    set: &BTreeMap<TagKey, TagValue>,
    remove: &[TagKey],
) -> Result<(), Refusal> {
    if remove.iter().any(|key| set.contains_key(key)) {
        return Err(Refusal::Invalid("a tag is both set and removed"));
    }
    for key in remove {
        if let Some(value) = head.tags.remove(key) {
            unindex(tx, id, key, Some(&value));
            unindex(tx, id, key, None);
        }
    }
    for (key, value) in set {
        match head.tags.insert(key.clone(), value.clone()) {
            Some(old) if old == *value => continue,
            Some(old) => unindex(tx, id, key, Some(&old)),
            None => index(tx, id, key, None)?,
        }
        index(tx, id, key, Some(value))?;
    }
    if head.tags.len() > MAX_TAGS {
        return Err(Refusal::TooLarge("a secret has at most 50 tags"));
    }
    Ok(())
}

/// Takes all of a secret's tags out of the index.
pub(super) fn forget(tx: &mut Tx<'_>, id: u64, head: &Head) {
    for (key, value) in &head.tags {
        unindex(tx, id, key, Some(value));
        unindex(tx, id, key, None);
    }
}

/// Records of the index that a secret's tags take.
pub(super) fn rows(tx: &Tx<'_>, head: &Head) -> usize {
    2 * head.tags.len() * tx.keys().index().iter().count()
}

/// Up to `limit` ids of secrets with a tag, any value of the key if none is given, after an id.
pub(super) fn secrets_with(
    tx: &Tx<'_>,
    key: &TagKey,
    value: Option<&TagValue>,
    after: Option<u64>,
    limit: usize,
) -> Result<Vec<u64>, RecordError> {
    let mut ids = Vec::new();
    for prefix in prefixes(tx, key, value) {
        let after = after.map(|id| with_id(&prefix, id));
        for (key, Marker {}) in tx.peek(prefix.as_bytes(), after.as_ref(), limit)? {
            ids.extend(last_id(&key));
        }
    }
    // Under several terms of the index key each has a page of its own.
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(limit);
    Ok(ids)
}

/// The id that a key ends with.
pub(super) fn last_id(key: &Key) -> Option<u64> {
    key.ids().last_chunk().map(|id| u64::from_be_bytes(*id))
}

fn index(
    tx: &mut Tx<'_>,
    id: u64,
    key: &TagKey,
    value: Option<&TagValue>,
) -> Result<(), RecordError> {
    let prefix = prefix(tag::index_tag(
        tx.keys().index().active(),
        "tag",
        &content(key, value),
    ));
    tx.put(with_id(&prefix, id), &Marker {})
}

fn unindex(tx: &mut Tx<'_>, id: u64, key: &TagKey, value: Option<&TagValue>) {
    for prefix in prefixes(tx, key, value) {
        tx.delete(with_id(&prefix, id));
    }
}

/// One for each term of the index key.
fn prefixes(tx: &Tx<'_>, key: &TagKey, value: Option<&TagValue>) -> Vec<Key> {
    let content = content(key, value);
    tx.keys()
        .index()
        .iter()
        .map(|term| prefix(tag::index_tag(term, "tag", &content)))
        .collect()
}

fn prefix(tag: tag::Tag) -> Key {
    Key::new(Kind::Tag, &[&tag])
}

fn with_id(prefix: &Key, id: u64) -> Key {
    Key::new(Kind::Tag, &[prefix.ids(), &id.to_be_bytes()])
}

/// What is blinded: the key with its length, and the value if there is one.
fn content(key: &TagKey, value: Option<&TagValue>) -> Vec<u8> {
    let key = key.as_str().as_bytes();
    let length = (key.len() as u64).to_be_bytes();
    let mut content = [length.as_slice(), key].concat();
    if let Some(value) = value {
        content.push(b'=');
        content.extend_from_slice(value.as_str().as_bytes());
    }
    content
}
