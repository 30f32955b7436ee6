//! The root identity, which no policy binds: ended once others can do its work, and made anew by a quorum of shares.
//!
//! There are two at most, each a principal of its own: the one that `init` made, and the one-time root. Disabling
//! the first is for ever. Making a one-time root ends the one before, with all that was exchanged from it.

use std::sync::Arc;

use minicbor::{Decode, Encode};

use super::{
    Absent, Action, Facts, Grant, Origin, Principal, Resource, Session, Sort, TokenHash,
    WrongGrant,
    arrival::Situation,
    login::{end, keep},
    password::{Credential, Standing},
    policy::PrincipalKind,
    principal::COLLECTION,
    totp::{self, Demand, Elevation, Method},
};
use crate::{
    crypto::envelope::Class,
    name::{PolicyName, UserName},
    record::{Document, Key, Kind, RecordError, Tx},
};

/// What the one-time root is called.
pub(super) const ONE_TIME: &str = "one-time-root";
/// How long it lasts, in milliseconds: no renewal moves its end.
const LIFE: u64 = 60 * 60 * 1000;
/// Principals that are read at a time.
const PAGE: usize = 100;
/// No user and no policy of that name need exist: whoever may do a thing to any may do it to this.
const ANY: &str = "any-other-name";

/// Whose the one-time root is.
#[derive(Clone, Copy, Encode, Decode)]
struct OneTimeRoot {
    #[n(0)]
    principal: u64,
    /// Of the session that was made last.
    #[n(1)]
    token: TokenHash,
}

impl Document for OneTimeRoot {
    const CLASS: Class = Class::Shared;
}

/// Who of the two can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RootState {
    /// The one that `init` made can.
    pub enabled: bool,
    /// When the one-time root ends, if there is one. Milliseconds since the epoch.
    pub one_time: Option<u64>,
}

