//! Logging in with a password, and changing it: what is looked at, in which order, and what comes of it.
//!
//! ```text
//! begin      the attempt is counted; what to compare with                      a transaction
//! compare    password::Hasher::verify                                          between transactions
//! choose     a new password, where one is due: password::choose                between transactions
//! arrive     all of it again, bound to the hash that was compared: a session   a transaction
//! ```
//! Unknown, disabled and without a password are one path and one answer. What a right password wants beside itself
//! is told to whoever has it: a new password first, then a code, so that no code is used up for nothing. A code that
//! is wrong stays counted, and so is a disabled user's password; a right password that only lacks something does not,
//! nor one that comes to nothing for a reason that is no guess ([`Refusal::is_no_guess`]). What a session shall be
//! like is looked at before anything is counted ([`Login::check`]).

mod change;
mod situation;

use std::sync::Arc;

use super::{
    Caller, Denied, EntryRefusal, Login, LoginRefusal, Origin, Principal, Session, Sort, TokenHash,
    factor::{Factor, NotOneself, Proved},
    lockout::{self, Attempt, NOBODY, Source},
    login::enter,
    password::{
        Checked, Chosen, Credential, Factors, InUse, PasswordHash, Policy, Seen, Standing,
        SucceedRefusal,
    },
    principal::named,
    totp::{Demand, Elevation, Method, NotAllowed},
};
use crate::{
    name::UserName,
    record::{RecordError, Tx},
};

pub use change::{begin_change, change_password};
pub use situation::Situation;

/// An attempt that was counted, and what its password is compared with.
#[derive(Debug)]
pub struct Begun {
    /// What one comparison takes.
    pub attempt: Attempt,
    /// None where nobody has the name, or who has it has no password.
    pub credential: Option<Credential>,
    /// What comparing costs, whoever it is.
    pub in_use: InUse,
}

/// Counts an attempt to log in. Apply it before the password is compared.
///
/// # Errors
/// When too many were counted.
pub fn begin_login(
    tx: &mut Tx<'_>,
    name: &UserName,
    source: Source,
) -> Result<Begun, lockout::Refusal> {
    let limits = Policy::load(tx)?.limits();
    let user = named(tx, Sort::User, name.as_str())?;
    // ORDER: nobody's is read for a name that nobody has: the same reads for both
    let credential = Credential::load(tx, user.unwrap_or(NOBODY))?;
    let in_use = InUse::load(tx)?;
    let attempt = lockout::begin(tx, name, user, source, &limits)?;
    Ok(Begun {
        attempt,
        credential,
        in_use,
    })
}

/// What somebody brings beside a right password.
#[derive(Debug)]
pub struct Brought<'a> {
    /// What the session shall be able to do.
    pub login: &'a Login,
    /// Of the session.
    pub token: &'a TokenHash,
    /// A second factor.
    pub code: Option<&'a Factor>,
    /// A new password.
    pub chosen: Option<&'a Chosen>,
    /// The same password's hash at the cost of new ones.
    pub upgraded: Option<&'a PasswordHash>,
}

/// What comes of a right password. Commit the transaction whatever it is.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// A session.
    In(Box<Arrival>),
    /// Not yet.
    Wants(Wants),
}

/// Somebody who is logged in.
#[derive(Debug)]
pub struct Arrival {
    /// Who.
    pub caller: Caller,
    /// Made with which second factor.
    pub method: Option<Method>,
    /// What is left of his recovery codes, if one was used.
    pub codes_left: Option<usize>,
    /// When his password must be changed, in milliseconds since the epoch.
    pub change_by: Option<u64>,
    /// What the demand for a second factor makes of it.
    pub demand: Demand,
    /// The session, as narrowed.
    pub session: Session,
}

/// What a right password lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Another password in its place.
    NewPassword,
    /// A code.
    Code,
    /// Another code.
    RightCode {
        /// It was right once.
        used: bool,
    },
}

