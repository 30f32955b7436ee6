//! `vault.v1.Auth`.

mod password;

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::access::ActionGlob;
use vault_core::name::FolderPath;
use vault_proto::v1::auth_server::Auth;
use vault_proto::v1::{
    ChangePasswordRequest, ChangePasswordResponse, GetPasswordPolicyRequest, LoginPasswordRequest,
    LoginPasswordResponse, LoginRequest, LoginResponse, LogoutRequest, LogoutResponse,
    PasswordPolicy, PutPasswordPolicyRequest, Reason, ResetPasswordRequest, ResetPasswordResponse,
    UnlockUserRequest, UnlockUserResponse, WhoAmIRequest, WhoAmIResponse,
};

use super::metadata::{call, refuse, respond, to_the_end};
use super::{Door, convert, parse};
use crate::app::{self, Error, Result};
use password::{changing, logging_in, rules, rules_of, rules_text};

/// Action patterns of one session; there are far fewer actions.
const MAX_ACTIONS: usize = 64;

/// One write method: parse, act to the end, answer.
macro_rules! write {
    ($door:ident, $method:literal, $request:ident, $parse:expr, |$app:ident, $call:ident, $parsed:pat_param| $act:expr, $format:expr) => {{
        let call = call(concat!("/vault.v1.Auth/", $method), &$request)?;
        let parsed = match $parse($request.into_inner()) {
            Ok(parsed) => parsed,
            Err(error) => return Err(refuse($door, &call, error).await),
        };
        let app = Arc::clone(&$door.app);
        let (call, answer) = to_the_end(async move {
            let answer = {
                let ($app, $call, $parsed) = (&app, &call, parsed);
                $act.await
            };
            (call, answer)
        })
        .await?;
        respond(&call, answer, $format)
    }};
}

#[tonic::async_trait]
impl Auth for Door {
    async fn login(
        &self,
        request: Request<LoginRequest>,
    ) -> std::result::Result<Response<LoginResponse>, Status> {
        write!(
            self,
            "Login",
            request,
            login,
            |app, call, login| app.login(call, login),
            |(token, session)| LoginResponse {
                // EXPOSE: the reply hands the new token to its owner
                token: token.expose().to_owned(),
                session: Some(convert::session(&session)),
            }
        )
    }

    async fn logout(
        &self,
        request: Request<LogoutRequest>,
    ) -> std::result::Result<Response<LogoutResponse>, Status> {
        write!(
            self,
            "Logout",
            request,
            |_| Ok(()),
            |app, call, ()| app.logout(call),
            |_| LogoutResponse {}
        )
    }

    async fn who_am_i(
        &self,
        request: Request<WhoAmIRequest>,
    ) -> std::result::Result<Response<WhoAmIResponse>, Status> {
        let call = call("/vault.v1.Auth/WhoAmI", &request)?;
        respond(&call, self.app.who_am_i(&call).await, |session| {
            WhoAmIResponse {
                session: Some(convert::session(&session)),
            }
        })
    }

    async fn login_password(
        &self,
        request: Request<LoginPasswordRequest>,
    ) -> std::result::Result<Response<LoginPasswordResponse>, Status> {
        write!(
            self,
            "LoginPassword",
            request,
            logging_in,
            |app, call, login| app.login_password(call, login),
            |logged_in| LoginPasswordResponse {
                // EXPOSE: the reply hands the new token to its owner
                token: logged_in.token.expose().to_owned(),
                session: Some(convert::session(&logged_in.oneself)),
                recovery_codes_left: logged_in
                    .codes_left
                    .map(|left| u32::try_from(left).unwrap_or(u32::MAX)),
                change_password_by: logged_in.change_by.map(convert::timestamp),
                enrol_by: password::enrol_by(logged_in.demand).map(convert::timestamp),
            }
        )
    }

    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> std::result::Result<Response<ChangePasswordResponse>, Status> {
        write!(
            self,
            "ChangePassword",
            request,
            changing,
            |app, call, passwords| app.change_password(call, passwords),
            |()| ChangePasswordResponse {}
        )
    }

    async fn reset_password(
        &self,
        request: Request<ResetPasswordRequest>,
    ) -> std::result::Result<Response<ResetPasswordResponse>, Status> {
        let parse = |request: ResetPasswordRequest| {
            let user = parse::user_name(&request.user)?;
            Ok((user, convert::milliseconds("ttl", request.ttl)?))
        };
        write!(
            self,
            "ResetPassword",
            request,
            parse,
            |app, call, (user, ttl)| app.reset_password(call, user, ttl),
            |one_time| ResetPasswordResponse {
                // EXPOSE: the reply hands it to the administrator, who hands it to its owner
                one_time_password: one_time.text.expose().to_owned(),
                expires_at: Some(convert::timestamp(one_time.until)),
            }
        )
    }

    async fn unlock_user(
        &self,
        request: Request<UnlockUserRequest>,
    ) -> std::result::Result<Response<UnlockUserResponse>, Status> {
        write!(
            self,
            "UnlockUser",
            request,
            |request: UnlockUserRequest| parse::user_name(&request.user),
            |app, call, user| app.unlock_user(call, user),
            |()| UnlockUserResponse {}
        )
    }

    async fn get_password_policy(
        &self,
        request: Request<GetPasswordPolicyRequest>,
    ) -> std::result::Result<Response<PasswordPolicy>, Status> {
        let call = call("/vault.v1.Auth/GetPasswordPolicy", &request)?;
        let of = match rules_of(&request.into_inner().group) {
            Ok(of) => of,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        respond(&call, self.app.password_policy(&call, of).await, rules_text)
    }

    async fn put_password_policy(
        &self,
        request: Request<PutPasswordPolicyRequest>,
    ) -> std::result::Result<Response<PasswordPolicy>, Status> {
        write!(
            self,
            "PutPasswordPolicy",
            request,
            |request: PutPasswordPolicyRequest| rules(&request),
            |app, call, policy| app.put_password_policy(call, policy),
            rules_text
        )
    }
}

fn login(request: LoginRequest) -> Result<app::LoginRequest> {
    let (actions, under) = narrowing(&request.actions, &request.under)?;
    Ok(app::LoginRequest {
        ttl_ms: convert::milliseconds("ttl", request.ttl)?,
        actions,
        under,
        limits: parse::limits(request.limits)?,
    })
}

/// The actions and the folder that a session is narrowed to.
pub(super) fn narrowing(
    actions: &[String],
    under: &str,
) -> Result<(Vec<ActionGlob>, Option<FolderPath>)> {
    let action = |text: &String| {
        ActionGlob::try_from(text.as_str())
            .map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))
    };
    if actions.len() > MAX_ACTIONS {
        return Err(Error::new(
            Reason::RequestInvalid,
            format!("a session is narrowed to {MAX_ACTIONS} actions at most"),
        ));
    }
    let actions = actions.iter().map(action).collect::<Result<_>>()?;
    let under = Some(parse::folder_path(under)?).filter(|folder| !folder.is_root());
    Ok((actions, under))
}
