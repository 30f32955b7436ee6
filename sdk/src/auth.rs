//! Sessions of callers.

use std::time::Duration;

use vault_proto::v1;
use vault_proto::v1::auth_client::AuthClient;

use crate::call::Safety;
use crate::{Error, Token, Vault};

/// Calls about the caller's own session.
#[derive(Clone, Copy, Debug)]
pub struct Auth<'a>(pub(crate) &'a Vault);

/// A session that was just made.
#[derive(Debug)]
pub struct LoggedIn {
    /// Its token.
    pub token: Token,
    /// What it is.
    pub session: v1::Session,
}

/// What a session is to be at most. The default takes nothing away.
#[derive(Clone, Debug, Default)]
pub struct SessionTerms {
    /// A minute to a day; half a day unless given.
    pub ttl: Option<Duration>,
    /// Only these actions, as "secret:GetValue" or "secret:*"; empty: all of the caller's.
    pub actions: Vec<String>,
    /// Only this folder and what lies under it; empty: all that is the caller's.
    pub under: String,
    /// How it is held in.
    pub limits: SessionLimits,
}

/// How a session is held in beside what it may do. The default holds in nothing.
#[derive(Clone, Debug, Default)]
pub struct SessionLimits {
    /// It ends so long after it began or was last renewed.
    pub idle: Option<Duration>,
    /// How many requests it is good for.
    pub uses: Option<u32>,
    /// From where: "10.0.0.0/8", "unix"; empty: from everywhere.
    pub places: Vec<String>,
}

impl SessionLimits {
    pub(crate) fn into_wire(self) -> Result<v1::SessionLimits, Error> {
        let idle = self.idle.map(crate::lifecycle::wire_duration).transpose()?;
        Ok(v1::SessionLimits {
            idle,
            uses: self.uses,
            places: self.places,
        })
    }
}

impl Auth<'_> {
    /// Exchanges the handle's token for a session of its own.
    ///
    /// # Errors
    /// When the token is not valid, or nothing would be left to do.
    pub async fn login(self, terms: SessionTerms) -> Result<LoggedIn, Error> {
        let ttl = terms.ttl.map(crate::lifecycle::wire_duration).transpose()?;
        let message = v1::LoginRequest {
            ttl,
            actions: terms.actions,
            under: terms.under,
            limits: Some(terms.limits.into_wire()?),
        };
        let send = |channel, request| async { AuthClient::new(channel).login(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        let session = reply.session.ok_or_else(|| Error::incomplete("session"))?;
        Ok(LoggedIn {
            token: Token::new(reply.token),
            session,
        })
    }

    /// Ends the session of the handle's token.
    ///
    /// # Errors
    /// When the token is not valid any more.
    pub async fn logout(self) -> Result<(), Error> {
        let send = |channel, request| async { AuthClient::new(channel).logout(request).await };
        self.0
            .call(Safety::Write, v1::LogoutRequest {}, send)
            .await
            .map(drop)
    }

    /// Who the handle's token speaks for.
    ///
    /// # Errors
    /// When the token is not valid.
    pub async fn who_am_i(self) -> Result<v1::Session, Error> {
        let send = |channel, request| async { AuthClient::new(channel).who_am_i(request).await };
        let reply = self
            .0
            .call(Safety::Read, v1::WhoAmIRequest {}, send)
            .await?;
        reply.session.ok_or_else(|| Error::incomplete("session"))
    }
}
