//! One version of a secret, as read.

use std::collections::BTreeMap;

use prost_types::Timestamp;
use vault_proto::v1;

use crate::{Error, Value};

/// One version of a secret: its fields and where they came from.
#[derive(Debug)]
pub struct Secret {
    /// Its path, as stored (not percent-encoded).
    pub path: String,
    /// The version that was read.
    pub version: u64,
    /// The fields that were asked for, by name.
    pub fields: BTreeMap<String, Value>,
    /// When the version was made.
    pub created_at: Option<Timestamp>,
    /// The labels on that version.
    pub labels: Vec<String>,
}

impl Secret {
    /// One field.
    ///
    /// # Errors
    /// Not found, when the secret has no such field.
    pub fn field(&self, name: &str) -> Result<&Value, Error> {
        self.fields.get(name).ok_or_else(|| {
            Error::not_found(
                "FIELD_NOT_FOUND",
                format!("`{}` has no field `{name}`", self.path),
            )
        })
    }
}

impl From<v1::GetSecretResponse> for Secret {
    fn from(reply: v1::GetSecretResponse) -> Self {
        let fields = reply.fields.into_iter();
        Self {
            path: reply.path,
            version: reply.version,
            fields: fields
                .map(|(name, bytes)| (name, Value::new(bytes.as_ref())))
                .collect(),
            created_at: reply.created_at,
            labels: reply.labels,
        }
    }
}
