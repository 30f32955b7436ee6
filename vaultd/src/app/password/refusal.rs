//! What is said of a password that does not do: one table.

use vault_core::access::LoginRefusal;
use vault_core::access::arrival::{Refusal, Wants};
use vault_core::access::password::{NoMemory, Standing, Unfit};
use vault_proto::v1::Reason;

use crate::app::error::Error;
use crate::app::refusal;

/// One answer for a user who does not exist, is disabled, has no password or another one.
pub(super) fn failed() -> Error {
    Error::new(Reason::LoginFailed, "the user or the password is wrong")
}

pub(in crate::app) fn too_often() -> Error {
    Error::new(
        Reason::Overloaded,
        "too many logins or codes from this network; try again in a moment",
    )
}

pub(super) fn no_memory(error: NoMemory) -> Error {
    Error::new(Reason::Overloaded, error.to_string())
}

pub(super) fn wants(wants: Wants) -> Error {
    match wants {
        Wants::NewPassword => Error::new(
            Reason::PasswordChangeRequired,
            "the password is right and must be changed: log in with a new one beside it",
        ),
        Wants::Code => Error::new(
            Reason::MfaRequired,
            "the password is right; a code of an authenticator is needed too, or a recovery code",
        ),
        Wants::RightCode { used } => refusal::code(used),
    }
}

/// Of a password that cannot be replaced by a new one.
pub(super) fn standing(standing: Standing) -> Error {
    match standing {
        Standing::Ended => ended(),
        Standing::Good | Standing::MustChange => not_due(),
    }
}

/// The new password's fault: every rule, never the text.
pub(super) fn unfit(unfit: &Unfit) -> Error {
    let said: Vec<(&str, String)> = match unfit {
        Unfit::Weak(reasons) => {
            let named = reasons.iter();
            named.map(|why| (why.rule(), why.to_string())).collect()
        }
        Unfit::Reused => vec![("PasswordReusePrevention", unfit.to_string())],
        Unfit::TooOften => return Error::new(Reason::Overloaded, unfit.to_string()),
        Unfit::NoMemory(error) => return no_memory(*error),
    };
    let reasons: Vec<String> = said
        .iter()
        .map(|(rule, why)| format!("{why} ({rule})"))
        .collect();
    let rules: Vec<&str> = said.iter().map(|(rule, _)| *rule).collect();
    Error::new(
        Reason::PasswordRefused,
        format!("the new password is refused: {}", reasons.join("; ")),
    )
    .fact("rules", rules.join(","))
}

pub(super) fn arrival(error: Refusal) -> Error {
    let message = error.to_string();
    match error {
        Refusal::Nobody => failed(),
        Refusal::Ended => ended(),
        Refusal::Overtaken => Error::new(Reason::Contention, format!("{message}; log in again")),
        Refusal::NotDue => not_due(),
        Refusal::NoUser | Refusal::NotSelf | Refusal::Enrolling => {
            Error::new(Reason::PolicyDenied, message)
        }
        Refusal::NotOneself(_) => Error::new(Reason::OwnSessionNeeded, message),
        Refusal::NotShown => Error::new(Reason::SecondFactorNeeded, message),
        Refusal::Lockout(refusal) => refusal::lockout(refusal),
        Refusal::Login(LoginRefusal::Record(error)) | Refusal::Record(error) => {
            refusal::record(error)
        }
        Refusal::Login(LoginRefusal::TooMany) => Error::new(Reason::LimitReached, message),
        Refusal::Login(_) => Error::new(Reason::RequestInvalid, message),
        Refusal::Denied(_) => Error::new(
            Reason::PolicyDenied,
            format!("a policy keeps this user from logging in here, now or like this: {message}"),
        ),
    }
}

fn ended() -> Error {
    Error::new(
        Reason::PasswordExpired,
        "the password is right and good for nothing any more; ask an administrator for a reset",
    )
}

fn not_due() -> Error {
    Error::new(
        Reason::RequestInvalid,
        "the password need not be changed: log in without a new one, and change it then",
    )
}
