//! Requests that another node serves: passed on to the one that leads as they came, and taken in from those that do.
//!
//! Behind the [guard](super::guard) of the node that the client has reached, and again behind that of the node that
//! serves it. Where the client is and whose key he has proved goes along in headers. They are believed of a voter's
//! connection, and taken away from whatever else comes in.
//!
//! INVARIANT: what was passed on is not passed on again.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt as _};
use vault_core::access::{Certificate, KeyHash};
use vault_proto::METHODS;

use super::conn::{Peer, Transport};
use super::intake::Intake;
use super::kept::{Keeping, Kept};
use super::refusals::{lost, no_leader};
use super::relay::relayed;
use super::trace::Trace;
use crate::raft::{Forwarded, Leader, Node, Unforwarded};

/// On a refusal of this node's application: only the node that leads can do it, and nothing was done. Never leaves the
/// node.
pub(super) const FOR_THE_LEADER: &str = "vault-for-the-leader";

const SOURCE: &str = "vault-forwarded-source";
const CERTIFICATE: &str = "vault-forwarded-certificate";
const AGENT: &str = "vault-forwarded-agent";

/// What a client could not have sent.
const OURS: [&str; 4] = [SOURCE, CERTIFICATE, AGENT, FOR_THE_LEADER];

/// A voter has passed it on: an extension of the request.
#[derive(Clone, Copy, Debug)]
struct PassedOn;

/// Wraps the services of a listener, behind its guard.
#[derive(Clone)]
pub struct Onward {
    node: Option<Node>,
    /// Whether this node could serve: a sealed one passes nothing on.
    serves: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for Onward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Onward").finish_non_exhaustive()
    }
}

impl Onward {
    /// Of a node, if it may have peers.
    pub fn new(node: Option<Node>, serves: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let serves = Arc::new(serves);
        Self { node, serves }
    }

    fn leader(&self) -> Option<Leader> {
        let leader = self.node.as_ref()?.leader_elsewhere()?;
        (self.serves)().then_some(leader)
    }
}

impl<S> Layer<S> for Onward {
    type Service = Passing<S>;

    fn layer(&self, inner: S) -> Passing<S> {
        Passing {
            inner,
            onward: self.clone(),
        }
    }
}

/// Services, and those of the node that leads.
#[derive(Clone, Debug)]
pub struct Passing<S> {
    inner: S,
    onward: Onward,
}

impl<S> Service<Request<Intake>> for Passing<S>
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

    fn call(&mut self, mut request: Request<Intake>) -> Self::Future {
        for ours in OURS {
            request.headers_mut().remove(ours);
        }
        let passed_on = request.extensions().get::<PassedOn>().is_some();
        let leader = (!passed_on).then(|| self.onward.leader()).flatten();
        let Some(leader) = leader else {
            let answer = self.inner.call(request.map(Body::new));
            return Box::pin(async move { answer.await.map(unmarked) });
        };
        let head = onward_head(&request);
        let trace = request.extensions().get::<Trace>().cloned();
        if goes_on(request.uri().path()) {
            let body = Body::new(request.into_body());
            return Box::pin(async move { Ok(send(leader, (head, trace), body).await) });
        }
        // Served here, unless it turns out that it takes the node that leads.
        let kept = Kept::default();
        let keeping = kept.clone();
        let request = request.map(|body| Body::new(Keeping::new(body, keeping)));
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            if response.headers().contains_key(FOR_THE_LEADER)
                && let Some(body) = kept.whole()
            {
                return Ok(send(leader, (head, trace), body).await);
            }
            Ok(unmarked(response))
        })
    }
}

/// Whether a method is served by the node that leads.
fn goes_on(path: &str) -> bool {
    let method = METHODS.iter().find(|method| method.path == path);
    method.is_some_and(|method| !method.local)
}

fn unmarked(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().remove(FOR_THE_LEADER);
    response
}

