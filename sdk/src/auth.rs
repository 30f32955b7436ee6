//! Sessions of callers, and the passwords that people make them with.

use std::time::Duration;

use vault_proto::v1;
use vault_proto::v1::auth_client::AuthClient;

use crate::call::Safety;
use crate::{Error, Text, Token, Vault};

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
    /// Of a program that logs in: the vault keeps no record of the session and writes nothing for it. It lasts a quarter
    /// of an hour at most, goes with neither `idle` nor `uses`, and is ended only with all others of its service.
    pub signed: bool,
}

impl SessionLimits {
    pub(crate) fn into_wire(self) -> Result<v1::SessionLimits, Error> {
        let idle = self.idle.map(crate::lifecycle::wire_duration).transpose()?;
        Ok(v1::SessionLimits {
            idle,
            uses: self.uses,
            places: self.places,
            signed: self.signed,
        })
    }
}

impl SessionTerms {
    pub(crate) fn into_wire(self) -> Result<v1::LoginRequest, Error> {
        let ttl = self.ttl.map(crate::lifecycle::wire_duration).transpose()?;
        Ok(v1::LoginRequest {
            ttl,
            actions: self.actions,
            under: self.under,
            limits: Some(self.limits.into_wire()?),
        })
    }
}

/// What a user logs in with.
#[derive(Debug)]
pub struct Credentials {
    /// His name.
    pub user: String,
    /// His password.
    pub password: Text,
    /// A code of his authenticator, or a recovery code: after `MFA_REQUIRED`.
    pub code: Option<Text>,
    /// Another password: after `PASSWORD_CHANGE_REQUIRED`.
    pub new_password: Option<Text>,
}

/// A session that a password made.
#[derive(Debug)]
pub struct PasswordLogin {
    /// The session.
    pub made: LoggedIn,
    /// How many recovery codes are left, if one was used.
    pub recovery_codes_left: Option<u32>,
    /// When the password must be changed.
    pub change_password_by: Option<prost_types::Timestamp>,
    /// By when a second factor must be enrolled.
    pub enrol_by: Option<prost_types::Timestamp>,
}

/// A password for one login, at which another is chosen.
#[derive(Debug)]
pub struct OneTimePassword {
    /// Its text.
    pub password: Text,
    /// Until when it is good.
    pub expires_at: Option<prost_types::Timestamp>,
}

