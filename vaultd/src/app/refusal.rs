//! What refusals of the core and of the audit are called towards callers: one table.

use vault_core::access::onetime::{self, IssueRefusal};
use vault_core::access::program::peer::AllowRefusal;
use vault_core::access::program::pin::PinRefusal;
use vault_core::access::program::secret_id;
use vault_core::access::recovery::ReplaceRefusal;
use vault_core::access::totp::{self, NotAllowed};
use vault_core::access::{Exceeds, Resource, Sort, Unauthenticated, factor, lockout};
use vault_core::engine::identity;
use vault_core::engine::secrets::Refusal;
use vault_core::record::{RecordError, once::NotReplayed};
use vault_proto::v1::Reason;

use super::audit::AuditError;
use super::error::Error;

/// A secrets engine's refusal.
pub(super) fn secrets(refusal: Refusal, resource: &Resource) -> Error {
    let name = match resource {
        Resource::Secret(path) => path.to_string(),
        Resource::Folder(folder) => format!("{folder}/"),
        Resource::User(_)
        | Resource::Service(_)
        | Resource::Role(_)
        | Resource::Group(_)
        | Resource::Policy(_)
        | Resource::Every(_)
        | Resource::Own
        | Resource::System => String::new(),
    };
    let message = format!("`{name}`: {refusal}");
    let plain = |reason| Error::new(reason, message.clone());
    match refusal {
        Refusal::SecretNotFound => plain(Reason::SecretNotFound),
        Refusal::FolderNotFound => plain(Reason::FolderNotFound),
        Refusal::VersionNotFound => plain(Reason::VersionNotFound),
        Refusal::LabelNotFound => plain(Reason::LabelNotFound),
        Refusal::FieldNotFound(_) => plain(Reason::FieldNotFound),
        Refusal::VersionDestroyed => plain(Reason::VersionDestroyed),
        Refusal::VersionMismatch { found } => {
            plain(Reason::VersionMismatch).fact("found_version", found)
        }
        Refusal::LabelMismatch { found } => {
            plain(Reason::LabelMismatch).fact("found_version", found)
        }
        Refusal::RequestIdReused => plain(Reason::RequestIdReused),
        Refusal::Exists => plain(Reason::SecretExists),
        Refusal::CurrentVersionProtected => plain(Reason::CurrentVersionProtected),
        Refusal::TooLarge(_) => plain(Reason::ValueTooLarge),
        Refusal::PolicyNotFound => plain(Reason::PolicyNotFound),
        Refusal::Document(error) => plain(Reason::PolicyInvalid)
            .fact("line", error.line())
            .fact("column", error.column()),
        Refusal::UnknownPrincipal(_) => plain(Reason::PrincipalUnknown),
        Refusal::LocksOut => plain(Reason::PolicyLocksOut),
        Refusal::PolicyNamesPaths(_) => plain(Reason::PolicyNamesPaths),
        Refusal::TooMany(_) => plain(Reason::LimitReached),
        Refusal::Exceeds(Exceeds::Beyond(_) | Exceeds::Denied(_)) => plain(Reason::BeyondOwnRights),
        // What was proved before it was decided has changed since.
        Refusal::Exceeds(Exceeds::Unproven) => plain(Reason::Contention),
        Refusal::PositionInvalid => plain(Reason::CursorInvalid),
        Refusal::Invalid(_) => plain(Reason::RequestInvalid),
        Refusal::Grant(_) => Error::internal(message),
        Refusal::Exceeds(Exceeds::Record(error)) | Refusal::Record(error) => record(error),
    }
}

/// A repeat that is not answered.
pub(super) fn replay(why: NotReplayed) -> Error {
    match why {
        NotReplayed::Reused => Error::new(Reason::RequestIdReused, why.to_string()),
        NotReplayed::Record(error) => record(error),
    }
}

