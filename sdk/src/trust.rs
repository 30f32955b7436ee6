//! Programs that log in by what somebody else vouches for, and whom the vault believes.

use tonic::transport::Channel;
use vault_proto::v1;
use vault_proto::v1::trust_client::TrustClient;

use crate::auth::{LoggedIn, SessionTerms};
use crate::call::Safety;
use crate::{Error, Text, Token, Vault};

/// A thousand bindings of an issuer.
const LARGEST_REPLY: usize = 64 << 20;

/// Calls about trusted issuers, and logins by their tokens.
#[derive(Clone, Copy, Debug)]
pub struct Trusts<'a>(pub(crate) &'a Vault);

impl Trusts<'_> {
    /// Logs a program in as a service, with a JSON Web Token of a trusted issuer. Needs no token of the vault.
    ///
    /// # Errors
    /// `LOGIN_FAILED`, whatever is wrong.
    pub async fn login(
        self,
        service: &str,
        jwt: &Text,
        terms: SessionTerms,
    ) -> Result<LoggedIn, Error> {
        let ttl = terms.ttl.map(crate::lifecycle::wire_duration).transpose()?;
        let message = v1::LoginTokenRequest {
            service: service.to_owned(),
            // EXPOSE: into the request
            jwt: jwt.expose().to_owned(),
            ttl,
            actions: terms.actions,
            under: terms.under,
            limits: Some(terms.limits.into_wire()?),
        };
        let send = |channel, request| async { client(channel).login_token(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        let session = reply.session.ok_or_else(|| Error::incomplete("session"))?;
        Ok(LoggedIn {
            token: Token::new(reply.token),
            session,
        })
    }

    /// Believes an issuer.
    ///
    /// # Errors
    /// When the name is taken, the keys do not do, or not granted.
    pub async fn create(self, name: &str, issuer: v1::TrustedIssuer) -> Result<(), Error> {
        let message = v1::CreateTrustRequest {
            name: name.to_owned(),
            issuer: Some(issuer),
        };
        let send = |channel, request| async { client(channel).create_trust(request).await };
        self.0.call(Safety::Once, message, send).await.map(drop)
    }

    /// Believes it by other keys and rules.
    ///
    /// # Errors
    /// When there is none of that name, or the caller has not all rights.
    pub async fn update(self, name: &str, issuer: v1::TrustedIssuer) -> Result<(), Error> {
        let message = v1::UpdateTrustRequest {
            name: name.to_owned(),
            issuer: Some(issuer),
        };
        let send = |channel, request| async { client(channel).update_trust(request).await };
        self.0.call(Safety::Write, message, send).await.map(drop)
    }

    /// One, with what is bound to it.
    ///
    /// # Errors
    /// When there is none of that name, or not granted.
    pub async fn describe(self, name: &str) -> Result<v1::TrustDescription, Error> {
        let message = v1::DescribeTrustRequest { name: name.into() };
        let send = |channel, request| async { client(channel).describe_trust(request).await };
        self.0.call(Safety::Read, message, send).await
    }

    /// All that are believed.
    ///
    /// # Errors
    /// When not granted.
    pub async fn list(self) -> Result<Vec<v1::TrustSummary>, Error> {
        let send = |channel, request| async { client(channel).list_trusts(request).await };
        let message = v1::ListTrustsRequest {};
        let reply = self.0.call(Safety::Read, message, send).await?;
        Ok(reply.trusts)
    }

    /// Believes it no more.
    ///
    /// # Errors
    /// When there is none of that name, or not granted.
    pub async fn delete(self, name: &str) -> Result<(), Error> {
        let message = v1::DeleteTrustRequest { name: name.into() };
        let send = |channel, request| async { client(channel).delete_trust(request).await };
        self.0.call(Safety::Once, message, send).await.map(drop)
    }

    /// Binds a service to tokens of an issuer that claim all of this; `false` if it was.
    ///
    /// # Errors
    /// When either does not exist, or the service may do what the caller may not.
    pub async fn bind(self, binding: v1::BindServiceRequest) -> Result<bool, Error> {
        let send = |channel, request| async { client(channel).bind_service(request).await };
        let reply = self.0.call(Safety::Write, binding, send).await?;
        Ok(reply.changed)
    }

    /// Ends all that binds a service to an issuer; `false` if nothing did.
    ///
    /// # Errors
    /// When either does not exist, or not granted.
    pub async fn unbind(self, trust: &str, service: &str) -> Result<bool, Error> {
        let message = v1::UnbindServiceRequest {
            trust: trust.into(),
            service: service.into(),
        };
        let send = |channel, request| async { client(channel).unbind_service(request).await };
        let reply = self.0.call(Safety::Write, message, send).await?;
        Ok(reply.changed)
    }
}

fn client(channel: Channel) -> TrustClient<Channel> {
    TrustClient::new(channel).max_decoding_message_size(LARGEST_REPLY)
}
