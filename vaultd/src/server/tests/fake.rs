//! A daemon around an application that answers, holds, panics or reads, by the path it is called at.

use std::convert::Infallible;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tower::{Service, service_fn};
use vault_core::access::{Bearer, Certificate, TokenHash};
use vault_core::crypto::secret::TokenSecret;
use vault_core::crypto::token;

pub(super) use super::client::{Outcome, call, call_with, send};
use crate::app::Call;
use crate::app::audit::Source;
use crate::clock::{Clock, OsEntropy};
use crate::config::{Config, Layers};
use crate::door::conn::{Peer, Transport};
use crate::door::health::Readiness;
use crate::door::intake::{Permit, Sessions};
use crate::door::trace::Trace;
use crate::metrics::{Metrics, ROWS};
use crate::server::{Application, Listeners, Parts, Phase, ServeError, serve};
use crate::tls::{Identity, provider};

/// The application.
#[derive(Debug)]
pub(super) struct App {
    sealed: AtomicBool,
    live: TokenHash,
    /// Methods of requests that broke off, though their token had been looked at.
    broken_off: mpsc::UnboundedSender<&'static str>,
    pub(super) shut_down: AtomicBool,
    began: Semaphore,
    go_on: Semaphore,
}

impl App {
    pub(super) fn seal(&self) {
        self.sealed.store(true, Ordering::Release);
    }

    /// Waits until a call to `Hold` has begun.
    pub(super) async fn held(&self) {
        self.began.acquire().await.expect("open").forget();
    }

    /// Lets one call to `Hold` end.
    pub(super) fn release(&self) {
        self.go_on.add_permits(1);
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let mut seen = String::new();
        // As a restore does once it has found its first message good.
        if request.headers().contains_key("permit") {
            let permit = request.extensions().get::<Permit>().expect("a permit");
            permit.give();
        }
        // As every method does that gets a message whole.
        if request.headers().contains_key("goes-on") {
            let trace = request.extensions().get::<Trace>().expect("a trace");
            trace.goes_on();
        }
        match request.uri().path().rsplit('/').next().unwrap_or_default() {
            "Who" => {
                let peer = request.extensions().get::<Peer>().expect("peer");
                seen = match peer.transport() {
                    Transport::Tcp(address) => format!("tcp {address}"),
                    Transport::Unix { uid, pid, .. } => format!("unix {uid} {}", pid.unwrap_or(0)),
                };
            }
            "Hold" => {
                self.began.add_permits(1);
                self.go_on.acquire().await.expect("open").forget();
            }
            "Large" => {
                let body =
                    http_body_util::Full::from(vec![7; 1 << 20]).map_err(|never| match never {});
                return Response::new(Body::new(body));
            }
            "Panic" => panic!("canary-7f3a"),
            _ => match request.into_body().collect().await {
                Ok(body) => seen = body.to_bytes().len().to_string(),
                Err(status) => return status.into_http(),
            },
        }
        let mut response = Status::ok("").into_http::<Body>();
        response
            .headers_mut()
            .insert("seen", seen.parse().expect("header"));
        response
    }
}

impl App {
    fn is(&self, token: &Bearer) -> bool {
        matches!(token, Bearer::Stored(token) if *token == self.live)
    }
}

impl Sessions for Arc<App> {
    fn live(&self, token: &Bearer, _: (Source, Option<Certificate>)) -> bool {
        self.is(token) && !self.sealed.load(Ordering::Acquire)
    }

    fn broke_off(&self, call: &Call) {
        assert!(call.token.as_ref().is_some_and(|token| self.is(token)));
        let _unheard = self.broken_off.send(call.method.path);
    }
}

impl Application for Arc<App> {
    fn routes(&self) -> Routes {
        Routes::new(Fake::<0>(Self::clone(self)))
            .add_service(Fake::<1>(Self::clone(self)))
            .add_service(Fake::<2>(Self::clone(self)))
            .add_service(Fake::<3>(Self::clone(self)))
            .add_service(Fake::<4>(Self::clone(self)))
    }

    fn readiness(&self) -> Readiness {
        if self.sealed.load(Ordering::Acquire) {
            Readiness::Sealed
        } else {
            Readiness::Ready
        }
    }

    fn measure(&self, metrics: &Metrics) {
        metrics.set(ROWS, 42);
    }

    async fn shut_down(&self) {
        self.shut_down.store(true, Ordering::Release);
    }
}

#[derive(Clone, Debug)]
struct Fake<const N: usize>(Arc<App>);

impl<const N: usize> NamedService for Fake<N> {
    const NAME: &'static str = [
        "test.Test",
        "vault.v1.System",
        "vault.v1.Secrets",
        "vault.v1.Backup",
        "vault.v1.Sharing",
    ][N];
}

