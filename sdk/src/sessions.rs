//! Roles that are assumed, and sessions that are seen, renewed and ended.

use std::collections::BTreeMap;
use std::time::Duration;

use vault_proto::v1;
use vault_proto::v1::sessions_client::SessionsClient;

use crate::call::Safety;
use crate::{Error, LoggedIn, SessionLimits, Token, Vault};

/// Calls about sessions.
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a>(pub(crate) &'a Vault);

/// What the session of a role is to be like. The default asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct RoleTerms {
    /// What it is called; empty: as its caller is.
    pub session_name: String,
    /// A quarter of an hour to what the role allows; an hour unless given.
    pub ttl: Option<Duration>,
    /// Documents: the most that it may do.
    pub policies: Vec<String>,
    /// Tags beside the role's own.
    pub tags: BTreeMap<String, String>,
    /// How it is held in.
    pub limits: SessionLimits,
}

impl Sessions<'_> {
    /// A session with a role's rights.
    ///
    /// # Errors
    /// When the role does not trust the caller, or what is asked for does not go with it.
    pub async fn assume_role(self, role: &str, terms: RoleTerms) -> Result<LoggedIn, Error> {
        let message = v1::AssumeRoleRequest {
            role: role.to_owned(),
            session_name: terms.session_name,
            ttl: terms.ttl.map(crate::lifecycle::wire_duration).transpose()?,
            policies: terms.policies,
            tags: terms.tags,
            limits: Some(terms.limits.into_wire()?),
        };
        let send =
            |channel, request| async { SessionsClient::new(channel).assume_role(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        let session = reply.session.ok_or_else(|| Error::incomplete("session"))?;
        Ok(LoggedIn {
            token: Token::new(reply.token),
            session,
        })
    }

    /// A page of the sessions of "user:alice", "service:ci" or "role:deploy"; of one's own if that is empty.
    ///
    /// # Errors
    /// When that is not allowed.
    pub async fn list(self, who: &str, after: String) -> Result<v1::ListSessionsResponse, Error> {
        let message = v1::ListSessionsRequest {
            who: who.to_owned(),
            page_size: 0,
            after,
        };
        let send =
            |channel, request| async { SessionsClient::new(channel).list_sessions(request).await };
        self.0.call(Safety::Read, message, send).await
    }

    /// Ends a session by its accessor, and those that were exchanged from it.
    ///
    /// # Errors
    /// When there is none, or none that the caller may end.
    pub async fn revoke(self, accessor: &str) -> Result<(), Error> {
        let message = v1::RevokeSessionRequest {
            accessor: accessor.to_owned(),
        };
        let send =
            |channel, request| async { SessionsClient::new(channel).revoke_session(request).await };
        match self.0.call(Safety::Idempotent, message, send).await {
            Err(error) if error.says_done("SESSION_NOT_FOUND") => Ok(()),
            ended => ended.map(drop),
        }
    }

    /// Ends all sessions of a user, a service or a role.
    ///
    /// # Errors
    /// When that is not allowed.
    pub async fn revoke_all(self, who: &str) -> Result<(), Error> {
        let message = v1::RevokeSessionsRequest {
            who: who.to_owned(),
        };
        let send = |channel, request| async {
            SessionsClient::new(channel).revoke_sessions(request).await
        };
        self.0
            .call(Safety::Idempotent, message, send)
            .await
            .map(drop)
    }

    /// Moves the end of the handle's session.
    ///
    /// # Errors
    /// When it has no idle life.
    pub async fn renew(self) -> Result<v1::Session, Error> {
        let send =
            |channel, request| async { SessionsClient::new(channel).renew_session(request).await };
        let message = v1::RenewSessionRequest {};
        let reply = self.0.call(Safety::Idempotent, message, send).await?;
        reply.session.ok_or_else(|| Error::incomplete("session"))
    }
}
