//! One client connection: who is at the other end, and how long silence is borne.
//!
//! A client that never sends the HTTP/2 preface, or no request for a long while, is disconnected; so is
//! everyone when the daemon has waited long enough for requests in flight.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::admit::Admission;

/// How a client reached this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over TCP and TLS, from there.
    Tcp(SocketAddr),
    /// Over the Unix socket. The kernel vouches for these at the time of connecting.
    Unix {
        /// The user; 0 is a user like any other.
        uid: u32,
        /// The group.
        gid: u32,
        /// The process, if it is visible from here.
        pid: Option<i32>,
    },
}

/// Who is at the other end: an extension of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    transport: Transport,
    activity: Arc<Activity>,
}

impl Peer {
    pub(super) fn new(transport: Transport) -> Self {
        let activity = Activity {
            since: Instant::now(),
            open: AtomicUsize::new(0),
            last: AtomicU64::new(0),
        };
        Self {
            transport,
            activity: Arc::new(activity),
        }
    }

    /// How the client reached this node.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Counts a request that begins; the guard ends it. The number includes this one.
    pub(super) fn begin(&self) -> (usize, Busy) {
        let before = self.activity.open.fetch_add(1, Ordering::AcqRel);
        (before + 1, Busy(Arc::clone(&self.activity)))
    }
}

/// What a connection is doing.
#[derive(Debug)]
struct Activity {
    since: Instant,
    open: AtomicUsize,
    /// Milliseconds after `since` at which the last request ended.
    last: AtomicU64,
}

impl Activity {
    /// When the connection has been idle for so long; `None` while a request is open.
    fn idle_until(&self, idle: Duration) -> Option<Instant> {
        let last = Duration::from_millis(self.last.load(Ordering::Acquire));
        (self.open.load(Ordering::Acquire) == 0).then(|| self.since + last + idle)
    }
}

/// A request in flight on a connection.
#[derive(Debug)]
#[must_use]
pub(super) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        let millis = u64::try_from(self.0.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last.store(millis, Ordering::Release);
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The bytes below.
#[derive(Debug)]
pub(super) enum Stream {
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

/// How long silence is borne.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the handshake, and again for the preface after it.
    pub opening: Duration,
    /// Between requests.
    pub idle: Duration,
}

/// One client connection.
pub struct Conn {
    stream: Stream,
    peer: Peer,
    patience: Patience,
    /// Bytes of the preface that are still to come.
    preface: usize,
    wake: Pin<Box<Sleep>>,
    cut: Option<Cut>,
    _admission: Admission,
}

type Cut = Pin<Box<dyn Future<Output = ()> + Send>>;

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conn")
            .field("peer", &self.peer.transport)
            .finish_non_exhaustive()
    }
}

impl Conn {
    pub(super) fn new(
        stream: Stream,
        peer: Peer,
        patience: Patience,
        mut cut: watch::Receiver<bool>,
        admission: Admission,
    ) -> Self {
        let cut: Cut = Box::pin(async move {
            // A sender that is gone cuts too: nobody would be left to do it.
            let _gone = cut.wait_for(|cut| *cut).await;
        });
        Self {
            stream,
            peer,
            patience,
            preface: PREFACE,
            wake: Box::pin(sleep_until(Instant::now() + patience.opening)),
            cut: Some(cut),
            _admission: admission,
        }
    }

    fn received(&mut self, bytes: usize) {
        if self.preface > 0 {
            self.preface = self.preface.saturating_sub(bytes);
            if self.preface == 0 {
                self.wake
                    .as_mut()
                    .reset(Instant::now() + self.patience.idle);
            }
        }
    }

    /// Nothing to read: whether to wait on. Registers to be woken at the next deadline.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(cut) = &mut self.cut
            && cut.as_mut().poll(cx).is_ready()
        {
            self.cut = None;
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        while self.wake.as_mut().poll(cx).is_ready() {
            if self.preface > 0 {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let now = Instant::now();
            match self.peer.activity.idle_until(self.patience.idle) {
                // To the protocol above, the client has gone.
                Some(due) if due <= now => return Poll::Ready(Ok(())),
                Some(due) => self.wake.as_mut().reset(due),
                None => self.wake.as_mut().reset(now + self.patience.idle),
            }
        }
        Poll::Pending
    }
}

impl Connected for Conn {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = match &mut self.stream {
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        if read.is_pending() {
            return self.poll_silence(cx);
        }
        self.received(buf.filled().len().saturating_sub(before));
        read
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Tls(stream) => stream.is_write_vectored(),
            Stream::Unix(stream) => stream.is_write_vectored(),
        }
    }
}

/// RFC 9113 section 3.4: the length of what a client sends first.
const PREFACE: usize = 24;
