//! What the door says of its own accord: that a limit was reached, before anything was asked of the app,
//! or that another node has not answered.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use vault_proto::v1::Reason;

pub(super) fn overloaded() -> Status {
    refusal(
        Code::ResourceExhausted,
        Reason::Overloaded,
        "too many requests in flight",
    )
}

pub(super) fn too_slow() -> Status {
    let message = "the request took too long; whether it took effect is unknown";
    refusal(Code::DeadlineExceeded, Reason::OutcomeUnknown, message)
}

pub(super) fn too_large() -> Status {
    let message =
        "the request is larger than 64 KiB, the limit of this method or without a valid token";
    refusal(Code::InvalidArgument, Reason::RequestInvalid, message)
}

pub(super) fn too_late() -> Status {
    let message = "the request did not arrive in time; without a valid token that time is short";
    refusal(Code::ResourceExhausted, Reason::Overloaded, message)
}

/// The node that leads did not take the request.
pub(super) fn no_leader() -> Status {
    let message =
        "the node that leads did not take the request; nothing was written, try again in a moment";
    refusal(Code::Unavailable, Reason::NoLeader, message)
}

/// The node that leads went away with the request.
pub(super) fn lost() -> Status {
    let message =
        "the node that leads was lost while it had the request; repeat it with the same request id";
    refusal(Code::DeadlineExceeded, Reason::OutcomeUnknown, message)
}

fn refusal(code: Code, reason: Reason, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(
        reason.as_str_name(),
        DOMAIN,
        HashMap::<String, String>::new(),
    );
    Status::with_error_details(code, message, details)
}

/// Of `google.rpc.ErrorInfo`.
const DOMAIN: &str = "vault";
