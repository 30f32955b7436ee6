//! Opens connections: TCP with TLS, or a Unix socket.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, OtherError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint as Transport};
use tower::service_fn;

use crate::Error;
use crate::endpoint::Endpoint;
use crate::tls::Tls;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("cannot reach {to}: {source}")]
    Io { to: String, source: io::Error },
    #[error("cannot reach {to}: no answer in time")]
    Timeout { to: String },
    #[error("the server at {to} is not trusted: {why}")]
    Untrusted { to: String, why: String },
    #[error("TLS with {to} failed: {source}")]
    Tls { to: String, source: io::Error },
}

/// A channel that connects when it is first used, and again when the connection is lost.
pub(crate) fn channel(
    endpoint: &Endpoint,
    tls: Option<&Tls>,
    connect_timeout: Duration,
) -> Result<Channel, Error> {
    let transport = Transport::from_shared(endpoint.uri())
        .map_err(|_| Error::config(format!("`{endpoint}` is not an address")))?
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let shown = endpoint.to_string();
    let target = match (endpoint, tls) {
        (Endpoint::Unix(path), _) => Target::Unix(path.clone()),
        (Endpoint::Https { host, port }, Some(tls)) => Target::Tls {
            tls: tls.clone(),
            host: host.clone(),
            port: *port,
        },
        (Endpoint::Https { .. }, None) => return Err(Error::config("TLS is not set up")),
    };
    Ok(
        transport.connect_with_connector_lazy(service_fn(move |_: Uri| {
            let (target, to) = (target.clone(), shown.clone());
            async move {
                match tokio::time::timeout(connect_timeout, target.open()).await {
                    Ok(opened) => opened.map(TokioIo::new),
                    Err(_) => Err(ConnectError::Timeout { to }),
                }
            }
        })),
    )
}

#[derive(Clone)]
enum Target {
    Unix(PathBuf),
    Tls { tls: Tls, host: String, port: u16 },
}

impl Target {
    async fn open(self) -> Result<Connection, ConnectError> {
        match self {
            Self::Unix(path) => {
                let opened = UnixStream::connect(&path).await;
                let to = || format!("unix:{}", path.display());
                opened
                    .map(Connection::Unix)
                    .map_err(|source| ConnectError::Io { to: to(), source })
            }
            Self::Tls { tls, host, port } => Ok(Connection::Tls(Box::new(
                open_tls(&tls, &host, port).await?,
            ))),
        }
    }
}

/// TCP and the handshake.
pub(crate) async fn open_tls(
    tls: &Tls,
    host: &str,
    port: u16,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let to = || format!("{host}:{port}");
    let io = |source| ConnectError::Io { to: to(), source };
    let name = match &tls.name {
        Some(name) => name.clone(),
        None => ServerName::try_from(host.to_owned()).map_err(|_| {
            io(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a host name",
            ))
        })?,
    };
    let tcp = TcpStream::connect((host, port)).await.map_err(io)?;
    tcp.set_nodelay(true).map_err(io)?;
    let connector = TlsConnector::from(std::sync::Arc::clone(&tls.config));
    connector
        .connect(name, tcp)
        .await
        .map_err(|source| classify(to(), source))
}

/// A certificate that does not convince is another thing than a handshake that broke.
fn classify(to: String, source: io::Error) -> ConnectError {
    let inner = source
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(fault)) => ConnectError::Untrusted {
            to,
            why: plainly(fault),
        },
        _ => ConnectError::Tls { to, source },
    }
}

/// What is wrong with a certificate, for people.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the rest of a foreign enum speaks for itself"
)]
fn plainly(fault: &CertificateError) -> String {
    match fault {
        CertificateError::Other(OtherError(inner)) => inner.to_string(),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not signed by the trusted CA".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired, or this machine's clock is wrong".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet, or this machine's clock is wrong".to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => format!(
            "its certificate is not for `{}` but for {}",
            expected.to_str(),
            presented.join(", ")
        ),
        other => other.to_string(),
    }
}

enum Connection {
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Room for a secret of the largest size without a window update.
const WINDOW: u32 = 2 * 1024 * 1024;
