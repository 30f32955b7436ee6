//! One client connection: who is at the other end, and how long silence is borne.
//!
//! A client that never sends the HTTP/2 preface, or no request for a long while, is disconnected; so is
//! everyone when the daemon has waited long enough for requests in flight, and who leaves a reply untaken. A stranger, on whose connection
//! nobody has shown a session yet, is borne for a shorter while, and may leave no request open for longer:
//! not by reading no reply, and not by watching.

#[cfg(test)]
mod tests;
mod transport;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;
use vault_core::access::Certificate;

pub use self::transport::Transport;
use super::admit::Admission;
use super::turns::Turns;
use crate::app::audit::Source;

/// Who is at the other end: an extension of every request.
#[derive(Clone, Debug)]
pub struct Peer {
    transport: Transport,
    certificate: Option<Certificate>,
    activity: Arc<Activity>,
}

impl Peer {
    pub(super) fn new(
        transport: Transport,
        certificate: Option<Certificate>,
        of_source: Arc<AtomicUsize>,
    ) -> Self {
        let activity = Activity {
            since: Instant::now(),
            open: Turns::default(),
            waiting: Turns::default(),
            last: AtomicU64::new(0),
            known: AtomicBool::new(transport.is_own()),
            of_source,
        };
        Self {
            transport,
            certificate,
            activity: Arc::new(activity),
        }
    }

    /// How the client reached this node.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The same for the audit. A listener that names no peer gets no privilege from it.
    pub(super) fn source(peer: Option<&Self>) -> Source {
        match peer.map(|peer| peer.transport) {
            Some(Transport::Tcp(address)) => Source::Tcp(address),
            Some(Transport::Unix { uid, gid, pid }) => Source::Unix {
                uid,
                gid,
                pid: pid.unwrap_or_default(),
            },
            None => Source::Tcp(SocketAddr::from(([0, 0, 0, 0], 0))),
        }
    }

    /// Whose key the handshake has proved.
    pub(super) fn certificate(peer: Option<&Self>) -> Option<Certificate> {
        peer.and_then(|peer| peer.certificate)
    }

    /// Whether the client is on this machine, and is whoever runs the daemon or the machine.
    pub(super) fn is_own(&self) -> bool {
        self.transport.is_own()
    }

    /// Notes that a session was shown on this connection.
    pub(super) fn known(&self) {
        self.activity.known();
    }

    /// Counts a request that begins; the guard ends it. The numbers include this one: how many are open
    /// on this connection, and on all of its source.
    pub(super) fn begin(&self) -> ((usize, usize), Busy) {
        let activity = Arc::clone(&self.activity);
        let (turn, on_connection) = activity.open.begin();
        let of_source = activity.of_source.fetch_add(1, Ordering::AcqRel) + 1;
        let busy = Busy {
            activity,
            turn,
            waiting: None,
        };
        ((on_connection, of_source), busy)
    }
}

/// What a connection is doing.
#[derive(Debug)]
struct Activity {
    since: Instant,
    /// Requests.
    open: Turns,
    /// Replies of which a piece was handed over and the next was not asked for.
    waiting: Turns,
    /// Milliseconds after `since` at which the last request ended.
    last: AtomicU64,
    /// A session was shown.
    known: AtomicBool,
    of_source: Arc<AtomicUsize>,
}

impl Activity {
    /// When the connection has been idle for so long; `None` while a request is open.
    fn idle_until(&self, idle: Duration) -> Option<Instant> {
        let last = Duration::from_millis(self.last.load(Ordering::Acquire));
        (!self.open.any()).then(|| self.since + last + idle)
    }

    fn known(&self) {
        // Usually it is so already: then nothing is written that other processors would have to fetch.
        if !self.is_known() {
            self.known.store(true, Ordering::Release);
        }
    }

    fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }
}

/// A request in flight on a connection.
#[derive(Debug)]
#[must_use]
pub(super) struct Busy {
    activity: Arc<Activity>,
    turn: usize,
    /// Since which turn the reply has been waiting to be taken.
    waiting: Option<usize>,
}

impl Busy {
    /// Notes that it has shown a session.
    pub(super) fn known(&self) {
        self.activity.known();
    }

    /// Notes that a piece of the reply waits to be taken.
    pub(super) fn offered(&mut self) {
        self.taken();
        self.waiting = Some(self.activity.waiting.begin().0);
    }

    /// Notes that it was.
    pub(super) fn taken(&mut self) {
        if let Some(turn) = self.waiting.take() {
            self.activity.waiting.end(turn);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.taken();
        let activity = &self.activity;
        let millis = u64::try_from(activity.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        activity.last.store(millis, Ordering::Release);
        activity.open.end(self.turn);
        activity.of_source.fetch_sub(1, Ordering::AcqRel);
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
    /// For a stranger: between requests, if that is less, and for a request. For anyone: between two pieces of a
    /// reply that he takes.
    pub short: Duration,
}

/// One client connection.
pub struct Conn {
    stream: Stream,
    peer: Peer,
    patience: Patience,
    /// Bytes of the preface that are still to come.
    preface: usize,
    wake: Pin<Box<Sleep>>,
    /// When a turn ends.
    turn: Instant,
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
            turn: Instant::now() + patience.short,
            cut: Some(cut),
            _admission: admission,
        }
    }

    fn received(&mut self, bytes: usize) {
        if self.preface > 0 {
            self.preface = self.preface.saturating_sub(bytes);
            if self.preface == 0 {
                let next = Instant::now() + self.idle().min(self.patience.short);
                self.wake.as_mut().reset(next);
            }
        }
    }

    /// How long silence between requests is borne.
    fn idle(&self) -> Duration {
        if self.peer.activity.is_known() {
            self.patience.idle
        } else {
            self.patience.idle.min(self.patience.short)
        }
    }

    /// Whether a reply has waited, or a stranger has had a request open, for longer than is borne.
    fn overstays(&mut self, now: Instant) -> bool {
        if now < self.turn {
            return false;
        }
        self.turn = now + self.patience.short;
        let activity = &self.peer.activity;
        activity.waiting.next() || (!activity.is_known() && activity.open.next())
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
            if self.overstays(now) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let idle = self.idle();
            match self.peer.activity.idle_until(idle) {
                // To the protocol above, the client has gone.
                Some(due) if due <= now => return Poll::Ready(Ok(())),
                due => {
                    // Turns go on while a request is open, and one may begin before the next look.
                    let look = now + self.patience.short;
                    self.wake
                        .as_mut()
                        .reset(due.map_or(look, |due| due.min(look)));
                }
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
