//! Nodes with an application of their own and listeners on real sockets.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpSocket, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;
use vault_core::access::{Bearer, Certificate};
use vault_core::crypto::secret::Share;

use crate::app::audit::{Audit, AuditConfig, Source};
use crate::app::{App, Automatic, Call, Counted, HashCost, KeyInput, SealStatus, Settings};
use crate::clock::Clock;
use crate::config::{Config, Layers};
use crate::door::grpc;
use crate::door::health::Readiness;
use crate::door::intake::Sessions;
use crate::metrics::Metrics;
use crate::outbound::Outbound;
use crate::raft::tests::cluster::key;
use crate::raft::{Member, Node, NodeKey, NodeOptions, PeerOptions, Timing};
use crate::server::{Application, Listeners, Parts, Phase, ServeError, serve};
use crate::store::{Fatal, Options, Store};
use crate::tls::{Identity, provider};

/// How long anything may take that a test waits for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What is served.
#[derive(Debug)]
struct Served {
    app: Arc<App>,
    node: Node,
}

impl Sessions for Served {
    fn live(&self, token: &Bearer, from: (Source, Option<Certificate>)) -> bool {
        self.app.is_live(token, from)
    }

    fn broke_off(&self, call: &Call) {
        self.app.broke_off(call);
    }
}

impl Application for Served {
    fn routes(&self) -> Routes {
        grpc::routes(&self.app)
    }

    fn readiness(&self) -> Readiness {
        match self.app.seal_status() {
            SealStatus::Uninitialised => Readiness::Uninitialised,
            SealStatus::Sealed => Readiness::Sealed,
            SealStatus::Unsealed => Readiness::Ready,
        }
    }

    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }

    fn measure(&self, _: &Metrics) {}

    async fn shut_down(&self) {
        self.app.shut_down().await;
    }
}

/// A node that runs.
pub(super) struct Machine {
    pub(super) id: u64,
    pub(super) key: NodeKey,
    pub(super) peers: SocketAddr,
    pub(super) app: Arc<App>,
    pub(super) node: Node,
    pub(super) store: Store,
    dir: PathBuf,
    address: SocketAddr,
    tls: Arc<Identity>,
    phase: watch::Sender<Phase>,
    served: JoinHandle<Result<(), ServeError>>,
}

fn settings(id: u64, dir: &Path) -> Settings {
    Settings {
        node_id: id,
        region: "home".into(),
        data_dir: dir.to_path_buf(),
        automatic: Automatic {
            key_file: None,
            credential: None,
        },
        bootstrap: None,
        dev: false,
        rotate_after: None,
        reply_bytes: 33 << 20,
        blocked: Arc::default(),
        hash_cost: HashCost::new(19 << 10, 2, 1).expect("cost"),
        outbound: Outbound::none(),
        keys_max_age: Duration::from_hours(24),
        presence: None,
    }
}

fn config(dir: &Path) -> Config {
    let mut layers = Layers::default();
    for (key, value) in [
        ("node.data_dir", dir.to_str().expect("path")),
        ("listen.address", "127.0.0.1:0"),
        ("health.address", "127.0.0.1:0"),
    ] {
        layers.flag(key, value).expect("known key");
    }
    Config::build(&layers).expect("config")
}

/// A node with a key of its own and a port for its peers.
fn join(store: &Store, id: u64, introduced: BTreeMap<u64, Member>) -> (Node, NodeKey, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
    let (key, peers) = (key(), listener.local_addr().expect("address"));
    let identity = NodeOptions {
        id,
        address: peers.to_string(),
        key: Some(key.pin()),
        timing: Timing::Region,
    };
    let with = PeerOptions {
        listener,
        key: key.clone(),
        introduced,
        may_lead: watch::Sender::new(true).subscribe(),
    };
    let node = Node::start(store.clone(), identity, Some(with)).expect("node");
    (node, key, peers)
}

