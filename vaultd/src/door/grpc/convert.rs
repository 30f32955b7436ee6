//! Times, sessions and other shapes that several services share.

use prost_types::{Duration, Timestamp};
use vault_proto::v1;
use vault_proto::v1::Reason;

use crate::app::{Error, Oneself, Result};

/// Milliseconds since the epoch as a timestamp.
pub(super) fn timestamp(ms: u64) -> Timestamp {
    let nanos = i32::try_from(ms % 1000).unwrap_or_default() * 1_000_000;
    Timestamp {
        seconds: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
        nanos,
    }
}

/// Milliseconds as a duration.
pub(super) fn duration(ms: u64) -> Duration {
    let Timestamp { seconds, nanos } = timestamp(ms);
    Duration { seconds, nanos }
}

/// A duration in milliseconds; negative ones are refused.
pub(super) fn milliseconds(name: &'static str, duration: Option<Duration>) -> Result<Option<u64>> {
    let Some(Duration { seconds, nanos }) = duration else {
        return Ok(None);
    };
    let bad = || {
        Error::new(
            Reason::RequestInvalid,
            format!("`{name}` is not a duration of zero or more"),
        )
    };
    let seconds = u64::try_from(seconds).map_err(|_| bad())?;
    let millis = u64::try_from(nanos).map_err(|_| bad())? / 1_000_000;
    seconds
        .checked_mul(1000)
        .and_then(|ms| ms.checked_add(millis))
        .map(Some)
        .ok_or_else(bad)
}

/// A session as the wire has it.
pub(super) fn session(oneself: &Oneself) -> v1::Session {
    let session = &oneself.session;
    v1::Session {
        accessor: session.accessor().to_owned(),
        principal: oneself.principal.clone(),
        created_at: Some(timestamp(session.created_at())),
        expires_at: session.expires_at().map(timestamp),
        actions: session
            .actions()
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect(),
        under: session.under().map(ToString::to_string).unwrap_or_default(),
        assumed_by: oneself.assumed_by.clone().unwrap_or_default(),
        ends_at: session.ends_at().map(timestamp),
        idle: session.idle().map(duration),
        uses_left: session.uses(),
        places: session
            .places()
            .map(|places| places.iter().map(str::to_owned).collect())
            .unwrap_or_default(),
        mfa_at: session.elevation().mfa_at().map(timestamp),
        has_policies: session.has_policies(),
        only_enrols: session.only_enrols(),
        key_hash: session.key().map(ToString::to_string).unwrap_or_default(),
        signed: session.is_signed(),
    }
}