/// Why root is not disabled.
#[derive(Debug, thiserror::Error)]
pub enum RootRefusal {
    /// It would lock everybody out.
    #[error(
        "nobody else could go on: no enabled user with a password of his own may do all of `user:*` and `policy:*` on everything"
    )]
    Last,
    /// The grant was for something else: a fault of the program.
    #[error(transparent)]
    Grant(#[from] WrongGrant),
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Who of the two can call.
///
/// # Errors
/// When the grant is for something else, or the store fails.
pub fn root_state(tx: &mut Tx<'_>, grant: &Grant) -> Result<RootState, RootRefusal> {
    grant.system(Action::ROOT_DESCRIBE)?;
    tx.guard(COLLECTION)?;
    let (_, first) = first(tx)?;
    let one_time = match tx.get::<OneTimeRoot>(&key())? {
        Some(known) => tx.get::<Session>(&known.token.key())?,
        None => None,
    };
    let one_time = one_time.filter(|session| !session.has_ended(tx));
    Ok(RootState {
        enabled: !first.disabled,
        one_time: one_time.and_then(|session| session.expires_at()),
    })
}

/// Somebody who was found to be able to go on without the root identity.
#[derive(Clone, Copy, Debug)]
pub struct Successor(u64);

/// Looks among some principals, from after one of them, for somebody who could go on; or says after which to look
/// further. It may have to look at everybody, so it is done before the write that ends root.
///
/// # Errors
/// When the store fails.
pub fn find_successor(
    tx: &mut Tx<'_>,
    after: Option<&Key>,
    origin: &Arc<Origin>,
) -> Result<(Option<Successor>, Option<Key>), RecordError> {
    let prefix = Key::new(Kind::Principal, &[]);
    let page = tx.peek::<Principal>(prefix.as_bytes(), after, PAGE)?;
    let last = page.last().map(|(key, _)| key.clone());
    for (key, principal) in page {
        if principal.kind == PrincipalKind::User && !principal.disabled {
            let found = Successor(id_of(&key)?);
            if found.could_go_on(tx, origin)? {
                return Ok((Some(found), None));
            }
        }
    }
    Ok((None, last))
}

/// Ends the root identity that `init` made, with its token and all sessions; `false` if it had been. `left_to`: who
/// could go on. `by_force`: even if nobody could.
///
/// # Errors
/// When it would lock everybody out.
pub fn disable_root(
    tx: &mut Tx<'_>,
    grant: &Grant,
    (left_to, by_force): (Option<Successor>, bool),
    origin: &Arc<Origin>,
) -> Result<bool, RootRefusal> {
    grant.system(Action::ROOT_DISABLE)?;
    tx.guard(COLLECTION)?;
    let (id, mut principal) = first(tx)?;
    if principal.disabled {
        return Ok(false);
    }
    // INVARIANT: what was found before the write still holds of him in it
    let held = match left_to {
        Some(somebody) if !by_force => somebody.could_go_on(tx, origin)?,
        Some(_) | None => by_force,
    };
    if !held {
        return Err(RootRefusal::Last);
    }
    principal.disabled = true;
    principal.epoch += 1;
    principal.updated_at = tx.now();
    tx.put(Principal::key(id), &principal)?;
    Ok(true)
}

/// Makes a one-time root under a token, and ends the one before. A quorum of shares allows it, whom the caller
/// has seen.
///
/// # Errors
/// When the store fails, or no ids are left.
pub fn generate_root(tx: &mut Tx<'_>, token: &TokenHash) -> Result<Session, RecordError> {
    tx.guard(COLLECTION)?;
    let now = tx.now();
    let known = tx.get::<OneTimeRoot>(&key())?;
    let (id, mut principal) = if let Some(known) = known {
        if let Some(session) = tx.get::<Session>(&known.token.key())? {
            end(tx, &known.token, &session);
        }
        let place = Principal::key(known.principal);
        let there = tx.get::<Principal>(&place)?;
        (known.principal, there.ok_or(RecordError::Damaged(place))?)
    } else {
        let new = Principal {
            name: ONE_TIME.to_owned(),
            created_at: now,
            ..Principal::default()
        };
        (tx.next_id()?, new)
    };
    // INVARIANT: what was exchanged from the one before ends too
    principal.epoch += 1;
    principal.updated_at = now;
    tx.put(Principal::key(id), &principal)?;
    let owner = (id, principal.epoch);
    let session = Session::of(tx, token, owner, Some(now.saturating_add(LIFE)));
    keep(tx, token, &session)?;
    let made = OneTimeRoot {
        principal: id,
        token: *token,
    };
    tx.put(key(), &made)?;
    Ok(session)
}

fn key() -> Key {
    Key::new(Kind::OneTimeRoot, &[])
}

/// The root identity that `init` made: the first principal that there was, and none is ever deleted before it.
fn first(tx: &mut Tx<'_>) -> Result<(u64, Principal), RecordError> {
    let prefix = Key::new(Kind::Principal, &[]);
    let page = tx.peek::<Principal>(prefix.as_bytes(), None, 1)?;
    let found = page.into_iter().next();
    let found = found.filter(|(_, principal)| principal.kind == PrincipalKind::Root);
    let (key, _) = found.ok_or(RecordError::Damaged(prefix))?;
    let id = id_of(&key)?;
    let principal = tx.get::<Principal>(&key)?;
    Ok((id, principal.ok_or(RecordError::Damaged(key))?))
}

fn id_of(key: &Key) -> Result<u64, RecordError> {
    let bytes = key.ids().try_into();
    bytes
        .map(u64::from_be_bytes)
        .map_err(|_| RecordError::Damaged(key.clone()))
}

impl Successor {
    /// Whether this is a person who can log in, and may do all that it takes to help everybody else. A lock after failed
    /// logins ends by itself and does not count against him.
    fn could_go_on(self, tx: &mut Tx<'_>, origin: &Arc<Origin>) -> Result<bool, RecordError> {
        Ok(can_log_in(tx, self.0)? && may_help(tx, self.0, origin)?)
    }
}

/// A user with a password that is good for more than a change or an enrolment.
fn can_log_in(tx: &mut Tx<'_>, id: u64) -> Result<bool, RecordError> {
    let (Some(situation), Some(credential)) = (Situation::of(tx, id)?, Credential::load(tx, id)?)
    else {
        return Ok(false);
    };
    Ok(situation.standing(tx, &credential) == Standing::Good
        && situation.demand(tx.now()) != Demand::EnrolOnly)
}

/// With the second factor that he has, from where the question comes. That no policy keeps him from logging in is part of
/// it.
fn may_help(tx: &mut Tx<'_>, id: u64, origin: &Arc<Origin>) -> Result<bool, RecordError> {
    let elevation = if totp::count_active(tx, id)? > 0 {
        Elevation::shown(tx.now(), Method::Totp)
    } else {
        Elevation::NONE
    };
    let (Ok(user), Ok(policy)) = (UserName::try_from(ANY), PolicyName::try_from(ANY)) else {
        return Ok(false);
    };
    let (user, policy) = (Resource::User(user), Resource::Policy(policy));
    let Some(absent) = Absent::elevated(tx, id, origin, elevation)? else {
        return Ok(false);
    };
    let may = |action: &Action| {
        let (sort, one) = match action.name().split_once(':') {
            Some(("user", _)) => (Sort::User, &user),
            Some(("policy", _)) => (Sort::Policy, &policy),
            _ => return true,
        };
        let every = Resource::Every(sort);
        let resource = if *action == Action::list(sort) {
            &every
        } else {
            one
        };
        let decided = absent.decide(*action, resource, &Facts::default());
        decided.is_ok()
    };
    let enters = absent.decide(Action::LOGIN, &Resource::Own, &Facts::default());
    Ok(enters.is_ok() && Action::ALL.iter().all(may))
}