impl Machine {
    pub(super) async fn start(dir: PathBuf, id: u64, introduced: BTreeMap<u64, Member>) -> Self {
        std::fs::create_dir(&dir).expect("directory");
        let config = config(&dir);
        let tls = Arc::new(Identity::load(&config, Clock::default()).expect("identity"));
        let mut options = Options::new([7; 16], Fatal::new(|_| std::process::abort()));
        options.segment_bytes = 1 << 20;
        options.reserve_bytes = 0;
        let store = Store::open(&dir.join("store"), &options).expect("store");
        let (node, key, peers) = join(&store, id, introduced);
        let audit = AuditConfig::in_directory(dir.join("audit"));
        let audit = Audit::open(&audit, id, Arc::new(Clock::default()), &options.fatal);
        let settings = settings(id, &dir);
        let started = App::start(
            settings,
            store.clone(),
            node.clone(),
            audit.expect("audit"),
            Clock::default(),
        );
        let app = started.await.expect("application");
        let served = Served {
            app: Arc::clone(&app),
            node: node.clone(),
        };
        let parts = Parts {
            config,
            app: Arc::new(served),
            tls: Arc::clone(&tls),
            metrics: Arc::new(Metrics::new().expect("metrics")),
            reflection: false,
        };
        let listeners = Listeners::bind(&parts.config).await.expect("bind");
        let address = listeners.address().expect("tcp");
        let (phase, phases) = watch::channel(Phase::Run);
        let served = tokio::spawn(serve(parts, listeners, phases));
        Self {
            id,
            key,
            peers,
            app,
            node,
            store,
            dir,
            address,
            tls,
            phase,
            served,
        }
    }

    pub(super) fn member(&self) -> Member {
        Member {
            address: self.peers.to_string(),
            key: Some(self.key.pin()),
        }
    }

    pub(super) async fn unseal(&self, shares: &[Share]) {
        for share in shares.iter().take(2) {
            let input = KeyInput::Share(Share::copy_of(share.expose()));
            self.app
                .unseal(&inside("Unseal"), input)
                .await
                .expect("unsealed");
        }
    }

    /// A connection over TLS from an address of this machine.
    pub(super) async fn connect_from(&self, from: Ipv4Addr) -> Channel {
        let (to, tls) = (self.address, Arc::clone(&self.tls));
        let connector = service_fn(move |_| {
            let tls = Arc::clone(&tls);
            async move { open_tls(from, to, &tls).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("https://localhost")
            .user_agent("probe")
            .expect("agent");
        let channel = endpoint.connect_with_connector(connector);
        channel.await.expect("connect")
    }

    pub(super) async fn connect(&self) -> Channel {
        self.connect_from(Ipv4Addr::LOCALHOST).await
    }

    pub(super) async fn connect_unix(&self) -> Channel {
        let path = self.dir.join("vaultd.sock");
        let connector = service_fn(move |_| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://localhost");
        let channel = endpoint.connect_with_connector(connector);
        channel.await.expect("connect")
    }

    /// What its audit has of requests of a method.
    pub(super) fn recorded(&self, method: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.dir.join("audit/audit.jsonl")).unwrap_or_default();
        let lines = text.lines();
        let lines =
            lines.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
        let of = |line: &serde_json::Value| line["method"].as_str() == Some(method);
        lines.filter(of).collect()
    }

    pub(super) async fn stop(self) {
        self.phase.send_replace(Phase::Now);
        self.served.await.expect("no panic").expect("served");
    }
}

async fn open_tls(
    from: Ipv4Addr,
    to: SocketAddr,
    tls: &Identity,
) -> std::io::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to).await?;
    let pem = &tls.authority().expect("own CA").pem;
    let mut roots = rustls::RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(pem.as_bytes()).expect("pem");
    roots.add(root).expect("root");
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").expect("name");
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await
}

/// A call from within.
pub(super) fn inside(path: &str) -> Call {
    let mut methods = vault_proto::METHODS.iter();
    Call {
        method: methods
            .find(|method| method.path.ends_with(path))
            .expect("method"),
        source: Source::Inside,
        certificate: None,
        token: None,
        user_agent: None,
        request_id: [1; 16],
        repeatable: false,
        digest: None,
        seen: None,
        counted: Counted::default(),
        asked: None,
    }
}
