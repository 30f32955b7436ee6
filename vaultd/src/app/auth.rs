//! Sessions: login, logout, who am I.

use std::sync::Arc;

use vault_core::access::{
    self, Action, ActionGlob, Bearer, Caller, Certificate, Limits, Login, Origin, Resource,
    Session, TokenHash,
};
use vault_core::crypto::secret::{TokenSecret, TokenText};
use vault_core::crypto::token;
use vault_core::name::FolderPath;
use vault_core::record::{IdBlock, Tx};
use vault_proto::v1::Reason;

use super::audit::Source;
use super::call::{Answer, Call};
use super::error::{Error, Result};
use super::sessions::session_refused;
use super::transact::{Terms, Verdict};
use super::{App, refusal};
use crate::clock::OsEntropy;

/// What a session may bring on a full disk, too, in bytes.
const SMALL: usize = 1024;

/// What a login asks for; see `LoginRequest` in the proto.
#[derive(Clone, Debug, Default)]
pub struct LoginRequest {
    /// Life of the session, in milliseconds.
    pub ttl_ms: Option<u64>,
    /// Only these actions; empty: all of the caller's.
    pub actions: Vec<ActionGlob>,
    /// Only here and below.
    pub under: Option<FolderPath>,
    /// How the session is held in.
    pub limits: Limits,
}

/// A caller's session, with the name of whose it is.
#[derive(Clone, Debug)]
pub struct Oneself {
    /// The principal's name.
    pub principal: String,
    /// Who assumed the role, if one was.
    pub assumed_by: Option<String>,
    /// Terms of the session.
    pub session: Session,
}

impl Oneself {
    pub(super) fn of(caller: &Caller, session: Session) -> Self {
        Self {
            principal: caller.principal().to_owned(),
            assumed_by: caller.assumed_by().map(str::to_owned),
            session,
        }
    }
}

impl App {
    /// Exchanges the caller's token for a session of its own.
    ///
    /// # Errors
    /// As of any write; `REQUEST_INVALID` for a life out of bounds or a narrowing that leaves nothing.
    pub async fn login(
        &self,
        call: &Call,
        request: LoginRequest,
    ) -> Result<Answer<(TokenText, Oneself)>> {
        let secret = TokenSecret::make(&mut OsEntropy);
        let hash = TokenHash::of(&secret);
        let login = Login {
            ttl: request.ttl_ms,
            actions: request.actions,
            under: request.under,
            limits: request.limits,
        };
        let terms = match self.session_terms(login.size()) {
            Ok(terms) => terms,
            Err(error) => return self.refused(call, error).await,
        };
        let answer = self
            .write(call, terms, move |visit, tx| {
                let grant = visit.grant(tx, Action::LOGIN, Resource::Own)?;
                let session =
                    access::login(tx, visit.caller(), &grant, &hash, &login).map_err(refused)?;
                Ok((Verdict::Commit, Oneself::of(visit.caller(), session)))
            })
            .await?;
        Ok(answer.map(|session| (token::to_text(&secret), session)))
    }

    /// A session that brings so many bytes. A large one is refused as what grows is; a small one is what it takes to
    /// make room.
    pub(super) fn session_terms(&self, bytes: usize) -> Result<Terms> {
        if bytes > SMALL {
            self.may_grow()?;
        }
        Ok(Terms {
            bytes,
            ..Terms::default()
        })
    }

    /// Ends the session that this call is made with; `false` for the initial token, which does not end.
    ///
    /// # Errors
    /// `SESSION_SIGNED` where no record is kept of it; or as of any write.
    pub async fn logout(&self, call: &Call) -> Result<Answer<bool>> {
        self.write(call, Terms::default(), |visit, tx| {
            let ended = access::logout(tx, visit.caller()).map_err(session_refused)?;
            Ok((Verdict::Commit, ended))
        })
        .await
    }

    /// Whether a token opens a session to who is there, as far as this node's state says; none does while sealed.
    /// For bounds on what a door takes in: it permits nothing and is not recorded, the request that follows is.
    pub fn is_live(
        &self,
        token: &(impl Clone + Into<Bearer>),
        from: (Source, Option<Certificate>),
    ) -> bool {
        self.caller_from(&token.clone().into(), &self.origin(from, None))
            .is_some()
    }

    /// Who calls, as far as this node's state says; nobody while sealed. Whoever is allowed anything is
    /// authenticated again, over the state that it is done to.
    pub(super) fn caller(&self, call: &Call) -> Option<Caller> {
        self.caller_from(call.token.as_ref()?, &self.calling(call).origin())
    }

    fn caller_from(&self, token: &Bearer, origin: &Arc<Origin>) -> Option<Caller> {
        let keys = self.keys.load()?;
        let mut ids = IdBlock::default();
        let mut tx =
            Tx::new(&self.store, keys.keyring(), self.now(), &mut ids).with_opened(keys.opened());
        access::authenticate(&mut tx, token, origin).ok()
    }

    /// The caller's own session.
    ///
    /// # Errors
    /// As of any read.
    pub async fn who_am_i(&self, call: &Call) -> Result<Answer<Oneself>> {
        self.read(call, |visit, _| {
            let session = visit.caller().session().clone();
            Ok(Oneself::of(visit.caller(), session))
        })
        .await
    }
}

pub(super) fn refused(refused: access::LoginRefusal) -> Error {
    match refused {
        access::LoginRefusal::Record(error) => refusal::record(error),
        full @ (access::LoginRefusal::TooMany | access::LoginRefusal::TooManyOfOne) => {
            Error::new(Reason::LimitReached, full.to_string())
        }
        access::LoginRefusal::AtHomeOnly => refusal::at_home_only(),
        from @ access::LoginRefusal::FromSigned => {
            Error::new(Reason::SessionSigned, from.to_string())
        }
        other @ (access::LoginRefusal::Ttl
        | access::LoginRefusal::Idle
        | access::LoginRefusal::Uses
        | access::LoginRefusal::Counted
        | access::LoginRefusal::Nothing
        | access::LoginRefusal::Depth
        | access::LoginRefusal::NotSigned
        | access::LoginRefusal::SignedTtl
        | access::LoginRefusal::SignedLimits
        | access::LoginRefusal::SignedSize
        | access::LoginRefusal::SignedCounts
        | access::LoginRefusal::ProofEnds
        | access::LoginRefusal::Grant) => Error::new(Reason::RequestInvalid, other.to_string()),
    }
}
