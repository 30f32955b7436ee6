//! Programs: what they prove themselves as services with, and how they log in by it.

use std::time::Duration;

use vault_proto::v1;
use vault_proto::v1::programs_client::ProgramsClient;

use crate::call::Safety;
use crate::{Error, LoggedIn, PinnedKey, SessionTerms, Text, Token, Vault};

/// Calls about services as programs are them. A service is named with or without `service:`.
#[derive(Clone, Copy, Debug)]
pub struct Programs<'a>(pub(crate) &'a Vault);

/// How a secret id is held in. The default is good from everywhere and for any number of logins, for 30 days.
#[derive(Clone, Debug, Default)]
pub struct SecretIdTerms {
    /// A minute to a year; 30 days unless given.
    pub ttl: Option<Duration>,
    /// For how many logins it is good.
    pub uses: Option<u32>,
    /// From where: "10.0.0.0/8", "unix"; empty: from everywhere.
    pub places: Vec<String>,
}

/// How a key is pinned. The default is for good.
#[derive(Clone, Debug, Default)]
pub struct PinTerms {
    /// For people to read.
    pub label: String,
    /// A minute to ten years.
    pub ttl: Option<Duration>,
}

/// A secret id that was just issued.
#[derive(Debug)]
pub struct IssuedSecretId {
    /// Its text: nobody can ask for it again.
    pub secret_id: Text,
    /// What is known of it.
    pub issued: v1::SecretId,
}

