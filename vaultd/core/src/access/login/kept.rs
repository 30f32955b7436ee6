//! Where sessions lie: found by token, name, principal, role and end, and bounded in number.

use minicbor::{Decode, Encode};

use crate::{
    access::{LoginRefusal, Session, TokenHash, sessions::is_live_or_goes},
    crypto::envelope::Class,
    record::{Calendar, Document, Key, Kind, Marker, RecordError, Tx},
};

/// Most sessions of one principal, through roles or not.
pub(super) const MOST: usize = 1_000;
/// So many more for those that are made from none: whoever made the others shall not keep their user out.
const APART: usize = 100;
/// Most sessions that were made with one secret id, as one uid or with one subject's tokens, and with what came of them:
/// whoever has one of them shall not keep the others of its service out.
pub(super) const OF_ONE: usize = MOST / 2;
/// Of a full list, looked at for those that have ended.
const LOOKED_AT: usize = 64;

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
/// When its principal has too many, or what it was made with has made too many.
pub(in crate::access) fn begin(
    tx: &mut Tx<'_>,
    token: &TokenHash,
    session: &Session,
) -> Result<(), LoginRefusal> {
    let apart = if session.parent.is_some() { 0 } else { APART };
    make_room(
        tx,
        token,
        session.principal,
        MOST + apart,
        LoginRefusal::TooMany,
    )?;
    if let Some(credential) = session.credential {
        make_room(
            tx,
            token,
            credential,
            OF_ONE + apart,
            LoginRefusal::TooManyOfOne,
        )?;
    }
    Ok(keep(tx, token, session)?)
}

/// Whether there is room for another session in an owner's list. What has ended, and still lies there, is in nobody's
/// way: of a full list a part is looked at, another one each time, since tokens are drawn. So a refusal costs no more
/// than a login, and a list in which little has ended yet may stay full until that is swept.
fn make_room(
    tx: &mut Tx<'_>,
    token: &TokenHash,
    owner: u64,
    most: usize,
    full: LoginRefusal,
) -> Result<(), LoginRefusal> {
    let prefix = Key::new(Kind::Owned, &[&owner.to_be_bytes()]);
    // No check: of two that begin at once both may be the last.
    if tx.peek_count(prefix.as_bytes(), most)? < most {
        return Ok(());
    }
    let place = token.owned_by(owner);
    let mut part = tx.peek::<Marker>(prefix.as_bytes(), Some(&place), LOOKED_AT)?;
    let rest = LOOKED_AT - part.len();
    if rest > 0 {
        part.extend(tx.peek::<Marker>(prefix.as_bytes(), None, rest)?);
    }
    let mut room = false;
    for (listed, _) in part {
        room |= !is_live_or_goes(tx, listed)?;
    }
    if room { Ok(()) } else { Err(full) }
}

/// Stores a session, so that it is found by its token, its name, its principal, its role, and its end.
pub(in crate::access) fn keep(
    tx: &mut Tx<'_>,
    token: &TokenHash,
    session: &Session,
) -> Result<(), RecordError> {
    tx.put(token.key(), session)?;
    tx.put(Called::key(&session.accessor), &Called { token: *token })?;
    for owner in session.lists() {
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
    for owner in session.lists() {
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
