//! Programs: from a proof that one is a service to a session.
//!
//! | module | what lives there |
//! |---|---|
//! | [`secret_id`] | logging in with a secret id, and what administrators do with them |
//! | [`peer`] | logging in by the uid of a process, and which uids are whose |
//! | [`pin`] | logging in by the key of a client certificate, and which keys are whose |
//!
//! A session that is kept is made by the leader's proposer, as any write. One that is signed writes nothing: it is
//! decided over one state of this node, which a quorum has confirmed to be no older than the request
//! ([`App::sign_in`]).

pub(super) mod drawn;
mod peer;
mod pin;
mod secret_id;

use std::sync::Arc;

use vault_core::access::program::{self, Proven, Refusal};
use vault_core::access::{Login, LoginRefusal, Origin, Resource, Unfit};
use vault_core::crypto::secret::TokenText;
use vault_core::name::ServiceName;
use vault_core::record::Tx;
use vault_proto::v1::Reason;

use super::audit::Audit;
use super::auth::{Oneself, refused};
use super::call::{Answer, Call};
use super::calling::afford;
use super::error::{Error, Result};
use super::notes::Notes;
use super::transact::Verdict;
use super::{App, refusal};
use drawn::{Drawn, Shown, entered};

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
        let drawn = Drawn::new(&login);
        let (shown, origin) = (drawn.shown(), self.calling(call).origin());
        let terms = match self.session_terms(login.size()) {
            Ok(terms) => terms,
            Err(error) => return self.refused(call, error).await,
        };
        let audit = self.audit.clone();
        let mut arrive = move |notes: &mut Notes, tx: &mut Tx<'_>| {
            if let Some(service) = &service {
                notes.about(Resource::Service(service.clone()).to_string());
            }
            let proven = prove(notes, tx).map_err(not_in)?;
            come_in((notes, &audit), tx, &proven, (&shown, &origin), &login)
        };
        let made = match shown {
            Shown::Stored(_) => {
                self.write_by_proof(call, terms, move |notes, tx| {
                    Ok((Verdict::Commit, arrive(notes, tx)?))
                })
                .await?
            }
            Shown::Signed(_) => self.signed_login(call, arrive).await?,
        };
        let Answer { reply, .. } = made;
        Ok(self.answer(drawn.token(reply)?))
    }

    /// A login that writes nothing, with its audit line.
    async fn signed_login<R>(
        &self,
        call: &Call,
        mut arrive: impl FnMut(&mut Notes, &mut Tx<'_>) -> Result<R>,
    ) -> Result<Answer<R>> {
        let mut entry = self.begin(call);
        let mut notes = Notes::default();
        let may = self.may_answer(call, &mut entry).await.map(drop);
        let result = match may.and_then(|()| self.audit_ready()) {
            Ok(()) => self.sign_in(&mut notes, &mut arrive).await,
            Err(error) => Err(error),
        };
        self.describe(&mut entry, &notes);
        if result.is_err() {
            entry.withdrawable();
        }
        let finished = self.finish_act(entry, result, SIGNED, LOG_IN_AGAIN);
        let reply = finished.await?;
        Ok(self.answer(reply))
    }

    /// Decides a login over a state that is no older than the request: what was taken from a program before it asked
    /// is taken from it here, too.
    pub(super) async fn sign_in<R>(
        &self,
        notes: &mut Notes,
        log_in: &mut impl FnMut(&mut Notes, &mut Tx<'_>) -> Result<R>,
    ) -> Result<R> {
        self.at_home()?;
        self.as_new_as_now().await?;
        self.decide_one_state(notes, log_in)
    }
}

/// What has happened where no line of it could be written, and what to do.
pub(super) const SIGNED: &str = "a session was signed";
pub(super) const LOG_IN_AGAIN: &str = "log in again";

/// Makes the session of a service that was proved.
fn come_in(
    (notes, audit): (&mut Notes, &Audit),
    tx: &mut Tx<'_>,
    proven: &Proven,
    (shown, origin): (&Shown, &Arc<Origin>),
    login: &Login,
) -> Result<(Option<TokenText>, Oneself)> {
    let came = program::enter(tx, proven, origin, &shown.keeping(), login);
    let came = came.map_err(|refusal| {
        if let Refusal::Denied(denied) = &refusal {
            notes.denied = Some(denied.why.to_string());
        }
        not_in(refusal)
    })?;
    notes.by(&came.caller);
    afford(audit, &came.caller)?;
    notes.granted = Some(proven.by().to_owned());
    Ok(entered(came))
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