/// Why a right password comes to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Its user is gone or disabled.
    #[error("there is nobody to log in")]
    Nobody,
    /// It is good for nothing any more.
    #[error("the password has ended")]
    Ended,
    /// It, the second factors or a new password's rules changed meanwhile.
    #[error("the password or what is asked beside it was changed meanwhile")]
    Overtaken,
    /// It need not be changed, and a login is no place to.
    #[error("the password need not be changed")]
    NotDue,
    /// Only users have passwords that they change.
    #[error("only a user has a password")]
    NoUser,
    /// The policy leaves it to administrators.
    #[error("the password policy lets administrators change passwords, and nobody else")]
    NotSelf,
    /// The session is for enrolling a second factor. A change that is due is part of a login.
    #[error(
        "this session is for enrolling a second factor, which is demanded of this user: `vaultctl mfa enrol` first"
    )]
    Enrolling,
    /// Of a session that is not wholly the user's own.
    #[error(transparent)]
    NotOneself(#[from] NotOneself),
    /// Of a user with a second factor, by whoever has shown none just now.
    #[error(
        "a password is changed with a second factor: bring a code of an authenticator or a recovery code, or show one in this session first"
    )]
    NotShown,
    /// Too many attempts were counted.
    #[error(transparent)]
    Lockout(lockout::Refusal),
    /// What the session shall be like.
    #[error(transparent)]
    Login(#[from] LoginRefusal),
    /// A policy keeps him from logging in so.
    #[error(transparent)]
    Denied(Box<Denied>),
    /// The store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Refusal {
    /// Whether nothing was found out by it but what whoever has the right password may know: then its attempt is to
    /// be taken back ([`Checked::excuse`]). `code` says whether a code was brought, too.
    pub fn is_no_guess(&self, code: bool) -> bool {
        match self {
            Self::Ended | Self::Overtaken | Self::NotDue | Self::Login(_) => true,
            Self::Denied(_) => !code,
            Self::Nobody
            | Self::NoUser
            | Self::NotSelf
            | Self::Enrolling
            | Self::NotOneself(_)
            | Self::NotShown
            | Self::Lockout(_)
            | Self::Record(_) => false,
        }
    }
}

impl From<EntryRefusal> for Refusal {
    fn from(refusal: EntryRefusal) -> Self {
        match refusal {
            EntryRefusal::Nobody => Self::Nobody,
            EntryRefusal::Denied(denied) => Self::Denied(denied),
            EntryRefusal::Login(LoginRefusal::Record(error)) => Self::Record(error),
            EntryRefusal::Login(refusal) => Self::Login(refusal),
        }
    }
}

impl From<NotAllowed> for Refusal {
    fn from(_: NotAllowed) -> Self {
        Self::NotShown
    }
}

impl From<SucceedRefusal> for Refusal {
    fn from(refusal: SucceedRefusal) -> Self {
        match refusal {
            SucceedRefusal::Overtaken => Self::Overtaken,
            SucceedRefusal::Record(error) => Self::Record(error),
        }
    }
}

