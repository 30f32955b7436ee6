//! One call: headers, retries, failover, session consistency.
//!
//! An attempt is a pass over the endpoints, the one that answered last first; between attempts it
//! waits, with jitter. A read may always be repeated. A write carries a request id, the same in each
//! attempt, by which the server recognises the repetition, or comes to the same when it is repeated. What is neither (unseal, login, rekey) is
//! repeated only when nothing can have reached a server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use tokio::time::{Instant, timeout_at};
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::consistency;
use crate::needs;
use crate::vault::Vault;
use crate::{Error, Kind};

/// What may be done twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Safety {
    /// Changes nothing.
    Read,
    /// The server recognises its request id.
    Write,
    /// It comes to the same when it is done twice.
    Idempotent,
    /// Neither.
    Once,
}

impl Safety {
    fn allows(self, error: &Error) -> bool {
        match self {
            Self::Read | Self::Write | Self::Idempotent => error.retryable(),
            Self::Once => error.retryable() && !error.sent(),
        }
    }

    /// Another node may do better.
    fn moves_on(self, error: &Error) -> bool {
        let elsewhere = error.kind() == Kind::Unavailable;
        elsewhere && (self != Self::Once || !error.sent())
    }
}

impl Vault {
    pub(crate) async fn call<Q, R, F, Fut>(
        &self,
        safety: Safety,
        message: Q,
        send: F,
    ) -> Result<R, Error>
    where
        Q: Clone,
        F: Fn(Channel, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<R>, Status>>,
    {
        let id = Uuid::new_v4().to_string();
        let deadline = Instant::now() + self.timeout;
        // Not cells: the future is to run on whatever thread its caller's runtime likes.
        let last: Mutex<Option<Error>> = Mutex::new(None);
        let reached = AtomicBool::new(false);
        // An attempt ended without telling whether it took effect.
        let doubtful = AtomicBool::new(false);
        let attempts = (|| async {
            let outcome = self
                .pass((safety, &id, deadline), &message, &send, &doubtful)
                .await;
            outcome.inspect_err(|error| {
                reached.fetch_or(error.sent(), Ordering::Relaxed);
            })
        })
        .retry(self.backoff())
        .when(|error: &Error| safety.allows(error))
        .adjust(|error: &Error, wait| {
            wait.map(|wait| error.retry_after().map_or(wait, |asked| asked.max(wait)))
        })
        .notify(|error: &Error, _| {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        });
        let outcome = timeout_at(deadline, attempts).await;
        let reached = reached.load(Ordering::Relaxed);
        let error = match outcome {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) => error,
            // The last attempt was cut off: it may have been sent, unless none before could be.
            Err(_) => match last.into_inner().unwrap_or_else(PoisonError::into_inner) {
                Some(error) if !reached => error,
                _ => Error::timeout(self.timeout, safety != Safety::Read),
            },
        };
        // A node that cannot say what became of an earlier attempt does not make it undone.
        let evasive = matches!(
            error.kind(),
            Kind::Unavailable | Kind::Limited | Kind::Internal
        );
        let doubtful = doubtful.into_inner() || error.is_unreachable() && reached;
        let error = if doubtful && evasive && safety != Safety::Read {
            Error::outcome_unknown(error.message())
        } else {
            error
        };
        let error = if doubtful { error.after_doubt() } else { error };
        // An id that no server has seen helps nobody.
        Err(if reached {
            error.with_request_id(&id)
        } else {
            error
        })
    }

    /// Each endpoint once, until one answers for good. `doubtful` once a request was lost on its way or on its way back.
    async fn pass<Q, R, F, Fut>(
        &self,
        (safety, id, deadline): (Safety, &str, Instant),
        message: &Q,
        send: &F,
        doubtful: &AtomicBool,
    ) -> Result<R, Error>
    where
        Q: Clone,
        F: Fn(Channel, Request<Q>) -> Fut,
        Fut: Future<Output = Result<Response<R>, Status>>,
    {
        let mut worst: Option<Error> = None;
        let mut left = u32::try_from(self.nodes.channels.len()).unwrap_or(u32::MAX);
        for position in self.nodes.order() {
            let Some(channel) = self.nodes.channels.get(position) else {
                continue;
            };
            let request = self.request(message.clone(), id, Some(deadline))?;
            let limit = if safety == Safety::Read {
                share(deadline, left)
            } else {
                deadline
            };
            left = left.saturating_sub(1);
            let error = match timeout_at(limit, send(channel.clone(), request)).await {
                Ok(Ok(reply)) => {
                    self.nodes.preferred.store(position, Ordering::Relaxed);
                    self.observe(reply.metadata());
                    return Ok(reply.into_inner());
                }
                Ok(Err(status)) => {
                    self.observe(status.metadata());
                    Error::from_status(&status)
                }
                Err(_) => Error::timeout(self.timeout, safety != Safety::Read),
            };
            let lost = error.is_unreachable() && error.sent() || error.kind() == Kind::Unknown;
            doubtful.fetch_or(lost, Ordering::Relaxed);
            let go_on = safety.moves_on(&error);
            // What a server said is worth more than that another could not be reached.
            if worst
                .as_ref()
                .is_none_or(|kept| error.sent() || !kept.sent())
            {
                worst = Some(error);
            }
            if !go_on {
                break;
            }
        }
        Err(worst.unwrap_or_else(|| Error::config("no endpoint is set")))
    }

    /// A request with the headers that every call carries.
    pub(crate) fn request<Q>(
        &self,
        message: Q,
        id: &str,
        deadline: Option<Instant>,
    ) -> Result<Request<Q>, Error> {
        let mut request = Request::new(message);
        if let Some(deadline) = deadline {
            request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        }
        let headers = request.metadata_mut();
        let ascii = |text: &str| -> Result<MetadataValue<Ascii>, Error> {
            text.parse()
                .map_err(|_| Error::config("a header holds what no header may hold"))
        };
        headers.insert(REQUEST_ID, ascii(id)?);
        if let Some(index) = self.nodes.seen.newest() {
            headers.insert(consistency::HEADER, ascii(&index.to_string())?);
        }
        if self.needs.is_some() {
            headers.insert(needs::ASK, MetadataValue::from_static("1"));
        }
        if let Some(token) = &self.token {
            headers.insert("authorization", token.clone());
        }
        Ok(request)
    }

    pub(crate) fn observe(&self, metadata: &MetadataMap) {
        let header = |name| metadata.get(name).and_then(|value| value.to_str().ok());
        self.nodes.seen.observe(header(consistency::HEADER));
        self.nodes.seen.observe_date(header("date"));
        if let Some(needs) = &self.needs {
            needs.observe(metadata);
        }
    }

    fn backoff(&self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(self.retries)
    }
}

/// An equal share of the time left, so that one endpoint that never answers leaves time for the rest.
fn share(deadline: Instant, left: u32) -> Instant {
    let now = Instant::now();
    now + deadline.saturating_duration_since(now) / left.max(1)
}

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
pub(crate) const REQUEST_ID: &str = "vault-request-id";

#[cfg(test)]
mod tests;
