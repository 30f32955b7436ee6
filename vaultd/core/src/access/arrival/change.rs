//! A user changes his own password: by the old one, and by a second factor where he has one.

use super::{Begun, Refusal, Situation, Wants, begin_login, replace, show};
use crate::access::{
    Caller, Session,
    factor::{Factor, changer},
    lockout::{self, Source},
    password::{Checked, Chosen, Factors, Standing},
    totp,
};
use crate::{name::UserName, record::Tx};

/// Counts an attempt to change the caller's password. Apply it before the old one is compared. `coded`: he brings a
/// second factor with it.
///
/// # Errors
/// When he has none that he may change, neither brings a second factor that he has nor has just shown it, or too many
/// attempts were counted.
pub fn begin_change(
    tx: &mut Tx<'_>,
    caller: &Caller,
    (source, coded): (Source, bool),
) -> Result<Begun, Refusal> {
    let user = caller.principal_id();
    let situation = Situation::of(tx, user)?.ok_or(Refusal::NoUser)?;
    may_change(caller)?;
    if !situation.policy.allows_self_service() {
        return Err(Refusal::NotSelf);
    }
    if situation.factors == Factors::WithMfa && !coded {
        totp::may_change::<Refusal>(tx, user, &caller.session.elevation)?;
    }
    let name = UserName::try_from(situation.name()).map_err(|_| Refusal::NoUser)?;
    begin_login(tx, &name, source).map_err(|refusal| match refusal {
        lockout::Refusal::Record(error) => Refusal::Record(error),
        locked @ lockout::Refusal::Locked { .. } => Refusal::Lockout(locked),
    })
}

/// Puts a new password in place of the caller's, and ends his sessions but the one that he calls with. Whose logins
/// take a second factor brings it, or has just shown it in this session: who has stolen session and password is not to
/// keep him out. Commit the transaction whatever is wanted.
///
/// # Errors
/// When it comes to nothing; the attempt stays counted, unless it [is no guess](Refusal::is_no_guess).
pub fn change_password(
    tx: &mut Tx<'_>,
    caller: &Caller,
    checked: &Checked,
    (chosen, code): (&Chosen, Option<&Factor>),
) -> Result<Result<(), Wants>, Refusal> {
    let situation = Situation::of(tx, checked.user())?.ok_or(Refusal::NoUser)?;
    may_change(caller)?;
    let same = checked.user() == caller.principal_id() && chosen.factors() == situation.factors;
    if !same {
        return Err(Refusal::Overtaken);
    }
    // ORDER: before a code is used up for a change that cannot be
    let credential = checked.credential(tx)?;
    if situation.standing(tx, &credential) == Standing::Ended {
        return Err(Refusal::Ended);
    }
    let mut elevation = caller.session.elevation;
    match (situation.factors, code) {
        (Factors::Alone, _) => drop(checked.succeed(tx)?),
        (Factors::WithMfa, Some(code)) => {
            match show(tx, &situation, (checked.user(), code))? {
                Ok((shown, _)) => elevation = shown,
                Err(wants) => return Ok(Err(wants)),
            }
            drop(checked.succeed(tx)?);
        }
        // No code was shown: a password alone forgives no guesses of it, and makes no place known.
        (Factors::WithMfa, None) => {
            totp::may_change::<Refusal>(tx, checked.user(), &elevation)?;
            checked.excuse(tx)?;
        }
    }
    let epoch = replace(tx, checked, &situation, chosen)?;
    let own = Session {
        epoch,
        elevation,
        ..(*caller.session).clone()
    };
    tx.put(caller.token.key(), &own)?;
    Ok(Ok(()))
}

/// Whether the session is one to change the user's password in.
fn may_change(caller: &Caller) -> Result<(), Refusal> {
    changer(caller)?;
    if caller.session.only_enrols() {
        return Err(Refusal::Enrolling);
    }
    Ok(())
}
