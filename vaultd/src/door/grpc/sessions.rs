//! `vault.v1.Sessions`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::access::{Assume, Resource};
use vault_core::name::{RoleName, UserName};
use vault_proto::v1::sessions_server::Sessions;
use vault_proto::v1::{
    AssumeRoleRequest, ListSessionsRequest, ListSessionsResponse, LoginResponse,
    RenewSessionRequest, RenewSessionResponse, RevokeSessionRequest, RevokeSessionResponse,
    RevokeSessionsRequest, RevokeSessionsResponse,
};

use super::metadata::{call, refuse, respond, to_the_end};
use super::{Door, convert, parse};
use crate::app::{AssumeRequest, Paging, Result};

#[tonic::async_trait]
impl Sessions for Door {
    async fn assume_role(
        &self,
        request: Request<AssumeRoleRequest>,
    ) -> std::result::Result<Response<LoginResponse>, Status> {
        let call = call("/vault.v1.Sessions/AssumeRole", &request)?;
        let wanted = match assume(request.into_inner()) {
            Ok(wanted) => wanted,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.assume_role(&call, wanted).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |(token, session)| LoginResponse {
            // EXPOSE: the reply hands the new token to its owner
            token: token.expose().to_owned(),
            session: Some(convert::session(&session)),
        })
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> std::result::Result<Response<ListSessionsResponse>, Status> {
        let call = call("/vault.v1.Sessions/ListSessions", &request)?;
        let request = request.into_inner();
        let (who, paging) = match listing(request) {
            Ok(parsed) => parsed,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.list_sessions(&call, who, &paging).await;
        respond(&call, answer, |(sessions, next)| ListSessionsResponse {
            sessions: sessions.iter().map(convert::session).collect(),
            next,
        })
    }

    async fn revoke_session(
        &self,
        request: Request<RevokeSessionRequest>,
    ) -> std::result::Result<Response<RevokeSessionResponse>, Status> {
        let call = call("/vault.v1.Sessions/RevokeSession", &request)?;
        let accessor = request.into_inner().accessor;
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.revoke_session(&call, accessor).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |()| RevokeSessionResponse {})
    }

    async fn revoke_sessions(
        &self,
        request: Request<RevokeSessionsRequest>,
    ) -> std::result::Result<Response<RevokeSessionsResponse>, Status> {
        let call = call("/vault.v1.Sessions/RevokeSessions", &request)?;
        let who = match parse::who(&request.into_inner().who) {
            Ok(who) => who,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.revoke_sessions(&call, who).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |()| RevokeSessionsResponse {})
    }

    async fn renew_session(
        &self,
        request: Request<RenewSessionRequest>,
    ) -> std::result::Result<Response<RenewSessionResponse>, Status> {
        let call = call("/vault.v1.Sessions/RenewSession", &request)?;
        let app = Arc::clone(&self.app);
        let (call, answer) = to_the_end(async move {
            let answer = app.renew_session(&call).await;
            (call, answer)
        })
        .await?;
        respond(&call, answer, |session| RenewSessionResponse {
            session: Some(convert::session(&session)),
        })
    }
}

fn listing(request: ListSessionsRequest) -> Result<(Option<Resource>, Paging)> {
    let who = Some(request.who.as_str()).filter(|who| !who.is_empty());
    let who = who.map(parse::who).transpose()?;
    let (size, cursor) = (request.page_size, request.after.clone());
    let query = ListSessionsRequest {
        page_size: 0,
        after: String::new(),
        ..request
    };
    Ok((who, parse::paging(size, cursor, &query)?))
}

fn assume(request: AssumeRoleRequest) -> Result<AssumeRequest> {
    let role = request.role.strip_prefix("role:").unwrap_or(&request.role);
    let name = Some(request.session_name.as_str()).filter(|name| !name.is_empty());
    Ok(AssumeRequest {
        role: parse::name::<RoleName>(role)?,
        terms: Assume {
            name: name.map(parse::name::<UserName>).transpose()?,
            ttl: convert::milliseconds("ttl", request.ttl)?,
            policies: request.policies,
            tags: parse::tags(&request.tags)?,
            limits: parse::limits(request.limits)?,
        },
    })
}
