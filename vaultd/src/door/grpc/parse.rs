//! Parsing at the edge: into types that cannot be wrong, with the refusal's reason.

mod who;

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use vault_core::access::factor::{Typed, TypedError};
use vault_core::engine::random::{Kind, Policy, Without};
use vault_core::engine::secrets::{Fields, Selector};
use vault_core::name::{
    FieldName, FolderPath, Label, NameError, PathError, SecretPath, TagKey, TagValue,
};
use vault_proto::v1;
use vault_proto::v1::Reason;
use vault_proto::v1::random_policy;

use crate::app::{Error, Paging, Result, Target};

pub(super) use who::{
    about, group, identity_change, limits, name, new_identity, page_size, places, policy_name,
    region_name, resource, service_name, sort, user_name, who, who_text,
};

/// Entries of a page when the client names no number, and at most.
const PAGE: u32 = 100;
const PAGE_MAX: u32 = 1000;

/// What was typed for a second factor, if anything was.
pub(super) fn typed(code: &str) -> Result<Option<Typed>> {
    if code.is_empty() {
        return Ok(None);
    }
    Typed::parse(code).map(Some).map_err(bad_code)
}

pub(super) fn bad_code(error: TypedError) -> Error {
    Error::new(Reason::CodeInvalid, error.to_string())
}

pub(super) fn secret_path(text: &str) -> Result<SecretPath> {
    SecretPath::try_from(text).map_err(|error| bad_path(text, error))
}

pub(super) fn folder_path(text: &str) -> Result<FolderPath> {
    let trimmed = text.strip_suffix('/').unwrap_or(text);
    FolderPath::try_from(trimmed).map_err(|error| bad_path(text, error))
}

/// A trailing `/` says that a folder is meant.
pub(super) fn target(text: &str) -> Result<Target> {
    if text.ends_with('/') {
        folder_path(text).map(Target::Folder)
    } else {
        secret_path(text).map(Target::Secret)
    }
}

pub(super) fn label(text: &str) -> Result<Label> {
    Label::try_from(text).map_err(|error| bad_name(Reason::LabelInvalid, "label", text, &error))
}

pub(super) fn field(text: &str) -> Result<FieldName> {
    FieldName::try_from(text).map_err(|error| bad_name(Reason::FieldInvalid, "field", text, &error))
}

pub(super) fn fields(names: &[String]) -> Result<Vec<FieldName>> {
    names.iter().map(|name| field(name)).collect()
}

/// Values, bounded as they are taken in.
pub(super) fn values(values: BTreeMap<String, Bytes>) -> Result<Fields> {
    let mut fields = Fields::new();
    for (name, value) in values {
        let refused =
            |error: &dyn std::fmt::Display| Error::new(Reason::ValueTooLarge, error.to_string());
        fields
            .insert(field(&name)?, value)
            .map_err(|error| refused(&error))?;
    }
    Ok(fields)
}

pub(super) fn selector(selector: Option<v1::Selector>) -> Result<Selector> {
    let selector = selector.unwrap_or_default();
    Ok(Selector {
        version: selector.version,
        label: selector.label.as_deref().map(label).transpose()?,
    })
}

pub(super) fn tags(tags: &BTreeMap<String, String>) -> Result<BTreeMap<TagKey, TagValue>> {
    tags.iter()
        .map(|(key, value)| Ok((tag_key(key)?, tag_value(value)?)))
        .collect()
}

pub(super) fn tag_key(text: &str) -> Result<TagKey> {
    TagKey::try_from(text).map_err(|error| bad_name(Reason::TagInvalid, "tag key", text, &error))
}

pub(super) fn tag_value(text: &str) -> Result<TagValue> {
    TagValue::try_from(text)
        .map_err(|error| bad_name(Reason::TagInvalid, "tag value", text, &error))
}

/// Anything else that is a bounded text.
pub(super) fn text<'a, T: TryFrom<&'a str, Error = NameError>>(
    what: &'static str,
    text: &'a str,
) -> Result<T> {
    T::try_from(text).map_err(|error| bad_name(Reason::RequestInvalid, what, text, &error))
}

/// The page that is wanted; `query` is the request without page size and cursor.
pub(super) fn paging(size: u32, cursor: String, query: &impl Message) -> Result<Paging> {
    let size = if size == 0 { PAGE } else { size };
    if size > PAGE_MAX {
        return Err(page_too_large(size));
    }
    Ok(Paging {
        size: usize::try_from(size).unwrap_or_default(),
        cursor,
        query: digest(query),
    })
}

fn page_too_large(size: u32) -> Error {
    Error::new(
        Reason::RequestInvalid,
        format!("`page_size` is {size}, at most {PAGE_MAX} is served"),
    )
}

/// Digest of a request's body.
pub(super) fn digest(message: &impl Message) -> [u8; 32] {
    let body = zeroize::Zeroizing::new(message.encode_to_vec());
    *blake3::hash(&body).as_bytes()
}

pub(super) fn policy(policy: &v1::RandomPolicy) -> Policy {
    let kind = match policy.kind() {
        random_policy::Kind::Characters => Kind::Characters,
        random_policy::Kind::Pronounceable => Kind::Pronounceable,
        random_policy::Kind::Uuid => Kind::Uuid,
        random_policy::Kind::Hex => Kind::Hex,
        random_policy::Kind::Base64 => Kind::Base64,
    };
    Policy {
        kind,
        length: if policy.length == 0 {
            32
        } else {
            policy.length
        },
        without: Without {
            lowercase: policy.exclude_lowercase,
            uppercase: policy.exclude_uppercase,
            digits: policy.exclude_digits,
            punctuation: policy.exclude_punctuation,
        },
        exclude: policy.exclude_characters.clone(),
        include_space: policy.include_space,
        relax_classes: policy.relax_classes,
    }
}

fn bad_path(text: &str, error: PathError) -> Error {
    Error::new(
        Reason::PathInvalid,
        format!("the path `{}` is refused: {error}", shown(text)),
    )
}

fn bad_name(reason: Reason, what: &str, text: &str, error: &NameError) -> Error {
    Error::new(
        reason,
        format!("the {what} `{}` is refused: {error}", shown(text)),
    )
}

/// Input as it may be shown: escaped, and cut where it is long.
pub(super) fn shown(text: &str) -> String {
    let escaped: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        format!("{escaped}…")
    } else {
        escaped
    }
}
