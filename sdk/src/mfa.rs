//! Second factors: authenticators, recovery codes, what a session has shown.

use std::time::Duration;

use prost_types::Timestamp;
use vault_proto::v1;
use vault_proto::v1::mfa_client::MfaClient;

use crate::call::Safety;
use crate::{Error, Text, Vault};

/// Calls about second factors. None is sent twice: a code is good once.
///
/// Where a code is optional, none is needed if the session has shown one within ten minutes.
#[derive(Clone, Copy, Debug)]
pub struct Mfa<'a>(pub(crate) &'a Vault);

/// What is to be enrolled.
#[derive(Clone, Debug, Default)]
pub struct NewAuthenticator {
    /// As its owner calls it, among his.
    pub name: String,
    /// SHA-1 unless given: all that some apps can.
    pub algorithm: v1::TotpAlgorithm,
    /// 6 or 8; 0: 6.
    pub digits: u32,
    /// What the app shows beside the account; empty: "vault".
    pub issuer: String,
}

/// An authenticator that waits for its first code, and what is shown of it once.
#[derive(Debug)]
pub struct Enrolment {
    /// What is known of it.
    pub authenticator: v1::Authenticator,
    /// For a QR code.
    pub uri: Text,
    /// The seed, for typing.
    pub secret: Text,
}

/// An authenticator that counts.
#[derive(Debug)]
pub struct ConfirmedEnrolment {
    /// What is known of it.
    pub authenticator: v1::Authenticator,
    /// Shown once; empty if there are some already.
    pub recovery_codes: Vec<Text>,
}

impl Mfa<'_> {
    /// Begins to enrol an authenticator, by an administrator's one-time code or a second factor.
    ///
    /// # Errors
    /// When neither suffices, or the name is taken.
    pub async fn start_enrolment(
        self,
        new: NewAuthenticator,
        code: Option<&Text>,
    ) -> Result<Enrolment, Error> {
        let message = v1::StartEnrolmentRequest {
            name: new.name,
            algorithm: new.algorithm.into(),
            digits: new.digits,
            issuer: new.issuer,
            code: sent(code),
        };
        let send =
            |channel, request| async { MfaClient::new(channel).start_enrolment(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        let authenticator = reply.authenticator;
        Ok(Enrolment {
            authenticator: authenticator.ok_or_else(|| Error::incomplete("authenticator"))?,
            uri: Text::new(reply.uri),
            secret: Text::new(reply.secret),
        })
    }

    /// Lets the authenticator count that waits for its first code.
    ///
    /// # Errors
    /// When the code is wrong, or none waits.
    pub async fn confirm_enrolment(self, code: &Text) -> Result<ConfirmedEnrolment, Error> {
        let message = v1::ConfirmEnrolmentRequest {
            code: sent(Some(code)),
        };
        let send =
            |channel, request| async { MfaClient::new(channel).confirm_enrolment(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        let authenticator = reply.authenticator;
        Ok(ConfirmedEnrolment {
            authenticator: authenticator.ok_or_else(|| Error::incomplete("authenticator"))?,
            recovery_codes: reply.recovery_codes.into_iter().map(Text::new).collect(),
        })
    }

    /// The caller's authenticators, and how many recovery codes are left.
    ///
    /// # Errors
    /// When the session is not a user's own.
    pub async fn list(self) -> Result<v1::ListAuthenticatorsResponse, Error> {
        let send =
            |channel, request| async { MfaClient::new(channel).list_authenticators(request).await };
        let message = v1::ListAuthenticatorsRequest {};
        self.0.call(Safety::Read, message, send).await
    }

    /// Removes one of several; returns how many are left.
    ///
    /// # Errors
    /// When no second factor was just shown, or it is the last.
    pub async fn remove(self, id: u64, code: Option<&Text>) -> Result<u32, Error> {
        let code = sent(code);
        let message = v1::RemoveAuthenticatorRequest { id, code };
        let send = |channel, request| async {
            MfaClient::new(channel).remove_authenticator(request).await
        };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(reply.left)
    }

    /// Draws recovery codes in place of those before.
    ///
    /// # Errors
    /// When no second factor was just shown.
    pub async fn new_recovery_codes(self, code: Option<&Text>) -> Result<Vec<Text>, Error> {
        let message = v1::NewRecoveryCodesRequest { code: sent(code) };
        let send =
            |channel, request| async { MfaClient::new(channel).new_recovery_codes(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(reply.recovery_codes.into_iter().map(Text::new).collect())
    }

    /// Shows a second factor: what asks for one in this session is content with it for a while.
    ///
    /// # Errors
    /// When the code is wrong, or was used.
    pub async fn elevate(self, code: &Text) -> Result<v1::ElevateSessionResponse, Error> {
        let message = v1::ElevateSessionRequest {
            code: sent(Some(code)),
        };
        let send =
            |channel, request| async { MfaClient::new(channel).elevate_session(request).await };
        self.0.call(Safety::Once, message, send).await
    }

    /// A code that enrols somebody else's first authenticator, and when it ends.
    ///
    /// # Errors
    /// When the user may do more than the caller, or has an authenticator.
    pub async fn issue_enrolment_code(
        self,
        user: &str,
        ttl: Option<Duration>,
    ) -> Result<(Text, Option<Timestamp>), Error> {
        let message = v1::IssueEnrolmentCodeRequest {
            user: user.to_owned(),
            ttl: ttl.map(crate::lifecycle::wire_duration).transpose()?,
        };
        let send = |channel, request| async {
            MfaClient::new(channel).issue_enrolment_code(request).await
        };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok((Text::new(reply.code), reply.expires_at))
    }

    /// Takes all second factors from somebody else and ends his sessions; returns how many there were.
    ///
    /// # Errors
    /// When the user may do more than the caller.
    pub async fn reset(self, user: &str) -> Result<u32, Error> {
        let message = v1::ResetMfaRequest {
            user: user.to_owned(),
        };
        let send = |channel, request| async { MfaClient::new(channel).reset_mfa(request).await };
        let reply = self.0.call(Safety::Write, message, send).await?;
        Ok(reply.removed)
    }
}

fn sent(code: Option<&Text>) -> String {
    // EXPOSE: to the server
    code.map(|code| code.expose().to_owned())
        .unwrap_or_default()
}
