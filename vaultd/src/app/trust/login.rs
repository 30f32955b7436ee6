//! From a token that a trusted issuer signed to a session of the service that it is bound to.
//!
//! The signature is verified on the node that was asked, before anything is written and before the service is looked
//! up: whoever has no token of a trusted issuer learns nothing of who there is. The decision is made again where the
//! session is: bound to the keys that it was verified by. Every failure is one answer; the audit has the reason.

use std::sync::Arc;

use vault_core::access::trust::{Issuer, TrustRefusal, Vouched, arrive_by_token, issuers};
use vault_core::access::{Login, Resource, TokenHash};
use vault_core::crypto::secret::{TokenSecret, TokenText};
use vault_core::crypto::token;
use vault_core::name::ServiceName;
use vault_proto::v1::Reason;
use zeroize::Zeroizing;

use super::jwt::{Bad, Unverified};
use crate::app::auth::refused;
use crate::app::call::{Answer, Call};
use crate::app::error::{Error, Result};
use crate::app::notes::Notes;
use crate::app::{App, Oneself, refusal};
use crate::clock::OsEntropy;

/// What a program brings.
pub struct TokenLogin {
    /// As which service; none: as the one that the token is bound to.
    pub service: Option<ServiceName>,
    /// What its issuer signed.
    pub token: Zeroizing<String>,
    /// What the session shall be able to do.
    pub login: Login,
}

/// The token stays out of logs.
impl std::fmt::Debug for TokenLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenLogin").finish_non_exhaustive()
    }
}

impl App {
    /// Logs a program in by the word of an issuer.
    ///
    /// # Errors
    /// `LOGIN_FAILED` for whatever is wrong with it; or as of any write.
    pub async fn login_token(
        &self,
        call: &Call,
        request: TokenLogin,
    ) -> Result<Answer<(TokenText, Oneself)>> {
        let mut entry = self.begin(call);
        let mut notes = Notes::default();
        if let Some(service) = &request.service {
            notes.about(Resource::Service(service.clone()).to_string());
        }
        let may = self.may_answer(call, &mut entry).await.map(drop);
        let result = match may.and_then(|()| self.audit_ready()) {
            Ok(()) => self.log_program_in(call, request, &mut notes).await,
            Err(error) => Err(error),
        };
        self.describe(&mut entry, &notes);
        let finished = self.finish_act(entry, result, "a session was made", "log in again");
        let reply = finished.await?;
        Ok(self.answer(reply))
    }

    async fn log_program_in(
        &self,
        call: &Call,
        request: TokenLogin,
        notes: &mut Notes,
    ) -> Result<(TokenText, Oneself)> {
        let (vouched, trusted_as) = match self.vouched(&request.token).await? {
            Ok(found) => found,
            Err(bad) => {
                notes.denied = Some(bad.to_string());
                return Err(failed());
            }
        };
        let secret = TokenSecret::make(&mut OsEntropy);
        let (hash, origin) = (TokenHash::of(&secret), self.calling(call).origin());
        let (service, login) = (request.service, request.login);
        let arrived = self
            .write_inside(move |tx| {
                let who = (&hash, &origin);
                match arrive_by_token(tx, &vouched, service.as_ref(), who, &login) {
                    Ok(arrived) => Ok((Ok(arrived), true)),
                    Err(refusal) => Ok((Err(refusal), false)),
                }
            })
            .await?;
        match arrived {
            Ok((caller, session)) => {
                notes.by(&caller);
                notes.granted = Some(format!("token of {trusted_as}"));
                Ok((token::to_text(&secret), Oneself::of(&caller, session)))
            }
            Err(TrustRefusal::Record(error)) => Err(refusal::record(error)),
            // Of what was asked for, not of who asked.
            Err(TrustRefusal::Login(error)) => Err(refused(error)),
            Err(
                error @ (TrustRefusal::Overtaken
                | TrustRefusal::NoService
                | TrustRefusal::Unbound
                | TrustRefusal::Ambiguous
                | TrustRefusal::Disabled
                | TrustRefusal::Denied(_)),
            ) => {
                notes.denied = Some(error.to_string());
                Err(failed())
            }
        }
    }

    /// Who vouches for a token, as far as this node's state and the keys at addresses say; and what the audit calls them.
    async fn vouched(&self, text: &str) -> Result<std::result::Result<(Vouched, String), Bad>> {
        let began = self.clock.boottime();
        let token = match Unverified::read(text) {
            Ok(token) => token,
            Err(bad) => return Ok(Err(bad)),
        };
        let all = self.look(issuers)?;
        let named = |issuer: &Issuer| token.issuer() == Some(&issuer.issuer);
        let mut by = Vec::new();
        let mut why = Bad::Issuer;
        for (id, issuer) in all.iter().filter(|(_, issuer)| named(issuer)) {
            let keys = self.keys_of((*id, issuer), &token, began).await?;
            let now = self.now() / 1000;
            let checked = keys.and_then(|keys| token.verify(issuer, &keys, now));
            match checked {
                Ok(()) => by.push((*id, issuer.generation)),
                Err(bad) => why = bad,
            }
        }
        if by.is_empty() {
            return Ok(Err(why));
        }
        let ids: Vec<String> = by.iter().map(|(id, _)| format!("issuer #{id}")).collect();
        let claims = Arc::new(token.into_claims());
        Ok(Ok((Vouched { by, claims }, ids.join(", "))))
    }
}

/// One answer for a token that is wrong in whatever way, and for a service that is not there or not bound to it.
fn failed() -> Error {
    Error::new(
        Reason::LoginFailed,
        "the vault lets nobody in by this proof; why not is in its audit log, under this request's id",
    )
}