/// The identity engine's.
pub(super) fn identity(refusal: identity::Refusal) -> Error {
    use identity::Refusal;
    let message = refusal.to_string();
    let reason = match refusal {
        Refusal::NotFound(Sort::Policy, _) | Refusal::InlineNotFound(_) => Reason::PolicyNotFound,
        Refusal::NotFound(..) | Refusal::TrustNotFound(_) => Reason::IdentityNotFound,
        Refusal::Exists(..) | Refusal::LooksLike(..) | Refusal::TrustExists(_) => {
            Reason::IdentityExists
        }
        Refusal::MixedScripts(..) => Reason::NameInvalid,
        Refusal::VersionNotFound(_) => Reason::VersionNotFound,
        Refusal::Document(error) => {
            return Error::new(Reason::PolicyInvalid, message)
                .fact("line", error.line())
                .fact("column", error.column());
        }
        Refusal::UnknownPrincipal(_) => Reason::PrincipalUnknown,
        Refusal::Attached(_) => Reason::PolicyAttached,
        Refusal::TooMany(_) => Reason::LimitReached,
        Refusal::Invalid(_) | Refusal::Claims(_) | Refusal::Issuer(_) => Reason::RequestInvalid,
        Refusal::Destination(_) => Reason::DestinationNotAllowed,
        Refusal::OneTime(error) => return one_time(error),
        Refusal::NoSecretId => Reason::SecretIdNotFound,
        Refusal::SecretId(error) => return secret_id(error),
        Refusal::Uid(error) => return uid(error),
        Refusal::Pin(error) => return pin(error),
        Refusal::Exceeds(Exceeds::Beyond(_) | Exceeds::Denied(_)) => Reason::BeyondOwnRights,
        // What was proved before it was decided has changed since.
        Refusal::Exceeds(Exceeds::Unproven) => Reason::Contention,
        Refusal::Exceeds(Exceeds::Record(error)) | Refusal::Record(error) => return record(error),
        Refusal::Grant(_) => return Error::internal(message),
    };
    Error::new(reason, message)
}

fn one_time(refused: IssueRefusal) -> Error {
    let reason = match refused {
        IssueRefusal::Record(error) => return record(error),
        IssueRefusal::Ttl | IssueRefusal::Own => Reason::RequestInvalid,
        IssueRefusal::HasFactor => Reason::SecondFactorExists,
    };
    Error::new(reason, refused.to_string())
}

fn secret_id(refused: secret_id::IssueRefusal) -> Error {
    use secret_id::IssueRefusal;
    match refused {
        IssueRefusal::Record(error) => record(error),
        IssueRefusal::Ttl | IssueRefusal::Uses => {
            Error::new(Reason::RequestInvalid, refused.to_string())
        }
        IssueRefusal::TooMany(_) => Error::new(Reason::LimitReached, refused.to_string()),
    }
}

fn uid(refused: AllowRefusal) -> Error {
    let reason = match refused {
        AllowRefusal::Record(error) => return record(error),
        AllowRefusal::Nobody(_) | AllowRefusal::NoGroup(_) => Reason::RequestInvalid,
        AllowRefusal::TooMany => Reason::LimitReached,
    };
    Error::new(reason, refused.to_string())
}

fn pin(refused: PinRefusal) -> Error {
    let reason = match refused {
        PinRefusal::Record(error) => return record(error),
        PinRefusal::Ttl => Reason::RequestInvalid,
        PinRefusal::Taken => Reason::KeyTaken,
        PinRefusal::TooMany => Reason::LimitReached,
    };
    Error::new(reason, refused.to_string())
}

/// Of one's own second factors.
pub(super) fn factor(refused: factor::Refusal) -> Error {
    use factor::Refusal;
    use totp::{ConfirmRefusal, EnrolRefusal, RemoveRefusal};
    let message = refused.to_string();
    let reason = match refused {
        Refusal::NotOneself(_) => Reason::OwnSessionNeeded,
        Refusal::NoFactor => Reason::NoSecondFactor,
        Refusal::OneTime => Reason::CodeInvalid,
        Refusal::Uri(_) => Reason::RequestInvalid,
        Refusal::Last => Reason::LastAuthenticator,
        Refusal::Locked(locked) => return lockout(locked),
        Refusal::Enrol(EnrolRefusal::NotAllowed(why))
        | Refusal::Remove(RemoveRefusal::NotAllowed(why))
        | Refusal::Replace(ReplaceRefusal::NotAllowed(why)) => match why {
            NotAllowed::NoFactor | NotAllowed::NotFresh => Reason::SecondFactorNeeded,
            NotAllowed::HasFactor => Reason::SecondFactorExists,
        },
        Refusal::Enrol(EnrolRefusal::Code(code)) => match code {
            onetime::SpendRefusal::Record(error) => return record(error),
            onetime::SpendRefusal::Purpose(_) | onetime::SpendRefusal::Unknown => Reason::CodeWrong,
        },
        Refusal::Enrol(EnrolRefusal::TooMany) => Reason::LimitReached,
        Refusal::Enrol(EnrolRefusal::NameTaken) => Reason::AuthenticatorExists,
        Refusal::Confirm(ConfirmRefusal::NotPending) => Reason::EnrolmentNotStarted,
        Refusal::Remove(RemoveRefusal::Unknown) => Reason::AuthenticatorNotFound,
        Refusal::Enrol(EnrolRefusal::Seed) | Refusal::Name(_) => return Error::internal(message),
        Refusal::Enrol(EnrolRefusal::Record(error))
        | Refusal::Confirm(ConfirmRefusal::Record(error))
        | Refusal::Remove(RemoveRefusal::Record(error))
        | Refusal::Replace(ReplaceRefusal::Record(error))
        | Refusal::Record(error) => return record(error),
    };
    Error::new(reason, message)
}

