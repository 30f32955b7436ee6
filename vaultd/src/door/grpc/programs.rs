//! `vault.v1.Programs`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::access::Login;
use vault_core::access::program::peer::Member;
use vault_core::access::program::secret_id::{Accessor, Listed, Terms};
use vault_core::crypto::secret::TokenText;
use vault_core::crypto::secret_id;
use vault_core::name::ServiceName;
use vault_proto::v1::programs_server::Programs;
use vault_proto::v1::{
    AddPinRequest, AddPinResponse, AllowUidRequest, AllowUidResponse, BoundUid,
    IssueSecretIdRequest, IssueSecretIdResponse, ListPinsRequest, ListPinsResponse,
    ListSecretIdsRequest, ListSecretIdsResponse, ListUidsRequest, ListUidsResponse,
    LoginCertificateRequest, LoginPeerRequest, LoginRequest, LoginResponse, LoginSecretIdRequest,
    Reason, RemovePinRequest, RemovePinResponse, RemoveUidRequest, RemoveUidResponse,
    RevokeSecretIdRequest, RevokeSecretIdResponse, SecretId,
};
use zeroize::Zeroizing;

use super::auth::narrowing;
use super::convert::{milliseconds, timestamp};
use super::metadata::{call, refuse, respond, to_the_end};
use super::{Door, convert, parse, pins};
use crate::app::{Answer, App, Call, Error, Oneself, ProgramLogin, Result};

type Reply<T> = std::result::Result<Response<T>, Status>;

/// A call with what became of it.
type Done<R> = (Call, Result<Answer<R>>);

/// One write: refuse what was not parsed, act to the end, answer.
async fn write<P, R, T, F>(
    door: &Door,
    call: Call,
    parsed: Result<P>,
    act: impl FnOnce(Arc<App>, Call, P) -> F,
    format: impl FnOnce(R) -> T,
) -> Reply<T>
where
    F: Future<Output = Done<R>> + Send + 'static,
    R: Send + 'static,
    T: Default,
{
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return Err(refuse(door, &call, error).await),
    };
    let (call, answer) = to_the_end(act(Arc::clone(&door.app), call, parsed)).await?;
    respond(&call, answer, format)
}

#[tonic::async_trait]
impl Programs for Door {
    async fn login_secret_id(
        &self,
        request: Request<LoginSecretIdRequest>,
    ) -> Reply<LoginResponse> {
        let call = call("/vault.v1.Programs/LoginSecretId", &request)?;
        let request = request.into_inner();
        let given = Zeroizing::new(request.secret_id);
        let parsed = logging_in(&request.service, request.terms).and_then(|login| {
            let id = secret_id::parse(&given).map_err(|error| invalid(error.to_string()))?;
            Ok((login, id))
        });
        let act = |app: Arc<App>, call, (login, id)| async move {
            let answer = app.login_secret_id(&call, login, &id).await;
            (call, answer)
        };
        write(self, call, parsed, act, logged_in).await
    }

    async fn login_peer(&self, request: Request<LoginPeerRequest>) -> Reply<LoginResponse> {
        let call = call("/vault.v1.Programs/LoginPeer", &request)?;
        let request = request.into_inner();
        let parsed = logging_in(&request.service, request.terms);
        let act = |app: Arc<App>, call, login| async move {
            let answer = app.login_peer(&call, login).await;
            (call, answer)
        };
        write(self, call, parsed, act, logged_in).await
    }

    async fn login_certificate(
        &self,
        request: Request<LoginCertificateRequest>,
    ) -> Reply<LoginResponse> {
        let call = call("/vault.v1.Programs/LoginCertificate", &request)?;
        let LoginCertificateRequest { service, terms } = request.into_inner();
        let named = Some(service.as_str()).filter(|service| !service.is_empty());
        let parsed = named
            .map(parse::service_name)
            .transpose()
            .and_then(|named| Ok((named, wanted(terms)?)));
        let act = |app: Arc<App>, call, login| async move {
            let answer = app.login_certificate(&call, login).await;
            (call, answer)
        };
        write(self, call, parsed, act, logged_in).await
    }

