//! Around every request, on either listener: how many, how long, and how it ended.
//!
//! Half of what may be in flight, and a sixteenth for one source, is there for everyone; beyond that a caller
//! must hold a live session, or call over the Unix socket, where the kernel has vouched for him. So those
//! who have shown nothing cannot shut out those who have, and while there is room nothing is looked up.
//! Nothing here knows what a request means.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use metrics::{Counter, Gauge, Histogram};
use tokio::time::{Instant, timeout};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use vault_proto::{Access, METHODS};

use super::conn::{Busy, Peer};
use super::intake::{Claim, Intake, Permit, Sessions};
use super::refusals::{overloaded, too_slow};
use super::reply::Tracked;
use super::trace::{Owed, Trace};
use crate::app::Held;
use crate::metrics::{IN_FLIGHT, Metrics, REQUESTS};

/// The bounds for requests.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// In flight on one connection.
    pub per_connection: usize,
    /// In flight in all.
    pub total: usize,
    /// Longest time for one; for a stream, of its silence.
    pub time: Duration,
    /// Longest time for the body of one whose caller has shown nothing.
    pub patience: Duration,
}

impl Bounds {
    /// Whether one more may come without having shown anything.
    fn open_to_all(self, total: usize, of_source: usize) -> bool {
        total <= self.total.div_ceil(2) && of_source <= self.total.div_ceil(16)
    }
}

/// Wraps the services of a listener.
#[derive(Clone, Debug)]
pub struct Guard(Arc<Shared>);

struct Shared {
    bounds: Bounds,
    sessions: Arc<dyn Sessions>,
    metrics: Arc<Metrics>,
    methods: HashMap<&'static str, Method>,
    other: Method,
    open: AtomicUsize,
    in_flight: Gauge,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

/// How long the other side of a stream may keep silent: an extension of its request.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub Duration);

#[derive(Debug)]
struct Method {
    name: &'static str,
    /// Whether its bodies may be large.
    large: bool,
    /// Whether it succeeds only for callers with a session.
    guarded: bool,
    /// Whether the token of a session means anything to it: its callers, and nobody else, are looked up.
    asks: Option<&'static vault_proto::Method>,
    /// Its time is bounded by silence instead of by length.
    streams: bool,
    ok: Counter,
    seconds: Histogram,
}

impl Guard {
    /// With these bounds, counting into these metrics.
    pub fn new(bounds: Bounds, sessions: Arc<dyn Sessions>, metrics: &Arc<Metrics>) -> Self {
        let method = |name: &'static str, asks, guarded| Method {
            name,
            large: guarded || name == RESTORE,
            guarded,
            asks,
            streams: STREAMS.iter().any(|service| name.starts_with(service)),
            ok: metrics.counter(REQUESTS, &[("method", name), ("code", code_name(Code::Ok))]),
            seconds: metrics.durations(name),
        };
        let known = |known: &'static vault_proto::Method| {
            let (asks, guarded) = match known.access {
                Access::Granted | Access::Own => (Some(known), true),
                Access::Public => (Some(known), false),
                Access::KeyHolder | Access::Credential => (None, false),
            };
            (known.path, method(known.path, asks, guarded))
        };
        let methods = METHODS.iter().map(known);
        Self(Arc::new(Shared {
            bounds,
            sessions,
            methods: methods.collect(),
            other: method("other", None, false),
            open: AtomicUsize::new(0),
            in_flight: metrics.gauge(IN_FLIGHT),
            metrics: Arc::clone(metrics),
        }))
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            inner,
            shared: Arc::clone(&self.0),
        }
    }
}

/// A service behind the guard.
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Intake>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Tracked>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let shared = &self.shared;
        let peer = request.extensions().get::<Peer>().cloned();
        let load = peer.as_ref().map(Peer::begin);
        let (on_connection, of_source) = load.as_ref().map_or((1, 1), |(load, _)| *load);
        let mut open = Open::new(shared, request.uri().path(), load.map(|(_, busy)| busy));
        let trace = open.trace(request.headers(), peer.as_ref());
        if let Some(trace) = &trace {
            request.extensions_mut().insert(trace.clone());
        }
        let permit = (open.known == Some(RESTORE)).then(Permit::default);
        if let Some(permit) = &permit {
            request.extensions_mut().insert(permit.clone());
        }
        if open.method().streams {
            let patience = Patience(shared.bounds.time);
            request.extensions_mut().insert(patience);
        }
        let own = peer.as_ref().is_some_and(Peer::is_own);
        let mut claim = Claim::new(&shared.sessions, trace, permit, peer);
        let bounds = shared.bounds;
        let admitted = on_connection <= bounds.per_connection
            && open.total <= bounds.total
            && (own || bounds.open_to_all(open.total, of_source) || claim.holds());
        if !admitted {
            return Box::pin(std::future::ready(Ok(open.turn_away(&overloaded()))));
        }
        let (large, until) = (open.method().large, open.began + bounds.patience);
        let request = request.map(|body| Intake::new(body, claim, large, until));
        if open.method().streams {
            // As long as it is large: whoever serves it ends it for silence.
            let answer = self.inner.call(request);
            return Box::pin(async move { answer.await.map(|response| open.track(response)) });
        }
        let answer = timeout(bounds.time, self.inner.call(request));
        Box::pin(async move {
            Ok(match answer.await {
                Ok(Ok(response)) => open.track(response),
                Ok(Err(never)) => match never {},
                Err(_) => open.refuse(&too_slow()),
            })
        })
    }
}

