//! Accepting connections: TCP with TLS, and a Unix socket for callers on this machine.
//!
//! A slow or hostile handshake holds up nobody else. An error of accept never ends the loop: descriptors
//! may run out, and come back.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream as FuturesStream;
use metrics::Counter;
use rustix::io::Errno;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::admit::Admissions;
use super::certificate;
use super::conn::{Conn, Patience, Peer, Stream, Transport};
use crate::metrics::{ACCEPT_ERRORS, CONNECTIONS_REFUSED, HANDSHAKES_FAILED, Metrics};

/// What holds for every connection of a listener.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The count of open connections.
    pub admissions: Arc<Admissions>,
    /// How long silence is borne.
    pub patience: Patience,
    /// Turns true when every connection is to end at once.
    pub cut: watch::Receiver<bool>,
    /// Where refusals are counted.
    pub metrics: Arc<Metrics>,
}

/// Connections that are ready for HTTP/2. Dropping it stops accepting.
#[derive(Debug)]
pub struct Incoming(mpsc::Receiver<Conn>);

impl FuturesStream for Incoming {
    type Item = io::Result<Conn>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|conn| conn.map(Ok))
    }
}

/// Accepts TCP connections and speaks TLS on them.
pub fn tls(listener: TcpListener, server: Arc<ServerConfig>, rules: Rules) -> Incoming {
    start(
        Tls {
            listener,
            acceptor: TlsAcceptor::from(server),
        },
        rules,
    )
}

/// Accepts connections from this machine and asks the kernel who they are.
pub fn unix(listener: UnixListener, rules: Rules) -> Incoming {
    start(Local(listener), rules)
}

/// One kind of listener.
trait Door: Send + 'static {
    type Raw: Send + 'static;

    /// The next connection, and who is at its other end.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Raw, Transport)>> + Send;

    /// Makes it ready for HTTP/2.
    fn open(&self, raw: Self::Raw) -> impl Future<Output = io::Result<Stream>> + Send + 'static;
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Door for Tls {
    type Raw = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Transport)> {
        let (stream, address) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, Transport::Tcp(address)))
    }

    fn open(&self, raw: TcpStream) -> impl Future<Output = io::Result<Stream>> + Send + 'static {
        let handshake = self.acceptor.accept(raw);
        async move { Ok(Stream::Tls(Box::new(handshake.await?))) }
    }
}

struct Local(UnixListener);

impl Door for Local {
    type Raw = UnixStream;

    async fn accept(&mut self) -> io::Result<(UnixStream, Transport)> {
        let (stream, _) = self.0.accept().await?;
        let peer = stream.peer_cred()?;
        let transport = Transport::Unix {
            uid: peer.uid(),
            gid: peer.gid(),
            pid: peer.pid(),
        };
        Ok((stream, transport))
    }

    fn open(&self, raw: UnixStream) -> impl Future<Output = io::Result<Stream>> + Send + 'static {
        std::future::ready(Ok(Stream::Unix(raw)))
    }
}

fn start(door: impl Door, rules: Rules) -> Incoming {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(accept(door, rules, sender));
    Incoming(receiver)
}

async fn accept<D: Door>(mut door: D, rules: Rules, sender: mpsc::Sender<Conn>) {
    let errors = rules.metrics.counter(ACCEPT_ERRORS, &[]);
    let refused = rules.metrics.counter(CONNECTIONS_REFUSED, &[]);
    let failed = rules.metrics.counter(HANDSHAKES_FAILED, &[]);
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            accepted = door.accept() => accepted,
            () = sender.closed() => return,
        };
        let (raw, transport) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                errors.increment(1);
                tracing::warn!(%error, "cannot accept a connection");
                sleep(pause).await;
                // Only a lack goes on; what befell one client must not keep out the next.
                if is_lack(&error) {
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                continue;
            }
        };
        pause = FIRST_PAUSE;
        let Some(admission) = rules.admissions.admit(&transport) else {
            refused.increment(1);
            continue;
        };
        let opened = door.open(raw);
        let (rules, sender, failed) = (rules.clone(), sender.clone(), failed.clone());
        tokio::spawn(async move {
            let Some(stream) = within(rules.patience.opening, opened, &failed).await else {
                return;
            };
            let peer = Peer::new(transport, certificate::shown(&stream), admission.requests());
            let conn = Conn::new(stream, peer, rules.patience, rules.cut, admission);
            // Nobody is left to serve it once the daemon stops.
            drop(sender.send(conn).await);
        });
    }
}

/// Whether accept failed for want of descriptors or memory.
fn is_lack(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        errno,
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS)
    )
}

/// Finishes a handshake in time, or counts it as failed.
async fn within(
    patience: Duration,
    opened: impl Future<Output = io::Result<Stream>>,
    failed: &Counter,
) -> Option<Stream> {
    match timeout(patience, opened).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
        Err(_) => tracing::debug!("a handshake took too long"),
    }
    failed.increment(1);
    None
}

/// The Unix socket in the file system; gone when dropped.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Another daemon refuses to start while this one answers, so the file is still ours.
        drop(std::fs::remove_file(&self.0));
    }
}

/// Binds the socket with mode 0600. A file that a dead daemon left is replaced; a living one is not.
///
/// # Errors
/// `AddrInUse` if someone answers there, or what the kernel says.
pub async fn bind_unix(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    match UnixStream::connect(path).await {
        Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)?;
        }
        Err(error) => return Err(error),
    }
    // ORDER: the mode is set under a name that nobody knows, so the socket is never open to others.
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let listener = UnixListener::bind(&beside)?;
    let ready = std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| std::fs::rename(&beside, path));
    if let Err(error) = ready {
        std::fs::remove_file(&beside)?;
        return Err(error);
    }
    Ok((listener, SocketFile(path.into())))
}

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