/// Makes the session of a right password, if nothing is lacking and nothing has changed since it was compared.
///
/// # Errors
/// When it comes to nothing; the attempt stays counted, unless it [is no guess](Refusal::is_no_guess).
pub fn arrive(
    tx: &mut Tx<'_>,
    checked: &Checked,
    origin: &Arc<Origin>,
    brought: &Brought<'_>,
) -> Result<Outcome, Refusal> {
    let user = checked.user();
    let situation = Situation::of(tx, user)?.ok_or(Refusal::Nobody)?;
    let (policy, factors) = (&situation.policy, situation.factors);
    // ORDER: before the password is used up for a session that cannot be
    brought.login.ttl()?;
    let demand = situation.demand(tx.now());
    let credential = checked.credential(tx)?;
    match (situation.standing(tx, &credential), brought.chosen) {
        (Standing::Ended, _) => return Err(Refusal::Ended),
        (Standing::Good, Some(_)) => return Err(Refusal::NotDue),
        (Standing::MustChange, None) => {
            checked.excuse(tx)?;
            return Ok(Outcome::Wants(Wants::NewPassword));
        }
        (Standing::MustChange, Some(chosen)) if chosen.factors() != factors => {
            return Err(Refusal::Overtaken);
        }
        (Standing::Good, None) | (Standing::MustChange, Some(_)) => {}
    }
    let factor = match second_factor(tx, checked, &situation, brought.code)? {
        Ok(factor) => factor,
        Err(wants) => return Ok(Outcome::Wants(wants)),
    };
    let credential = checked.succeed(tx)?;
    let (epoch, changed_at) = match (brought.chosen, brought.upgraded) {
        (Some(chosen), _) => (replace(tx, checked, &situation, chosen)?, tx.now()),
        (None, Some(hash)) => {
            match Credential::upgrade(tx, user, checked.hash(), hash)? {
                Seen::Replaced => {}
                Seen::Overtaken => return Err(Refusal::Overtaken),
            }
            (situation.principal.epoch, credential.changed_at())
        }
        (None, None) => (situation.principal.epoch, credential.changed_at()),
    };
    let (elevation, codes_left) = factor;
    let last = match demand {
        // ORDER: no session outlives the time that its user has for a second factor
        Demand::Notice { by } => Some(by),
        Demand::Met | Demand::EnrolOnly => None,
    };
    let whole = Session {
        elevation,
        enrols: demand == Demand::EnrolOnly,
        ..Session::of(tx, brought.token, (user, epoch), last)
    };
    let (caller, session) = enter(tx, origin, brought.token, whole, brought.login)?;
    Ok(Outcome::In(Box::new(Arrival {
        caller,
        method: elevation.method(),
        codes_left,
        change_by: policy.change_by(changed_at),
        demand,
        session,
    })))
}

/// The second factor, where one is asked for, used up; and how many recovery codes are left, if it was one.
fn second_factor(
    tx: &mut Tx<'_>,
    checked: &Checked,
    situation: &Situation,
    code: Option<&Factor>,
) -> Result<Result<(Elevation, Option<usize>), Wants>, RecordError> {
    if situation.factors == Factors::Alone {
        return Ok(Ok((Elevation::NONE, None)));
    }
    let Some(code) = code else {
        checked.excuse(tx)?;
        return Ok(Err(Wants::Code));
    };
    show(tx, situation, (checked.user(), code))
}

/// Uses up what was brought; its attempt was counted with the password's.
fn show(
    tx: &mut Tx<'_>,
    situation: &Situation,
    (user, code): (u64, &Factor),
) -> Result<Result<(Elevation, Option<usize>), Wants>, RecordError> {
    Ok(match code.show(tx, user, situation.policy.window())? {
        Proved::By(method, left) => Ok((
            Elevation::shown(tx.now(), method),
            left.map(|left| left.codes),
        )),
        Proved::Used => Err(Wants::RightCode { used: true }),
        Proved::Wrong => Err(Wants::RightCode { used: false }),
    })
}

/// Replaces the password that was compared, and ends the user's sessions: returns the number of those to come.
fn replace(
    tx: &mut Tx<'_>,
    checked: &Checked,
    situation: &Situation,
    chosen: &Chosen,
) -> Result<u64, Refusal> {
    let (user, seen) = (checked.user(), Some(checked.hash()));
    let policy = &situation.policy;
    match Credential::replace(tx, user, chosen.hash(), chosen.origin(), seen, policy)? {
        Seen::Replaced => {}
        Seen::Overtaken => return Err(Refusal::Overtaken),
    }
    let mut principal = (*situation.principal).clone();
    principal.epoch += 1;
    tx.put(Principal::key(user), &principal)?;
    Ok(principal.epoch)
}

#[cfg(test)]
mod tests;
