//! The Sessions service behind the door: roles that are assumed, sessions that are seen, renewed and ended.
//!
//! Whoever may not end a session learns nothing of it: to him it is not there.

use vault_core::access::{
    self, Action, Assume, AssumeRefusal, Facts, Listed, Resource, SessionPosition, SessionRefusal,
    TokenHash, Trust,
};
use vault_core::crypto::secret::{TokenSecret, TokenText};
use vault_core::crypto::token;
use vault_core::name::RoleName;
use vault_core::record::Tx;
use vault_proto::v1::Reason;

use super::auth::{Oneself, refused};
use super::call::{Answer, Call};
use super::cursor::{Cursors, Paging};
use super::error::{Error, Result};
use super::pipeline::Visit;
use super::transact::{Terms, Verdict};
use super::{App, refusal};
use crate::clock::OsEntropy;

/// What is asked of a role; see `AssumeRoleRequest` in the proto.
#[derive(Clone, Debug)]
pub struct AssumeRequest {
    /// The role.
    pub role: RoleName,
    /// What its session shall be like.
    pub terms: Assume,
}

impl App {
    /// A session with a role's rights.
    ///
    /// # Errors
    /// As of any write; `POLICY_DENIED` where the role does not trust the caller.
    pub async fn assume_role(
        &self,
        call: &Call,
        request: AssumeRequest,
    ) -> Result<Answer<(TokenText, Oneself)>> {
        let secret = TokenSecret::make(&mut OsEntropy);
        let hash = TokenHash::of(&secret);
        let Assume { policies, tags, .. } = &request.terms;
        let tags = tags
            .iter()
            .map(|(key, value)| key.as_str().len() + value.as_str().len());
        let bytes = policies.iter().map(String::len).chain(tags).sum();
        let terms = match self.session_terms(bytes) {
            Ok(terms) => terms,
            Err(error) => return self.refused(call, error).await,
        };
        let answer = self
            .write(call, terms, move |visit, tx| {
                let session = assume(visit, tx, &request, &hash)?;
                Ok((Verdict::Commit, session))
            })
            .await?;
        Ok(answer.map(|session| (token::to_text(&secret), session)))
    }

    /// Sessions of somebody, the caller's own without one: a page, and after which to go on.
    ///
    /// # Errors
    /// As of any read; `CURSOR_INVALID` for a cursor that is not of this listing.
    pub async fn list_sessions(
        &self,
        call: &Call,
        who: Option<Resource>,
        paging: &Paging,
    ) -> Result<Answer<(Vec<Oneself>, String)>> {
        self.read(call, |visit, tx| {
            let resource = who.clone().unwrap_or(Resource::Own);
            let grant = visit.grant(tx, Action::SESSION_LIST, resource)?;
            let cursors = Cursors::of(visit.caller(), tx.incarnation(), paging);
            let after = cursors.open(tx, paging, SessionPosition::from_bytes)?;
            let page = access::list_sessions(tx, visit.caller(), &grant, after, paging.size);
            let (listed, last) = page.map_err(session_refused)?;
            let next = last.map(|last| cursors.seal(tx, last.as_bytes()));
            let listed = listed.into_iter().map(oneself).collect();
            Ok((listed, next.unwrap_or_default()))
        })
        .await
    }

    /// Ends a session by its accessor.
    ///
    /// # Errors
    /// As of any write; `SESSION_NOT_FOUND` where there is none, or none that the caller may end; `SESSION_SIGNED` of
    /// one that no record is kept of.
    pub async fn revoke_session(&self, call: &Call, accessor: String) -> Result<Answer<()>> {
        self.write(call, Terms::default(), move |visit, tx| {
            revoke(visit, tx, &accessor)?;
            Ok((Verdict::Commit, ()))
        })
        .await
    }

    /// Ends all sessions of somebody.
    ///
    /// # Errors
    /// As of any write.
    pub async fn revoke_sessions(&self, call: &Call, who: Resource) -> Result<Answer<()>> {
        self.write(call, Terms::default(), move |visit, tx| {
            let grant = visit.grant(tx, Action::SESSION_REVOKE, who.clone())?;
            access::revoke_all(tx, &grant).map_err(session_refused)?;
            Ok((Verdict::Commit, ()))
        })
        .await
    }

