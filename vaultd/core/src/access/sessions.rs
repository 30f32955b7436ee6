//! Sessions as they are seen and ended from without: lists, revocation, renewal, counted uses.
//!
//! A caller's own sessions are his principal's. Of a session that was narrowed, or has assumed a role, only it
//! and what was exchanged from it are: whoever got hold of the least of somebody's sessions neither sees nor ends
//! the others.

use std::sync::Arc;

use super::{
    Action, Caller, Grant, Origin, Principal, Resource, Session, Sort, TokenHash, Unauthenticated,
    authenticate,
    caller::{MAX_DEPTH, active, stands},
    login::{Called, end},
    policy::PrincipalKind,
    principal::named,
    signed::is_accessor,
};
use crate::{
    name::{RoleName, ServiceName, UserName},
    record::{Key, Kind, RecordError, Tx},
};

/// Sessions that are looked at to tell whether somebody has one.
const LOOKED_AT: usize = 64;

/// A session that is not the caller's to use.
#[derive(Clone, Debug)]
pub struct Found {
    token: TokenHash,
    session: Arc<Session>,
}

/// A session as lists show it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it is.
    pub session: Arc<Session>,
    /// Whose, as people name him; of an assumed role as [`Caller::principal`].
    pub principal: String,
    /// Who assumed the role.
    pub assumed_by: Option<String>,
}

/// Where a page of a list ended. It opens nothing, and is nobody's to read.
#[derive(Clone, Copy, Debug)]
pub struct SessionPosition(TokenHash);

impl SessionPosition {
    /// As it was given out.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        TokenHash::from_bytes(bytes).map(Self)
    }

    /// To be sealed.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// Why nothing is done to a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionRefusal {
    /// There is none, or to this caller it looks so.
    #[error("there is no such session, or it has ended")]
    NotFound,
    /// Nobody has that name.
    #[error("`{0}:{1}` does not exist")]
    Nobody(Sort, Box<str>),
    /// The initial token is no session.
    #[error("the initial token is not a session and does not end")]
    Initial,
    /// No record is kept of it that could be removed.
    #[error(
        "a signed session is not ended by itself, it lasts 15 minutes at most; what ends all of its service at once: \
         `vaultctl session revoke --all service:NAME`"
    )]
    Signed,
    /// It has no idle life.
    #[error("this session has one end, which no renewal moves")]
    NotRenewed,
    /// A group, or a policy.
    #[error("only a user, a service or a role has sessions")]
    Sort,
    /// The grant was for something else.
    #[error("the grant is not for this session")]
    Grant,
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The session of that name that has not ended.
///
/// # Errors
/// When it is a name of those that no record is kept of, or the store fails.
pub fn find_session(tx: &mut Tx<'_>, accessor: &str) -> Result<Option<Found>, SessionRefusal> {
    if is_accessor(accessor) {
        return Err(SessionRefusal::Signed);
    }
    let Some(called) = called(tx, accessor)? else {
        return Ok(None);
    };
    let session = tx.read::<Session>(&called.key())?;
    let Some(session) = session.filter(|session| session.accessor == accessor) else {
        return Ok(None);
    };
    let token = called;
    Ok(shown(tx, &session)?.map(|_| Found { token, session }))
}

fn called(tx: &mut Tx<'_>, accessor: &str) -> Result<Option<TokenHash>, RecordError> {
    let shaped = accessor.len() == 20 && accessor.bytes().all(|b| b.is_ascii_hexdigit());
    if !shaped {
        return Ok(None);
    }
    let called = tx.get::<Called>(&Called::key(accessor))?;
    Ok(called.map(|called| called.token))
}

