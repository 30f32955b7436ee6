//! Writing a new version of a secret.

use bytes::Bytes;
use vault_proto::v1;

use crate::call::Safety;
use crate::secrets::client;
use crate::{Error, Value, Vault};

/// A write that is being put together.
#[derive(Debug)]
#[must_use]
pub struct Put<'a> {
    vault: &'a Vault,
    message: v1::PutSecretRequest,
}

impl<'a> Put<'a> {
    pub(crate) fn new(vault: &'a Vault, path: String) -> Self {
        Self {
            vault,
            message: v1::PutSecretRequest {
                path,
                ..Default::default()
            },
        }
    }

    /// Sets a field.
    pub fn field(mut self, name: impl Into<String>, value: &Value) -> Self {
        let bytes = Bytes::copy_from_slice(value.expose());
        self.message.fields.insert(name.into(), bytes);
        self
    }

    /// Sets a field to a random value that the server makes.
    pub fn generate(mut self, name: impl Into<String>, policy: v1::RandomPolicy) -> Self {
        self.message.generate.insert(name.into(), policy);
        self
    }

    /// Takes a field away.
    pub fn remove(mut self, name: impl Into<String>) -> Self {
        self.message.remove_fields.push(name.into());
        self
    }

    /// Drops every field that is not named, instead of merging.
    pub fn replace(mut self) -> Self {
        self.message.replace = true;
        self
    }

    /// Only if the latest version is this one; 0: only if the secret does not exist.
    pub fn if_version(mut self, version: u64) -> Self {
        self.message.if_version = Some(version);
        self
    }

    /// A label for the new version, instead of `current`.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.message.labels.push(label.into());
        self
    }

    /// Why, for people.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.message.note = note.into();
        self
    }

    /// What the secret is.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.message.description = Some(text.into());
        self
    }

    /// A tag of the secret.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.message.tags.insert(key.into(), value.into());
        self
    }

    /// Check everything, write nothing.
    pub fn dry_run(mut self) -> Self {
        self.message.dry_run = true;
        self
    }

    /// Sends it, with a request id under which the server recognises a repetition.
    ///
    /// # Errors
    /// When not granted, when the version is not the expected one, or when something is not allowed.
    pub async fn send(self) -> Result<v1::PutSecretResponse, Error> {
        let send = |channel, request| async { client(channel).put_secret(request).await };
        self.vault.call(Safety::Write, self.message, send).await
    }
}
