//! Where sessions lie: found by token, name, principal, role and end, and bounded in number.

use minicbor::{Decode, Encode};

use crate::{
    access::{LoginRefusal, Session, TokenHash, sessions::shown},
    crypto::envelope::Class,
    record::{Calendar, Document, Key, Kind, Marker, RecordError, Tx},
};

/// Most sessions of one principal, through roles or not.
pub(super) const MOST: usize = 1_000;
/// So many more for those that are made from none: whoever made the others shall not keep their user out.
const APART: usize = 100;
/// Ended ones that are removed to make room, at a time.
const CLEARED: usize = 64;

/// When sessions end, by the hour.
const EXPIRY: Calendar = Calendar::new(1, 60 * 60_000);

/// Which session an accessor names.
#[derive(Clone, Copy, Encode, Decode)]
pub(in crate::access) struct Called {
    #[n(0)]
    pub(in crate::access) token: TokenHash,
}

impl Document for Called {
    const CLASS: Class = Class::Shared;
}

impl Called {
    pub(in crate::access) fn key(accessor: &str) -> Key {
        Key::new(Kind::Accessor, &[accessor.as_bytes()])
    }
}

/// Stores a session where there is room for it.
///
/// # Errors
/// When its principal has too many.
pub(in crate::access) fn begin(
    tx: &mut Tx<'_>,
    token: &TokenHash,
    session: &Session,
) -> Result<(), LoginRefusal> {
    make_room(tx, session)?;
    Ok(keep(tx, token, session)?)
}

/// Whether a principal has room for another session. What has ended, and still lies there, is in nobody's way.
fn make_room(tx: &mut Tx<'_>, session: &Session) -> Result<(), LoginRefusal> {
    let most = if session.parent.is_some() {
        MOST
    } else {
        MOST + APART
    };
    let prefix = Key::new(Kind::Owned, &[&session.principal.to_be_bytes()]);
    // No check: of two that begin at once both may be the last.
    let owned = tx.peek::<Marker>(prefix.as_bytes(), None, most)?;
    if owned.len() < most {
        return Ok(());
    }
    let mut cleared = 0;
    for (key, _) in owned {
        let Some(token) = key.ids().get(8..).and_then(TokenHash::from_bytes) else {
            continue;
        };
        match tx.read::<Session>(&token.key())? {
            Some(session) if shown(tx, &session)?.is_some() => continue,
            Some(session) => end(tx, &token, &session),
            None => tx.delete(key),
        }
        cleared += 1;
        if cleared == CLEARED {
            break;
        }
    }
    if cleared > 0 {
        Ok(())
    } else {
        Err(LoginRefusal::TooMany)
    }
}

/// Stores a session, so that it is found by its token, its name, its principal, its role, and its end.
pub(in crate::access) fn keep(
    tx: &mut Tx<'_>,
    token: &TokenHash,
    session: &Session,
) -> Result<(), RecordError> {
    tx.put(token.key(), session)?;
    tx.put(Called::key(&session.accessor), &Called { token: *token })?;
    for owner in session.owners() {
        tx.put(token.owned_by(owner), &Marker {})?;
    }
    match session.expires_at {
        Some(end) => EXPIRY.file(tx, end, token.as_bytes()),
        None => Ok(()),
    }
}

/// Removes a session. Those that were exchanged from it end with it.
pub(in crate::access) fn end(tx: &mut Tx<'_>, token: &TokenHash, session: &Session) {
    tx.delete(token.key());
    tx.delete(Called::key(&session.accessor));
    for owner in session.owners() {
        tx.delete(token.owned_by(owner));
    }
    if let Some(end) = session.expires_at {
        EXPIRY.unfile(tx, end, token.as_bytes());
    }
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
            match session {
                Some(session) if session.has_ended(tx) => end(tx, &token, &session),
                // A renewal does not move the entry.
                Some(session) => {
                    if let Some(end) = session.expires_at {
                        EXPIRY.file(tx, end, token.as_bytes())?;
                    }
                }
                None => {}
            }
        }
        tx.delete(item.key);
    }
    Ok(due.more)
}
