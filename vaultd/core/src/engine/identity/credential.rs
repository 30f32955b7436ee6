//! What administrators do about a user's password: a one-time one in its place, and an end to a lockout.

use super::{
    Refusal,
    target::{self, Holder},
};
use crate::{
    access::{
        Action, Caller, Grant, Principal, Proofs, Resource, Sort, lockout,
        password::{Credential, Origin, PasswordHash, Policy, Seen},
        principal::Group,
    },
    name::UserName,
    record::Tx,
};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

/// Whether the caller may put a one-time password in place of a user's: before one is made, which takes a while.
///
/// # Errors
/// As of [`reset_password`].
pub fn may_reset_password(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    ttl: Option<u64>,
) -> Result<(), Refusal> {
    to_be_reset(tx, caller, grant, proofs, ttl).map(drop)
}

fn to_be_reset(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    ttl: Option<u64>,
) -> Result<(String, u64, Box<Principal>, u64), Refusal> {
    let (sort, name, target) = target::granted(tx, grant, Action::USER_RESET_PASSWORD)?;
    let ttl = ttl.unwrap_or(DAY);
    if !(MINUTE..=7 * DAY).contains(&ttl) {
        return Err(Refusal::Invalid(
            "a one-time password lasts from a minute to a week",
        ));
    }
    if target.id == caller.principal_id() {
        return Err(Refusal::Invalid(
            "a reset is for somebody else: change your own password, which takes the present one",
        ));
    }
    target::hand_over(tx, caller, proofs, (sort, &name))?;
    match target.holder {
        Holder::Principal(principal) => Ok((name, target.id, principal, ttl)),
        Holder::Group(_) => Err(Refusal::Invalid("only a user has a password")),
    }
}

/// Puts a one-time password in place of a user's, ends his sessions, and forgets what was counted against him and
/// where he was known; returns until when it is good for choosing another. `ttl` is in milliseconds: a minute to a
/// week, by default a day.
///
/// # Errors
/// When the time is out of bounds, he is the caller, or he may do what the caller may not: his credentials are in
/// the caller's hands until he uses them.
pub fn reset_password(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    (hash, ttl): (&PasswordHash, Option<u64>),
) -> Result<u64, Refusal> {
    let (name, id, mut principal, ttl) = to_be_reset(tx, caller, grant, proofs, ttl)?;
    let until = tx.now().saturating_add(ttl);
    let policy = Policy::load_for(tx, &principal.groups)?;
    match Credential::replace(tx, id, hash, Origin::OneTime(until), None, &policy)? {
        Seen::Replaced => {}
        Seen::Overtaken => return Err(Refusal::Invalid("another change came first")),
    }
    lockout::unlock(tx, &user_name(&name)?, None)?;
    lockout::forget_places(tx, id);
    principal.epoch += 1;
    let holder = Holder::Principal(principal);
    target::Target { id, holder }.put(tx)?;
    Ok(until)
}

/// Lets a user's attempts to log in begin again, those beyond the ceiling of a day too.
///
/// # Errors
/// When he does not exist, he is the caller, or he may do what the caller may not: whoever unlocks somebody has him
/// guessed at more often, and who has stolen a session must not guess the code that it lacks.
pub fn unlock(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
) -> Result<(), Refusal> {
    let (sort, name, target) = target::granted(tx, grant, Action::USER_UNLOCK)?;
    if target.id == caller.principal_id() {
        return Err(Refusal::Invalid(
            "nobody unlocks himself: wait, or ask another administrator",
        ));
    }
    target::hand_over(tx, caller, proofs, (sort, &name))?;
    Ok(lockout::unlock(tx, &user_name(&name)?, Some(target.id))?)
}

fn user_name(name: &str) -> Result<UserName, Refusal> {
    let missing = || Refusal::NotFound(Sort::User, name.to_owned());
    UserName::try_from(name).map_err(|_| missing())
}

/// Stores the password policy of the vault or of a group, whichever the grant names; none: the default, or no own one.
///
///
/// # Errors
/// When there is no such group, or a demand for second factors would lock somebody out: it takes effect a day from now
/// at the earliest, and a user who makes it has just shown that he has one.
pub fn put_password_policy(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    policy: Option<&Policy>,
) -> Result<(), Refusal> {
    let of = whose(tx, grant, Action::PASSWORD_PUT_POLICY)?;
    let before = Policy::load_of(tx, of)?.unwrap_or_default();
    gives_notice(tx, caller, (&before, policy))?;
    match policy {
        Some(policy) => policy.store(tx, of)?,
        None => Policy::delete(tx, of),
    }
    Ok(())
}

/// A group's id, or 0 for the vault.
fn whose(tx: &mut Tx<'_>, grant: &Grant, action: Action) -> Result<u64, Refusal> {
    if *grant.about(action)? == Resource::System {
        return Ok(0);
    }
    match target::granted(tx, grant, action)? {
        (Sort::Group, _, target) => Ok(target.id),
        _ => Err(Refusal::Invalid(
            "password policies are the vault's and groups'",
        )),
    }
}

/// No session is longer than a day: those that were made before the demand have ended when it takes effect, and every
/// later one was made with the notice.
fn gives_notice(
    tx: &Tx<'_>,
    caller: &Caller,
    (before, after): (&Policy, Option<&Policy>),
) -> Result<(), Refusal> {
    let Some(from) = after.and_then(Policy::mfa_required_from) else {
        return Ok(());
    };
    if before.mfa_required_from().is_some_and(|old| old <= from) {
        return Ok(());
    }
    if from < tx.now().saturating_add(DAY) {
        return Err(Refusal::Invalid(
            "`MfaRequiredFrom` gives a day's notice at least: whoever has no second factor is told at each login until then",
        ));
    }
    if caller.is_user_without_factor() {
        return Err(Refusal::Invalid(
            "who demands second factors has one: enrol it and show it in this session, `vaultctl session elevate`",
        ));
    }
    Ok(())
}

/// The password policy of the vault or of a group.
#[derive(Debug)]
pub enum PasswordPolicy {
    /// The vault's, and which groups have their own.
    Vault(Policy, Vec<String>),
    /// A group's, if it has one.
    Group(Option<Policy>),
}

/// The password policy that the grant names.
///
/// # Errors
/// When there is no such group.
pub fn password_policy(tx: &mut Tx<'_>, grant: &Grant) -> Result<PasswordPolicy, Refusal> {
    let of = whose(tx, grant, Action::PASSWORD_DESCRIBE_POLICY)?;
    if of != 0 {
        return Ok(PasswordPolicy::Group(Policy::load_of(tx, of)?));
    }
    let mut names = Vec::new();
    for id in Policy::groups(tx, MOST_LISTED)? {
        if let Some(group) = tx.see::<Group>(&Group::key(id))? {
            names.push(group.name.clone());
        }
    }
    Ok(PasswordPolicy::Vault(Policy::load(tx)?, names))
}

/// Groups with a password policy of their own that are listed.
const MOST_LISTED: usize = 1000;
