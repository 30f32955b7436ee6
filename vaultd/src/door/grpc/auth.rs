//! `vault.v1.Auth`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::access::ActionGlob;
use vault_proto::v1::auth_server::Auth;
use vault_proto::v1::{
    LoginRequest, LoginResponse, LogoutRequest, LogoutResponse, Reason, WhoAmIRequest,
    WhoAmIResponse,
};

use super::metadata::{call, refuse, respond, to_the_end};
use super::{Door, convert, parse};
use crate::app::{self, Error, Result};

/// Action patterns of one session; there are far fewer actions.
const MAX_ACTIONS: usize = 64;

#[tonic::async_trait]
impl Auth for Door {
    async fn login(
        &self,
        request: Request<LoginRequest>,
    ) -> std::result::Result<Response<LoginResponse>, Status> {
        let call = call("/vault.v1.Auth/Login", &request)?;
        let login = match login(request.into_inner()) {
            Ok(login) => login,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.login(&call, login).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |(token, session)| LoginResponse {
            // EXPOSE: the reply hands the new token to its owner
            token: token.expose().to_owned(),
            session: Some(convert::session(&session)),
        })
    }

    async fn logout(
        &self,
        request: Request<LogoutRequest>,
    ) -> std::result::Result<Response<LogoutResponse>, Status> {
        let call = call("/vault.v1.Auth/Logout", &request)?;
        {
            let app = Arc::clone(&self.app);
            let (call, answer) = to_the_end(async move {
                let answer = app.logout(&call).await;
                (call, answer)
            })
            .await?;
            respond(&call, answer, |_| LogoutResponse {})
        }
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
}

fn login(request: LoginRequest) -> Result<app::LoginRequest> {
    let action = |text: &String| {
        ActionGlob::try_from(text.as_str())
            .map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))
    };
    if request.actions.len() > MAX_ACTIONS {
        return Err(Error::new(
            Reason::RequestInvalid,
            format!("a session is narrowed to {MAX_ACTIONS} actions at most"),
        ));
    }
    Ok(app::LoginRequest {
        ttl_ms: convert::milliseconds("ttl", request.ttl)?,
        actions: request.actions.iter().map(action).collect::<Result<_>>()?,
        under: Some(parse::folder_path(&request.under)?).filter(|folder| !folder.is_root()),
        limits: parse::limits(request.limits)?,
    })
}
