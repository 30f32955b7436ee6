//! Policies of secrets and folders.

use tonic::transport::Channel;
use vault_proto::v1;
use vault_proto::v1::resource_policies_client::ResourcePoliciesClient;

use crate::call::Safety;
use crate::{Error, Vault};

/// Calls about policies of secrets and folders. A path that ends with `/` is a folder's, `/` alone the root's.
#[derive(Clone, Copy, Debug)]
pub struct ResourcePolicies<'a>(pub(crate) &'a Vault);

impl ResourcePolicies<'_> {
    /// The policy of a secret or folder.
    ///
    /// # Errors
    /// When there is no such thing, it has none, or not granted.
    pub async fn get(self, path: &str) -> Result<v1::ResourcePolicy, Error> {
        let send = |channel, request| async { client(channel).get_resource_policy(request).await };
        let message = v1::GetResourcePolicyRequest { path: path.into() };
        self.0.call(Safety::Read, message, send).await
    }

    /// Gives a secret or folder a policy, or another one in its place; what its author may not mean.
    ///
    /// # Errors
    /// When there is no such thing, it is no policy for there, it allows what the caller may not or keeps him from
    /// taking it back, one that denies something is there and the caller may not do everything, or not granted.
    pub async fn put(self, path: &str, document: String) -> Result<Vec<v1::PolicyFinding>, Error> {
        let send = |channel, request| async { client(channel).put_resource_policy(request).await };
        let path = path.into();
        let message = v1::PutResourcePolicyRequest { path, document };
        let reply = self.0.call(Safety::Write, message, send).await?;
        Ok(reply.warnings)
    }

    /// Takes its policy from a secret or folder.
    ///
    /// # Errors
    /// When there is no such thing, it has none, it denies something and the caller may not do everything, or not
    /// granted.
    pub async fn delete(self, path: &str) -> Result<(), Error> {
        let send =
            |channel, request| async { client(channel).delete_resource_policy(request).await };
        let message = v1::DeleteResourcePolicyRequest { path: path.into() };
        self.0.call(Safety::Write, message, send).await.map(drop)
    }
}

fn client(channel: Channel) -> ResourcePoliciesClient<Channel> {
    ResourcePoliciesClient::new(channel)
}
