//! Around every request, on either listener: how many, how long, how large, and how it ended.
//!
//! Bodies of callers who have shown no token, and of methods that need none, are cut at 64 KiB; the
//! others at each service's own limit. Nothing here knows what a request means.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use metrics::{Counter, Gauge, Histogram};
use tokio::time::{Instant, timeout};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Layer, Service};
use vault_proto::v1::Reason;
use vault_proto::{Access, METHODS};

use super::conn::{Busy, Peer};
use crate::metrics::{IN_FLIGHT, Metrics, REQUESTS};

/// The bounds for requests.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// In flight on one connection.
    pub per_connection: usize,
    /// In flight in all.
    pub total: usize,
    /// Longest time for one.
    pub time: Duration,
}

/// Wraps the services of a listener.
#[derive(Clone, Debug)]
pub struct Guard(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bounds: Bounds,
    metrics: Arc<Metrics>,
    methods: HashMap<&'static str, Method>,
    other: Method,
    open: AtomicUsize,
    in_flight: Gauge,
}

#[derive(Debug)]
struct Method {
    name: &'static str,
    large: bool,
    ok: Counter,
    seconds: Histogram,
}

impl Guard {
    /// With these bounds, counting into these metrics.
    pub fn new(bounds: Bounds, metrics: &Arc<Metrics>) -> Self {
        let method = |name: &'static str, large| Method {
            name,
            large,
            ok: metrics.counter(REQUESTS, &[("method", name), ("code", code_name(Code::Ok))]),
            seconds: metrics.durations(name),
        };
        let large = |m: &vault_proto::Method| {
            matches!(m.access, Access::Granted | Access::Own) || m.path == RESTORE
        };
        let methods = METHODS.iter().map(|m| (m.path, method(m.path, large(m))));
        Self(Arc::new(Shared {
            bounds,
            methods: methods.collect(),
            other: method("other", false),
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
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Tracked>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = &self.shared;
        let busy = request.extensions().get::<Peer>().map(Peer::begin);
        let on_connection = busy.as_ref().map_or(1, |(count, _)| *count);
        let open = Open::new(shared, request.uri().path(), busy.map(|(_, busy)| busy));
        let bounds = shared.bounds;
        if on_connection > bounds.per_connection || open.total > bounds.total {
            return Box::pin(std::future::ready(Ok(open.refuse(&overloaded()))));
        }
        let shown = request.headers().contains_key(AUTHORIZATION) || open.known == Some(RESTORE);
        let request = if open.method().large && shown {
            request
        } else {
            request.map(|body| {
                Body::new(Capped {
                    body,
                    left: SMALL_BODY,
                })
            })
        };
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
struct Open {
    shared: Arc<Shared>,
    known: Option<&'static str>,
    total: usize,
    began: Instant,
    code: Option<Code>,
    _busy: Option<Busy>,
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
            _busy: busy,
        }
    }

    fn method(&self) -> &Method {
        let known = self.known.and_then(|name| self.shared.methods.get(name));
        known.unwrap_or(&self.shared.other)
    }

    fn refuse(self, status: &Status) -> Response<Tracked> {
        self.track(status.clone().into_http())
    }

    fn track(mut self, response: Response<Body>) -> Response<Tracked> {
        self.note(response.headers());
        response.map(|body| Tracked {
            body,
            open: Some(self),
        })
    }

    /// Remembers the code of the reply, which stands in its headers or its trailers.
    fn note(&mut self, headers: &HeaderMap) {
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

/// A reply's body that notes how the request ended.
#[derive(Debug)]
pub struct Tracked {
    body: Body,
    open: Option<Open>,
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(trailers), Some(open)) = (frame.trailers_ref(), &mut self.open) {
                    open.note(trailers);
                }
            }
            Poll::Ready(None) => drop(self.open.take()),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body that ends in an error after so many bytes.
#[derive(Debug)]
struct Capped {
    body: Body,
    left: usize,
}

impl HttpBody for Capped {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(data) = frame.data_ref()
        {
            let Some(left) = self.left.checked_sub(data.len()) else {
                return Poll::Ready(Some(Err(too_large())));
            };
            self.left = left;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn overloaded() -> Status {
    refusal(
        Code::ResourceExhausted,
        Reason::Overloaded,
        "too many requests in flight",
    )
}

fn too_slow() -> Status {
    let message = "the request took too long; whether it took effect is unknown";
    refusal(Code::DeadlineExceeded, Reason::OutcomeUnknown, message)
}

fn too_large() -> Status {
    let message = "the request is larger than 64 KiB, the limit without a token";
    refusal(Code::InvalidArgument, Reason::RequestInvalid, message)
}

fn refusal(code: Code, reason: Reason, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(
        reason.as_str_name(),
        DOMAIN,
        HashMap::<String, String>::new(),
    );
    Status::with_error_details(code, message, details)
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

/// Of `google.rpc.ErrorInfo`.
const DOMAIN: &str = "vault";

/// For callers without a token, and for methods that need none.
const SMALL_BODY: usize = 64 * 1024;

/// A stream whose first message proves the right to send the rest.
const RESTORE: &str = "/vault.v1.Backup/RestoreBackup";