/// A request from its first byte to the last of its reply; counted when dropped.
#[derive(Debug)]
pub(super) struct Open {
    shared: Arc<Shared>,
    known: Option<&'static str>,
    total: usize,
    began: Instant,
    code: Option<Code>,
    busy: Option<Busy>,
    owed: Option<Owed>,
}

impl Open {
    fn new(shared: &Arc<Shared>, path: &str, busy: Option<Busy>) -> Self {
        let total = shared.open.fetch_add(1, Ordering::AcqRel) + 1;
        shared.in_flight.increment(1);
        let known = shared.methods.get(path).map(|method| method.name);
        let shared = Arc::clone(shared);
        Self {
            shared,
            known,
            total,
            began: Instant::now(),
            code: None,
            busy,
            owed: None,
        }
    }

    /// The token that the request came with, if it means anything to the method.
    fn trace(&mut self, headers: &HeaderMap, peer: Option<&Peer>) -> Option<Trace> {
        let method = self.method().asks?;
        let trace = Trace::of(headers)?;
        self.owed = Some(Owed {
            trace: trace.clone(),
            method,
            peer: peer.cloned(),
            sessions: Arc::clone(&self.shared.sessions),
        });
        Some(trace)
    }

    fn method(&self) -> &Method {
        let known = self.known.and_then(|name| self.shared.methods.get(name));
        known.unwrap_or(&self.shared.other)
    }

    fn refuse(self, status: &Status) -> Response<Tracked> {
        self.track(status.clone().into_http())
    }

    /// Refuses a request that takes up nothing: a crowd of them, waiting for their replies, must not look like
    /// work in flight and have others refused.
    fn turn_away(mut self, status: &Status) -> Response<Tracked> {
        let response: Response<Body> = status.clone().into_http();
        self.note(response.headers());
        drop(self);
        response.map(|body| Tracked::new(body, None, None))
    }

    fn track(mut self, mut response: Response<Body>) -> Response<Tracked> {
        self.note(response.headers());
        // A failure says so in its head, so a guarded method has found its caller good.
        if let (None | Some(Code::Ok), true, Some(busy)) =
            (self.code, self.method().guarded, &self.busy)
        {
            busy.known();
        }
        let held = response.extensions_mut().remove::<Held>();
        response.map(|body| Tracked::new(body, Some(self), held))
    }

    /// A piece of the reply was handed over.
    pub(super) fn offered(&mut self) {
        if let Some(busy) = &mut self.busy {
            busy.offered();
        }
    }

    /// The next one is asked for.
    pub(super) fn taken(&mut self) {
        if let Some(busy) = &mut self.busy {
            busy.taken();
        }
    }

    /// Remembers the code of the reply, which stands in its headers or its trailers.
    pub(super) fn note(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get(Status::GRPC_STATUS) {
            self.code = Some(Code::from_bytes(code.as_bytes()));
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::AcqRel);
        self.shared.in_flight.decrement(1);
        let method = self.method();
        method.seconds.record(self.began.elapsed());
        // A request that ended without a code was given up by its client, or by a panic.
        let code = self.code.unwrap_or(Code::Cancelled);
        if code == Code::Ok {
            method.ok.increment(1);
        } else {
            let labels = [("method", method.name), ("code", code_name(code))];
            self.shared.metrics.counter(REQUESTS, &labels).increment(1);
        }
    }
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
    }
}

/// Services of streams only.
const STREAMS: [&str; 2] = ["/vault.v1.Backup/", "/vault.v1.Audit/"];

/// A stream whose first message proves the right to send the rest.
const RESTORE: &str = "/vault.v1.Backup/RestoreBackup";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_all_and_a_sixteenth_for_one_source_are_open_to_everyone() {
        let bounds = Bounds {
            per_connection: 512,
            total: 4096,
            time: Duration::MAX,
            patience: Duration::MAX,
        };
        assert!(bounds.open_to_all(2048, 256));
        assert!(!bounds.open_to_all(2049, 1));
        assert!(!bounds.open_to_all(1, 257));
        let least = Bounds { total: 1, ..bounds };
        assert!(least.open_to_all(1, 1), "never nothing at all");
    }
}
