//! Requests of clients that another node passes on: served as this node's own, for a voter and for nobody else.
//!
//! They come in on the peers' connections and are served by whoever was named for it, on the runtime that he was named
//! on: what a client asks for is no work for the thread that heartbeats wait for.

use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwapOption;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt as _};
use vault_core::access::KeyHash;

use super::channel::{CLUSTER, cluster};
use super::places::{Place, Places};
use super::trust::{Known, Trust};
use crate::store::Store;

/// What requests that were passed on are served by.
pub type Forwarded = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// On a reply: nothing was done of the request, and nobody was asked.
pub(super) const NOT_TAKEN: &str = "vault-not-taken";

/// Where those who serve are named, while there are any.
#[derive(Clone, Default)]
pub(in crate::raft) struct Doorway(Arc<ArcSwapOption<(Handle, Forwarded)>>);

impl fmt::Debug for Doorway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.0.load().is_some();
        write!(f, "Doorway {{ open: {open} }}")
    }
}

impl Doorway {
    pub(in crate::raft) fn open(&self, runtime: Handle, service: Forwarded) {
        self.0.store(Some(Arc::new((runtime, service))));
    }

    pub(in crate::raft) fn close(&self) {
        self.0.store(None);
    }
}

/// Around the service of peers: lets through to it what is raft's, and serves the rest.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    pub(super) trust: Trust,
    pub(super) store: Store,
    pub(super) doorway: Doorway,
    pub(super) calls: Calls,
}

/// What each key has asked for and not been answered. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    /// Calls whose messages may be large.
    large: Arc<Places<KeyHash>>,
    small: Arc<Places<KeyHash>>,
}

impl Calls {
    pub(super) fn new() -> Self {
        Self {
            large: Places::new(LARGE * 64, LARGE),
            small: Places::new(SMALL * 64, SMALL),
        }
    }
}

/// A heartbeat, entries and a snapshot, and as many that were given up.
const LARGE: usize = 8;
const SMALL: usize = 1024;
/// Bytes of a message that has only numbers.
const NUMBERS: usize = 1 << 10;

impl Arrivals {
    /// Lets through a voter that is about the same cluster.
    fn admit(&self, request: &Request<Body>) -> Result<(), Status> {
        let key = request.extensions().get::<KeyHash>();
        let known = key.and_then(|key| self.trust.whose(key));
        if !matches!(known, Some(Known { votes: true, .. })) {
            return Err(Status::permission_denied(
                "only a node with a vote passes on requests",
            ));
        }
        let theirs = request.headers().get(CLUSTER).map(HeaderValue::as_bytes);
        if theirs.is_none() || theirs != cluster(&self.store).as_deref().map(str::as_bytes) {
            return Err(Status::failed_precondition(
                "this node belongs to another cluster, or to the same before or after a restore",
            ));
        }
        Ok(())
    }

    /// What a key may ask of raft is looked at before anything of the message is read.
    fn raft(&self, request: Request<Body>) -> Result<(Request<Body>, Place<KeyHash>), Status> {
        let key = request.extensions().get::<KeyHash>().copied();
        let known = key.and_then(|key| Some((key, self.trust.whose(&key)?)));
        let (key, known) =
            known.ok_or_else(|| Status::permission_denied("not a member of the cluster"))?;
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        if !known.votes && method != "ReadIndex" {
            return Err(Status::permission_denied(
                "a node without a vote neither votes nor leads",
            ));
        }
        let is_large = matches!(method, "Append" | "StreamAppend" | "InstallSnapshot");
        let (places, request) = if is_large {
            (&self.calls.large, request)
        } else {
            let bounded = request.map(|body| Body::new(Limited::new(body, NUMBERS)));
            (&self.calls.small, bounded)
        };
        let place = places.take(key);
        let place =
            place.ok_or_else(|| Status::resource_exhausted("this node asks too much at once"))?;
        Ok((request, place))
    }

    async fn serve(self, mut request: Request<Body>) -> Response<Body> {
        if let Err(status) = self.admit(&request) {
            return not_taken(&status);
        }
        let open = self.doorway.0.load_full();
        let Some((runtime, service)) = open.as_deref() else {
            return not_taken(&Status::unavailable("this node serves no clients"));
        };
        request.headers_mut().remove(CLUSTER);
        let serving = service.clone().oneshot(request);
        match Serving(runtime.spawn(serving)).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => Status::internal("the request ended by a fault of the node").into_http(),
        }
    }
}

fn not_taken(status: &Status) -> Response<Body> {
    let mut response: Response<Body> = status.clone().into_http();
    let headers = response.headers_mut();
    headers.insert(NOT_TAKEN, HeaderValue::from_static("1"));
    response
}

/// A request that is served elsewhere; ends with whoever waits for it.
struct Serving<T>(JoinHandle<T>);

impl<T> Future for Serving<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for Serving<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<S> Layer<S> for Arrivals {
    type Service = Arriving<S>;

    fn layer(&self, inner: S) -> Arriving<S> {
        Arriving {
            inner,
            arrivals: self.clone(),
        }
    }
}

/// The service of peers, and what is passed on.
#[derive(Clone, Debug)]
pub(super) struct Arriving<S> {
    inner: S,
    arrivals: Arrivals,
}

impl<S> Service<Request<Body>> for Arriving<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if request.uri().path().starts_with(RAFT) {
            let (request, place) = match self.arrivals.raft(request) {
                Ok(admitted) => admitted,
                Err(status) => return Box::pin(ready(Ok(status.into_http()))),
            };
            let answering = self.inner.call(request);
            return Box::pin(async move {
                let response = answering.await?;
                // Held until the last of a stream of answers.
                Ok(response.map(|body| {
                    Body::new(body.map_frame(move |frame| {
                        let _held = &place;
                        frame
                    }))
                }))
            });
        }
        let serving = self.arrivals.clone().serve(request);
        Box::pin(async move { Ok(serving.await) })
    }
}

/// What peers say to each other themselves.
const RAFT: &str = "/vault.peer.v1.";
