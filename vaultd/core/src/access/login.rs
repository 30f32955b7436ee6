//! Making and ending sessions.
//!
//! A session never exceeds the one it was exchanged from: it has the actions that both name, the folder
//! that lies in both, and ends no later.

use super::{Action, ActionGlob, Caller, Grant, Resource, Session, TokenHash, session::Principal};
use crate::{
    name::FolderPath,
    record::{Calendar, RecordError, Tx},
};

const MINUTE: u64 = 60_000;
const SHORTEST: u64 = MINUTE;
const DEFAULT: u64 = 12 * 60 * MINUTE;
const LONGEST: u64 = 24 * 60 * MINUTE;

/// When sessions end, by the hour.
const EXPIRY: Calendar = Calendar::new(1, 60 * MINUTE);

/// What a session shall be able to do. Nothing given: as much as the caller's.
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// Milliseconds; a minute to a day, by default half a day.
    pub ttl: Option<u64>,
    /// Only these actions; empty: all of the caller's.
    pub actions: Vec<ActionGlob>,
    /// Only this folder and what lies under it.
    pub under: Option<FolderPath>,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum LoginRefusal {
    /// Under a minute or over a day.
    #[error("a session lasts from a minute to a day")]
    Ttl,
    /// The caller has none of the actions, or nothing in the folder.
    #[error("the caller has no rights within what the session would be narrowed to")]
    Nothing,
    /// The grant was not for logging in.
    #[error("the grant is not for logging in")]
    Grant,
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
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
    let ttl = request.ttl.unwrap_or(DEFAULT);
    if !(SHORTEST..=LONGEST).contains(&ttl) {
        return Err(LoginRefusal::Ttl);
    }
    let end = tx.now().saturating_add(ttl);
    let end = caller
        .session
        .expires_at
        .map_or(end, |callers| callers.min(end));
    let session = Session {
        principal: caller.session.principal,
        accessor: token.accessor(),
        created_at: tx.now(),
        expires_at: Some(end),
        actions: narrow_actions(caller.session.actions(), &request.actions)?,
        under: narrow_folder(caller.session.under(), request.under.as_ref())?,
        incarnation: tx.incarnation(),
    };
    tx.put(token.key(), &session)?;
    EXPIRY.file(tx, end, token.as_bytes())?;
    Ok(session)
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
/// When the store fails.
pub fn logout(tx: &mut Tx<'_>, caller: &Caller) -> Result<bool, RecordError> {
    let Some(end) = caller.session.expires_at else {
        return Ok(false);
    };
    tx.delete(caller.token.key());
    EXPIRY.unfile(tx, end, caller.token.as_bytes());
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
            administrator: true,
            created_at: now,
        },
    )?;
    let session = Session {
        principal: id,
        accessor: token.accessor(),
        created_at: now,
        expires_at: None,
        actions: None,
        under: None,
        incarnation: tx.incarnation(),
    };
    tx.put(token.key(), &session)?;
    Ok(session)
}

/// Removes up to `limit` sessions that have ended by themselves; whether there may be more.
///
/// # Errors
/// When the store fails.
pub fn sweep_sessions(tx: &mut Tx<'_>, limit: usize) -> Result<bool, RecordError> {
    let due = EXPIRY.due(tx, limit)?;
    for item in due.items {
        if let Some(token) = TokenHash::from_bytes(&item.id) {
            let session = tx.get::<Session>(&token.key())?;
            // A renewal does not move the entry: only what has really ended goes.
            if session.is_some_and(|session| session.has_ended(tx)) {
                tx.delete(token.key());
            }
        }
        tx.delete(item.key);
    }
    Ok(due.more)
}
