//! A small request's body, kept while it is read, should another node have to read it again.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use tonic::Status;
use tonic::body::Body;

use super::intake::Intake;

/// What is kept at most: as much as a read may ask.
const MOST: usize = 128 << 10;
/// Of a message of gRPC: a byte of flags, four of length.
const HEADER: usize = 5;

/// What was read of a body.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Mutex<Pieces>>);

#[derive(Debug, Default)]
struct Pieces {
    pieces: Vec<Bytes>,
    size: usize,
}

impl Kept {
    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, piece: &Bytes) {
        let mut kept = self.pieces();
        kept.size = kept.size.saturating_add(piece.len());
        if kept.size <= MOST {
            kept.pieces.push(piece.clone());
        } else {
            kept.pieces.clear();
        }
    }

    /// The body, if it was one message, that message was read to its end, and it was small.
    pub(super) fn whole(&self) -> Option<Body> {
        let mut kept = self.pieces();
        if kept.size > MOST {
            return None;
        }
        let mut whole = BytesMut::with_capacity(kept.size);
        for piece in kept.pieces.drain(..) {
            whole.extend_from_slice(&piece);
        }
        let length = whole.first_chunk::<HEADER>()?.last_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let is_whole = whole.len().checked_sub(HEADER) == Some(length);
        is_whole.then(|| Body::new(Full::new(whole.freeze())))
    }
}

/// A body that is kept while it is read.
#[derive(Debug)]
pub(super) struct Keeping {
    body: Intake,
    kept: Kept,
}

impl Keeping {
    pub(super) fn new(body: Intake, kept: Kept) -> Self {
        Self { body, kept }
    }
}

impl HttpBody for Keeping {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.kept.add(data);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn one_small_message_that_was_read_is_there_again_and_nothing_else() {
        let kept = Kept::default();
        for piece in [&b"\0\0\0\0"[..], b"\x03ab", b"c"] {
            assert!(kept.clone().whole().is_none() || piece.is_empty());
            let kept = Kept::default();
            kept.add(&Bytes::copy_from_slice(piece));
            assert!(kept.whole().is_none(), "it is not all there");
        }
        for piece in [&b"\0\0\0\0"[..], b"\x03ab", b"c"] {
            kept.add(&Bytes::copy_from_slice(piece));
        }
        let body = kept.whole().unwrap().collect().await.unwrap();
        assert_eq!(body.to_bytes().as_ref(), b"\0\0\0\0\x03abc");
        let two = Kept::default();
        two.add(&Bytes::from_static(b"\0\0\0\0\0\0\0\0\0\0"));
        assert!(two.whole().is_none(), "a stream");
        let large = Kept::default();
        let length = u32::try_from(MOST).unwrap();
        large.add(&[&[0][..], &length.to_be_bytes()].concat().into());
        large.add(&vec![0; MOST].into());
        assert!(large.whole().is_none() && large.pieces().pieces.is_empty());
    }
}
