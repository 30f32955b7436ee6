//! The exit codes. They are stable.

use std::process::ExitCode;

use vault_sdk::{Error, Kind};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Ok = 0,
    Internal = 1,
    Usage = 2,
    NotFound = 3,
    Denied = 4,
    Unauthenticated = 5,
    Unavailable = 6,
    Precondition = 7,
    Conflict = 8,
    Unconfirmed = 9,
    Limited = 10,
    Partial = 11,
    Degraded = 12,
    No = 20,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The word in `error[word]`, and the code.
pub(crate) fn of_error(error: &Error) -> (&'static str, Exit) {
    of_kind(error.kind(), error.reason())
}

fn of_kind(kind: Kind, reason: &str) -> (&'static str, Exit) {
    match (kind, reason) {
        (Kind::Unavailable, "SEALED") => ("sealed", Exit::Precondition),
        (Kind::Unavailable, "TLS_UNTRUSTED") => ("untrusted", Exit::Unavailable),
        (Kind::Invalid, _) => ("invalid", Exit::Usage),
        (Kind::Unauthenticated, _) => ("unauthenticated", Exit::Unauthenticated),
        (Kind::Forbidden, "SECOND_FACTOR_NEEDED") => ("second_factor", Exit::Unauthenticated),
        (Kind::Forbidden, _) => ("denied", Exit::Denied),
        (Kind::NotFound, _) => ("not_found", Exit::NotFound),
        (Kind::Conflict, _) => ("conflict", Exit::Conflict),
        (Kind::Exists, _) => ("exists", Exit::Conflict),
        (Kind::Precondition, _) => ("precondition", Exit::Precondition),
        (Kind::Limited, _) => ("limited", Exit::Limited),
        (Kind::Unavailable, _) => ("unavailable", Exit::Unavailable),
        (Kind::Unknown, _) => ("unknown", Exit::Unavailable),
        _ => ("internal", Exit::Internal),
    }
}

/// The table as people read it, for the manual.
pub(crate) const TABLE: &str = "\
0 ok · 1 unexpected or internal · 2 usage or invalid argument · 3 not found · 4 denied · \
5 not logged in, expired or second factor wanted · 6 unreachable, no leader, timeout or outcome unknown · \
7 sealed, not initialised or another precondition · 8 version conflict or already exists · \
9 confirmation needed · 10 rate or quota · 11 partial success · 12 degraded · \
20 the answer is no";

#[cfg(test)]
mod tests {
    use vault_sdk::Kind;

    use super::{Exit, of_kind};

    #[test]
    fn the_table_is_stable() {
        for (kind, reason, word, exit) in [
            (Kind::Invalid, "PATH_INVALID", "invalid", 2),
            (Kind::Invalid, "SHARE_WRONG", "invalid", 2),
            (Kind::NotFound, "SECRET_NOT_FOUND", "not_found", 3),
            (Kind::Forbidden, "POLICY_DENIED", "denied", 4),
            (Kind::Forbidden, "SECOND_FACTOR_NEEDED", "second_factor", 5),
            (Kind::Unauthenticated, "TOKEN_INVALID", "unauthenticated", 5),
            (Kind::Unavailable, "NO_LEADER", "unavailable", 6),
            (Kind::Unavailable, "UNREACHABLE", "unavailable", 6),
            (Kind::Unavailable, "TLS_UNTRUSTED", "untrusted", 6),
            (Kind::Unknown, "OUTCOME_UNKNOWN", "unknown", 6),
            (Kind::Unavailable, "SEALED", "sealed", 7),
            (Kind::Precondition, "NOT_INITIALISED", "precondition", 7),
            (Kind::Conflict, "VERSION_MISMATCH", "conflict", 8),
            (Kind::Exists, "SECRET_EXISTS", "exists", 8),
            (Kind::Limited, "OVERLOADED", "limited", 10),
            (Kind::Internal, "INTERNAL", "internal", 1),
        ] {
            let (found, code) = of_kind(kind, reason);
            assert_eq!((found, code as u8), (word, exit), "{reason}");
        }
        let fixed = [
            Exit::Ok,
            Exit::Unconfirmed,
            Exit::Partial,
            Exit::Degraded,
            Exit::No,
        ];
        assert_eq!(fixed.map(|exit| exit as u8), [0, 9, 11, 12, 20]);
    }
}
