//! One's own second factors: showing one, enrolling, removing, recovery codes.
//!
//! What is typed is counted against the account, with failed logins (R-OTP-4), before it is looked at. So commit the
//! transaction of every answer, a wrong code's too; only an error has changed nothing. A code that was right is used
//! up by the transaction that gives something for it, so that of any number of requests with it one is given that.

mod typed;

use super::{
    Caller, Session,
    lockout::{self, Attempt, Source},
    onetime,
    password::Policy,
    policy::PrincipalKind,
    recovery::{self, Fresh, Left},
    totp::{
        self, Code, Confirmed, Elevation, Enrolment, Listed, Method, NotAllowed, Proof, Window,
    },
};
use crate::{
    crypto::entropy::Entropy,
    name::{UserName, UserNameError},
    record::{RecordError, Tx},
};

pub(super) use typed::Proved;
pub use typed::{Factor, RecoveryText, Typed, TypedError};

/// Why a session may not do this to its user's second factors, or to his password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOneself {
    /// The root identity and programs have none.
    #[error("only users have second factors: log in as one")]
    NotUser,
    /// Somebody acts as a role.
    #[error("the session acts as a role: use the session that assumed it")]
    Role,
    /// It was given to do less than its user may.
    #[error(
        "the session is narrowed: use one that is not, to change second factors or the password"
    )]
    Narrowed,
}

