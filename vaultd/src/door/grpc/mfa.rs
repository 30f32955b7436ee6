//! `vault.v1.Mfa`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use vault_core::access::Resource;
use vault_core::access::factor::Typed;
use vault_core::access::totp::{Algorithm, Code, Digits, Listed, Parameters, State};
use vault_core::crypto::secret::RecoveryCode;
use vault_core::name::AuthenticatorName;
use vault_proto::v1::mfa_server::Mfa;
use vault_proto::v1::{
    Authenticator, ConfirmEnrolmentRequest, ConfirmEnrolmentResponse, ElevateSessionRequest,
    ElevateSessionResponse, IssueEnrolmentCodeRequest, IssueEnrolmentCodeResponse,
    ListAuthenticatorsRequest, ListAuthenticatorsResponse, NewRecoveryCodesRequest,
    NewRecoveryCodesResponse, Reason, RemoveAuthenticatorRequest, RemoveAuthenticatorResponse,
    ResetMfaRequest, ResetMfaResponse, StartEnrolmentRequest, StartEnrolmentResponse,
    TotpAlgorithm,
};
use zeroize::Zeroizing;

use super::convert::{milliseconds, timestamp};
use super::metadata::{call, refuse, repeatable, respond, to_the_end};
use super::{Door, parse};
use crate::app::{Answer, App, Call, Error, Result, StartEnrolment};

type Reply<T> = std::result::Result<Response<T>, Status>;

/// What the app shows beside the account where the client says nothing.
const ISSUER: &str = "vault";

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
impl Mfa for Door {
    async fn start_enrolment(
        &self,
        request: Request<StartEnrolmentRequest>,
    ) -> Reply<StartEnrolmentResponse> {
        let call = call("/vault.v1.Mfa/StartEnrolment", &request)?;
        let act = async |app: Arc<App>, call: Call, start| {
            let answer = app.start_enrolment(&call, start).await;
            (call, answer)
        };
        write(self, call, start(request.into_inner()), act, |started| {
            StartEnrolmentResponse {
                authenticator: Some(authenticator(&started.listed)),
                // EXPOSE: the reply shows the seed to its owner, once
                uri: started.uri.expose().to_owned(),
                // EXPOSE: the same, for typing
                secret: started.secret.expose().to_owned(),
            }
        })
        .await
    }

    async fn confirm_enrolment(
        &self,
        request: Request<ConfirmEnrolmentRequest>,
    ) -> Reply<ConfirmEnrolmentResponse> {
        let call = call("/vault.v1.Mfa/ConfirmEnrolment", &request)?;
        let typed = Zeroizing::new(request.into_inner().code);
        let code = Code::parse(&typed).map_err(|error| parse::bad_code(error.into()));
        let act = async |app: Arc<App>, call: Call, code| {
            let answer = app.confirm_enrolment(&call, code).await;
            (call, answer)
        };
        write(self, call, code, act, |done| ConfirmEnrolmentResponse {
            authenticator: Some(authenticator(&done.listed)),
            recovery_codes: recovery_codes(&done.recovery_codes),
        })
        .await
    }

    async fn list_authenticators(
        &self,
        request: Request<ListAuthenticatorsRequest>,
    ) -> Reply<ListAuthenticatorsResponse> {
        let call = call("/vault.v1.Mfa/ListAuthenticators", &request)?;
        let answer = self.app.list_authenticators(&call).await;
        respond(&call, answer, |found| ListAuthenticatorsResponse {
            authenticators: found.listed.iter().map(authenticator).collect(),
            recovery_codes_left: number(found.recovery.map_or(0, |left| left.codes)),
        })
    }

    async fn remove_authenticator(
        &self,
        request: Request<RemoveAuthenticatorRequest>,
    ) -> Reply<RemoveAuthenticatorResponse> {
        let call = call("/vault.v1.Mfa/RemoveAuthenticator", &request)?;
        let RemoveAuthenticatorRequest { id, code } = request.into_inner();
        let parsed = typed(code).map(|typed| (id, typed));
        let act = async |app: Arc<App>, call: Call, (id, typed)| {
            let answer = app.remove_authenticator(&call, id, typed).await;
            (call, answer)
        };
        write(self, call, parsed, act, |left| {
            RemoveAuthenticatorResponse { left: number(left) }
        })
        .await
    }

    async fn new_recovery_codes(
        &self,
        request: Request<NewRecoveryCodesRequest>,
    ) -> Reply<NewRecoveryCodesResponse> {
        let call = call("/vault.v1.Mfa/NewRecoveryCodes", &request)?;
        let parsed = typed(request.into_inner().code);
        let act = async |app: Arc<App>, call: Call, typed| {
            let answer = app.new_recovery_codes(&call, typed).await;
            (call, answer)
        };
        write(self, call, parsed, act, |codes: Vec<_>| {
            NewRecoveryCodesResponse {
                recovery_codes: recovery_codes(&codes),
            }
        })
        .await
    }

