//! Calls of any method with any bytes, and how they end.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tower::{Service as _, ServiceExt as _};

/// How a call ended.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) reason: String,
    pub(super) seen: String,
}

/// Calls without a token.
pub(super) async fn call(channel: &mut Channel, path: &str, body: &[u8]) -> Outcome {
    call_with(channel, path, body, &[]).await
}

/// Calls with further headers.
pub(super) async fn call_with(
    channel: &mut Channel,
    path: &str,
    body: &[u8],
    headers: &[(&'static str, &str)],
) -> Outcome {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(body.len()).expect("small"));
    framed.put_slice(body);
    let body = Body::new(Full::<Bytes>::new(framed.freeze()).map_err(|never| match never {}));
    send(channel, path, body, headers).await
}

/// Sends a request with this body and waits for its end.
pub(super) async fn send(
    channel: &mut Channel,
    path: &str,
    body: Body,
    headers: &[(&'static str, &str)],
) -> Outcome {
    let mut request = Request::post(format!("https://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).expect("request");
    let status = match channel.ready().await.expect("ready").call(request).await {
        Err(error) => Status::from_error(Box::new(error)),
        Ok(response) => {
            let (head, body) = response.into_parts();
            let trailers = match body.collect().await {
                Ok(body) => body.trailers().cloned().unwrap_or_default(),
                Err(status) => return outcome(&status, String::new()),
            };
            let seen = head
                .headers
                .get("seen")
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default();
            let status = Status::from_header_map(&head.headers)
                .or_else(|| Status::from_header_map(&trailers))
                .unwrap_or_else(|| Status::unknown(head.status.to_string()));
            return outcome(&status, seen.to_owned());
        }
    };
    outcome(&status, String::new())
}

fn outcome(status: &Status, seen: String) -> Outcome {
    let reason = status
        .get_error_details()
        .error_info()
        .map(|info| info.reason.clone());
    Outcome {
        code: status.code(),
        message: status.message().to_owned(),
        reason: reason.unwrap_or_default(),
        seen,
    }
}