/// A request as it came, with where it came from.
fn onward_head<B>(request: &Request<B>) -> Request<()> {
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    let peer = request.extensions().get::<Peer>();
    let agent = request.headers().get(USER_AGENT).cloned();
    let headers = head.headers_mut();
    let text = |text: String| HeaderValue::try_from(text).ok();
    for (name, value) in [
        (SOURCE, peer.and_then(|peer| text(source(peer.transport())))),
        (
            CERTIFICATE,
            Peer::certificate(peer).and_then(|shown| text(certificate(&shown))),
        ),
        // What sends it adds its own name.
        (AGENT, agent),
    ] {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    head
}

async fn send(
    leader: Leader,
    (head, trace): (Request<()>, Option<Trace>),
    body: Body,
) -> Response<Body> {
    match leader.send(head.map(|()| body)).await {
        Ok(response) => {
            if let Some(trace) = trace {
                // Its audit line is the other node's.
                trace.goes_on();
            }
            unmarked(response.map(relayed))
        }
        Err(Unforwarded::NotTaken) => no_leader().into_http(),
        Err(Unforwarded::Lost) => lost().into_http(),
    }
}

/// What serves requests that voters pass on: as this node's own, and never passed on again.
pub fn passed_on<S, B>(service: S) -> Forwarded
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = bytes::Bytes, Error = Status> + Send + 'static,
{
    let service = tower::service_fn(move |mut request: Request<Body>| {
        let service = service.clone();
        async move {
            let Some(peer) = taken_from(request.headers_mut()) else {
                let status =
                    Status::invalid_argument("a request that was passed on says not from where");
                return Ok(status.into_http());
            };
            let extensions = request.extensions_mut();
            extensions.clear();
            extensions.insert(peer);
            extensions.insert(PassedOn);
            let response = service.oneshot(request).await?;
            Ok(response.map(Body::new))
        }
    });
    Forwarded::new(service)
}

/// Who is at the other end, as the voter says that has passed it on.
fn taken_from(headers: &mut HeaderMap) -> Option<Peer> {
    let source = headers.remove(SOURCE)?;
    let transport = parse_source(source.to_str().ok()?)?;
    let certificate = match headers.remove(CERTIFICATE) {
        None => None,
        Some(shown) => Some(parse_certificate(shown.to_str().ok()?)?),
    };
    match headers.remove(AGENT) {
        None => drop(headers.remove(USER_AGENT)),
        Some(agent) => drop(headers.insert(USER_AGENT, agent)),
    }
    Some(Peer::new(transport, certificate, Arc::default()))
}

fn source(transport: &Transport) -> String {
    match transport {
        Transport::Tcp(address) => format!("tcp {address}"),
        Transport::Unix { uid, gid, pid } => {
            format!("unix {uid} {gid} {}", pid.unwrap_or_default())
        }
    }
}

fn parse_source(text: &str) -> Option<Transport> {
    let (sort, rest) = text.split_once(' ')?;
    match sort {
        "tcp" => rest.parse::<SocketAddr>().ok().map(Transport::Tcp),
        "unix" => {
            let mut numbers = rest.split(' ');
            let mut next = || numbers.next();
            let (uid, gid, pid) = (next()?, next()?, next()?);
            let pid = pid.parse().ok().filter(|pid| *pid != 0);
            let uid = uid.parse().ok()?;
            let gid = gid.parse().ok()?;
            next()
                .is_none()
                .then_some(Transport::Unix { uid, gid, pid })
        }
        _ => None,
    }
}

fn certificate(shown: &Certificate) -> String {
    let Certificate {
        key,
        from,
        until,
        for_clients,
    } = shown;
    format!("{key} {from} {until} {for_clients}")
}

fn parse_certificate(text: &str) -> Option<Certificate> {
    let mut parts = text.split(' ');
    let mut next = || parts.next();
    let shown = Certificate {
        key: KeyHash::parse(next()?)?,
        from: next()?.parse().ok()?,
        until: next()?.parse().ok()?,
        for_clients: next()?.parse().ok()?,
    };
    next().is_none().then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_client_is_reads_back_and_what_is_no_place_is_none() {
        for transport in [
            Transport::Tcp(([192, 0, 2, 7], 4711).into()),
            Transport::Tcp("[2001:db8::7]:4711".parse().unwrap()),
            Transport::Unix {
                uid: 1000,
                gid: 100,
                pid: Some(7),
            },
            Transport::Unix {
                uid: 0,
                gid: 0,
                pid: None,
            },
        ] {
            assert_eq!(parse_source(&source(&transport)), Some(transport));
        }
        for bad in [
            "",
            "tcp",
            "tcp ",
            "tcp 192.0.2.7",
            "udp 192.0.2.7:1",
            "unix",
            "unix 0",
            "unix 0 0",
            "unix 0 0 0 0",
            "unix -1 0 0",
            "inside",
            "unix 0 x 0",
            "192.0.2.7:1",
        ] {
            assert_eq!(parse_source(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_certificate_reads_back_and_what_is_none_is_refused() {
        let shown = Certificate {
            key: KeyHash::of(b"key"),
            from: 1,
            until: u64::MAX,
            for_clients: true,
        };
        let text = certificate(&shown);
        assert_eq!(parse_certificate(&text), Some(shown));
        let mut headers = HeaderMap::new();
        headers.insert(SOURCE, HeaderValue::from_static("tcp 192.0.2.7:1"));
        for bad in ["", "x", "sha256:00 1 2 true", "1 2 true"] {
            assert_eq!(parse_certificate(bad), None, "{bad}");
            assert_eq!(parse_certificate(&format!("{text} {bad}")), None, "{bad}");
            let mut headers = headers.clone();
            headers.insert(CERTIFICATE, HeaderValue::from_str(bad).unwrap());
            assert!(
                taken_from(&mut headers).is_none(),
                "never as if there were none"
            );
        }
        assert!(taken_from(&mut headers).is_some());
        assert!(headers.is_empty());
    }
}
