//! Streams that wait for the other side, but not for ever.

use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::{Request, Status};
use vault_proto::v1::Reason;

use crate::app::{Error, Result};
use crate::door::guard::Patience;

/// Messages between the two sides of a stream.
const PIPE: usize = 2;

/// Where no guard says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

type Message<T> = std::result::Result<T, Status>;

/// What is between a sender and its stream.
#[derive(Debug)]
enum Slot<T> {
    Open(mpsc::Receiver<Message<T>>),
    /// The sender has given up. What was in between is gone already, though nobody may ever ask.
    GivenUp(Status),
    Ended,
}

/// A stream of messages on their way out.
#[derive(Debug)]
pub(in crate::door) struct Outgoing<T>(Arc<Mutex<Slot<T>>>);

/// Feeds an [`Outgoing`].
#[derive(Debug)]
pub(super) struct Sender<T> {
    messages: mpsc::Sender<Message<T>>,
    slot: Arc<Mutex<Slot<T>>>,
    patience: Duration,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            messages: self.messages.clone(),
            slot: Arc::clone(&self.slot),
            patience: self.patience,
        }
    }
}

/// Nobody takes what is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone;

/// A stream of nothing.
impl<T> Default for Outgoing<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Slot::Ended)))
    }
}

/// A stream, and what feeds it.
pub(super) fn outgoing<T>(patience: Duration) -> (Sender<T>, Outgoing<T>) {
    let (messages, receiver) = mpsc::channel(PIPE);
    let slot = Arc::new(Mutex::new(Slot::Open(receiver)));
    let sender = Sender {
        messages,
        slot: Arc::clone(&slot),
        patience,
    };
    (sender, Outgoing(slot))
}

fn lock<T>(slot: &Mutex<Slot<T>>) -> MutexGuard<'_, Slot<T>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Sender<T> {
    /// Whether the stream has gone.
    pub(super) fn is_closed(&self) -> bool {
        self.messages.is_closed()
    }

    /// Returns when the stream has gone.
    pub(super) async fn closed(&self) {
        self.messages.closed().await;
    }

    /// Sends a message, if it is taken within the patience.
    pub(super) async fn send(&self, message: T) -> std::result::Result<(), Gone> {
        match timeout(self.patience, self.messages.send(Ok(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone),
            Err(_) => {
                let message = "the client took nothing of the stream for too long";
                *lock(&self.slot) = Slot::GivenUp(Status::cancelled(message));
                Err(Gone)
            }
        }
    }

    /// Ends the stream with an error, after what was sent.
    pub(super) async fn fail(&self, error: Status) {
        if timeout(self.patience, self.messages.send(Err(error.clone())))
            .await
            .is_err()
        {
            *lock(&self.slot) = Slot::GivenUp(error);
        }
    }
}

impl<T> Stream for Outgoing<T> {
    type Item = Message<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message<T>>> {
        let mut slot = lock(&self.0);
        let item = match &mut *slot {
            Slot::Open(messages) => match messages.poll_recv(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(item) => item,
            },
            Slot::GivenUp(status) => Some(Err(status.clone())),
            Slot::Ended => None,
        };
        if !matches!(item, Some(Ok(_))) {
            *slot = Slot::Ended;
        }
        Poll::Ready(item)
    }
}

impl<T> Drop for Outgoing<T> {
    fn drop(&mut self) {
        *lock(&self.0) = Slot::Ended;
    }
}

/// How long a stream's other side may keep silent.
pub(super) fn patience<T>(request: &Request<T>) -> Duration {
    let given = request.extensions().get::<Patience>();
    given.map_or(PATIENCE, |patience| patience.0)
}

/// The next item, if it comes within the patience.
pub(super) async fn next<T>(
    stream: &mut (impl Stream<Item = std::result::Result<T, Status>> + Unpin),
    patience: Duration,
) -> Option<Result<T>> {
    let item = poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx));
    let Ok(item) = timeout(patience, item).await else {
        let message = format!(
            "the client sent nothing for {} s; nothing of the stream was kept",
            patience.as_secs()
        );
        return Some(Err(Error::new(Reason::RequestInvalid, message)));
    };
    let broken = |status: Status| {
        let message = "the stream broke off; nothing of it was kept";
        Error::new(Reason::RequestInvalid, message).caused_by(status)
    };
    item.map(|item| item.map_err(broken))
}

/// Pipes a stream to a reader on a thread of its own, and waits for what that makes of it.
pub(super) async fn receive<T: Send + 'static>(
    mut stream: impl Stream<Item = std::result::Result<Bytes, Status>> + Unpin,
    patience: Duration,
    work: impl FnOnce(&mut Pipe) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (chunks, pipe) = mpsc::channel(PIPE);
    let mut pipe = Pipe {
        chunks: pipe,
        rest: Bytes::new(),
        broken: false,
    };
    let working = tokio::task::spawn_blocking(move || work(&mut pipe));
    let mut broken = None;
    while let Some(chunk) = next(&mut stream, patience).await {
        let chunk = chunk.map_err(|error| broken = Some(error)).ok();
        // A reader that has stopped says why below.
        if chunks.send(chunk).await.is_err() || broken.is_some() {
            break;
        }
    }
    drop(chunks);
    let made = working.await.map_err(Error::internal)?;
    // ORDER: a stream that broke off is the cause of whatever its reader says.
    made.map_err(|error| broken.unwrap_or(error))
}

