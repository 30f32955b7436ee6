//! The one error type of the SDK.
//!
//! What the server says arrives as `google.rpc.ErrorInfo` (stable reason and metadata); what goes
//! wrong on this side gets a reason of its own: `UNREACHABLE`, `TIMEOUT`, `TLS_UNTRUSTED`,
//! `TLS_FAILED`, `CONFIG_INVALID`, `UNSUPPORTED`, `REPLY_INVALID`. Nothing here compares message texts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::connect::ConnectError;

/// What family an error belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The request is malformed.
    Invalid,
    /// No valid token.
    Unauthenticated,
    /// Not granted.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// Something changed meanwhile: read again first.
    Conflict,
    /// It exists already.
    Exists,
    /// The node is not in the state that the request needs.
    Precondition,
    /// Too much: of requests, or of data.
    Limited,
    /// No node can answer now.
    Unavailable,
    /// The write may or may not have happened. What may be repeated has been: look before you do it again.
    Unknown,
    /// A fault of the server.
    Internal,
}

/// Why a call failed.
#[derive(Clone)]
pub struct Error(Box<Parts>);

#[derive(Clone)]
struct Parts {
    kind: Kind,
    reason: String,
    message: String,
    request_id: Option<String>,
    metadata: BTreeMap<String, String>,
    retryable: bool,
    retry_after: Option<Duration>,
    sent: bool,
    doubted: bool,
}