/// Too many attempts: one answer for every name, whether anybody has it.
pub(super) fn lockout(refused: lockout::Refusal) -> Error {
    match refused {
        lockout::Refusal::Locked { wait } => {
            let seconds = wait.div_ceil(1000);
            let message = format!(
                "too many attempts to log in; wait {seconds} seconds, or ask an administrator: vaultctl password unlock"
            );
            Error::new(Reason::LoginLocked, message).fact("retry_after_seconds", seconds)
        }
        lockout::Refusal::Record(error) => record(error),
    }
}

/// A second factor that is not right: at a login, and wherever else one is shown.
pub(super) fn code(used: bool) -> Error {
    if used {
        Error::new(
            Reason::CodeUsed,
            "the code has been used already: wait for the next one",
        )
    } else {
        Error::new(
            Reason::CodeWrong,
            "the code is wrong, or not the present one: wait for the next one, and check the clock of the device",
        )
    }
}

/// The record layer's.
pub(super) fn record(error: RecordError) -> Error {
    match error {
        RecordError::TooLarge => Error::new(
            Reason::ValueTooLarge,
            "the change is over 512 records or 2 MiB; do it in smaller steps",
        ),
        RecordError::AtHomeOnly(_) => at_home_only().caused_by(error),
        RecordError::NotKeptHere(_) => Error::new(
            Reason::SecretNotInRegion,
            "the value is not kept in this node's region, which cannot open it: read it from a node of the home region, \
             or have it kept here: vaultctl secret replicate",
        )
        .caused_by(error),
        RecordError::Open(_) | RecordError::Damaged(_) => Error::new(
            Reason::RecordDamaged,
            "a record that this needs is damaged on this node; its log names it",
        )
        .caused_by(error),
        RecordError::View(_) | RecordError::OutOfIds => Error::internal(error),
    }
}

/// It takes keys that only nodes of the home region have.
pub(super) fn at_home_only() -> Error {
    Error::new(
        Reason::HomeRegionOnly,
        "this takes keys that only nodes of the home region have: ask one of them",
    )
}

/// Authentication's.
pub(super) fn unauthenticated(error: Unauthenticated) -> Error {
    match error {
        Unauthenticated::Token => token(),
        Unauthenticated::Record(error) => record(error),
    }
}

/// One answer for every cause: unknown, ended, expired, malformed, missing.
pub(super) fn token() -> Error {
    Error::new(
        Reason::TokenInvalid,
        "the token is missing, unknown, ended or expired; log in again",
    )
}

/// The audit's: nothing is answered that it does not take.
pub(super) fn audit(error: AuditError) -> Error {
    let (reason, message) = match error {
        AuditError::OverBudget => (
            Reason::Overloaded,
            "this caller fills the audit log faster than `audit.session_rate` allows; go slower",
        ),
        AuditError::Unavailable | AuditError::Refused { .. } | AuditError::Io { .. } => (
            Reason::AuditUnavailable,
            "the audit log cannot take a record, so the request is refused",
        ),
    };
    Error::new(reason, message).caused_by(error)
}

/// What happened and could not be recorded is of unknown outcome, not refused.
pub(super) fn unrecorded(error: Error, done: &str, next: &str) -> Error {
    if error.reason() != Reason::AuditUnavailable {
        return error;
    }
    let message = format!("{done}, but could not be recorded; {next}");
    Error::new(Reason::OutcomeUnknown, message)
}
