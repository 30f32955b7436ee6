//! What administrators do to users' second factors. Whoever does it could act as the user afterwards, so all that the
//! user may do must lie within the administrator's own rights.

use super::{
    Refusal,
    target::{self, Holder, hand_over},
};
use crate::{
    access::{
        Action, Caller, Grant, Proofs, Sort,
        onetime::{self, OneTimeHash},
        recovery, totp,
    },
    record::Tx,
};

/// Stores a code that enrols a first authenticator of the user whom the grant names; returns when it ends.
///
/// # Errors
/// When there is no such user, he may do more than the caller, or [`onetime::issue`] refuses.
pub fn issue_enrolment_code(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
    (code, ttl): (&OneTimeHash, Option<u64>),
) -> Result<u64, Refusal> {
    let (_, name) = grant.named(Action::USER_ISSUE_ENROLMENT_CODE)?;
    let (id, _) = target::user(tx, name)?;
    hand_over(tx, caller, proofs, (Sort::User, name))?;
    Ok(onetime::issue(tx, id, code, caller.principal_id(), ttl)?)
}

/// Takes all second factors from the user whom the grant names, with all codes that stand in for them, and ends his
/// sessions; returns how many authenticators there were.
///
/// # Errors
/// When there is no such user, he may do more than the caller, or he is the caller: whoever has stolen a session would
/// rid it of what it lacks.
pub fn reset_factors(
    tx: &mut Tx<'_>,
    caller: &Caller,
    grant: &Grant,
    proofs: &mut Proofs,
) -> Result<usize, Refusal> {
    let (_, name, mut target) = target::granted(tx, grant, Action::USER_RESET_MFA)?;
    if target.id == caller.principal_id() {
        return Err(Refusal::Invalid(
            "nobody resets his own second factors: ask another administrator",
        ));
    }
    hand_over(tx, caller, proofs, (Sort::User, &name))?;
    let id = target.id;
    if let Holder::Principal(principal) = &mut target.holder {
        principal.epoch += 1;
    }
    target.put(tx)?;
    recovery::clear(tx, id)?;
    Ok(totp::reset(tx, id)?)
}
