//! A reply's body on its way: in pieces, so that what a client takes of it shows.
//!
//! HTTP/2 lets a client keep its window shut for as long as it likes, and gRPC hands over a message as one
//! piece, however large. So a message is cut up, and from each piece that is handed over until the next is asked
//! for, the connection counts this reply as waiting. What has waited for a whole turn ends the connection
//! ([`super::conn`]), of a session too. What the reply holds of the app's bound for memory is held until then.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::guard::Open;
use crate::app::Held;

/// A reply's body that notes how the request ended.
#[derive(Debug)]
pub struct Tracked {
    body: Body,
    /// What was cut off and is still to be handed over.
    rest: Bytes,
    open: Option<Open>,
    held: Option<Held>,
}

impl Tracked {
    pub(super) fn new(body: Body, mut open: Option<Open>, held: Option<Held>) -> Self {
        if let Some(open) = &mut open {
            open.offered();
        }
        Self {
            body,
            rest: Bytes::new(),
            open,
            held,
        }
    }

    /// Hands over as much as is handed over at once, and keeps the rest.
    fn piece(&mut self, mut data: Bytes) -> Frame<Bytes> {
        if data.len() > PIECE {
            self.rest = data.split_off(PIECE);
        }
        if let Some(open) = &mut self.open {
            open.offered();
        }
        Frame::data(data)
    }
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(open) = &mut self.open {
            open.taken();
        }
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.piece(rest))));
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let frame = match frame.into_data() {
                    Ok(data) => self.piece(data),
                    Err(other) => {
                        if let (Some(trailers), Some(open)) = (other.trailers_ref(), &mut self.open)
                        {
                            open.note(trailers);
                        }
                        other
                    }
                };
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                drop((self.open.take(), self.held.take()));
                Poll::Ready(None)
            }
            other @ (Poll::Ready(Some(Err(_))) | Poll::Pending) => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() {
            self.body.size_hint()
        } else {
            SizeHint::default()
        }
    }
}

/// What is handed over at once: as much as the app lets pass uncounted.
const PIECE: usize = 64 * 1024;
