//! The session of a service that has proved itself, whatever it did that by: kept in a record, or signed.

use std::sync::Arc;

use super::{
    super::{
        Action, Caller, Origin, Principal, Resource, Session, SignedId, TokenHash, authorise,
        caller::of_session, policy::PrincipalKind, session::Holder, signed,
    },
    EntryRefusal, Login, LoginRefusal, enter, nobody,
};
use crate::{crypto::secret::TokenText, record::Tx};

/// What becomes of a session that begins.
#[derive(Clone, Copy, Debug)]
pub enum Keeping<'a> {
    /// A record is kept of it, under the hash of its token.
    Stored(&'a TokenHash),
    /// None is: its token says what it is. The name is its own.
    Signed(&'a SignedId),
}

/// A program that is logged in.
#[derive(Debug)]
pub struct Entered {
    /// Who.
    pub caller: Caller,
    /// The session, as narrowed.
    pub session: Session,
    /// Its token, where no record is kept of it.
    pub token: Option<TokenText>,
}

/// A service that was proved.
pub(in crate::access) struct Proof<'a> {
    /// Which.
    pub(in crate::access) service: u64,
    /// By what, for the audit.
    pub(in crate::access) by: &'a str,
    /// Until when what proved it is good, in milliseconds since the epoch; `None`: no end is known.
    pub(in crate::access) until: Option<u64>,
    /// By what it was known, for counting: [`super::super::session::credential`].
    pub(in crate::access) credential: u64,
    /// Who alone may use the session.
    pub(in crate::access) holder: Option<Holder>,
}

/// Makes the session of a service.
///
/// # Errors
/// When it is gone or disabled, a policy keeps it from logging in, or the session cannot be like that.
pub(in crate::access) fn enter_as(
    tx: &mut Tx<'_>,
    origin: &Arc<Origin>,
    keeping: &Keeping<'_>,
    proof: &Proof<'_>,
    login: &Login,
) -> Result<Entered, EntryRefusal> {
    let id = proof.service;
    let principal = tx.see::<Principal>(&Principal::key(id))?;
    let able = |one: &Arc<Principal>| one.kind == PrincipalKind::Service && !one.disabled;
    let service = principal.filter(able).ok_or(EntryRefusal::Nobody)?;
    let who = (id, service.epoch);
    match keeping {
        Keeping::Stored(token) => {
            // Of one that is bound to its proof: others may go on for longer than what proved them.
            let last = proof.holder.and(proof.until);
            let whole = Session {
                holder: proof.holder,
                credential: Some(proof.credential),
                ..Session::of(tx, token, who, last)
            };
            let (caller, session) = enter(tx, origin, token, whole, login)?;
            Ok(Entered {
                caller,
                session,
                token: None,
            })
        }
        Keeping::Signed(id) => sign_in(tx, origin, id, (who, proof), login),
    }
}

/// Decides it as any login is decided, and signs what would be kept.
fn sign_in(
    tx: &mut Tx<'_>,
    origin: &Arc<Origin>,
    id: &SignedId,
    (who, proof): ((u64, u64), &Proof<'_>),
    login: &Login,
) -> Result<Entered, EntryRefusal> {
    let limits = &login.limits;
    if limits.idle.is_some() || limits.uses.is_some() {
        return Err(LoginRefusal::SignedLimits.into());
    }
    // INVARIANT: what it takes to count a use of the proof is a write, and this login makes none
    if !tx.is_read_only() {
        return Err(LoginRefusal::SignedCounts.into());
    }
    let end = signed::end(tx.now(), login.ttl, proof.until)?;
    let accessor = id.accessor();
    let hash = TokenHash::of_signed(&accessor);
    let whole = Session {
        accessor,
        signed: true,
        holder: proof.holder,
        ..Session::of(tx, &hash, who, Some(end))
    };
    let caller = of_session(tx, hash, Arc::new(whole.clone()), origin).map_err(nobody)?;
    authorise(&caller, Action::LOGIN, Resource::Own)
        .map_err(|denied| EntryRefusal::Denied(Box::new(denied)))?;
    let session = Session {
        actions: (!login.actions.is_empty()).then(|| login.actions.clone()),
        under: login.under.clone(),
        places: limits.places.clone(),
        ..whole
    };
    let token = signed::sign(tx, id, proof.by, &session)?;
    Ok(Entered {
        caller,
        session,
        token: Some(token),
    })
}
