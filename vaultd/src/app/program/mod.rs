//! Programs: from a proof that one is a service to a session.
//!
//! | module | what lives there |
//! |---|---|
//! | [`secret_id`] | logging in with a secret id, and what administrators do with them |
//! | [`peer`] | logging in by the uid of a process, and which uids are whose |
//! | [`pin`] | logging in by the key of a client certificate, and which keys are whose |

mod peer;
mod pin;
mod secret_id;

use vault_core::access::program::{self, Proven, Refusal};
use vault_core::access::{Login, LoginRefusal, Resource, TokenHash, Unfit};
use vault_core::crypto::secret::{TokenSecret, TokenText};
use vault_core::crypto::token;
use vault_core::name::ServiceName;
use vault_core::record::Tx;
use vault_proto::v1::Reason;

use super::auth::{Oneself, refused};
use super::call::{Answer, Call};
use super::calling::afford;
use super::error::{Error, Result};
use super::notes::Notes;
use super::transact::Verdict;
use super::{App, refusal};
use crate::clock::OsEntropy;

/// Which service a program says that it is, and what its session shall be able to do.
#[derive(Clone, Debug)]
pub struct ProgramLogin {
    /// Its name.
    pub service: ServiceName,
    /// Of all that the service may do.
    pub login: Login,
}

impl App {
    /// The one way in for programs: `prove` looks at what was brought, in the transaction that makes the session, and
    /// notes for the audit what that was. `service` is the one that was named, if one was.
    pub(super) async fn login_program<F>(
        &self,
        call: &Call,
        (service, login): (Option<ServiceName>, Login),
        mut prove: F,
    ) -> Result<Answer<(TokenText, Oneself)>>
    where
        F: FnMut(&mut Notes, &mut Tx<'_>) -> std::result::Result<Proven, Refusal> + Send + 'static,
    {
        let secret = TokenSecret::make(&mut OsEntropy);
        let (hash, origin) = (TokenHash::of(&secret), self.calling(call).origin());
        let terms = match self.session_terms(login.size()) {
            Ok(terms) => terms,
            Err(error) => return self.refused(call, error).await,
        };
        let audit = self.audit.clone();
        let answer = self
            .write_by_proof(call, terms, move |notes, tx| {
                if let Some(service) = &service {
                    notes.about(Resource::Service(service.clone()).to_string());
                }
                let proven = prove(notes, tx).map_err(not_in)?;
                let entered = program::enter(tx, &proven, &origin, &hash, &login);
                let entered = entered.map_err(|refusal| {
                    if let Refusal::Denied(denied) = &refusal {
                        notes.denied = Some(denied.why.to_string());
                    }
                    not_in(refusal)
                })?;
                notes.by(&entered.caller);
                afford(&audit, &entered.caller)?;
                notes.granted = Some(proven.by().to_owned());
                Ok((
                    Verdict::Commit,
                    Oneself::of(&entered.caller, entered.session),
                ))
            })
            .await?;
        Ok(answer.map(|session| (token::to_text(&secret), session)))
    }
}

/// One answer for whatever is wrong with a proof.
fn not_in(refusal: Refusal) -> Error {
    let message = refusal.to_string();
    match refusal {
        Refusal::Wrong => Error::new(Reason::LoginFailed, message),
        Refusal::Certificate(Unfit::Missing) => Error::new(Reason::CertificateMissing, message),
        Refusal::Certificate(Unfit::Expired | Unfit::Early | Unfit::Purpose) => {
            Error::new(Reason::CertificateUnfit, message)
        }
        Refusal::Denied(_) => Error::new(
            Reason::PolicyDenied,
            format!(
                "a policy keeps this service from logging in here, now or like this: {message}"
            ),
        ),
        Refusal::Login(LoginRefusal::Record(error)) | Refusal::Record(error) => {
            refusal::record(error)
        }
        Refusal::Login(error) => refused(error),
    }
}