    /// Moves the end of the session that this call is made with.
    ///
    /// # Errors
    /// As of any write; `REQUEST_INVALID` where it has one end only.
    pub async fn renew_session(&self, call: &Call) -> Result<Answer<Oneself>> {
        self.write(call, Terms::default(), |visit, tx| {
            let session = access::renew(tx, visit.caller()).map_err(session_refused)?;
            Ok((Verdict::Commit, Oneself::of(visit.caller(), session)))
        })
        .await
    }
}

fn assume(
    visit: &mut Visit<'_>,
    tx: &mut Tx<'_>,
    request: &AssumeRequest,
    hash: &TokenHash,
) -> Result<Oneself> {
    let AssumeRequest { role, terms } = request;
    let trust = Trust::of(tx, role).map_err(refusal::record)?;
    let name = terms.session_name(visit.caller());
    let facts = Facts {
        request_tags: &terms.tags,
        ..trust.facts(&name)
    };
    let mut grant = |action| visit.grant_about(tx, action, Resource::Role(role.clone()), &facts);
    let assuming = grant(Action::ROLE_ASSUME)?;
    let tagging = if terms.tags.is_empty() {
        None
    } else {
        Some(grant(Action::ROLE_TAG_SESSION)?)
    };
    let grants = (&assuming, tagging.as_ref());
    let session =
        access::assume(tx, visit.caller(), grants, hash, terms).map_err(assume_refused)?;
    let listed = access::shown_session(tx, session).map_err(refusal::record)?;
    let made = listed.map(oneself).ok_or_else(refusal::token)?;
    visit.made(&made);
    Ok(made)
}

fn revoke(visit: &mut Visit<'_>, tx: &mut Tx<'_>, accessor: &str) -> Result<()> {
    let missing = || session_refused(SessionRefusal::NotFound);
    let found = access::find_session(tx, accessor).map_err(session_refused)?;
    let found = found.ok_or_else(missing)?;
    visit.about(format!("session:{accessor}"));
    let resources = if found.is_own(tx, visit.caller()).map_err(refusal::record)? {
        vec![Resource::Own]
    } else {
        found.resources(tx).map_err(refusal::record)?
    };
    // R-AZ-6: what may not be ended looks as what is not there
    let grant = visit.grant_one_of(tx, Action::SESSION_REVOKE, resources)?;
    let grant = grant.ok_or_else(missing)?;
    access::revoke(tx, visit.caller(), &grant, &found).map_err(session_refused)
}

fn oneself(listed: Listed) -> Oneself {
    Oneself {
        principal: listed.principal,
        assumed_by: listed.assumed_by,
        session: (*listed.session).clone(),
    }
}

pub(super) fn session_refused(refused: SessionRefusal) -> Error {
    let reason = match refused {
        SessionRefusal::NotFound => Reason::SessionNotFound,
        SessionRefusal::Signed => Reason::SessionSigned,
        SessionRefusal::Nobody(..) => Reason::IdentityNotFound,
        SessionRefusal::Initial | SessionRefusal::NotRenewed | SessionRefusal::Sort => {
            Reason::RequestInvalid
        }
        SessionRefusal::Grant => return Error::internal(refused),
        SessionRefusal::Record(error) => return refusal::record(error),
    };
    Error::new(reason, refused.to_string())
}

fn assume_refused(refused_by: AssumeRefusal) -> Error {
    let message = refused_by.to_string();
    let reason = match refused_by {
        AssumeRefusal::NotFound(_) => Reason::IdentityNotFound,
        AssumeRefusal::Disabled(_)
        | AssumeRefusal::Ttl(_)
        | AssumeRefusal::TooMany(_)
        | AssumeRefusal::Policies
        | AssumeRefusal::Tag(_) => Reason::RequestInvalid,
        AssumeRefusal::Document(_, error) => {
            return Error::new(Reason::PolicyInvalid, message)
                .fact("line", error.line())
                .fact("column", error.column());
        }
        AssumeRefusal::Session(error) => return refused(error),
        AssumeRefusal::Record(error) => return refusal::record(error),
    };
    Error::new(reason, message)
}