/// A stream as a reader; `None` says that it broke off.
#[derive(Debug)]
pub(super) struct Pipe {
    chunks: mpsc::Receiver<Option<Bytes>>,
    rest: Bytes,
    broken: bool,
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.broken {
            match self.chunks.blocking_recv() {
                Some(Some(chunk)) => self.rest = chunk,
                Some(None) => self.broken = true,
                None => return Ok(0),
            }
        }
        if self.broken {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let length = out.len().min(self.rest.len());
        let taken = self.rest.split_to(length);
        if let Some(out) = out.get_mut(..length) {
            out.copy_from_slice(&taken);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt as _;
    use tonic::Code;
    use vault_proto::v1::BackupChunk;

    use super::*;

    fn chunk() -> BackupChunk {
        BackupChunk {
            data: Bytes::from_static(b"chunk"),
        }
    }

    #[tokio::test]
    async fn a_client_that_stops_taking_is_given_up_and_nothing_is_kept_for_it() {
        let (sender, mut outgoing) = outgoing(Duration::from_millis(20));
        while sender.send(chunk()).await.is_ok() {}
        assert!(sender.is_closed());
        assert!(matches!(&*lock(&outgoing.0), Slot::GivenUp(_)));
        // Should it come back: an error, never an end that looks whole.
        let told = outgoing.next().await.unwrap().unwrap_err();
        assert_eq!(told.code(), Code::Cancelled);
        assert!(outgoing.next().await.is_none());
    }

    #[tokio::test]
    async fn a_client_that_takes_slowly_is_served_to_the_end() {
        let patience = Duration::from_secs(2);
        let (sender, mut outgoing) = outgoing(patience);
        let sending = tokio::spawn(async move {
            for _ in 0..10 {
                sender.send(chunk()).await.unwrap();
            }
        });
        // Each chunk well within the patience, all of them well beyond it.
        let mut ticks = tokio::time::interval(patience / 6);
        let mut taken = 0;
        while let Some(chunk) = outgoing.next().await {
            chunk.unwrap();
            taken += 1;
            ticks.tick().await;
        }
        sending.await.unwrap();
        assert_eq!(taken, 10);
    }

    #[tokio::test]
    async fn an_error_comes_after_what_was_sent_and_a_stream_that_is_dropped_is_noticed() {
        let (sender, mut outgoing) = outgoing(PATIENCE);
        sender.send(chunk()).await.unwrap();
        sender.fail(Status::data_loss("gone")).await;
        assert!(outgoing.next().await.unwrap().is_ok());
        assert!(outgoing.next().await.unwrap().is_err());
        assert!(outgoing.next().await.is_none());
        drop(outgoing);
        assert_eq!(sender.send(chunk()).await, Err(Gone));
    }

    fn all(pipe: &mut Pipe) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).map_err(Error::internal)?;
        Ok(bytes)
    }

    #[tokio::test]
    async fn what_is_received_is_read_in_order_and_a_broken_stream_is_an_error() {
        let good = [&b"one"[..], b"", b"two"].map(|part| Ok(Bytes::from_static(part)));
        let read = receive(tokio_stream::iter(good), PATIENCE, all).await;
        assert_eq!(read.unwrap(), b"onetwo");
        let bad = [
            Ok(Bytes::from_static(b"one")),
            Err(Status::cancelled("the client has gone")),
        ];
        let read = receive(tokio_stream::iter(bad), PATIENCE, all).await;
        assert_eq!(read.unwrap_err().reason(), Reason::RequestInvalid);
    }

    #[tokio::test]
    async fn a_client_that_sends_nothing_is_given_up_and_the_thread_ends() {
        let first = tokio_stream::once(Ok(Bytes::from_static(b"one")));
        let silent = first.chain(tokio_stream::pending());
        let read = receive(silent, Duration::from_millis(20), all).await;
        let error = read.unwrap_err();
        assert_eq!(error.reason(), Reason::RequestInvalid);
        assert!(error.to_string().contains("sent nothing"), "{error}");
    }

    #[tokio::test]
    async fn a_reader_that_stops_early_is_not_waited_for() {
        let endless = tokio_stream::iter(std::iter::repeat_with(|| Ok(Bytes::from_static(b"x"))));
        let read = receive(endless, PATIENCE, |_| {
            Err::<(), _>(Error::new(Reason::BackupDamaged, "seen enough"))
        });
        assert_eq!(read.await.unwrap_err().reason(), Reason::BackupDamaged);
    }
}
