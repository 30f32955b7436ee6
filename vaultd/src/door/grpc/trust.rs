//! `vault.v1.Trust`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::access::Login;
use vault_core::access::trust::{Issuer, Wanted};
use vault_core::engine::identity::{NewIssuer, Trusted};
use vault_core::name::ServiceName;
use vault_proto::v1::trust_server::Trust;
use vault_proto::v1::{
    BindServiceRequest, BindServiceResponse, BoundClaim, CreateTrustRequest, CreateTrustResponse,
    DeleteTrustRequest, DeleteTrustResponse, DescribeTrustRequest, FetchedKeys, ListTrustsRequest,
    ListTrustsResponse, LoginResponse, LoginTokenRequest, Reason, ServiceBinding, TrustDescription,
    TrustSummary, TrustedIssuer, UnbindServiceRequest, UnbindServiceResponse, UpdateTrustRequest,
    UpdateTrustResponse,
};
use zeroize::Zeroizing;

use super::auth::narrowing;
use super::metadata::{call, refuse, repeatable, respond, to_the_end};
use super::{Door, convert, parse};
use crate::app::{Error, IssuerName, KeySetState, Result, TokenLogin, Told};

type Reply<T> = std::result::Result<Response<T>, Status>;

/// One write method: parse, act to the end, answer.
macro_rules! write {
    ($door:ident, $method:literal, $request:ident, $parse:expr, |$app:ident, $call:ident, $parsed:pat_param| $act:expr, $format:expr) => {{
        let call = repeatable(concat!("/vault.v1.Trust/", $method), &$request)?;
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
impl Trust for Door {
    async fn login_token(&self, request: Request<LoginTokenRequest>) -> Reply<LoginResponse> {
        write!(
            self,
            "LoginToken",
            request,
            login,
            |app, call, login| app.login_token(call, login),
            |(token, session)| LoginResponse {
                // EXPOSE: the reply hands the new token to its owner
                token: token.expose().to_owned(),
                session: Some(convert::session(&session)),
            }
        )
    }

    async fn create_trust(
        &self,
        request: Request<CreateTrustRequest>,
    ) -> Reply<CreateTrustResponse> {
        write!(
            self,
            "CreateTrust",
            request,
            |request: CreateTrustRequest| named_issuer(&request.name, request.issuer),
            |app, call, (name, issuer)| app.create_trust(call, name, issuer),
            |()| CreateTrustResponse {}
        )
    }

    async fn update_trust(
        &self,
        request: Request<UpdateTrustRequest>,
    ) -> Reply<UpdateTrustResponse> {
        write!(
            self,
            "UpdateTrust",
            request,
            |request: UpdateTrustRequest| named_issuer(&request.name, request.issuer),
            |app, call, (name, issuer)| app.update_trust(call, name, issuer),
            |()| UpdateTrustResponse {}
        )
    }

    async fn describe_trust(
        &self,
        request: Request<DescribeTrustRequest>,
    ) -> Reply<TrustDescription> {
        let call = call("/vault.v1.Trust/DescribeTrust", &request)?;
        let name: IssuerName = match parse::name(&request.into_inner().name) {
            Ok(name) => name,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.describe_trust(&call, name).await;
        respond(&call, answer, description)
    }

    async fn list_trusts(&self, request: Request<ListTrustsRequest>) -> Reply<ListTrustsResponse> {
        let call = call("/vault.v1.Trust/ListTrusts", &request)?;
        respond(&call, self.app.list_trusts(&call).await, |known| {
            let summary = |Told { what, keys }: Told<Issuer>| TrustSummary {
                name: what.name,
                description: what.description,
                issuer: what.issuer,
                jwks_url: what.jwks_url.unwrap_or_default(),
                keys: keys.map(fetched),
            };
            ListTrustsResponse {
                trusts: known.into_iter().map(summary).collect(),
            }
        })
    }

    async fn delete_trust(
        &self,
        request: Request<DeleteTrustRequest>,
    ) -> Reply<DeleteTrustResponse> {
        write!(
            self,
            "DeleteTrust",
            request,
            |request: DeleteTrustRequest| parse::name(&request.name),
            |app, call, name| app.delete_trust(call, name),
            |()| DeleteTrustResponse {}
        )
    }

    async fn bind_service(
        &self,
        request: Request<BindServiceRequest>,
    ) -> Reply<BindServiceResponse> {
        let parse = |request: BindServiceRequest| {
            let pair = (parse::name(&request.trust)?, service(&request.service)?);
            Ok((pair, wanted(request.claims)?))
        };
        write!(
            self,
            "BindService",
            request,
            parse,
            |app, call, (pair, wanted)| app.bind_service(call, pair, wanted),
            |changed| BindServiceResponse { changed }
        )
    }

    async fn unbind_service(
        &self,
        request: Request<UnbindServiceRequest>,
    ) -> Reply<UnbindServiceResponse> {
        let parse = |request: UnbindServiceRequest| {
            Ok((parse::name(&request.trust)?, service(&request.service)?))
        };
        write!(
            self,
            "UnbindService",
            request,
            parse,
            |app, call, pair| app.unbind_service(call, pair),
            |changed| UnbindServiceResponse { changed }
        )
    }
}

fn login(request: LoginTokenRequest) -> Result<TokenLogin> {
    let token = Zeroizing::new(request.jwt);
    if request.service.is_empty() {
        let message =
            "a login names the service, whatever its token is bound to: fill in `service`";
        return Err(Error::new(Reason::RequestInvalid, message));
    }
    let (actions, under) = narrowing(&request.actions, &request.under)?;
    Ok(TokenLogin {
        service: service(&request.service)?,
        token,
        login: Login {
            ttl: convert::milliseconds("ttl", request.ttl)?,
            actions,
            under,
            limits: parse::limits(request.limits)?,
        },
    })
}

fn service(text: &str) -> Result<ServiceName> {
    parse::name(text.strip_prefix("service:").unwrap_or(text))
}

fn named_issuer(name: &str, issuer: Option<TrustedIssuer>) -> Result<(IssuerName, NewIssuer)> {
    let issuer = issuer.unwrap_or_default();
    let description: vault_core::name::Description =
        parse::text("description", &issuer.description)?;
    let new = NewIssuer {
        description: description.as_str().to_owned(),
        issuer: issuer.issuer,
        audiences: issuer.audiences,
        algorithms: issuer.algorithms,
        max_age: convert::milliseconds("max_age", issuer.max_age)?.unwrap_or_default(),
        jwks: issuer.jwks,
        jwks_url: Some(issuer.jwks_url).filter(|url| !url.is_empty()),
    };
    Ok((parse::name(name)?, new))
}

fn wanted(claims: Vec<BoundClaim>) -> Result<Wanted> {
    let claims = claims.into_iter().map(|claim| (claim.name, claim.pattern));
    Wanted::new(claims.collect())
        .map_err(|error| Error::new(Reason::RequestInvalid, error.to_string()))
}

fn fetched(keys: KeySetState) -> FetchedKeys {
    let (at, count) = keys.fetched.unzip();
    let (failed_at, failure) = keys.failed.unzip();
    FetchedKeys {
        fetched_at: at.map(convert::timestamp),
        count: count.map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX)),
        failed_at: failed_at.map(convert::timestamp),
        failure: failure.unwrap_or_default(),
    }
}

fn description(Told { what, keys }: Told<Trusted>) -> TrustDescription {
    let Trusted {
        id: _,
        issuer,
        jwks,
        bound,
    } = what;
    let mut bindings = Vec::new();
    for one in bound {
        let claims = |wanted: &Wanted| {
            wanted
                .iter()
                .map(|claim| BoundClaim {
                    name: claim.name().to_owned(),
                    pattern: claim.pattern().to_owned(),
                })
                .collect()
        };
        bindings.extend(one.any_of.iter().map(|wanted| ServiceBinding {
            service: format!("service:{}", one.service),
            claims: claims(wanted),
        }));
    }
    TrustDescription {
        name: issuer.name,
        created_at: Some(convert::timestamp(issuer.created_at)),
        updated_at: Some(convert::timestamp(issuer.updated_at)),
        issuer: Some(TrustedIssuer {
            description: issuer.description,
            issuer: issuer.issuer,
            audiences: issuer.audiences,
            algorithms: issuer.algorithms,
            max_age: Some(convert::duration(issuer.max_age)),
            jwks,
            jwks_url: issuer.jwks_url.unwrap_or_default(),
        }),
        bindings,
        keys: keys.map(fetched),
    }
}