impl Error {
    /// The family.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The stable, machine-readable reason, such as `VERSION_MISMATCH`.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// What failed, for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The request's id, as audit and logs have it.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// A detail that the server attached, such as the version found.
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.0.metadata.get(name).map(String::as_str)
    }

    /// All details that the server attached.
    pub fn details(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// The same call may succeed later.
    pub fn retryable(&self) -> bool {
        self.0.retryable
    }

    /// How long the server asks to wait before that.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The request may have reached a server.
    pub(crate) fn sent(&self) -> bool {
        self.0.sent
    }

    /// It answers a repetition: an attempt before it may have taken effect.
    pub(crate) fn after_doubt(mut self) -> Self {
        self.0.doubted = true;
        self
    }

    /// What was to be ended has ended: `reason` says that it is not there, after an attempt that may have ended it.
    pub(crate) fn says_done(&self, reason: &str) -> bool {
        self.0.doubted && self.0.reason == reason
    }

    pub(crate) fn with_request_id(mut self, id: &str) -> Self {
        self.0.request_id.get_or_insert_with(|| id.to_owned());
        self
    }

    /// An error of this side, before anything was sent.
    pub(crate) fn local(kind: Kind, reason: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            reason: reason.to_owned(),
            message: message.into(),
            request_id: None,
            metadata: BTreeMap::new(),
            retryable: false,
            retry_after: None,
            sent: false,
            doubted: false,
        }))
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::local(Kind::Invalid, "CONFIG_INVALID", message)
    }

    pub(crate) fn not_found(reason: &str, message: String) -> Self {
        Self::local(Kind::NotFound, reason, message)
    }

    /// A reply without a part that the protocol promises.
    pub(crate) fn incomplete(what: &str) -> Self {
        Self::local(
            Kind::Internal,
            "REPLY_INVALID",
            format!("the reply has no {what}"),
        )
    }

    pub(crate) fn timeout(after: Duration, write: bool) -> Self {
        let (kind, reason) = if write {
            (Kind::Unknown, "OUTCOME_UNKNOWN")
        } else {
            (Kind::Unavailable, "TIMEOUT")
        };
        let mut error = Self::local(kind, reason, format!("no answer within {after:?}"));
        error.0.retryable = true;
        error.0.sent = true;
        error
    }

    /// A write that was sent, and whose answer was lost.
    pub(crate) fn outcome_unknown(message: &str) -> Self {
        let message = format!("{message}; the write may have happened");
        let mut error = Self::local(Kind::Unknown, "OUTCOME_UNKNOWN", message);
        error.0.retryable = true;
        error.0.sent = true;
        error
    }

    pub(crate) fn is_unreachable(&self) -> bool {
        self.0.reason == "UNREACHABLE"
    }

    /// One of a batch: kind and reason by the name that the server gave.
    pub(crate) fn of_reason(reason: &str, message: String) -> Self {
        let kind = kind_of_reason(reason);
        let mut error = Self::local(kind, reason, message);
        error.0.retryable = kind == Kind::Unavailable;
        error.0.sent = true;
        error
    }

    pub(crate) fn from_connect(cause: &ConnectError) -> Self {
        let (kind, reason, retryable) = match cause {
            ConnectError::Untrusted { .. } => (Kind::Unavailable, "TLS_UNTRUSTED", false),
            ConnectError::Tls { .. } => (Kind::Unavailable, "TLS_FAILED", true),
            ConnectError::Timeout { .. } | ConnectError::Io { .. } => {
                (Kind::Unavailable, "UNREACHABLE", true)
            }
        };
        let mut error = Self::local(kind, reason, cause.to_string());
        error.0.retryable = retryable;
        error
    }

    pub(crate) fn from_status(status: &Status) -> Self {
        if let Some(cause) = connect_error(status) {
            return Self::from_connect(cause);
        }
        let info = status.get_details_error_info();
        let from_server = info.is_some() || std::error::Error::source(status).is_none();
        if !from_server {
            let mut error =
                Self::local(Kind::Unavailable, "UNREACHABLE", "the connection broke off");
            error.0.retryable = true;
            error.0.sent = true;
            return error;
        }
        let (kind, default_reason) = kind_of_code(status.code());
        let (reason, metadata) = match info {
            Some(info) => (info.reason, info.metadata),
            None => (default_reason.to_owned(), HashMap::new()),
        };
        let metadata: BTreeMap<_, _> = metadata.into_iter().collect();
        let asked = metadata.get("retry_after_seconds");
        let asked = asked.and_then(|seconds| seconds.parse().ok());
        let retry_after = match status.get_details_retry_info() {
            Some(info) => info.retry_delay,
            None => asked.map(Duration::from_secs),
        };
        let header = status.metadata().get(crate::call::REQUEST_ID);
        let header = header.and_then(|id| id.to_str().ok()).map(str::to_owned);
        let retryable = matches!(kind, Kind::Unavailable | Kind::Limited | Kind::Unknown)
            && !matches!(reason.as_str(), "SEALED" | "DISK_FULL")
            || reason == "CONTENTION";
        Self(Box::new(Parts {
            kind,
            reason,
            message: status.message().to_owned(),
            request_id: header.or_else(|| metadata.get("request_id").cloned()),
            metadata,
            retryable,
            retry_after,
            sent: true,
            doubted: false,
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("reason", &self.0.reason)
            .field("message", &self.0.message)
            .field("request_id", &self.0.request_id)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {}

/// The failure to connect behind a status, if that is what it is.
fn connect_error(status: &Status) -> Option<&ConnectError> {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<ConnectError>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The one table of gRPC codes; the reason is for a status that carries none.
fn kind_of_code(code: Code) -> (Kind, &'static str) {
    match code {
        Code::InvalidArgument | Code::OutOfRange => (Kind::Invalid, "REQUEST_INVALID"),
        Code::Unauthenticated => (Kind::Unauthenticated, "TOKEN_INVALID"),
        Code::PermissionDenied => (Kind::Forbidden, "POLICY_DENIED"),
        Code::NotFound => (Kind::NotFound, "NOT_FOUND"),
        Code::Aborted => (Kind::Conflict, "CONFLICT"),
        Code::AlreadyExists => (Kind::Exists, "EXISTS"),
        Code::FailedPrecondition => (Kind::Precondition, "PRECONDITION"),
        Code::Unimplemented => (Kind::Precondition, "UNSUPPORTED"),
        Code::ResourceExhausted => (Kind::Limited, "OVERLOADED"),
        Code::Unavailable => (Kind::Unavailable, "UNAVAILABLE"),
        Code::DeadlineExceeded | Code::Cancelled => (Kind::Unknown, "OUTCOME_UNKNOWN"),
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => (Kind::Internal, "INTERNAL"),
    }
}

/// Kinds of the reasons that a batch item can carry.
fn kind_of_reason(reason: &str) -> Kind {
    match reason {
        "SECRET_NOT_FOUND" | "VERSION_NOT_FOUND" | "LABEL_NOT_FOUND" | "FIELD_NOT_FOUND"
        | "FOLDER_NOT_FOUND" | "VERSION_DESTROYED" => Kind::NotFound,
        "POLICY_DENIED" => Kind::Forbidden,
        "TOKEN_INVALID" => Kind::Unauthenticated,
        "LABEL_MISMATCH" | "VERSION_MISMATCH" | "CONTENTION" => Kind::Conflict,
        "OVERLOADED" | "DISK_FULL" => Kind::Limited,
        "INTERNAL" | "RECORD_DAMAGED" => Kind::Internal,
        "SEALED" | "NO_LEADER" | "AUDIT_UNAVAILABLE" | "SHUTTING_DOWN" | "STALE" => {
            Kind::Unavailable
        }
        _ => Kind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::{Error, Kind};

    fn status(code: Code, reason: &str) -> Status {
        let details =
            ErrorDetails::with_error_info(reason, "vault", [("found".into(), "9".into())]);
        Status::with_error_details(code, "what failed", details)
    }

    #[test]
    fn the_servers_reason_and_details_arrive() {
        let error = Error::from_status(&status(Code::Aborted, "VERSION_MISMATCH"));
        assert_eq!(error.kind(), Kind::Conflict);
        assert_eq!(error.reason(), "VERSION_MISMATCH");
        assert_eq!(error.detail("found"), Some("9"));
        assert_eq!(error.message(), "what failed");
        assert!(!error.retryable());
    }

    #[test]
    fn the_wait_that_a_server_asks_for_is_known() {
        let wait = |seconds: &str| {
            let facts = [("retry_after_seconds".into(), seconds.into())];
            let details = ErrorDetails::with_error_info("LOGIN_LOCKED", "vault", facts);
            let status = Status::with_error_details(Code::ResourceExhausted, "locked", details);
            Error::from_status(&status).retry_after()
        };
        assert_eq!(wait("30"), Some(std::time::Duration::from_secs(30)));
        for nonsense in ["", "-1", "soon", "99999999999999999999"] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn only_passing_conditions_are_retryable() {
        for (code, reason, retryable) in [
            (Code::Unavailable, "NO_LEADER", true),
            (Code::Unavailable, "SEALED", false),
            (Code::Aborted, "CONTENTION", true),
            (Code::Aborted, "VERSION_MISMATCH", false),
            (Code::ResourceExhausted, "OVERLOADED", true),
            (Code::ResourceExhausted, "DISK_FULL", false),
            (Code::DeadlineExceeded, "OUTCOME_UNKNOWN", true),
            (Code::Internal, "INTERNAL", false),
            (Code::PermissionDenied, "POLICY_DENIED", false),
        ] {
            assert_eq!(
                Error::from_status(&status(code, reason)).retryable(),
                retryable,
                "{reason}"
            );
        }
    }

    #[test]
    fn a_status_without_details_still_has_a_reason() {
        let error = Error::from_status(&Status::unimplemented("no such method"));
        assert_eq!(
            (error.kind(), error.reason()),
            (Kind::Precondition, "UNSUPPORTED")
        );
    }
}
