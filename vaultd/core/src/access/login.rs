//! Making and ending sessions.
//!
//! A session never exceeds the one it was exchanged from: it has the actions that both name, the folder
//! that lies in both, ends no later, and ends when that one is ended. It is used from where both may be.

mod kept;
mod service;

use std::sync::Arc;

pub use kept::sweep_sessions;
pub(super) use kept::{Called, begin, end, keep};
use kept::{MOST, OF_ONE};
pub use service::{Entered, Keeping};
pub(super) use service::{Proof, enter_as};

use super::{
    Action, ActionGlob, Caller, Denied, Grant, Limits, Origin, Places, Principal, Resource,
    Session, SessionRefusal, TokenHash, Unauthenticated, authorise,
    caller::{MAX_DEPTH, of_session},
    session::Renewal,
};
use crate::{
    name::FolderPath,
    record::{RecordError, Tx},
};

const MINUTE: u64 = 60_000;
const SHORTEST: u64 = MINUTE;
const DEFAULT: u64 = 12 * 60 * MINUTE;
const LONGEST: u64 = 24 * 60 * MINUTE;

/// What a session shall be able to do. Nothing given: as much as the caller's.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// Milliseconds; a minute to a day, by default half a day.
    pub ttl: Option<u64>,
    /// Only these actions; empty: all of the caller's.
    pub actions: Vec<ActionGlob>,
    /// Only this folder and what lies under it.
    pub under: Option<FolderPath>,
    /// How it is held in.
    pub limits: Limits,
}

impl Login {
    /// Whether it can be asked for at all: to be looked at before a password is compared.
    ///
    /// # Errors
    /// When its times or uses are out of bounds.
    pub fn check(&self) -> Result<(), LoginRefusal> {
        let ttl = self.ttl()?;
        check_limits(ttl, &self.limits)
    }

    /// About how many bytes it brings to a session.
    pub fn size(&self) -> usize {
        let places = self.limits.places.iter().flat_map(Places::iter);
        let actions = self.actions.iter().map(ActionGlob::as_str);
        let under = self.under.iter().map(FolderPath::as_str);
        places.chain(actions).chain(under).map(str::len).sum()
    }

