//! Reading values.

use super::{
    Fields, Refusal, fields,
    model::{Head, Version},
    tree,
};
use crate::{
    access::{Action, Grant},
    name::{FieldName, Label, SecretPath},
    record::{RecordError, Tx},
};

/// Which version: neither is the label `current`; both must agree.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// By number.
    pub version: Option<u64>,
    /// By label.
    pub label: Option<Label>,
}

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct Get {
    /// Which version.
    pub selector: Selector,
    /// Only these fields; none: all.
    pub fields: Vec<FieldName>,
}

/// A version with its value.
#[derive(Debug)]
pub struct Value {
    /// Where it was read.
    pub path: SecretPath,
    /// Its number.
    pub version: u64,
    /// The fields that were asked for.
    pub fields: Fields,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// On this version now.
    pub labels: Vec<Label>,
}

/// One version of a secret.
///
/// # Errors
/// When the secret, the version, the label or a field is not there, or the version was destroyed.
pub fn get(tx: &mut Tx<'_>, grant: &Grant, request: &Get) -> Result<Value, Refusal> {
    let path = grant.secret(Action::GET_VALUE)?;
    let (id, head) = tree::seen(tx, path)?.ok_or(Refusal::SecretNotFound)?;
    let version = select(&head, &request.selector)?;
    let (created_at, fields) = open(tx, id, &head, version)?;
    Ok(Value {
        path: path.clone(),
        version,
        fields: fields.only(&request.fields)?,
        created_at,
        labels: head.labels_of(version),
    })
}

/// Many at one revision; a failure of one stands in its place.
pub fn batch_get(tx: &mut Tx<'_>, requests: &[(Grant, Get)]) -> Vec<Result<Value, Refusal>> {
    requests
        .iter()
        .map(|(grant, request)| get(tx, grant, request))
        .collect()
}

/// The version that a selector means.
pub(super) fn select(head: &Head, selector: &Selector) -> Result<u64, Refusal> {
    let at = |label: &Label| {
        head.labels
            .get(label)
            .copied()
            .ok_or(Refusal::LabelNotFound)
    };
    let version = match (selector.version, &selector.label) {
        (None, None) => at(&Label::current())?,
        (None, Some(label)) => at(label)?,
        (Some(version), None) => version,
        (Some(version), Some(label)) => match at(label)? {
            found if found == version => version,
            found => return Err(Refusal::LabelMismatch { found }),
        },
    };
    if head.has_version(version) {
        Ok(version)
    } else {
        Err(Refusal::VersionNotFound)
    }
}

/// A version's fields, and when it was made.
pub(super) fn open(
    tx: &mut Tx<'_>,
    id: u64,
    head: &Head,
    version: u64,
) -> Result<(u64, Fields), Refusal> {
    let key = Version::key(id, version);
    let Some(plain) = tx.open_value(id, version)? else {
        let known = head.has_version(version)
            && tx.read::<Version>(&key)?.is_some_and(|meta| meta.destroyed);
        return Err(if known {
            Refusal::VersionDestroyed
        } else {
            RecordError::Damaged(key).into()
        });
    };
    fields::decode(plain).map_err(|_| RecordError::Damaged(key).into())
}
