//! From a token that a trusted issuer signed to a session of the service that it is bound to.
//!
//! The signature is verified on the node that was asked ([`verify`](super::verify)), before anything is written and
//! before the service is looked up: whoever has no token of a trusted issuer learns nothing of who there is. The
//! decision is made again where the session is: bound to the keys that it was verified by. Every failure is one answer;
//! the audit has the reason.

use vault_core::access::trust::{TrustRefusal, arrive_by_token};
use vault_core::access::{Login, Resource};
use vault_core::crypto::secret::TokenText;
use vault_core::name::ServiceName;
use vault_core::record::Tx;
use vault_proto::v1::Reason;
use zeroize::Zeroizing;

use crate::app::auth::refused;
use crate::app::call::{Answer, Call};
use crate::app::calling::afford;
use crate::app::error::{Error, Kind, Result};
use crate::app::notes::Notes;
use crate::app::program::LOG_IN_AGAIN;
use crate::app::program::drawn::{Drawn, Shown, entered};
use crate::app::{App, Oneself, refusal};

/// What a program brings.
pub struct TokenLogin {
    /// As which service.
    pub service: ServiceName,
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
        notes.about(Resource::Service(request.service.clone()).to_string());
        let may = self.may_answer(call, &mut entry).await.map(drop);
        let result = match may.and_then(|()| self.audit_ready()) {
            Ok(()) => self.log_program_in(call, request, &mut notes).await,
            Err(error) => Err(error),
        };
        self.describe(&mut entry, &notes);
        if result
            .as_ref()
            .is_err_and(|error| error.kind() != Kind::Unknown)
        {
            entry.withdrawable();
        }
        let finished = self.finish_act(entry, result, "a session was made", LOG_IN_AGAIN);
        let reply = finished.await?;
        Ok(self.answer(reply))
    }

    async fn log_program_in(
        &self,
        call: &Call,
        request: TokenLogin,
        notes: &mut Notes,
    ) -> Result<(TokenText, Oneself)> {
        let _small_or_room = self.session_terms(request.login.size())?;
        let vouched = match self.look_at_token(call, request.token).await? {
            Ok(vouched) => vouched,
            Err(useless) => {
                notes.denied = Some(useless.to_string());
                return Err(failed());
            }
        };
        let trusted_as = vouched.trusted_as();
        let drawn = Drawn::new(&request.login);
        let (shown, origin) = (drawn.shown(), self.calling(call).origin());
        let (service, login) = (request.service, request.login);
        let audit = self.audit.clone();
        let arrive = move |tx: &mut Tx<'_>| {
            let who = (&shown.keeping(), &origin);
            let came = arrive_by_token(tx, &vouched, &service, who, &login)?;
            let affords = afford(&audit, &came.caller);
            Ok((came, affords))
        };
        let arrived = match shown {
            Shown::Stored(_) => {
                let write = move |tx: &mut Tx<'_>| {
                    let arrived = arrive(tx);
                    let commit = matches!(arrived, Ok((_, Ok(()))));
                    Ok((arrived, commit))
                };
                self.write_inside(write).await?
            }
            Shown::Signed(_) => {
                let mut decide = |_: &mut Notes, tx: &mut Tx<'_>| match arrive(tx) {
                    Err(TrustRefusal::Record(error)) => Err(refusal::record(error)),
                    arrived => Ok(arrived),
                };
                // What is noted here is noted below: it may be decided more than once.
                self.sign_in(&mut Notes::default(), &mut decide).await?
            }
        };
        match arrived {
            Ok((came, affords)) => {
                notes.by(&came.caller);
                affords?;
                notes.granted = Some(trusted_as);
                drawn.token(entered(came))
            }
            Err(TrustRefusal::Record(error)) => Err(refusal::record(error)),
            // Of what was asked for, not of who asked.
            Err(TrustRefusal::Login(error)) => Err(refused(error)),
            Err(
                error @ (TrustRefusal::Overtaken
                | TrustRefusal::NoService
                | TrustRefusal::Unbound
                | TrustRefusal::Disabled
                | TrustRefusal::Denied(_)),
            ) => {
                notes.denied = Some(error.to_string());
                Err(failed())
            }
        }
    }
}

/// One answer for a token that is wrong in whatever way, and for a service that is not there or not bound to it.
fn failed() -> Error {
    Error::new(
        Reason::LoginFailed,
        "the vault lets nobody in by this proof; why not is in its audit log, under this request's id",
    )
}