impl Found {
    /// Whether it is the caller's own.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_own(&self, tx: &mut Tx<'_>, caller: &Caller) -> Result<bool, RecordError> {
        if self.session.principal != caller.session.principal {
            return Ok(false);
        }
        if !caller.session.is_narrowed() {
            return Ok(true);
        }
        let (mut token, mut session) = (self.token, Arc::clone(&self.session));
        for _ in 0..=MAX_DEPTH {
            if token == caller.token {
                return Ok(true);
            }
            let Some(parent) = session.parent else {
                return Ok(false);
            };
            token = parent;
            match tx.read::<Session>(&parent.key())? {
                Some(above) => session = above,
                None => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Whose it is, as resources: of an assumed role the role and who assumed it. The root identity is none.
    ///
    /// # Errors
    /// When the store fails.
    pub fn resources(&self, tx: &mut Tx<'_>) -> Result<Vec<Resource>, RecordError> {
        let mut found = Vec::new();
        for owner in self.session.owners() {
            if let Some(principal) = tx.see::<Principal>(&Principal::key(owner))? {
                found.extend(resource(&principal));
            }
        }
        found.reverse();
        Ok(found)
    }
}

fn resource(principal: &Principal) -> Option<Resource> {
    let name = principal.name.as_str();
    match principal.kind {
        PrincipalKind::Root => None,
        PrincipalKind::User => UserName::try_from(name).map(Resource::User).ok(),
        PrincipalKind::Service => ServiceName::try_from(name).map(Resource::Service).ok(),
        PrincipalKind::Role => RoleName::try_from(name).map(Resource::Role).ok(),
    }
}

/// A session that was just made, as lists will show it.
///
/// # Errors
/// When the store fails.
pub fn shown_session(tx: &mut Tx<'_>, session: Session) -> Result<Option<Listed>, RecordError> {
    shown(tx, &Arc::new(session))
}

/// A session with its names, if it can still be called with.
pub(super) fn shown(
    tx: &mut Tx<'_>,
    session: &Arc<Session>,
) -> Result<Option<Listed>, RecordError> {
    let alive = |result: Result<_, Unauthenticated>| match result {
        Ok(found) => Ok(Some(found)),
        Err(Unauthenticated::Token) => Ok(None),
        Err(Unauthenticated::Record(error)) => Err(error),
    };
    if session.uses == Some(0) {
        return Ok(None);
    }
    let stands = stands(tx, session, None);
    let principal = match stands {
        Ok(()) => alive(active(tx, session.principal, session.epoch))?,
        Err(Unauthenticated::Token) => None,
        Err(Unauthenticated::Record(error)) => return Err(error),
    };
    let Some(principal) = principal else {
        return Ok(None);
    };
    let mut listed = Listed {
        session: Arc::clone(session),
        principal: principal.shown(),
        assumed_by: None,
    };
    if let Some(assumed) = &session.role {
        let Some(role) = alive(active(tx, assumed.role, assumed.epoch))? else {
            return Ok(None);
        };
        let role = format!("{}/{}", role.shown(), assumed.name);
        listed.assumed_by = Some(std::mem::replace(&mut listed.principal, role));
    }
    Ok(Some(listed))
}

/// Sessions of whom the grant names, the caller's own with one for his own: a page after one of them, and after
/// which to go on. That need not be one that the caller may see, nor one that is there still.
///
/// # Errors
/// When nobody has that name.
pub fn list_sessions(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    after: Option<SessionPosition>,
    limit: usize,
) -> Result<(Vec<Listed>, Option<SessionPosition>), SessionRefusal> {
    let own = *grant.resource() == Resource::Own;
    let owner = match own {
        true if grant.action() == Action::SESSION_LIST => caller.session.principal,
        true => return Err(SessionRefusal::Grant),
        false => owner(tx, grant, Action::SESSION_LIST)?.0,
    };
    let after = after.map(|after| after.0.owned_by(owner));
    let prefix = Key::new(Kind::Owned, &[&owner.to_be_bytes()]);
    let page = tx.peek_keys(prefix.as_bytes(), after.as_ref(), limit)?;
    let full = page.len() == limit;
    let mut found = Vec::new();
    let mut last = None;
    for key in page {
        let token = key.ids().get(8..).and_then(TokenHash::from_bytes);
        let Some(token) = token else { continue };
        last = Some(SessionPosition(token));
        let Some(session) = tx.read::<Session>(&token.key())? else {
            continue;
        };
        let Some(listed) = shown(tx, &session)? else {
            continue;
        };
        if !own || (Found { token, session }).is_own(tx, caller)? {
            found.push(listed);
        }
    }
    Ok((found, last.filter(|_| full)))
}

/// Whom a grant names.
fn owner(
    tx: &mut Tx<'_>,
    grant: &Grant,
    action: Action,
) -> Result<(u64, Principal), SessionRefusal> {
    let Ok((sort, name)) = grant.named(action) else {
        return Err(SessionRefusal::Grant);
    };
    if matches!(sort, Sort::Group | Sort::Policy) {
        return Err(SessionRefusal::Sort);
    }
    let nobody = || SessionRefusal::Nobody(sort, name.into());
    let id = named(tx, sort, name)?.ok_or_else(nobody)?;
    let key = Principal::key(id);
    let principal = tx.see::<Principal>(&key)?;
    let principal = principal.ok_or(RecordError::Damaged(key))?;
    Ok((id, (*principal).clone()))
}

/// Ends a session, and with it those that were exchanged from it.
///
/// # Errors
/// When the grant is for another's, or it is none that ends.
pub fn revoke(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    found: &Found,
) -> Result<(), SessionRefusal> {
    let meant = if *grant.resource() == Resource::Own {
        found.is_own(tx, caller)?
    } else {
        found.resources(tx)?.contains(grant.resource())
    };
    if grant.action() != Action::SESSION_REVOKE || !meant {
        return Err(SessionRefusal::Grant);
    }
    if found.session.expires_at.is_none() {
        return Err(SessionRefusal::Initial);
    }
    end(tx, &found.token, &found.session);
    Ok(())
}

/// Ends all sessions of whom the grant names. Where there is none nothing is written; of a service nobody knows.
///
/// # Errors
/// When nobody has that name.
pub fn revoke_all(tx: &mut Tx<'_>, grant: &Grant) -> Result<(), SessionRefusal> {
    let (id, mut principal) = owner(tx, grant, Action::SESSION_REVOKE)?;
    if !may_have_one(tx, (id, principal.kind))? {
        return Ok(());
    }
    principal.epoch += 1;
    Ok(tx.put(Principal::key(id), &principal)?)
}

/// Whether a principal or a role has, or may have, a session that can be called with: so that ending none is no
/// change. It looks at the first few; of those that have ended nothing stays behind, so that it comes to an end.
pub(crate) fn may_have_one(
    tx: &mut Tx<'_>,
    (owner, kind): (u64, PrincipalKind),
) -> Result<bool, RecordError> {
    // INVARIANT: signed ones lie in no list, and nothing but a new number of their service ends them
    if kind == PrincipalKind::Service {
        return Ok(true);
    }
    let prefix = Key::new(Kind::Owned, &[&owner.to_be_bytes()]);
    let page = tx.peek_keys(prefix.as_bytes(), None, LOOKED_AT)?;
    let full = page.len() == LOOKED_AT;
    for key in page {
        if is_live_or_goes(tx, key)? {
            return Ok(true);
        }
    }
    Ok(full)
}

/// Whether a session that is listed as somebody's can be called with; if not it is removed.
pub(super) fn is_live_or_goes(tx: &mut Tx<'_>, listed: Key) -> Result<bool, RecordError> {
    let Some(token) = listed.ids().get(8..).and_then(TokenHash::from_bytes) else {
        return Ok(true);
    };
    match tx.read::<Session>(&token.key())? {
        Some(session) if shown(tx, &session)?.is_some() => return Ok(true),
        Some(session) => end(tx, &token, &session),
        None => tx.delete(listed),
    }
    Ok(false)
}

/// Moves the end of the caller's session, never to an earlier time.
///
/// # Errors
/// When it has no idle life.
pub fn renew(tx: &mut Tx<'_>, caller: &Caller) -> Result<Session, SessionRefusal> {
    let how = caller.session.renewal.ok_or(SessionRefusal::NotRenewed)?;
    let end = how.from(tx.now());
    let mut session = (*caller.session).clone();
    session.expires_at = session.expires_at.map(|old| old.max(end));
    tx.put(caller.token.key(), &session)?;
    Ok(session)
}

/// Counts one use of a session whose uses are counted: before the request that it is used for does anything.
///
/// # Errors
/// When it opens nothing, or nothing any more.
pub fn count_use(
    tx: &mut Tx<'_>,
    token: &TokenHash,
    origin: &Arc<Origin>,
) -> Result<(), Unauthenticated> {
    let caller = authenticate(tx, token, origin)?;
    if let Some(left) = caller.session.uses {
        let mut session = (*caller.session).clone();
        session.uses = Some(left.checked_sub(1).ok_or(Unauthenticated::Token)?);
        tx.put(token.key(), &session)?;
    }
    Ok(())
}