/// Why nothing is done. Nothing has changed either.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not of this session.
    #[error(transparent)]
    NotOneself(#[from] NotOneself),
    /// There is nothing that a code could be of.
    #[error("there is no authenticator yet: enrol one first")]
    NoFactor,
    /// It enrols a first authenticator, and shows none.
    #[error("{}", TypedError::NoFactor)]
    OneTime,
    /// The last one is for an administrator to take away.
    #[error(
        "the last authenticator is not removed: enrol another one first, or have an administrator reset your second factors"
    )]
    Last,
    /// Too many codes were wrong.
    #[error(transparent)]
    Locked(#[from] lockout::Refusal),
    /// The core's own reasons.
    #[error(transparent)]
    Enrol(#[from] totp::EnrolRefusal),
    /// See [`totp::confirm`].
    #[error(transparent)]
    Confirm(#[from] totp::ConfirmRefusal),
    /// See [`totp::remove`].
    #[error(transparent)]
    Remove(#[from] totp::RemoveRefusal),
    /// See [`recovery::replace`].
    #[error(transparent)]
    Replace(#[from] recovery::ReplaceRefusal),
    /// An issuer that no app takes.
    #[error(transparent)]
    Uri(#[from] totp::UriError),
    /// A name that no user can have: the store is damaged.
    #[error(transparent)]
    Name(#[from] UserNameError),
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<NotAllowed> for Refusal {
    fn from(refused: NotAllowed) -> Self {
        Self::Enrol(refused.into())
    }
}

/// What became of what was typed. Commit the transaction in every case.
#[derive(Debug)]
#[must_use]
pub enum Judged<R> {
    /// It was right, and this was done.
    Right(R),
    /// It was right once.
    Used,
    /// It is not.
    Wrong,
}

impl<R> Judged<R> {
    /// Goes on with what was done.
    ///
    /// # Errors
    /// As it refuses: then nothing is done.
    pub fn then<T>(self, f: impl FnOnce(R) -> Result<T, Refusal>) -> Result<Judged<T>, Refusal> {
        Ok(match self {
            Self::Right(reply) => Judged::Right(f(reply)?),
            Self::Used => Judged::Used,
            Self::Wrong => Judged::Wrong,
        })
    }
}

/// The second factor that a session has shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// When and how.
    pub elevation: Elevation,
    /// What is left of the recovery codes, if one was spent.
    pub left: Option<Left>,
}

/// Notes in the caller's session that a second factor was shown now.
///
/// # Errors
/// When the session is not a user's own, there is no authenticator, or too many codes were wrong.
pub fn elevate(
    tx: &mut Tx<'_>,
    caller: &Caller,
    source: Source,
    typed: &Typed,
) -> Result<Judged<Shown>, Refusal> {
    let user = user(caller)?;
    if totp::count_active(tx, user)? == 0 {
        return Err(Refusal::NoFactor);
    }
    // A one-time code is no guess: it is not counted.
    let Typed::Factor(factor) = typed else {
        return Err(Refusal::OneTime);
    };
    let (attempt, window) = count(tx, caller, source)?;
    let (method, left) = match factor.show(tx, user, window)? {
        Proved::By(method, left) => (method, left),
        Proved::Used => return Ok(Judged::Used),
        Proved::Wrong => return Ok(Judged::Wrong),
    };
    lockout::succeeded(tx, &attempt)?;
    let elevation = note(tx, caller, method)?;
    Ok(Judged::Right(Shown { elevation, left }))
}

/// Begins to enrol an authenticator: a first one by an administrator's one-time code, another one by what the session
/// has shown in the last ten minutes, or shows by this.
///
/// # Errors
/// When neither suffices, there are too many, or the name is taken.
pub fn start<'a>(
    tx: &mut Tx<'_>,
    caller: &Caller,
    source: Source,
    typed: Option<&Typed>,
    what: impl FnOnce(u64) -> Enrolment<'a>,
) -> Result<Judged<Listed>, Refusal> {
    let what = what(changer(caller)?);
    if let Some(Typed::OneTime(code)) = typed {
        return match totp::enrol(tx, &Proof::Code(code), &what) {
            Ok(listed) => Ok(Judged::Right(listed)),
            Err(refused) => Err(refused.into()),
        };
    }
    let shown = shown(tx, caller, source, typed)?;
    shown.then(|elevation| Ok(totp::enrol(tx, &Proof::Session(&elevation), &what)?))
}

/// Lets the authenticator count that waits for its first code. The session has shown a second factor by that. If
/// there are no recovery codes beside it, they are drawn.
///
/// # Errors
/// When none waits, or too many codes were wrong.
pub fn confirm(
    tx: &mut Tx<'_>,
    caller: &Caller,
    source: Source,
    code: &Code,
    entropy: &mut dyn Entropy,
) -> Result<Judged<(Listed, Option<Fresh>)>, Refusal> {
    let user = changer(caller)?;
    let (attempt, window) = count(tx, caller, source)?;
    let listed = match totp::confirm(tx, user, code, window)? {
        Confirmed::Active(listed) => listed,
        Confirmed::Wrong => return Ok(Judged::Wrong),
    };
    lockout::succeeded(tx, &attempt)?;
    let elevation = note(tx, caller, Method::Totp)?;
    let fresh = if recovery::left(tx, user)?.is_some() {
        None
    } else {
        let fresh = Fresh::make(user, entropy);
        recovery::replace(tx, &elevation, &fresh)?;
        Some(fresh)
    };
    Ok(Judged::Right((listed, fresh)))
}

/// The caller's authenticators, and what is left of his recovery codes.
///
/// # Errors
/// When the session is not a user's own.
pub fn list(tx: &mut Tx<'_>, caller: &Caller) -> Result<(Vec<Listed>, Option<Left>), Refusal> {
    let user = user(caller)?;
    Ok((totp::list(tx, user)?, recovery::left(tx, user)?))
}

/// Removes an authenticator, but never the last one that counts; returns how many that count are left.
///
/// # Errors
/// When no second factor was just shown, there is no such authenticator, or it is the last.
pub fn remove(
    tx: &mut Tx<'_>,
    caller: &Caller,
    source: Source,
    typed: Option<&Typed>,
    id: u64,
) -> Result<Judged<usize>, Refusal> {
    let user = changer(caller)?;
    let shown = shown(tx, caller, source, typed)?;
    shown.then(|elevation| match totp::remove(tx, user, &elevation, id)? {
        // A password that was long enough beside it may be too short alone (R-PW-1).
        0 => Err(Refusal::Last),
        left => Ok(left),
    })
}

/// Draws recovery codes in place of the ones before.
///
/// # Errors
/// When no second factor was just shown.
pub fn renew(
    tx: &mut Tx<'_>,
    caller: &Caller,
    source: Source,
    typed: Option<&Typed>,
    entropy: &mut dyn Entropy,
) -> Result<Judged<Fresh>, Refusal> {
    let user = changer(caller)?;
    if totp::count_active(tx, user)? == 0 {
        return Err(Refusal::NoFactor);
    }
    let shown = shown(tx, caller, source, typed)?;
    shown.then(|elevation| {
        let fresh = Fresh::make(user, entropy);
        recovery::replace(tx, &elevation, &fresh)?;
        Ok(fresh)
    })
}

/// What the session has shown: by this, or before.
fn shown(
    tx: &mut Tx<'_>,
    caller: &Caller,
    source: Source,
    typed: Option<&Typed>,
) -> Result<Judged<Elevation>, Refusal> {
    match typed {
        Some(typed) => {
            elevate(tx, caller, source, typed)?.then(|Shown { elevation, .. }| Ok(elevation))
        }
        None => Ok(Judged::Right(caller.session.elevation)),
    }
}

/// A user in a session of his own.
fn user(caller: &Caller) -> Result<u64, NotOneself> {
    if caller.session.role.is_some() {
        return Err(NotOneself::Role);
    }
    if caller.rights.kind != PrincipalKind::User {
        return Err(NotOneself::NotUser);
    }
    Ok(caller.principal_id())
}

/// The same, in one that is not narrowed: what is given to a script must not enrol whoever steals it there,
/// nor let him in by another password.
pub(super) fn changer(caller: &Caller) -> Result<u64, NotOneself> {
    let (user, session) = (user(caller)?, &caller.session);
    if session.actions.is_some() || session.under.is_some() || session.policies.is_some() {
        return Err(NotOneself::Narrowed);
    }
    Ok(user)
}

/// Counts an attempt; which codes are right then.
fn count(tx: &mut Tx<'_>, caller: &Caller, source: Source) -> Result<(Attempt, Window), Refusal> {
    let name = UserName::try_from(&*caller.rights.name)?;
    let policy = Policy::load(tx)?;
    let user = Some(caller.principal_id());
    let attempt = lockout::begin(tx, &name, user, source, &policy.limits())?;
    Ok((attempt, policy.window()))
}

fn note(tx: &mut Tx<'_>, caller: &Caller, method: Method) -> Result<Elevation, RecordError> {
    let elevation = Elevation::shown(tx.now(), method);
    let session = Session {
        elevation,
        ..(*caller.session).clone()
    };
    tx.put(caller.token.key(), &session)?;
    Ok(elevation)
}

/// Forgets all second factors of a user who is deleted, with the codes that stand in for them.
///
/// # Errors
/// When the store fails.
pub(crate) fn forget(tx: &mut Tx<'_>, user: u64) -> Result<(), RecordError> {
    totp::forget(tx, user)?;
    recovery::clear(tx, user)?;
    onetime::revoke_all(tx, user)
}
