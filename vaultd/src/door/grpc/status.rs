//! The one mapping of app errors to gRPC statuses, with `google.rpc.ErrorInfo`.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use vault_proto::v1::Reason;

use crate::app::{Error, Kind};
use crate::door::onward::FOR_THE_LEADER;

/// The `domain` of every `ErrorInfo`.
const DOMAIN: &str = "vault";

/// A status for an error.
pub(super) fn status(error: &Error, request_id: &str) -> Status {
    let mut facts: HashMap<String, String> = error
        .facts()
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    facts.insert("request_id".to_owned(), request_id.to_owned());
    let details = ErrorDetails::with_error_info(error.reason().as_str_name(), DOMAIN, facts);
    let mut status = Status::with_error_details(
        code(error.reason(), error.kind()),
        error.to_string(),
        details,
    );
    super::metadata::put(
        status.metadata_mut(),
        super::metadata::REQUEST_ID,
        request_id,
    );
    if error.is_for_the_leader() {
        super::metadata::put(status.metadata_mut(), FOR_THE_LEADER, "1");
    }
    status
}

/// The code of a kind; damage is told apart from other faults.
pub(super) fn code(reason: Reason, kind: Kind) -> Code {
    match kind {
        Kind::Invalid => Code::InvalidArgument,
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Forbidden => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::Conflict => Code::Aborted,
        Kind::Exists => Code::AlreadyExists,
        Kind::Precondition => Code::FailedPrecondition,
        Kind::Limited => Code::ResourceExhausted,
        Kind::Unavailable => Code::Unavailable,
        Kind::Unknown => Code::DeadlineExceeded,
        Kind::Internal if reason == Reason::RecordDamaged => Code::DataLoss,
        Kind::Internal => Code::Internal,
    }
}
