//! Policies that are kept in the vault under a name, with their versions.

use vault_proto::v1;

use crate::call::Safety;
use crate::identity::client;
use crate::{Error, Vault};

/// Calls about managed policies.
#[derive(Clone, Copy, Debug)]
pub struct ManagedPolicies<'a>(pub(crate) &'a Vault);

impl ManagedPolicies<'_> {
    /// Makes one, attached to nobody; its name in its one form, and what its author may not mean.
    ///
    /// # Errors
    /// When the name is taken, it is no policy, or not granted.
    pub async fn create(
        self,
        new: v1::CreatePolicyRequest,
    ) -> Result<v1::CreatePolicyResponse, Error> {
        let send = |channel, request| async { client(channel).create_policy(request).await };
        self.0.call(Safety::Write, new, send).await
    }

    /// One, with the document of a version, or of the one in force.
    ///
    /// # Errors
    /// When it or the version does not exist, or not granted.
    pub async fn describe(
        self,
        name: &str,
        version: Option<u64>,
    ) -> Result<v1::PolicyDescription, Error> {
        let send = |channel, request| async { client(channel).describe_policy(request).await };
        let message = v1::DescribePolicyRequest {
            name: name.into(),
            version: version.unwrap_or_default(),
        };
        self.0.call(Safety::Read, message, send).await
    }

    /// A page of their names.
    ///
    /// # Errors
    /// When not granted.
    pub async fn list(
        self,
        page: v1::ListPoliciesRequest,
    ) -> Result<v1::ListPoliciesResponse, Error> {
        let send = |channel, request| async { client(channel).list_policies(request).await };
        self.0.call(Safety::Read, page, send).await
    }

    /// A new version, an older one again, or another description: in force from the next request on.
    ///
    /// # Errors
    /// When it does not exist, it is no policy, it allows what the caller may not, or not granted.
    pub async fn update(
        self,
        change: v1::UpdatePolicyRequest,
    ) -> Result<Vec<v1::PolicyFinding>, Error> {
        let send = |channel, request| async { client(channel).update_policy(request).await };
        let reply = self.0.call(Safety::Write, change, send).await?;
        Ok(reply.warnings)
    }

    /// Deletes one that is attached to nobody.
    ///
    /// # Errors
    /// When it does not exist, it is attached, or not granted.
    pub async fn delete(self, name: &str) -> Result<(), Error> {
        let send = |channel, request| async { client(channel).delete_policy(request).await };
        let message = v1::DeletePolicyRequest { name: name.into() };
        self.0.call(Safety::Write, message, send).await.map(drop)
    }
}