    async fn issue_secret_id(
        &self,
        request: Request<IssueSecretIdRequest>,
    ) -> Reply<IssueSecretIdResponse> {
        let call = call("/vault.v1.Programs/IssueSecretId", &request)?;
        let parsed = issuing(&request.into_inner());
        let act = |app: Arc<App>, call, (service, terms)| async move {
            let answer = app.issue_secret_id(&call, service, terms).await;
            (call, answer)
        };
        write(self, call, parsed, act, |(text, issued)| {
            IssueSecretIdResponse {
                // EXPOSE: the reply hands it to the administrator, who hands it to the program
                secret_id: text.expose().to_owned(),
                issued: Some(listed(issued)),
            }
        })
        .await
    }

    async fn list_secret_ids(
        &self,
        request: Request<ListSecretIdsRequest>,
    ) -> Reply<ListSecretIdsResponse> {
        let call = call("/vault.v1.Programs/ListSecretIds", &request)?;
        let request = request.into_inner();
        let after = Some(request.after.as_str()).filter(|after| !after.is_empty());
        let parsed = parse::service_name(&request.service).and_then(|service| {
            let page = (
                after.map(accessor).transpose()?,
                parse::page_size(request.page_size)?,
            );
            Ok((service, page))
        });
        let (service, page) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.list_secret_ids(&call, &service, page).await;
        respond(&call, answer, |(found, next)| ListSecretIdsResponse {
            secret_ids: found.into_iter().map(listed).collect(),
            next: next.map(|next| next.to_string()).unwrap_or_default(),
        })
    }

    async fn revoke_secret_id(
        &self,
        request: Request<RevokeSecretIdRequest>,
    ) -> Reply<RevokeSecretIdResponse> {
        let call = call("/vault.v1.Programs/RevokeSecretId", &request)?;
        let request = request.into_inner();
        let parsed = parse::service_name(&request.service)
            .and_then(|service| Ok((service, accessor(&request.accessor)?)));
        let act = |app: Arc<App>, call, (service, accessor)| async move {
            let answer = app.revoke_secret_id(&call, service, accessor).await;
            (call, answer)
        };
        write(self, call, parsed, act, |()| RevokeSecretIdResponse {}).await
    }

    async fn allow_uid(&self, request: Request<AllowUidRequest>) -> Reply<AllowUidResponse> {
        let call = call("/vault.v1.Programs/AllowUid", &request)?;
        let AllowUidRequest { service, uid, gid } = request.into_inner();
        let act = |app: Arc<App>, call, (service, member)| async move {
            let answer = app.bind_uid(&call, service, (member, true)).await;
            (call, answer)
        };
        write(self, call, binding(&service, (uid, gid)), act, |changed| {
            AllowUidResponse { changed }
        })
        .await
    }

    async fn remove_uid(&self, request: Request<RemoveUidRequest>) -> Reply<RemoveUidResponse> {
        let call = call("/vault.v1.Programs/RemoveUid", &request)?;
        let RemoveUidRequest { service, uid } = request.into_inner();
        let act = |app: Arc<App>, call, (service, member)| async move {
            let answer = app.bind_uid(&call, service, (member, false)).await;
            (call, answer)
        };
        write(self, call, binding(&service, (uid, None)), act, |changed| {
            RemoveUidResponse { changed }
        })
        .await
    }

