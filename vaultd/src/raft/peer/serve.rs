//! The peers' listener and runtime: no request of a client delays what members say to each other.

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use vault_core::access::KeyHash;
use vault_proto::peer::v1::peer_server::PeerServer;

use super::arrive::{Arrivals, Calls, Doorway};
use super::channel::{Dialler, MAX_MESSAGE};
use super::places::{Place, Places, source};
use super::service::Service;
use super::tls::{NodeKey, key_of};
use super::trust::{Trust, follow};
use crate::raft::member::Member;
use crate::raft::node::Core;
use crate::raft::read;
use crate::raft::spread::Ledger;
use crate::store::Store;

/// Handshakes at once from where no member is known to be, in all and from one source.
const STRANGERS: usize = 64;
const STRANGERS_EACH: usize = 8;
const STRANGERS_HANDSHAKE: Duration = Duration::from_millis(1500);
/// And from where members are: several nodes may share an address.
const MEMBERS: usize = 128;
const MEMBERS_EACH: usize = 64;
/// Connections that were proved, in all and of one key: a node has five, and what it lost lingers for seconds.
const CONNECTIONS: usize = 1024;
const CONNECTIONS_EACH: usize = 16;
/// Connections on their way to the server.
const OPENED: usize = 16;
const HANDSHAKE: Duration = Duration::from_secs(5);
const ALIVE: Duration = Duration::from_secs(2);
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// On one connection: requests that a node has passed on.
const STREAMS: u32 = 4096;
/// More than a client's, by what is said of where it is.
const HEADERS: u32 = 32 << 10;
const PAUSE: Duration = Duration::from_millis(100);

/// What a node needs to have peers.
#[derive(Debug)]
pub struct PeerOptions {
    /// Where they reach it.
    pub listener: TcpListener,
    /// What it proves to them.
    pub key: NodeKey,
    /// Whom a node believes that has no membership yet: the voters that it was introduced to when it joined.
    pub introduced: BTreeMap<u64, Member>,
    /// Whether it may be handed the lead.
    pub may_lead: watch::Receiver<bool>,
}

/// What members are answered from, beside raft.
#[derive(Clone, Debug)]
pub(in crate::raft) struct Answering {
    pub(in crate::raft) reads: read::Waiters,
    pub(in crate::raft) ledger: Arc<Ledger>,
    /// To those who serve clients.
    pub(in crate::raft) doorway: Doorway,
}

/// The peers' runtime. It ends when this is dropped.
#[derive(Debug)]
pub(in crate::raft) struct Serving {
    runtime: Option<Runtime>,
    listener: TcpListener,
    key: NodeKey,
    trust: Trust,
    may_lead: watch::Receiver<bool>,
}

impl Serving {
    pub(in crate::raft) fn new(options: PeerOptions) -> io::Result<Self> {
        let PeerOptions {
            listener,
            key,
            introduced,
            may_lead,
        } = options;
        listener.set_nonblocking(true)?;
        let trust = Trust::introduced(key.pin(), &introduced);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("peers")
            .enable_all()
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
            listener,
            key,
            trust,
            may_lead,
        })
    }

    fn handle(&self) -> Option<&Handle> {
        self.runtime.as_ref().map(Runtime::handle)
    }

    /// What connects to them.
    pub(in crate::raft) fn dialler(&self, store: Store) -> Option<Dialler> {
        let runtime = self.handle()?.clone();
        Some(Dialler::new(
            self.key.clone(),
            self.trust.clone(),
            runtime,
            store,
        ))
    }

    /// Serves them, until this is dropped.
    pub(in crate::raft) fn serve(
        &self,
        raft: Core,
        store: Store,
        answering: Answering,
    ) -> io::Result<()> {
        let Some(runtime) = self.handle() else {
            return Ok(());
        };
        let tls = self.key.server(self.trust.clone());
        let acceptor = TlsAcceptor::from(Arc::new(tls.map_err(io::Error::other)?));
        let _entered = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(self.listener.try_clone()?)?;
        let (opened, connections) = mpsc::channel(OPENED);
        runtime.spawn(follow(raft.clone(), store.clone(), self.trust.clone()));
        runtime.spawn(accept(listener, acceptor, self.trust.clone(), opened));
        let arrivals = Arrivals {
            trust: self.trust.clone(),
            store: store.clone(),
            doorway: answering.doorway,
            calls: Calls::new(),
        };
        let service = Service {
            raft,
            store,
            trust: self.trust.clone(),
            may_lead: self.may_lead.clone(),
            reads: answering.reads,
            ledger: answering.ledger,
        };
        let service = PeerServer::new(service)
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        let serving = Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keepalive_interval(Some(ALIVE))
            .http2_keepalive_timeout(Some(ALIVE))
            .max_concurrent_streams(STREAMS)
            .http2_max_header_list_size(HEADERS)
            .layer(arrivals)
            .add_service(service)
            .serve_with_incoming(ReceiverStream::new(connections));
        runtime.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "peers are no longer served");
            }
        });
        Ok(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Accepts connections. A slow or hostile handshake holds up nobody else, and an error of accept ends nothing.
async fn accept(
    listener: tokio::net::TcpListener,
    acceptor: TlsAcceptor,
    trust: Trust,
    opened: mpsc::Sender<io::Result<Connection>>,
) {
    let strangers = Places::new(STRANGERS, STRANGERS_EACH);
    let members = Places::new(MEMBERS, MEMBERS_EACH);
    let keys = Places::new(CONNECTIONS, CONNECTIONS_EACH);
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a peer's connection");
                sleep(PAUSE).await;
                continue;
            }
        };
        // What strangers hold is taken from no member.
        let (places, time) = if trust.is_at(from.ip()) {
            (&members, HANDSHAKE)
        } else {
            (&strangers, STRANGERS_HANDSHAKE)
        };
        let Some(place) = places.take(source(from.ip())) else {
            tracing::debug!(%from, "too many handshakes at the peers' port");
            continue;
        };
        let opening = open(stream, acceptor.clone(), trust.clone(), Arc::clone(&keys));
        let opened = opened.clone();
        tokio::spawn(async move {
            let _place = place;
            match timeout(time, opening).await {
                // The server is gone only when the node stops.
                Ok(Ok(connection)) => drop(opened.send(Ok(connection)).await),
                Ok(Err(error)) => {
                    tracing::debug!(%error, %from, "a connection to the peers' port was refused");
                }
                Err(_) => tracing::debug!(%from, "a handshake at the peers' port took too long"),
            }
        });
    }
}

async fn open(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    trust: Trust,
    keys: Arc<Places<KeyHash>>,
) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let key = chain.first().and_then(|leaf| key_of(leaf));
    let key = key.ok_or_else(|| io::Error::other("no key was proved"))?;
    let place = keys.take(key);
    let place = place.ok_or_else(|| io::Error::other("this key has too many connections"))?;
    Ok(Connection {
        stream,
        key,
        trust,
        _place: place,
    })
}

/// A connection of a member's, for as long as it is one.
#[derive(Debug)]
struct Connection {
    stream: TlsStream<TcpStream>,
    key: KeyHash,
    trust: Trust,
    _place: Place<KeyHash>,
}

impl Connected for Connection {
    type ConnectInfo = KeyHash;

    fn connect_info(&self) -> KeyHash {
        self.key
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // It is read from at each keep-alive, so that no key outlives its membership by more.
        if self.trust.whose(&self.key).is_none() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
