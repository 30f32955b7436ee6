//! The wire itself: any method with any bytes, over the Unix socket of a daemon.

use bytes::{Buf, BufMut, Bytes};
use hyper_util::rt::TokioIo;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use tokio::net::UnixStream;
use tokio_stream::Stream;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt as _;
use vault_tests::Daemon;

/// A connection to a daemon.
pub struct Wire {
    channel: Channel,
    token: String,
}

/// How a call was refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: Code,
    /// The stable reason; empty without one.
    pub reason: String,
}

impl Wire {
    /// Connects; calls carry this token unless it is empty.
    pub async fn connect(daemon: &Daemon, token: &str) -> Self {
        Self::connect_with(daemon, token, None).await
    }

    /// The same, with a window of so many bytes for each reply.
    pub async fn connect_with(daemon: &Daemon, token: &str, window: Option<u32>) -> Self {
        let path = daemon.place.path("run/vaultd.sock");
        let connector = tower::service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://localhost")
            .initial_stream_window_size(window)
            .connect_with_connector(connector)
            .await
            .expect("the Unix socket answers");
        Self {
            channel,
            token: token.to_owned(),
        }
    }

    /// Calls a method with an encoded message; the first message of the answer.
    pub async fn call(&self, path: &'static str, body: impl Into<Bytes>) -> Result<Bytes, Refused> {
        self.call_as("", path, body).await
    }

    /// The same under a request id of the caller's choice, unless that is empty.
    pub async fn call_as(
        &self,
        id: &str,
        path: &'static str,
        body: impl Into<Bytes>,
    ) -> Result<Bytes, Refused> {
        let mut stream = self
            .stream(id, path, tokio_stream::once(body.into()))
            .await?;
        let message = stream.message().await.map_err(|status| refused(&status))?;
        Ok(message.unwrap_or_default())
    }

    /// Calls a method with an encoded message; the stream of its answers.
    pub async fn open(
        &self,
        path: &'static str,
        body: impl Into<Bytes>,
    ) -> Result<Streaming<Bytes>, Refused> {
        self.stream("", path, tokio_stream::once(body.into())).await
    }

    /// Calls a method with an encoded message, and neither sends another nor ends.
    pub async fn hold(&self, path: &'static str, body: impl Into<Bytes>) -> Result<(), Refused> {
        let first = tokio_stream::once(body.into());
        let held = tokio_stream::StreamExt::chain(first, tokio_stream::pending());
        self.stream("", path, held).await.map(drop)
    }

    /// Asks what a method takes with an encoded message, and has nothing done.
    pub async fn ask(&self, path: &'static str, body: impl Into<Bytes>) -> Result<Bytes, Refused> {
        let once = tokio_stream::once(body.into());
        let mut stream = self.send(once, path, ("vault-needs", "1")).await?;
        let message = stream.message().await.map_err(|status| refused(&status));
        Ok(message?.unwrap_or_default())
    }

    async fn stream(
        &self,
        id: &str,
        path: &'static str,
        messages: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<Streaming<Bytes>, Refused> {
        self.send(messages, path, ("vault-request-id", id)).await
    }

    /// With a header, unless its value is empty.
    async fn send(
        &self,
        messages: impl Stream<Item = Bytes> + Send + 'static,
        path: &'static str,
        (header, value): (&'static str, &str),
    ) -> Result<Streaming<Bytes>, Refused> {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.expect("a connection");
        let mut request = Request::new(messages);
        if !self.token.is_empty() {
            let bearer = format!("Bearer {}", self.token).parse().expect("a header");
            request.metadata_mut().insert("authorization", bearer);
        }
        if !value.is_empty() {
            let value = value.parse().expect("a header");
            request.metadata_mut().insert(header, value);
        }
        let answer = grpc
            .streaming(request, PathAndQuery::from_static(path), Raw)
            .await;
        Ok(answer.map_err(|status| refused(&status))?.into_inner())
    }
}

fn refused(status: &Status) -> Refused {
    let info = status.get_details_error_info();
    Refused {
        code: status.code(),
        reason: info.map(|info| info.reason).unwrap_or_default(),
    }
}

/// A message of the API.
pub fn descriptor(name: &str) -> MessageDescriptor {
    let name = format!("vault.v1.{name}");
    crate::methods::pool()
        .get_message_by_name(&name)
        .expect("a message")
}

/// An encoded message of the API with these fields set as JSON would.
pub fn message(name: &str, fields: &[(&str, prost_reflect::Value)]) -> Vec<u8> {
    let mut message = DynamicMessage::new(descriptor(name));
    for (name, value) in fields {
        message.set_field_by_name(name, value.clone());
    }
    message.encode_to_vec()
}

#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(bytes.copy_to_bytes(bytes.remaining())))
    }
}