impl Programs<'_> {
    /// Logs a program in with a secret id. Needs no token.
    ///
    /// # Errors
    /// `LOGIN_FAILED` for whatever is wrong with service or secret id.
    pub async fn login_secret_id(
        self,
        service: &str,
        secret_id: &Text,
        terms: SessionTerms,
    ) -> Result<LoggedIn, Error> {
        let message = v1::LoginSecretIdRequest {
            service: service.to_owned(),
            // EXPOSE: into the request
            secret_id: secret_id.expose().to_owned(),
            terms: Some(terms.into_wire()?),
        };
        let send = |channel, request| async {
            ProgramsClient::new(channel).login_secret_id(request).await
        };
        // It may be good once only: what is lost is not sent again.
        let reply = self.0.call(Safety::Once, message, send).await?;
        made(reply)
    }

    /// Logs a program in by the uid of its process, over the node's Unix socket. Needs no token.
    ///
    /// # Errors
    /// `LOGIN_FAILED` where the service is not that uid's; when the endpoint is no Unix socket.
    pub async fn login_peer(self, service: &str, terms: SessionTerms) -> Result<LoggedIn, Error> {
        let message = v1::LoginPeerRequest {
            service: service.to_owned(),
            terms: Some(terms.into_wire()?),
        };
        let send =
            |channel, request| async { ProgramsClient::new(channel).login_peer(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        made(reply)
    }

    /// Logs a program in by the key of [`Builder::client_identity`](crate::Builder::client_identity), over TLS; as the
    /// service that the key is, or only as `service`. Needs no token. The session is good with that key only.
    ///
    /// # Errors
    /// `CERTIFICATE_MISSING` or `CERTIFICATE_UNFIT` of the certificate, `LOGIN_FAILED` where its key is not the service's.
    pub async fn login_certificate(
        self,
        service: Option<&str>,
        terms: SessionTerms,
    ) -> Result<LoggedIn, Error> {
        let message = v1::LoginCertificateRequest {
            service: service.unwrap_or_default().to_owned(),
            terms: Some(terms.into_wire()?),
        };
        let send = |channel, request| async {
            ProgramsClient::new(channel)
                .login_certificate(request)
                .await
        };
        let reply = self.0.call(Safety::Once, message, send).await?;
        made(reply)
    }

    /// Lets whoever holds a key be a service; given again, with this label and time.
    ///
    /// # Errors
    /// When the caller may not, or has fewer rights than the service; `KEY_TAKEN` where it is another service's, and
    /// `LIMIT_REACHED` where the service has two.
    pub async fn add_pin(
        self,
        service: &str,
        key: PinnedKey,
        terms: PinTerms,
    ) -> Result<v1::AddPinResponse, Error> {
        let (certificate, key_hash) = match key {
            PinnedKey::Certificate(der) => (der, String::new()),
            PinnedKey::Hash(text) => (Vec::new(), text),
        };
        let message = v1::AddPinRequest {
            service: service.to_owned(),
            certificate: certificate.into(),
            key_hash,
            label: terms.label,
            ttl: terms.ttl.map(crate::lifecycle::wire_duration).transpose()?,
        };
        let send = |channel, request| async { ProgramsClient::new(channel).add_pin(request).await };
        self.0.call(Safety::Idempotent, message, send).await
    }

    /// Takes a key from a service, and ends the sessions that were made with it; `false` if it had it not.
    ///
    /// # Errors
    /// When the caller may not.
    pub async fn remove_pin(self, service: &str, key_hash: &str) -> Result<bool, Error> {
        let message = v1::RemovePinRequest {
            service: service.to_owned(),
            key_hash: key_hash.to_owned(),
        };
        let send =
            |channel, request| async { ProgramsClient::new(channel).remove_pin(request).await };
        let reply = self.0.call(Safety::Idempotent, message, send).await?;
        Ok(reply.changed)
    }

    /// The keys of a service that are good yet, the oldest first.
    ///
    /// # Errors
    /// When the caller may not see the service.
    pub async fn list_pins(self, service: &str) -> Result<Vec<v1::Pin>, Error> {
        let message = v1::ListPinsRequest {
            service: service.to_owned(),
        };
        let send =
            |channel, request| async { ProgramsClient::new(channel).list_pins(request).await };
        Ok(self.0.call(Safety::Read, message, send).await?.pins)
    }

    /// Gives out a secret id of a service.
    ///
    /// # Errors
    /// When the caller may not, or has fewer rights than the service.
    pub async fn issue_secret_id(
        self,
        service: &str,
        terms: SecretIdTerms,
    ) -> Result<IssuedSecretId, Error> {
        let message = v1::IssueSecretIdRequest {
            service: service.to_owned(),
            ttl: terms.ttl.map(crate::lifecycle::wire_duration).transpose()?,
            uses: terms.uses,
            places: terms.places,
        };
        let send = |channel, request| async {
            ProgramsClient::new(channel).issue_secret_id(request).await
        };
        let reply = self.0.call(Safety::Once, message, send).await?;
        let issued = reply.issued.ok_or_else(|| Error::incomplete("issued"))?;
        Ok(IssuedSecretId {
            secret_id: Text::new(reply.secret_id),
            issued,
        })
    }

    /// A page of the secret ids of a service that are good yet.
    ///
    /// # Errors
    /// When the caller may not see the service.
    pub async fn list_secret_ids(
        self,
        service: &str,
        after: String,
    ) -> Result<v1::ListSecretIdsResponse, Error> {
        let message = v1::ListSecretIdsRequest {
            service: service.to_owned(),
            page_size: 0,
            after,
        };
        let send = |channel, request| async {
            ProgramsClient::new(channel).list_secret_ids(request).await
        };
        self.0.call(Safety::Read, message, send).await
    }

    /// Takes a secret id back, by its accessor.
    ///
    /// # Errors
    /// When the caller may not, or there is none.
    pub async fn revoke_secret_id(self, service: &str, accessor: &str) -> Result<(), Error> {
        let message = v1::RevokeSecretIdRequest {
            service: service.to_owned(),
            accessor: accessor.to_owned(),
        };
        let send = |channel, request| async {
            ProgramsClient::new(channel).revoke_secret_id(request).await
        };
        match self.0.call(Safety::Idempotent, message, send).await {
            Err(error) if error.says_done("SECRET_ID_NOT_FOUND") => Ok(()),
            ended => ended.map(drop),
        }
    }

    /// Lets processes of a uid be a service, in any group or in one; `false` if it was so.
    ///
    /// # Errors
    /// When the caller may not, or has fewer rights than the service.
    pub async fn allow_uid(self, service: &str, uid: u32, gid: Option<u32>) -> Result<bool, Error> {
        let message = v1::AllowUidRequest {
            service: service.to_owned(),
            uid: Some(uid),
            gid,
        };
        let send =
            |channel, request| async { ProgramsClient::new(channel).allow_uid(request).await };
        Ok(self
            .0
            .call(Safety::Idempotent, message, send)
            .await?
            .changed)
    }

    /// Takes a uid from a service; `false` if it had it not.
    ///
    /// # Errors
    /// When the caller may not.
    pub async fn remove_uid(self, service: &str, uid: u32) -> Result<bool, Error> {
        let message = v1::RemoveUidRequest {
            service: service.to_owned(),
            uid: Some(uid),
        };
        let send =
            |channel, request| async { ProgramsClient::new(channel).remove_uid(request).await };
        Ok(self
            .0
            .call(Safety::Idempotent, message, send)
            .await?
            .changed)
    }

    /// The uids of a service with their groups, in order.
    ///
    /// # Errors
    /// When the caller may not see the service.
    pub async fn list_uids(self, service: &str) -> Result<Vec<v1::BoundUid>, Error> {
        let message = v1::ListUidsRequest {
            service: service.to_owned(),
        };
        let send =
            |channel, request| async { ProgramsClient::new(channel).list_uids(request).await };
        Ok(self.0.call(Safety::Read, message, send).await?.bound)
    }
}

fn made(reply: v1::LoginResponse) -> Result<LoggedIn, Error> {
    let session = reply.session.ok_or_else(|| Error::incomplete("session"))?;
    Ok(LoggedIn {
        token: Token::new(reply.token),
        session,
    })
}
