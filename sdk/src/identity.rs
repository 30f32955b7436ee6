//! Users, services, roles and groups.
//!
//! A repetition is known by its request id, and is answered with what came of the first try.

use tonic::transport::Channel;
use vault_proto::v1;
use vault_proto::v1::identity_client::IdentityClient;

use crate::call::Safety;
use crate::{Error, Vault};

/// Inline policies of one holder have at most 1 MiB each.
const LARGEST_REPLY: usize = 64 << 20;

/// Calls about who there is. Whoever is meant is named as policies name him: `user:alice`, `group:ops`.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a>(pub(crate) &'a Vault);

impl Identity<'_> {
    /// Makes somebody, who may do nothing yet; his name in its one form.
    ///
    /// # Errors
    /// When the name is taken, or not granted.
    pub async fn create(self, new: v1::CreateIdentityRequest) -> Result<String, Error> {
        let send = |channel, request| async { client(channel).create_identity(request).await };
        let reply = self.0.call(Safety::Write, new, send).await?;
        Ok(reply.who)
    }

    /// All of somebody but his credentials.
    ///
    /// # Errors
    /// When there is nobody of that name, or not granted.
    pub async fn describe(self, who: &str) -> Result<v1::IdentityDescription, Error> {
        let send = |channel, request| async { client(channel).describe_identity(request).await };
        let message = v1::DescribeIdentityRequest { who: who.into() };
        self.0.call(Safety::Read, message, send).await
    }

    /// A page of the names of a sort: `user`, `service`, `role`, `group`.
    ///
    /// # Errors
    /// When not granted.
    pub async fn list(
        self,
        page: v1::ListIdentitiesRequest,
    ) -> Result<v1::ListIdentitiesResponse, Error> {
        let send = |channel, request| async { client(channel).list_identities(request).await };
        self.0.call(Safety::Read, page, send).await
    }

    /// Changes what is given.
    ///
    /// # Errors
    /// When there is nobody of that name, or not granted.
    pub async fn update(self, change: v1::UpdateIdentityRequest) -> Result<(), Error> {
        let send = |channel, request| async { client(channel).update_identity(request).await };
        self.0.call(Safety::Write, change, send).await.map(drop)
    }

    /// Deletes somebody, and ends his sessions.
    ///
    /// # Errors
    /// When there is nobody of that name, or not granted.
    pub async fn delete(self, who: &str) -> Result<(), Error> {
        let send = |channel, request| async { client(channel).delete_identity(request).await };
        let message = v1::DeleteIdentityRequest { who: who.into() };
        self.0.call(Safety::Write, message, send).await.map(drop)
    }

    /// Puts a user into a group; `false` if he was in it.
    ///
    /// # Errors
    /// When either does not exist, the group has rights that the caller has not, or not granted.
    pub async fn add_member(self, group: &str, user: &str) -> Result<bool, Error> {
        let send = |channel, request| async { client(channel).add_member(request).await };
        let (group, user) = (group.into(), user.into());
        let message = v1::AddMemberRequest { group, user };
        let reply = self.0.call(Safety::Write, message, send).await?;
        Ok(reply.changed)
    }

    /// Takes a user out of a group; `false` if he was not in it.
    ///
    /// # Errors
    /// When either does not exist, or not granted.
    pub async fn remove_member(self, group: &str, user: &str) -> Result<bool, Error> {
        let send = |channel, request| async { client(channel).remove_member(request).await };
        let (group, user) = (group.into(), user.into());
        let message = v1::RemoveMemberRequest { group, user };
        let reply = self.0.call(Safety::Write, message, send).await?;
        Ok(reply.changed)
    }

    /// Attaches a managed policy; `false` if it was attached.
    ///
    /// # Errors
    /// When either does not exist, it allows what the caller may not, or not granted.
    pub async fn attach(self, who: &str, policy: &str) -> Result<bool, Error> {
        let send = |channel, request| async { client(channel).attach_policy(request).await };
        let (who, policy) = (who.into(), policy.into());
        let message = v1::AttachPolicyRequest { who, policy };
        let reply = self.0.call(Safety::Write, message, send).await?;
        Ok(reply.changed)
    }

    /// Detaches a managed policy; `false` if it was not attached.
    ///
    /// # Errors
    /// When either does not exist, it denies something and the caller may not do everything, or not granted.
    pub async fn detach(self, who: &str, policy: &str) -> Result<bool, Error> {
        let send = |channel, request| async { client(channel).detach_policy(request).await };
        let (who, policy) = (who.into(), policy.into());
        let message = v1::DetachPolicyRequest { who, policy };
        let reply = self.0.call(Safety::Write, message, send).await?;
        Ok(reply.changed)
    }

    /// Gives somebody a policy that is nobody else's, in place of one of the same name.
    ///
    /// # Errors
    /// When it is no policy, it allows what the caller may not, or not granted.
    pub async fn put_inline(
        self,
        policy: v1::PutInlinePolicyRequest,
    ) -> Result<Vec<v1::PolicyFinding>, Error> {
        let send = |channel, request| async { client(channel).put_inline_policy(request).await };
        let reply = self.0.call(Safety::Write, policy, send).await?;
        Ok(reply.warnings)
    }

    /// Takes such a policy away.
    ///
    /// # Errors
    /// When there is none of that name, or not granted.
    pub async fn delete_inline(self, who: &str, name: &str) -> Result<(), Error> {
        let send = |channel, request| async { client(channel).delete_inline_policy(request).await };
        let (who, name) = (who.into(), name.into());
        let message = v1::DeleteInlinePolicyRequest { who, name };
        self.0.call(Safety::Write, message, send).await.map(drop)
    }

    /// Sets the managed policy that is the most somebody may ever do, or with none lifts it.
    ///
    /// # Errors
    /// When either does not exist, or the caller may not.
    pub async fn set_boundary(self, who: &str, policy: Option<&str>) -> Result<(), Error> {
        let send = |channel, request| async { client(channel).set_boundary(request).await };
        let policy = policy.unwrap_or_default().into();
        let who = who.into();
        let message = v1::SetBoundaryRequest { who, policy };
        self.0.call(Safety::Write, message, send).await.map(drop)
    }

    /// What would be decided of a request of the caller's own.
    ///
    /// # Errors
    /// When there is no such action or resource.
    pub async fn can(self, action: &str, resource: &str) -> Result<v1::Simulation, Error> {
        let send = |channel, request| async { client(channel).can(request).await };
        let (action, resource) = (action.into(), resource.into());
        let message = v1::CanRequest { action, resource };
        self.0.call(Safety::Read, message, send).await
    }

    /// What would be decided of a request of somebody else's, in a session that has just begun.
    ///
    /// # Errors
    /// When there is no such action or resource, nobody of that name, or not granted.
    pub async fn simulate(
        self,
        who: &str,
        action: &str,
        resource: &str,
    ) -> Result<v1::Simulation, Error> {
        let send = |channel, request| async { client(channel).simulate(request).await };
        let message = v1::SimulateRequest {
            who: who.into(),
            action: action.into(),
            resource: resource.into(),
        };
        self.0.call(Safety::Read, message, send).await
    }

    /// A page of those who would be allowed it.
    ///
    /// # Errors
    /// When there is no such action or resource, or not granted.
    pub async fn who_can(self, page: v1::WhoCanRequest) -> Result<v1::WhoCanResponse, Error> {
        let send = |channel, request| async { client(channel).who_can(request).await };
        self.0.call(Safety::Read, page, send).await
    }
}

pub(crate) fn client(channel: Channel) -> IdentityClient<Channel> {
    IdentityClient::new(channel).max_decoding_message_size(LARGEST_REPLY)
}
