//! The reply of another node on its way to the client. Where it breaks off, the client is told that nobody knows what
//! became of the request; an end never looks like a whole reply.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};
use tonic::Status;
use tonic::body::Body;

use super::refusals::lost;

struct Relayed {
    /// Nothing once it has ended.
    body: Option<Body>,
    /// The outcome was told.
    told: bool,
}

/// A reply's body that says so when it breaks off.
pub(super) fn relayed(body: Body) -> Body {
    // A reply without a body has its outcome in its head.
    if body.is_end_stream() {
        return body;
    }
    Body::new(Relayed {
        body: Some(body),
        told: false,
    })
}

impl Relayed {
    fn break_off(&mut self) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.body = None;
        if std::mem::replace(&mut self.told, true) {
            return Poll::Ready(None);
        }
        let status = lost();
        let mut trailers = HeaderMap::new();
        let added = status.add_header(&mut trailers);
        Poll::Ready(Some(added.map(|()| Frame::trailers(trailers))))
    }
}

impl HttpBody for Relayed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        match Pin::new(body).poll_frame(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                self.told |= frame.is_trailers();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_)) | None) => self.break_off(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, StreamBody};
    use tonic::Code;

    use super::*;

    async fn outcome(frames: Vec<Result<Frame<Bytes>, Status>>) -> (Bytes, Code) {
        let body = Body::new(StreamBody::new(tokio_stream::iter(frames)));
        let reply = relayed(body).collect().await.unwrap();
        let trailers = reply.trailers().unwrap();
        let code = trailers.get(Status::GRPC_STATUS).unwrap();
        let code = Code::from_bytes(code.as_bytes());
        (reply.to_bytes(), code)
    }

    #[tokio::test]
    async fn a_reply_that_breaks_off_is_of_unknown_outcome_and_a_whole_one_is_as_it_was() {
        let data = || Ok(Frame::data(Bytes::from_static(b"reply")));
        let broken = || Err(Status::unavailable("gone"));
        let mut trailers = HeaderMap::new();
        trailers.insert(Status::GRPC_STATUS, "0".parse().unwrap());
        let whole = outcome(vec![data(), Ok(Frame::trailers(trailers))]).await;
        assert_eq!(whole, (Bytes::from_static(b"reply"), Code::Ok));
        for frames in [
            vec![broken()],
            vec![data(), broken()],
            vec![data()],
            vec![data(), data(), broken(), data()],
        ] {
            assert_eq!(outcome(frames).await.1, Code::DeadlineExceeded);
        }
    }
}