impl<const N: usize> Service<Request<Body>> for Fake<N> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let app = Arc::clone(&self.0);
        Box::pin(async move { Ok(app.answer(request).await) })
    }
}

/// A daemon that serves it.
pub(super) struct Daemon {
    pub(super) app: Arc<App>,
    /// `Bearer` and the token of a live session.
    pub(super) token: String,
    /// What the application was told of.
    pub(super) broken_off: mpsc::UnboundedReceiver<&'static str>,
    dir: tempfile::TempDir,
    tls: Arc<Identity>,
    pub(super) address: std::net::SocketAddr,
    pub(super) health: std::net::SocketAddr,
    pub(super) phase: watch::Sender<Phase>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Daemon {
    pub(super) async fn start(change: impl FnOnce(&mut Parts<Arc<App>>)) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let mut layers = Layers::default();
        for (key, value) in [
            ("node.data_dir", dir.path().to_str().expect("path")),
            ("listen.address", "127.0.0.1:0"),
            ("health.address", "127.0.0.1:0"),
        ] {
            layers.flag(key, value).expect("known key");
        }
        let config = Config::build(&layers).expect("config");
        let tls = Arc::new(Identity::load(&config, Clock::default()).expect("identity"));
        let (live, token) = made_up_token();
        let (told, broken_off) = mpsc::unbounded_channel();
        let app = Arc::new(App {
            sealed: AtomicBool::new(false),
            live,
            broken_off: told,
            shut_down: AtomicBool::new(false),
            began: Semaphore::new(0),
            go_on: Semaphore::new(0),
        });
        let mut parts = Parts {
            config,
            app: Arc::new(Arc::clone(&app)),
            tls: Arc::clone(&tls),
            metrics: Arc::new(Metrics::new().expect("metrics")),
            reflection: false,
        };
        change(&mut parts);
        let listeners = Listeners::bind(&parts.config).await.expect("bind");
        let address = listeners.address().expect("tcp");
        let health = listeners.health_address().expect("health");
        let (phase, phases) = watch::channel(Phase::Run);
        let served = tokio::spawn(serve(parts, listeners, phases));
        Self {
            app,
            token,
            broken_off,
            dir,
            tls,
            address,
            health,
            phase,
            served,
        }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.dir.path().join("vaultd.sock")
    }

    /// A finished TLS handshake.
    pub(super) async fn handshake(&self) -> tokio_rustls::client::TlsStream<TcpStream> {
        open_tls(self.address, Arc::clone(&self.tls))
            .await
            .expect("handshake")
    }

    pub(super) async fn connect(&self) -> Channel {
        self.try_connect().await.expect("connect")
    }

    pub(super) async fn try_connect(&self) -> Result<Channel, tonic::transport::Error> {
        let (address, tls) = (self.address, Arc::clone(&self.tls));
        let connector = service_fn(move |_| {
            let tls = Arc::clone(&tls);
            async move { open_tls(address, tls).await.map(TokioIo::new) }
        });
        Endpoint::from_static("https://localhost")
            .connect_with_connector(connector)
            .await
    }

    pub(super) async fn connect_unix(&self) -> Channel {
        let path = self.socket();
        let connector = service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://localhost");
        endpoint
            .connect_with_connector(connector)
            .await
            .expect("connect")
    }

    /// A page of the health listener.
    pub(super) async fn page(&self, path: &str) -> (StatusCode, String) {
        let mut stream = TcpStream::connect(self.health).await.expect("connect");
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("write");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("read");
        let (head, body) = text.split_once("\r\n\r\n").expect("head");
        let code = head.split(' ').nth(1).expect("code").parse().expect("code");
        (code, body.to_owned())
    }

    /// Stops it and waits for the end.
    pub(super) async fn end(self) {
        self.phase.send_replace(Phase::Now);
        self.ended().await;
    }

    /// Waits for the end.
    pub(super) async fn ended(self) {
        self.served.await.expect("no panic").expect("served");
        assert!(
            self.app.shut_down.load(Ordering::Acquire),
            "the application comes last, but comes"
        );
    }
}

/// A token that nobody had before, as it is looked up and as it is sent.
pub(super) fn made_up_token() -> (TokenHash, String) {
    let secret = TokenSecret::make(&mut OsEntropy);
    let text = format!("Bearer {}", token::to_text(&secret).expose());
    (TokenHash::of(&secret), text)
}

async fn open_tls(
    address: std::net::SocketAddr,
    tls: Arc<Identity>,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let pem = &tls.authority().expect("own CA").pem;
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("pem"))
        .expect("root");
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").expect("name");
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}