    async fn list_uids(&self, request: Request<ListUidsRequest>) -> Reply<ListUidsResponse> {
        let call = call("/vault.v1.Programs/ListUids", &request)?;
        let service = match parse::service_name(&request.into_inner().service) {
            Ok(service) => service,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.list_uids(&call, &service).await;
        respond(&call, answer, |found| ListUidsResponse {
            bound: found
                .into_iter()
                .map(|Member { uid, gid }| BoundUid { uid, gid })
                .collect(),
        })
    }

    async fn add_pin(&self, request: Request<AddPinRequest>) -> Reply<AddPinResponse> {
        let call = call("/vault.v1.Programs/AddPin", &request)?;
        let parsed = pins::adding(request.into_inner());
        let key_hash = parsed.as_ref().map(|(_, (key, _))| key.to_string());
        let key_hash = key_hash.unwrap_or_default();
        let act = |app: Arc<App>, call, (service, pin)| async move {
            let answer = app.add_pin(&call, service, pin).await;
            (call, answer)
        };
        write(self, call, parsed, act, |changed| AddPinResponse {
            key_hash,
            changed,
        })
        .await
    }

    async fn remove_pin(&self, request: Request<RemovePinRequest>) -> Reply<RemovePinResponse> {
        let call = call("/vault.v1.Programs/RemovePin", &request)?;
        let RemovePinRequest { service, key_hash } = request.into_inner();
        let parsed = parse::service_name(&service)
            .and_then(|service| Ok((service, pins::key_hash(&key_hash)?)));
        let act = |app: Arc<App>, call, (service, key)| async move {
            let answer = app.remove_pin(&call, service, key).await;
            (call, answer)
        };
        write(self, call, parsed, act, |changed| RemovePinResponse {
            changed,
        })
        .await
    }

    async fn list_pins(&self, request: Request<ListPinsRequest>) -> Reply<ListPinsResponse> {
        let call = call("/vault.v1.Programs/ListPins", &request)?;
        let service = match parse::service_name(&request.into_inner().service) {
            Ok(service) => service,
            Err(error) => return Err(refuse(self, &call, error).await),
        };
        let answer = self.app.list_pins(&call, &service).await;
        respond(&call, answer, |found| ListPinsResponse {
            pins: found.into_iter().map(pins::listed).collect(),
        })
    }
}

fn logging_in(service: &str, terms: Option<LoginRequest>) -> Result<ProgramLogin> {
    let login = wanted(terms)?;
    Ok(ProgramLogin {
        service: parse::service_name(service)?,
        login,
    })
}

fn wanted(terms: Option<LoginRequest>) -> Result<Login> {
    let terms = terms.unwrap_or_default();
    let (actions, under) = narrowing(&terms.actions, &terms.under)?;
    Ok(Login {
        ttl: milliseconds("ttl", terms.ttl)?,
        actions,
        under,
        limits: parse::limits(terms.limits)?,
    })
}

fn logged_in((token, session): (TokenText, Oneself)) -> LoginResponse {
    LoginResponse {
        // EXPOSE: the reply hands the new token to its owner
        token: token.expose().to_owned(),
        session: Some(convert::session(&session)),
    }
}

fn issuing(request: &IssueSecretIdRequest) -> Result<(ServiceName, Terms)> {
    let terms = Terms {
        ttl: milliseconds("ttl", request.ttl)?,
        uses: request.uses.map(u64::from),
        places: parse::places(&request.places)?,
    };
    Ok((parse::service_name(&request.service)?, terms))
}

fn binding(service: &str, (uid, gid): (Option<u32>, Option<u32>)) -> Result<(ServiceName, Member)> {
    // INVARIANT: a uid that was left out is not root's
    let uid = uid.ok_or_else(|| invalid("say which uid".to_owned()))?;
    Ok((parse::service_name(service)?, Member { uid, gid }))
}

fn accessor(text: &str) -> Result<Accessor> {
    let none = || invalid("an accessor of a secret id is 20 digits, 0-9 and a-f".to_owned());
    Accessor::parse(text).ok_or_else(none)
}

fn listed(listed: Listed) -> SecretId {
    let places = listed.places.as_ref();
    SecretId {
        accessor: listed.accessor.to_string(),
        created_at: Some(timestamp(listed.created_at)),
        expires_at: Some(timestamp(listed.expires_at)),
        uses_left: listed.uses,
        places: places.map_or_else(Vec::new, |places| {
            places.iter().map(str::to_owned).collect()
        }),
        issued_by: listed.issued_by.unwrap_or_default(),
    }
}

fn invalid(message: String) -> Error {
    Error::new(Reason::RequestInvalid, message)
}