impl Auth<'_> {
    /// Exchanges the handle's token for a session of its own.
    ///
    /// # Errors
    /// When the token is not valid, or nothing would be left to do.
    pub async fn login(self, terms: SessionTerms) -> Result<LoggedIn, Error> {
        let message = terms.into_wire()?;
        let send = |channel, request| async { AuthClient::new(channel).login(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        let session = reply.session.ok_or_else(|| Error::incomplete("session"))?;
        Ok(LoggedIn {
            token: Token::new(reply.token),
            session,
        })
    }

    /// Logs a user in with his password. Needs no token.
    ///
    /// # Errors
    /// `LOGIN_FAILED` or `LOGIN_LOCKED`; and with a right password `PASSWORD_CHANGE_REQUIRED` or `MFA_REQUIRED`, after
    /// which it is called again with what is asked for.
    pub async fn login_password(
        self,
        credentials: &Credentials,
        terms: SessionTerms,
    ) -> Result<PasswordLogin, Error> {
        let ttl = terms.ttl.map(crate::lifecycle::wire_duration).transpose()?;
        let optional = |text: &Option<Text>| {
            // EXPOSE: into the request
            text.as_ref()
                .map_or_else(String::new, |text| text.expose().to_owned())
        };
        let message = v1::LoginPasswordRequest {
            user: credentials.user.clone(),
            // EXPOSE: into the request
            password: credentials.password.expose().to_owned(),
            code: optional(&credentials.code),
            new_password: optional(&credentials.new_password),
            ttl,
            actions: terms.actions,
            under: terms.under,
            limits: Some(terms.limits.into_wire()?),
        };
        let send =
            |channel, request| async { AuthClient::new(channel).login_password(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        let session = reply.session.ok_or_else(|| Error::incomplete("session"))?;
        Ok(PasswordLogin {
            made: LoggedIn {
                token: Token::new(reply.token),
                session,
            },
            recovery_codes_left: reply.recovery_codes_left,
            change_password_by: reply.change_password_by,
            enrol_by: reply.enrol_by,
        })
    }

    /// Changes the password of the handle's user, and ends his other sessions.
    ///
    /// # Errors
    /// `LOGIN_FAILED` where the old one is wrong; `PASSWORD_REFUSED` with `rules` where the new one does not do;
    /// `SECOND_FACTOR_NEEDED` where the user has one and the session has not just shown it: again with a code.
    pub async fn change_password(
        self,
        (old, new): (&Text, &Text),
        code: Option<&Text>,
    ) -> Result<(), Error> {
        let message = v1::ChangePasswordRequest {
            // EXPOSE: into the request
            old_password: old.expose().to_owned(),
            // EXPOSE: into the request
            new_password: new.expose().to_owned(),
            // EXPOSE: into the request
            code: code.map_or_else(String::new, |code| code.expose().to_owned()),
        };
        let send =
            |channel, request| async { AuthClient::new(channel).change_password(request).await };
        self.0.call(Safety::Once, message, send).await.map(drop)
    }

    /// Puts a one-time password in place of a user's, for a minute to a week, a day unless given.
    ///
    /// # Errors
    /// When the caller may not, or has fewer rights than the user.
    pub async fn reset_password(
        self,
        user: String,
        ttl: Option<Duration>,
    ) -> Result<OneTimePassword, Error> {
        let ttl = ttl.map(crate::lifecycle::wire_duration).transpose()?;
        let message = v1::ResetPasswordRequest { user, ttl };
        let send =
            |channel, request| async { AuthClient::new(channel).reset_password(request).await };
        let reply = self.0.call(Safety::Once, message, send).await?;
        Ok(OneTimePassword {
            password: Text::new(reply.one_time_password),
            expires_at: reply.expires_at,
        })
    }

    /// Forgets the failed logins of a user.
    ///
    /// # Errors
    /// When the caller may not.
    pub async fn unlock_user(self, user: String) -> Result<(), Error> {
        let message = v1::UnlockUserRequest { user };
        let send = |channel, request| async { AuthClient::new(channel).unlock_user(request).await };
        self.0
            .call(Safety::Idempotent, message, send)
            .await
            .map(drop)
    }

    /// What passwords must be like; of a group, beyond that.
    ///
    /// # Errors
    /// When the caller may not know, or there is no such group.
    pub async fn password_policy(self, group: Option<String>) -> Result<v1::PasswordPolicy, Error> {
        let send = |channel, request| async {
            AuthClient::new(channel).get_password_policy(request).await
        };
        let message = v1::GetPasswordPolicyRequest {
            group: group.unwrap_or_default(),
        };
        self.0.call(Safety::Read, message, send).await
    }

    /// Says what passwords must be like, in JSON; an empty document is the default, or none of a group's own.
    ///
    /// # Errors
    /// When the caller may not, there is no such group, or the document is no policy.
    pub async fn put_password_policy(
        self,
        group: Option<String>,
        document: String,
    ) -> Result<v1::PasswordPolicy, Error> {
        let send = |channel, request| async {
            AuthClient::new(channel).put_password_policy(request).await
        };
        let message = v1::PutPasswordPolicyRequest {
            document,
            group: group.unwrap_or_default(),
        };
        self.0.call(Safety::Idempotent, message, send).await
    }

    /// Ends the session of the handle's token.
    ///
    /// # Errors
    /// When the token is not valid any more.
    pub async fn logout(self) -> Result<(), Error> {
        let send = |channel, request| async { AuthClient::new(channel).logout(request).await };
        let message = v1::LogoutRequest {};
        match self.0.call(Safety::Idempotent, message, send).await {
            Err(error) if error.says_done("TOKEN_INVALID") => Ok(()),
            ended => ended.map(drop),
        }
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
