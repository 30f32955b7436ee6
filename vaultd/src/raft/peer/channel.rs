//! Connections to one member: made when they are first needed, again when they break, and proved by its key each time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;
use vault_proto::peer::v1::peer_client::PeerClient;

use super::judge::Judge;
use super::tls::NodeKey;
use super::trust::Trust;
use crate::raft::member::Member;
use crate::store::Store;

pub(super) type Client = PeerClient<Channel>;

/// In which a call names the cluster that it is about.
pub(super) const CLUSTER: &str = "vault-cluster";
/// More than the largest batch, and than the entries of one request.
pub(super) const MAX_MESSAGE: usize = 32 << 20;

const CONNECT: Duration = Duration::from_secs(2);
const ALIVE: Duration = Duration::from_secs(2);
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Makes channels.
#[derive(Clone, Debug)]
pub(in crate::raft) struct Dialler {
    key: NodeKey,
    trust: Trust,
    runtime: Handle,
    store: Store,
}

/// The three connections to a member.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    pub(super) votes: Client,
    pub(super) log: Client,
    pub(super) snapshots: Client,
    /// Of what comes back over them.
    pub(super) judge: Judge,
    store: Store,
}

/// Runs what a channel does beside its callers.
#[derive(Clone)]
struct On(Handle);

impl<F> hyper::rt::Executor<F> for On
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

impl Dialler {
    pub(in crate::raft) fn new(key: NodeKey, trust: Trust, runtime: Handle, store: Store) -> Self {
        Self {
            key,
            trust,
            runtime,
            store,
        }
    }

    /// What raft says, to a member with a key; nothing is connected yet.
    pub(super) fn channels(&self, member: &Member) -> Option<Channels> {
        let [votes, log, snapshots] = self.connections(member, STREAM_WINDOW)?.map(|channel| {
            PeerClient::new(channel)
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE)
        });
        Some(Channels {
            votes,
            log,
            snapshots,
            judge: Judge {
                trust: self.trust.clone(),
                target: member.key?,
            },
            store: self.store.clone(),
        })
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Connections to a member with a key, none of which is made yet. So many bytes of each stream may come untaken.
    pub(super) fn connections<const N: usize>(
        &self,
        member: &Member,
        window: u32,
    ) -> Option<[Channel; N]> {
        let tls = self.key.client(member.key?);
        let tls = tls.inspect_err(|error| tracing::error!(%error, "no TLS to peers"));
        let connector = TlsConnector::from(Arc::new(tls.ok()?));
        let channel = || {
            let (address, connector) = (member.address.clone(), connector.clone());
            let dial = service_fn(move |_: Uri| connect(address.clone(), connector.clone()));
            let endpoint = Endpoint::from_static("http://peer")
                .executor(On(self.runtime.clone()))
                .initial_stream_window_size(window)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .http2_keep_alive_interval(ALIVE)
                .keep_alive_timeout(ALIVE)
                .keep_alive_while_idle(true);
            endpoint.connect_with_connector_lazy(dial)
        };
        // Their first task is spawned while they are made.
        let _entered = self.runtime.enter();
        Some(std::array::from_fn(|_| channel()))
    }
}

impl Channels {
    /// A call that names the cluster, once this node belongs to one.
    pub(super) fn about<T>(&self, request: Request<T>) -> Request<T> {
        about(&self.store, request)
    }
}

/// A call that names the cluster, once this node belongs to one.
pub(super) fn about<T>(store: &Store, mut request: Request<T>) -> Request<T> {
    if let Some(cluster) = cluster(store)
        && let Ok(value) = cluster.parse()
    {
        request.metadata_mut().insert(CLUSTER, value);
    }
    request
}

/// Cluster and incarnation, once there are any.
pub(super) fn cluster(store: &Store) -> Option<String> {
    let stamp = store.stamp();
    let cluster = stamp.cluster?;
    Some(format!("{}.{}", hex::encode(cluster), stamp.incarnation))
}

pub(super) async fn connect(
    address: String,
    connector: TlsConnector,
) -> io::Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
    let opened = timeout(CONNECT, async {
        let stream = TcpStream::connect(&address).await?;
        stream.set_nodelay(true)?;
        // Nobody looks at the name: the key is what is proved.
        let name = ServerName::try_from("peer").map_err(io::Error::other)?;
        connector.connect(name, stream).await
    });
    let stream = opened.await.unwrap_or_else(|_| {
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "no connection in time",
        ))
    })?;
    Ok(TokioIo::new(stream))
}
