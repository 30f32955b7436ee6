//! Health and metrics over plain HTTP/1.1, for the machine's own supervisor and scraper.
//!
//! `/live` the process runs, `/ready` it serves secrets, `/metrics` in Prometheus text. Says states and
//! counts, never names or versions.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use super::admit::Admissions;
use super::conn::Transport;

/// Whether the node serves secrets, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It does.
    Ready,
    /// Its keys are not in memory.
    Sealed,
    /// It has no keys yet.
    Uninitialised,
    /// It knows no leader.
    NoLeader,
    /// It is going down.
    Stopping,
}

impl Readiness {
    /// One word for people and machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Sealed => "sealed",
            Self::Uninitialised => "uninitialised",
            Self::NoLeader => "no-leader",
            Self::Stopping => "stopping",
        }
    }
}

/// What the pages are made from.
pub trait Pages: Send + Sync + 'static {
    /// Whether the node serves secrets.
    fn readiness(&self) -> Readiness;
    /// All metrics in text.
    fn metrics(&self) -> String;
}

/// Serves until dropped.
pub async fn serve<P: Pages>(listener: TcpListener, pages: Arc<P>) {
    let room = Admissions::new(CONNECTIONS, CONNECTIONS_PER_ADDRESS);
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for health");
                sleep(PAUSE).await;
                continue;
            }
        };
        // Beyond a bound a connection is closed unanswered; supervisors ask again, and nobody keeps them out.
        let Some(admission) = room.admit(&Transport::Tcp(address)) else {
            continue;
        };
        let pages = Arc::clone(&pages);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                std::future::ready(Ok::<_, Infallible>(answer(&request, pages.as_ref())))
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS)
                .max_headers(32)
                .max_buf_size(16 * 1024)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            if !matches!(timeout(WHOLE, served).await, Ok(Ok(()))) {
                tracing::debug!("a health connection ended early");
            }
            drop(admission);
        });
    }
}

fn answer<B>(request: &Request<B>, pages: &impl Pages) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
        refused
            .headers_mut()
            .insert(ALLOW, http::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/live" => page(StatusCode::OK, "live\n".into()),
        "/ready" => {
            let readiness = pages.readiness();
            let code = if readiness == Readiness::Ready {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            };
            page(code, format!("{}\n", readiness.word()))
        }
        "/metrics" => page(StatusCode::OK, pages.metrics()),
        _ => page(StatusCode::NOT_FOUND, "/live /ready /metrics\n".into()),
    }
}

fn page(code: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = code;
    let kind = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

const CONNECTIONS: usize = 64;
const CONNECTIONS_PER_ADDRESS: usize = 8;
const PAUSE: Duration = Duration::from_millis(100);
const HEADERS: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Readiness);

    impl Pages for Fixed {
        fn readiness(&self) -> Readiness {
            self.0
        }

        fn metrics(&self) -> String {
            "vault_ready 1\n".into()
        }
    }

    fn ask(method: Method, path: &str, readiness: Readiness) -> StatusCode {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .expect("request");
        answer(&request, &Fixed(readiness)).status()
    }

    #[test]
    fn a_node_that_is_not_ready_is_alive_all_the_same() {
        for readiness in [
            Readiness::Sealed,
            Readiness::Uninitialised,
            Readiness::NoLeader,
            Readiness::Stopping,
        ] {
            assert_eq!(
                ask(Method::GET, "/ready", readiness),
                StatusCode::SERVICE_UNAVAILABLE
            );
            assert_eq!(ask(Method::GET, "/live", readiness), StatusCode::OK);
        }
        assert_eq!(ask(Method::GET, "/ready", Readiness::Ready), StatusCode::OK);
        assert_eq!(
            ask(Method::HEAD, "/metrics", Readiness::Sealed),
            StatusCode::OK
        );
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        assert_eq!(
            ask(Method::GET, "/", Readiness::Ready),
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            ask(Method::GET, "/metrics/../x", Readiness::Ready),
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            ask(Method::POST, "/metrics", Readiness::Ready),
            StatusCode::METHOD_NOT_ALLOWED
        );
    }
}