    /// How long the session lasts.
    pub(super) fn ttl(&self) -> Result<u64, LoginRefusal> {
        let ttl = self.ttl.unwrap_or(DEFAULT);
        if (SHORTEST..=LONGEST).contains(&ttl) {
            Ok(ttl)
        } else {
            Err(LoginRefusal::Ttl)
        }
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum LoginRefusal {
    /// Under a minute or over a day.
    #[error("a session lasts from a minute to a day")]
    Ttl,
    /// Under a minute, or over what the session lasts.
    #[error("the idle life of a session is a minute at least, and no longer than the session")]
    Idle,
    /// None at all.
    #[error("a session is used once at least")]
    Uses,
    /// The caller's own uses are counted.
    #[error("a session that can be used so many times only makes no other session")]
    Counted,
    /// The caller has none of the actions, or nothing in the folder.
    #[error("the caller has no rights within what the session would be narrowed to")]
    Nothing,
    /// A session of a session of a session, and so on.
    #[error("this session was exchanged {MAX_DEPTH} times over; log in from the beginning")]
    Depth,
    /// Others can be called with already.
    #[error(
        "there are {MOST} sessions of this principal: end some of them first, see `vaultctl session ls`"
    )]
    TooMany,
    /// The same, of one credential of several that a service may have.
    #[error(
        "there are {OF_ONE} sessions that were made with this secret id, uid or token's subject: end some of them first, \
         see `vaultctl session ls`, or use another"
    )]
    TooManyOfOne,
    /// Asked of what makes none.
    #[error("only a program that proves itself as a service gets a signed session")]
    NotSigned,
    /// Asked in a session that is not kept.
    #[error(
        "a signed session makes no other, which could not be ended with it: log in without `signed` for that"
    )]
    FromSigned,
    /// Under a minute, or over a quarter of an hour.
    #[error("a signed session lasts from a minute to 15 minutes")]
    SignedTtl,
    /// What is held in by a record.
    #[error(
        "no record is kept of a signed session: it is not renewed and its uses are not counted; ask for neither"
    )]
    SignedLimits,
    /// Its token would be over 1 KiB.
    #[error("a signed token does not hold so much: narrow the session to fewer actions and places")]
    SignedSize,
    /// The proof is used up by a write.
    #[error(
        "the uses of this secret id are counted, which a signed login does not: log in without `signed`"
    )]
    SignedCounts,
    /// It would not even begin.
    #[error("what proves the service has ended, and a signed session ends with it")]
    ProofEnds,
    /// No node outside the home region can sign.
    #[error("a signed session is made by a node of the home region: log in there")]
    AtHomeOnly,
    /// The grant was not for logging in.
    #[error("the grant is not for logging in")]
    Grant,
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Why a proof comes to no session.
#[derive(Debug, thiserror::Error)]
pub enum EntryRefusal {
    /// Who is proved is gone or disabled.
    #[error("there is nobody to log in")]
    Nobody,
    /// A policy keeps him from logging in so.
    #[error(transparent)]
    Denied(Box<Denied>),
    /// What the session shall be like.
    #[error(transparent)]
    Login(#[from] LoginRefusal),
}

impl From<RecordError> for EntryRefusal {
    fn from(error: RecordError) -> Self {
        Self::Login(error.into())
    }
}

/// Makes the session of somebody who has proved himself: `whole` is all that he may have, and the session what is
/// asked for of it. Decided as of the whole, for one that is narrowed to something else was logged in all the same.
pub(super) fn enter(
    tx: &mut Tx<'_>,
    origin: &Arc<Origin>,
    token: &TokenHash,
    whole: Session,
    login: &Login,
) -> Result<(Caller, Session), EntryRefusal> {
    let ttl = login.ttl()?;
    let end = tx.now().saturating_add(ttl);
    let enrols = whole.enrols;
    let whole = Session {
        expires_at: Some(whole.expires_at.map_or(end, |last| last.min(end))),
        enrols: false,
        ..whole
    };
    let caller = of_session(tx, *token, Arc::new(whole.clone()), origin).map_err(nobody)?;
    authorise(&caller, Action::LOGIN, Resource::Own)
        .map_err(|denied| EntryRefusal::Denied(Box::new(denied)))?;
    let until = whole.expires_at.unwrap_or(end);
    let session = Session {
        actions: (!login.actions.is_empty()).then(|| login.actions.clone()),
        under: login.under.clone(),
        enrols,
        ..held_in(whole, (ttl, until), &login.limits)?
    };
    begin(tx, token, &session)?;
    Ok((caller, session))
}

fn nobody(error: Unauthenticated) -> EntryRefusal {
    match error {
        Unauthenticated::Token => EntryRefusal::Nobody,
        Unauthenticated::Record(error) => error.into(),
    }
}

/// Exchanges the caller's session for a new one under a token of its own.
///
/// # Errors
/// When the time is out of bounds, or nothing would be left to do.
pub fn login(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    token: &TokenHash,
    request: &Login,
) -> Result<Session, LoginRefusal> {
    if grant.action() != Action::LOGIN || *grant.resource() != Resource::Own {
        return Err(LoginRefusal::Grant);
    }
    let ttl = request.ttl()?;
    let session = Session {
        actions: narrow_actions(caller.session.actions(), &request.actions)?,
        under: narrow_folder(caller.session.under(), request.under.as_ref())?,
        ..exchanged(tx, caller, token, ttl, &request.limits)?
    };
    begin(tx, token, &session)?;
    Ok(session)
}

/// A session that ends with the caller's, and is as good.
pub(super) fn exchanged(
    tx: &mut Tx<'_>,
    caller: &Caller,
    token: &TokenHash,
    ttl: u64,
    limits: &Limits,
) -> Result<Session, LoginRefusal> {
    if caller.session.signed {
        return Err(LoginRefusal::FromSigned);
    }
    if caller.session.uses.is_some() {
        return Err(LoginRefusal::Counted);
    }
    if depth(tx, caller)? >= MAX_DEPTH {
        return Err(LoginRefusal::Depth);
    }
    let now = tx.now();
    let end = now.saturating_add(ttl);
    let until = caller.session.ends_at().map_or(end, |last| last.min(end));
    let session = Session {
        accessor: token.accessor(),
        created_at: now,
        incarnation: tx.incarnation(),
        parent: Some(caller.token),
        ..(*caller.session).clone()
    };
    held_in(session, (ttl, until), limits)
}

/// A session that begins now, held in as it is asked for.
fn held_in(
    session: Session,
    (ttl, until): (u64, u64),
    limits: &Limits,
) -> Result<Session, LoginRefusal> {
    check_limits(ttl, limits)?;
    let renewal = limits.idle.map(|idle| Renewal { idle, until });
    let expires_at = renewal.map_or(until, |how| how.from(session.created_at));
    Ok(Session {
        expires_at: Some(expires_at),
        renewal,
        uses: limits.uses,
        places: limits.places.clone(),
        ..session
    })
}

fn check_limits(ttl: u64, limits: &Limits) -> Result<(), LoginRefusal> {
    if limits.signed {
        return Err(LoginRefusal::NotSigned);
    }
    if limits.uses == Some(0) {
        return Err(LoginRefusal::Uses);
    }
    match limits.idle {
        Some(idle) if !(SHORTEST..=ttl).contains(&idle) => Err(LoginRefusal::Idle),
        Some(_) | None => Ok(()),
    }
}

/// How many sessions stand behind the caller's.
fn depth(tx: &mut Tx<'_>, caller: &Caller) -> Result<usize, RecordError> {
    let mut parent = caller.session.parent;
    let mut depth = 0;
    while let Some(token) = parent.filter(|_| depth < MAX_DEPTH) {
        depth += 1;
        let session = tx.read::<Session>(&token.key())?;
        parent = session.and_then(|session| session.parent);
    }
    Ok(depth)
}

fn narrow_actions(
    callers: Option<&[ActionGlob]>,
    wanted: &[ActionGlob],
) -> Result<Option<Vec<ActionGlob>>, LoginRefusal> {
    let Some(callers) = callers else {
        return Ok((!wanted.is_empty()).then(|| wanted.to_vec()));
    };
    if wanted.is_empty() {
        return Ok(Some(callers.to_vec()));
    }
    let mut both: Vec<_> = callers
        .iter()
        .flat_map(|one| wanted.iter().filter_map(|other| one.intersect(other)))
        .collect();
    both.sort();
    both.dedup();
    // INVARIANT: nothing in common is a refusal, never an empty list that could be read as "all".
    if both.is_empty() {
        Err(LoginRefusal::Nothing)
    } else {
        Ok(Some(both))
    }
}

fn narrow_folder(
    callers: Option<&FolderPath>,
    wanted: Option<&FolderPath>,
) -> Result<Option<FolderPath>, LoginRefusal> {
    match (callers, wanted) {
        (None, wanted) => Ok(wanted.cloned()),
        (Some(callers), None) => Ok(Some(callers.clone())),
        (Some(callers), Some(wanted)) if callers.covers(wanted) => Ok(Some(wanted.clone())),
        (Some(callers), Some(wanted)) if wanted.covers(callers) => Ok(Some(callers.clone())),
        (Some(_), Some(_)) => Err(LoginRefusal::Nothing),
    }
}

/// Ends the caller's session; `false` for the initial token, which is not a session and does not end.
///
/// # Errors
/// When no record is kept of it, or the store fails.
pub fn logout(tx: &mut Tx<'_>, caller: &Caller) -> Result<bool, SessionRefusal> {
    if caller.session.signed {
        return Err(SessionRefusal::Signed);
    }
    if caller.session.expires_at.is_none() {
        return Ok(false);
    }
    end(tx, &caller.token, &caller.session);
    Ok(true)
}

/// Makes the first principal, who may do everything, and his initial token, which does not expire.
///
/// # Errors
/// When the store fails, or no ids are left.
pub fn create_administrator(
    tx: &mut Tx<'_>,
    token: &TokenHash,
    name: &str,
) -> Result<Session, RecordError> {
    let id = tx.next_id()?;
    let now = tx.now();
    tx.put(
        Principal::key(id),
        &Principal {
            name: name.to_owned(),
            created_at: now,
            updated_at: now,
            ..Principal::default()
        },
    )?;
    let session = Session::of(tx, token, (id, 0), None);
    keep(tx, token, &session)?;
    Ok(session)
}

/// A session as a login makes it, for tests of what comes after.
#[cfg(test)]
pub(crate) fn begin_for_tests(
    tx: &mut Tx<'_>,
    sort: super::Sort,
    name: &str,
    token: &TokenHash,
) -> Result<Session, RecordError> {
    let id = super::principal::named(tx, sort, name)?.unwrap();
    let epoch = tx.see::<Principal>(&Principal::key(id))?.unwrap().epoch;
    let end = tx.now() + DEFAULT;
    let session = Session::of(tx, token, (id, epoch), Some(end));
    keep(tx, token, &session)?;
    Ok(session)
}
