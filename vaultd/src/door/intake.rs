//! A request's body: how much of it, and for how long, is taken from someone who has shown nothing.
//!
//! A stranger may send 64 KiB, within a short time. Who claims a session is believed so far: nothing is looked
//! up for what is small and whole. Only a body that goes beyond, or is late, makes the door ask the
//! application whether the claim holds; a token that merely looks like one lifts nothing.
//!
//! INVARIANT: a message that announces more than a stranger may send is refused before it is taken in.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;
use vault_core::access::{Bearer, Certificate};

use super::conn::Peer;
use super::refusals::{too_large, too_late};
use super::trace::Trace;
use crate::app::Call;
use crate::app::audit::Source;

/// Which tokens open a session now. What says so is the application; the door only asks.
pub trait Sessions: Send + Sync + 'static {
    /// Whether this is the token of a session that is live to who is there. Nothing is, while sealed.
    fn live(&self, token: &Bearer, from: (Source, Option<Certificate>)) -> bool;

    /// Records a request that broke off after its caller could see what was said of the token.
    fn broke_off(&self, call: &Call);
}

/// Permission to send at length, where a stream's first message proves the right to: an extension of its
/// request, for the method to give.
#[derive(Clone, Debug, Default)]
pub struct Permit(Arc<AtomicBool>);

impl Permit {
    /// What follows may be as long as the method takes.
    pub fn give(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn given(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a caller claims, and what has come of it.
pub(super) struct Claim {
    sessions: Arc<dyn Sessions>,
    trace: Option<Trace>,
    permit: Option<Permit>,
    peer: Option<Peer>,
    proven: bool,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proven = self.proven;
        write!(f, "Claim {{ proven: {proven}, .. }}")
    }
}

impl Claim {
    pub(super) fn new(
        sessions: &Arc<dyn Sessions>,
        trace: Option<Trace>,
        permit: Option<Permit>,
        peer: Option<Peer>,
    ) -> Self {
        Self {
            sessions: Arc::clone(sessions),
            trace,
            permit,
            peer,
            proven: false,
        }
    }

    /// Whether it holds. Costs a look-up, once; a claim that was found good stays so for its request.
    pub(super) fn holds(&mut self) -> bool {
        if !self.proven {
            let sessions = &*self.sessions;
            self.proven = self.permit.as_ref().is_some_and(Permit::given)
                || self
                    .trace
                    .as_ref()
                    .is_some_and(|trace| trace.look(sessions, self.peer.as_ref()));
            if let (true, Some(peer)) = (self.proven, &self.peer) {
                peer.known();
            }
        }
        self.proven
    }
}

/// A request's body under these rules.
#[derive(Debug)]
pub struct Intake {
    body: Body,
    claim: Claim,
    /// Whether the method takes more than 64 KiB from one whose claim holds.
    large: bool,
    frames: Frames,
    until: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Intake {
    pub(super) fn new(body: Body, claim: Claim, large: bool, until: Instant) -> Self {
        Self {
            body,
            claim,
            large,
            frames: Frames::default(),
            until,
            timer: None,
        }
    }

    /// Ready once a stranger's time is over. No timer is made for a body that is there already.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.claim.proven {
            return Poll::Pending;
        }
        let until = self.until;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(timer.as_mut().poll(cx));
        self.timer = None;
        if self.claim.holds() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

impl HttpBody for Intake {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.frames.due() > SMALL_BODY && !(this.large && this.claim.holds()) {
            return Poll::Ready(Some(Err(too_large())));
        }
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        match &frame {
            Poll::Pending => {
                ready!(this.poll_late(cx));
                return Poll::Ready(Some(Err(too_late())));
            }
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    this.frames.pass(data);
                }
            }
            Poll::Ready(Some(Err(_)) | None) => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Where a body stands between the messages of gRPC: one byte of flags, four of length, the message.
#[derive(Debug, Default)]
struct Frames {
    /// Bytes that have passed.
    passed: u64,
    /// Bytes of the present message that were announced and have not come.
    rest: u64,
    header: [u8; HEADER],
    filled: usize,
}

impl Frames {
    /// What has come and what was announced.
    fn due(&self) -> u64 {
        self.passed.saturating_add(self.rest)
    }

    fn pass(&mut self, mut data: &[u8]) {
        self.passed = self.passed.saturating_add(data.len() as u64);
        while !data.is_empty() {
            if self.rest > 0 {
                let here =
                    usize::try_from(self.rest).map_or(data.len(), |rest| rest.min(data.len()));
                data = data.get(here..).unwrap_or_default();
                self.rest -= here as u64;
                continue;
            }
            let missing = (HEADER - self.filled).min(data.len());
            let (more, after) = data.split_at(missing);
            for (slot, byte) in self.header.iter_mut().skip(self.filled).zip(more) {
                *slot = *byte;
            }
            data = after;
            self.filled += missing;
            if self.filled == HEADER {
                let [_, length @ ..] = self.header;
                self.rest = u32::from_be_bytes(length).into();
                self.filled = 0;
            }
        }
    }
}

/// Of a message of gRPC.
const HEADER: usize = 5;

/// For callers who have shown nothing, and for methods that hold no values.
const SMALL_BODY: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: u32, sent: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(length.to_be_bytes());
        bytes.resize(HEADER + sent, 7);
        bytes
    }

    #[test]
    fn what_a_header_announces_is_due_before_it_has_come() {
        let mut frames = Frames::default();
        frames.pass(&message(1 << 20, 3));
        assert_eq!(frames.due(), (1 << 20) + 5);
    }

    #[test]
    fn headers_are_found_wherever_the_pieces_end() {
        let mut whole = message(3, 3);
        whole.extend(message(0, 0));
        whole.extend(message(70_000, 10));
        for size in 1..whole.len() {
            let mut frames = Frames::default();
            for piece in whole.chunks(size) {
                frames.pass(piece);
            }
            assert_eq!(frames.due(), 8 + 5 + 5 + 70_000, "in pieces of {size}");
        }
    }

    #[test]
    fn many_small_messages_add_up() {
        let mut frames = Frames::default();
        for _ in 0..10_000 {
            frames.pass(&message(2, 2));
        }
        assert_eq!((frames.due(), frames.rest), (70_000, 0));
    }
}