    async fn elevate_session(
        &self,
        request: Request<ElevateSessionRequest>,
    ) -> Reply<ElevateSessionResponse> {
        let call = call("/vault.v1.Mfa/ElevateSession", &request)?;
        let parsed = typed(request.into_inner().code).and_then(|typed| {
            typed.ok_or_else(|| {
                let message = "a code is missing: six or eight digits, or a recovery code";
                Error::new(Reason::CodeInvalid, message)
            })
        });
        let act = async |app: Arc<App>, call: Call, typed| {
            let answer = app.elevate_session(&call, typed).await;
            (call, answer)
        };
        write(self, call, parsed, act, |shown| ElevateSessionResponse {
            shown_at: shown.elevation.mfa_at().map(timestamp),
            recovery_codes_left: shown.left.map(|left| number(left.codes)),
        })
        .await
    }

    async fn issue_enrolment_code(
        &self,
        request: Request<IssueEnrolmentCodeRequest>,
    ) -> Reply<IssueEnrolmentCodeResponse> {
        let call = call("/vault.v1.Mfa/IssueEnrolmentCode", &request)?;
        let IssueEnrolmentCodeRequest { user, ttl } = request.into_inner();
        let parsed = parse::user_name(&user)
            .and_then(|user| Ok((Resource::User(user), milliseconds("ttl", ttl)?)));
        let act = async |app: Arc<App>, call: Call, (user, ttl)| {
            let answer = app.issue_enrolment_code(&call, user, ttl).await;
            (call, answer)
        };
        write(self, call, parsed, act, |(code, end)| {
            IssueEnrolmentCodeResponse {
                // EXPOSE: the reply shows the code to the administrator, who hands it over
                code: code.expose().to_owned(),
                expires_at: Some(timestamp(end)),
            }
        })
        .await
    }

    async fn reset_mfa(&self, request: Request<ResetMfaRequest>) -> Reply<ResetMfaResponse> {
        let call = repeatable("/vault.v1.Mfa/ResetMfa", &request)?;
        let parsed = parse::user_name(&request.into_inner().user).map(Resource::User);
        let act = async |app: Arc<App>, call: Call, user| {
            let answer = app.reset_mfa(&call, user).await;
            (call, answer)
        };
        write(self, call, parsed, act, |removed| ResetMfaResponse {
            removed: number(removed),
        })
        .await
    }
}

fn start(request: StartEnrolmentRequest) -> Result<StartEnrolment> {
    let algorithm = match TotpAlgorithm::try_from(request.algorithm) {
        Ok(TotpAlgorithm::Unspecified | TotpAlgorithm::Sha1) => Algorithm::Sha1,
        Ok(TotpAlgorithm::Sha256) => Algorithm::Sha256,
        Ok(TotpAlgorithm::Sha512) => Algorithm::Sha512,
        Err(_) => return Err(invalid("`algorithm` is SHA1, SHA256 or SHA512")),
    };
    let digits = match request.digits {
        0 | 6 => Digits::Six,
        8 => Digits::Eight,
        _ => return Err(invalid("`digits` is 6 or 8")),
    };
    let issuer = Some(request.issuer).filter(|issuer| !issuer.is_empty());
    Ok(StartEnrolment {
        typed: typed(request.code)?,
        name: parse::text::<AuthenticatorName>("name", &request.name)?,
        parameters: Parameters { algorithm, digits },
        issuer: issuer.unwrap_or_else(|| ISSUER.to_owned()),
    })
}

/// What was typed, if anything was.
fn typed(code: String) -> Result<Option<Typed>> {
    parse::typed(&Zeroizing::new(code))
}

fn invalid(message: &'static str) -> Error {
    Error::new(Reason::RequestInvalid, message)
}

fn authenticator(listed: &Listed) -> Authenticator {
    let algorithm = match listed.parameters.algorithm {
        Algorithm::Sha1 => TotpAlgorithm::Sha1,
        Algorithm::Sha256 => TotpAlgorithm::Sha256,
        Algorithm::Sha512 => TotpAlgorithm::Sha512,
    };
    let (active, pending) = match listed.state {
        State::Active { since } => (Some(since), None),
        State::Pending { until } => (None, Some(until)),
    };
    Authenticator {
        id: listed.id,
        name: listed.name.clone(),
        algorithm: algorithm.into(),
        digits: listed.parameters.digits.count().into(),
        created_at: Some(timestamp(listed.created_at)),
        active_since: active.map(timestamp),
        pending_until: pending.map(timestamp),
    }
}

fn recovery_codes(codes: &[RecoveryCode]) -> Vec<String> {
    // EXPOSE: the reply shows them to their owner, once
    let shown = codes.iter().map(|code| code.expose().to_owned());
    shown.collect()
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
