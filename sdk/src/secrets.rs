//! Reading, writing and listing secrets.

use tonic::transport::Channel;
use vault_proto::v1;
use vault_proto::v1::secrets_client::SecretsClient;

use crate::call::Safety;
use crate::put::Put;
use crate::{Error, Reference, Secret, Text, Vault};

/// Calls that read, write and list secrets.
#[derive(Clone, Copy, Debug)]
pub struct Secrets<'a>(pub(crate) &'a Vault);

impl<'a> Secrets<'a> {
    /// One version of one secret; of the reference's field only, if it names one.
    ///
    /// # Errors
    /// When it does not exist or may not be read.
    pub async fn get(self, reference: &Reference) -> Result<Secret, Error> {
        let send = |channel, request| async { client(channel).get_secret(request).await };
        let message = reference.clone().into_request();
        self.0
            .call(Safety::Read, message, send)
            .await
            .map(Secret::from)
    }

    /// Many in one call, at one revision; each with an outcome of its own, in the given order.
    ///
    /// # Errors
    /// When the call as a whole fails.
    pub async fn get_many(
        self,
        references: impl IntoIterator<Item = Reference>,
    ) -> Result<Vec<Result<Secret, Error>>, Error> {
        use v1::batch_get_result::Result as Item;
        let requests: Vec<_> = references
            .into_iter()
            .map(Reference::into_request)
            .collect();
        let asked = requests.len();
        let send = |channel, request| async { client(channel).batch_get_secrets(request).await };
        let message = v1::BatchGetSecretsRequest { requests };
        let reply = self.0.call(Safety::Read, message, send).await?;
        if reply.results.len() != asked {
            return Err(Error::incomplete("result for each request"));
        }
        let outcome = |item: v1::BatchGetResult| match item.result {
            Some(Item::Secret(secret)) => Ok(Secret::from(secret)),
            Some(Item::Error(error)) => Err(Error::of_reason(&error.reason, error.message)),
            None => Err(Error::incomplete("result")),
        };
        Ok(reply.results.into_iter().map(outcome).collect())
    }

    /// Starts a write; see [`Put`].
    pub fn put(self, path: impl Into<String>) -> Put<'a> {
        Put::new(self.0, path.into())
    }

    /// Everything about a secret but its values.
    ///
    /// # Errors
    /// When it does not exist or may not be described.
    pub async fn describe(self, path: &str) -> Result<v1::SecretMeta, Error> {
        let send = |channel, request| async { client(channel).describe_secret(request).await };
        let message = v1::DescribeSecretRequest {
            path: path.to_owned(),
        };
        let reply = self.0.call(Safety::Read, message, send).await?;
        reply.meta.ok_or_else(|| Error::incomplete("metadata"))
    }

    /// Changes description, tags, metadata, retention.
    ///
    /// # Errors
    /// When it does not exist or a value is not allowed.
    pub async fn update(self, change: v1::UpdateSecretRequest) -> Result<v1::SecretMeta, Error> {
        let send = |channel, request| async { client(channel).update_secret(request).await };
        let reply = self.0.call(Safety::Write, change, send).await?;
        reply.meta.ok_or_else(|| Error::incomplete("metadata"))
    }

    /// A page of versions, newest first.
    ///
    /// # Errors
    /// When the secret does not exist or may not be described.
    pub async fn versions(
        self,
        page: v1::ListVersionsRequest,
    ) -> Result<v1::ListVersionsResponse, Error> {
        let send = |channel, request| async { client(channel).list_versions(request).await };
        self.0.call(Safety::Read, page, send).await
    }

    /// A page of a folder.
    ///
    /// # Errors
    /// When the folder does not exist or may not be listed.
    pub async fn list(
        self,
        page: v1::ListSecretsRequest,
    ) -> Result<v1::ListSecretsResponse, Error> {
        let send = |channel, request| async { client(channel).list_secrets(request).await };
        self.0.call(Safety::Read, page, send).await
    }

    /// A page of what matches a glob and tags.
    ///
    /// # Errors
    /// When the glob is malformed.
    pub async fn find(
        self,
        page: v1::FindSecretsRequest,
    ) -> Result<v1::ListSecretsResponse, Error> {
        let send = |channel, request| async { client(channel).find_secrets(request).await };
        self.0.call(Safety::Read, page, send).await
    }

    /// Moves a label to a version.
    ///
    /// # Errors
    /// When secret or version do not exist, or the label is elsewhere than expected.
    pub async fn set_label(self, to: v1::SetLabelRequest) -> Result<v1::SetLabelResponse, Error> {
        let send = |channel, request| async { client(channel).set_label(request).await };
        self.0.call(Safety::Write, to, send).await
    }

    /// Takes a label away.
    ///
    /// # Errors
    /// When there is no such label, or it is elsewhere than expected.
    pub async fn remove_label(
        self,
        label: v1::RemoveLabelRequest,
    ) -> Result<v1::SetLabelResponse, Error> {
        let send = |channel, request| async { client(channel).remove_label(request).await };
        self.0.call(Safety::Write, label, send).await
    }

    /// A random value by policy; nothing is stored.
    ///
    /// # Errors
    /// When the policy leaves nothing to choose from.
    pub async fn generate(self, policy: v1::RandomPolicy) -> Result<Text, Error> {
        let send = |channel, request| async { client(channel).generate_random(request).await };
        let message = v1::GenerateRandomRequest {
            policy: Some(policy),
        };
        let reply = self.0.call(Safety::Read, message, send).await?;
        Ok(Text::new(reply.value))
    }
}

/// Replies may be as large as a full batch.
pub(crate) fn client(channel: Channel) -> SecretsClient<Channel> {
    SecretsClient::new(channel).max_decoding_message_size(LARGEST_REPLY)
}

const LARGEST_REPLY: usize = 64 * 1024 * 1024;
