//! Serving: listeners, the HTTP/2 server with every limit said, health, and an orderly end.
//!
//! The application comes in as an [`Application`]; everything about sockets stays out here. To stop is to
//! accept nothing more, let requests in flight finish within the drain time, cut what is left, and only
//! then shut the application down: it flushes the audit log and forgets its keys last.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
pub use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use crate::config::{Config, Limits};
use crate::door::admit::Admissions;
use crate::door::conn::Patience;
use crate::door::guard::Guard;
use crate::door::health::{self, Pages, Readiness};
use crate::door::intake::Sessions;
use crate::door::listen::{self, Incoming, Rules, SocketFile, bind_unix};
use crate::door::onward::Onward;
use crate::metrics::{CONNECTIONS, Metrics, READY, SEALED};
use crate::raft::Node;
use crate::tls::Identity;

/// What is served. The shell knows nothing else of it.
pub trait Application: Sessions {
    /// Its services, each with the size of message that it takes.
    fn routes(&self) -> Routes;

    /// Whether it serves secrets. Cheap: asked twice a second and on every look at `/ready`.
    fn readiness(&self) -> Readiness;

    /// Sets its gauges; called before metrics are rendered.
    fn measure(&self, metrics: &Metrics);

    /// The node whose peers may pass requests on to it, and to whom it does.
    fn node(&self) -> Option<&Node> {
        None
    }

    /// Told when no more is begun: what would go on for ever is to end now.
    fn drain(&self) {}

    /// Ends it, after the last request: audit on disk, state durable, keys forgotten.
    fn shut_down(&self) -> impl Future<Output = ()> + Send;
}

/// Why the daemon cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The Unix socket cannot be listened on.
    #[error("cannot listen on `{path}`: {source}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The HTTP/2 server ended by itself.
    #[error("the server ended: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// Reflection cannot be served.
    #[error("cannot serve reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Sockets that are bound and not served yet.
#[derive(Debug)]
pub struct Listeners {
    tcp: Option<TcpListener>,
    unix: Option<(UnixListener, SocketFile)>,
    health: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the configuration names.
    ///
    /// # Errors
    /// [`ServeError`] with the address that is taken or not ours.
    pub async fn bind(config: &Config) -> Result<Self, ServeError> {
        let unix = match &config.listen.unix_socket {
            None => None,
            Some(path) => {
                let bound = bind_unix(path).await;
                Some(bound.map_err(|source| ServeError::Socket {
                    path: path.clone(),
                    source,
                })?)
            }
        };
        Ok(Self {
            tcp: bind(config.listen.address).await?,
            health: bind(config.health).await?,
            unix,
        })
    }

    /// Where clients connect, with the port that the kernel chose if it was to choose.
    pub fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// Where health and metrics are.
    pub fn health_address(&self) -> Option<SocketAddr> {
        self.health.as_ref()?.local_addr().ok()
    }
}

async fn bind(address: Option<SocketAddr>) -> Result<Option<TcpListener>, ServeError> {
    let Some(address) = address else {
        return Ok(None);
    };
    let bound = TcpListener::bind(address).await;
    bound
        .map(Some)
        .map_err(|source| ServeError::Bind { address, source })
}

/// How far the end has come. Each phase includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Run,
    /// Finishing what is in flight.
    Drain,
    /// Waiting for nobody.
    Now,
}

/// What is served, and by what.
#[derive(Debug)]
pub struct Parts<A> {
    /// The configuration.
    pub config: Config,
    /// The application.
    pub app: Arc<A>,
    /// The certificate.
    pub tls: Arc<Identity>,
    /// The registry.
    pub metrics: Arc<Metrics>,
    /// Whether the API describes itself to anyone: in development only.
    pub reflection: bool,
}

/// Serves until `phase` says to stop, then ends in order.
///
/// # Errors
/// [`ServeError`]; the application is shut down in that case too.
pub async fn serve<A: Application>(
    parts: Parts<A>,
    listeners: Listeners,
    phase: watch::Receiver<Phase>,
) -> Result<(), ServeError> {
    let app = Arc::clone(&parts.app);
    let limits = parts.config.limits;
    let state = Arc::new(State {
        app: Arc::clone(&app),
        metrics: Arc::clone(&parts.metrics),
        admissions: Admissions::new(limits.connections, limits.connections_per_address),
        stopping: AtomicBool::new(false),
    });
    let Listeners { tcp, unix, health } = listeners;
    let (unix, file) = unix.unzip();
    let reporter = HealthReporter::new();
    let watched = tokio::spawn(watch_state(Arc::clone(&state), reporter.clone()));
    let pages = health.map(|health| tokio::spawn(health::serve(health, Arc::clone(&state))));
    let result = match routes(&parts, reporter) {
        Ok(routes) => serve_clients(&parts, &state, routes, (tcp, unix), phase).await,
        Err(error) => Err(error),
    };
    layers::close(&*app);
    // ORDER: nobody is served any more, so what the last request did can be flushed, and keys forgotten.
    app.shut_down().await;
    watched.abort();
    if let Some(pages) = pages {
        // Its port is free only when the task is gone.
        pages.abort();
        drop(pages.await);
    }
    drop(file);
    result
}

async fn serve_clients<A: Application>(
    parts: &Parts<A>,
    state: &Arc<State<A>>,
    routes: Routes,
    (tcp, unix): (Option<TcpListener>, Option<UnixListener>),
    mut phase: watch::Receiver<Phase>,
) -> Result<(), ServeError> {
    let limits = parts.config.limits;
    let (cut, cut_seen) = watch::channel(false);
    let rules = Rules {
        admissions: Arc::clone(&state.admissions),
        patience: Patience {
            opening: limits.handshake,
            idle: limits.idle,
            short: limits.request_timeout + limits.handshake,
        },
        cut: cut_seen,
        metrics: Arc::clone(&parts.metrics),
    };
    let tcp = tcp.map(|tcp| listen::tls(tcp, parts.tls.server(), rules.clone()));
    let unix = unix.map(|unix| listen::unix(unix, rules));
    let guard = layers::guard(parts, &state.app);
    let routes = routes.prepare();
    let onward = layers::open(&state.app, &guard, &routes);
    let run = |incoming| {
        run(
            http2(limits),
            (guard.clone(), onward.clone()),
            routes.clone(),
            incoming,
            phase.clone(),
        )
    };
    let mut served = pin!(futures::future::try_join(run(tcp), run(unix)));
    tokio::select! {
        result = &mut served => return result.map(|_| ()),
        () = reached(&mut phase, Phase::Drain) => {}
    }
    state.stopping.store(true, Ordering::Release);
    state.app.drain();
    layers::close(&*state.app);
    tracing::info!(
        in_flight = state.admissions.open(),
        "stopping: no new connections"
    );
    tokio::select! {
        result = &mut served => return result.map(|_| ()),
        () = sleep(limits.drain) => {}
        () = reached(&mut phase, Phase::Now) => {}
    }
    tracing::warn!(
        connections = state.admissions.open(),
        "cutting connections that did not end"
    );
    cut.send_replace(true);
    timeout(LAST_WORDS, served)
        .await
        .map_or(Ok(()), |result| result.map(|_| ()))
}

/// Serves one listener until it is time to drain, and returns when its last connection is closed.
async fn run(
    server: Server,
    (guard, onward): (Guard, Onward),
    routes: Routes,
    incoming: Option<Incoming>,
    mut phase: watch::Receiver<Phase>,
) -> Result<(), ServeError> {
    let Some(incoming) = incoming else {
        return Ok(());
    };
    let stop = async move { reached(&mut phase, Phase::Drain).await };
    let end = server
        .layer(guard)
        .layer(onward)
        .serve_with_incoming_shutdown(routes, incoming, stop);
    Ok(end.await?)
}

/// Every limit of the protocol, said here and nowhere else. Defaults of the libraries are not relied on.
fn http2(limits: Limits) -> Server {
    Server::builder()
        .accept_http1(false)
        .max_concurrent_streams(STREAMS)
        .http2_max_header_list_size(16 * 1024)
        .max_frame_size(16 * 1024)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(512 * 1024)
        .http2_adaptive_window(Some(false))
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .http2_max_pending_accept_reset_streams(Some(20))
        .http2_max_local_error_reset_streams(Some(1024))
        .max_connection_age(limits.connection_age)
        // The guard refuses first, with a reason; these hold should it ever not. Time is the guard's alone:
        // a stream has as much as it is large.
        .concurrency_limit_per_connection(limits.concurrency_per_connection + SLACK)
        .load_shed(true)
}

fn routes<A: Application>(
    parts: &Parts<A>,
    reporter: HealthReporter,
) -> Result<Routes, ServeError> {
    let health = HealthService::from_health_reporter(reporter);
    let routes = parts.app.routes().add_service(HealthServer::new(health));
    if !parts.reflection {
        return Ok(routes);
    }
    let described = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(vault_proto::DESCRIPTORS)
        .build_v1()?;
    Ok(routes.add_service(described))
}

/// What health and metrics are made from.
struct State<A> {
    app: Arc<A>,
    metrics: Arc<Metrics>,
    admissions: Arc<Admissions>,
    stopping: AtomicBool,
}

impl<A: Application> Pages for State<A> {
    fn readiness(&self) -> Readiness {
        if self.stopping.load(Ordering::Acquire) {
            return Readiness::Stopping;
        }
        self.app.readiness()
    }

    fn metrics(&self) -> String {
        let readiness = self.readiness();
        self.metrics
            .set(READY, u64::from(readiness == Readiness::Ready));
        self.metrics
            .set(SEALED, u64::from(readiness == Readiness::Sealed));
        self.metrics.set(
            CONNECTIONS,
            u64::try_from(self.admissions.open()).unwrap_or(u64::MAX),
        );
        self.app.measure(&self.metrics);
        self.metrics.render()
    }
}

/// Carries readiness to the gRPC health service, and keeps the metrics small.
async fn watch_state<A: Application>(state: Arc<State<A>>, reporter: HealthReporter) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = None;
    let mut upkeep = 0u32;
    loop {
        ticks.tick().await;
        let readiness = state.readiness();
        if told.replace(readiness) != Some(readiness) {
            let ready = readiness == Readiness::Ready;
            let serving = if ready {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            reporter.set_service_status("", serving).await;
        }
        upkeep = (upkeep + 1) % UPKEEP;
        if upkeep == 0 {
            state.metrics.upkeep();
        }
    }
}

/// Returns once that phase, or a later one, is reached. Whoever could say so being gone counts as reached.
async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    let _gone = phase.wait_for(|phase| *phase >= wanted).await;
}

/// For connections to notice that they are cut.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Between looks at readiness.
const LOOK: Duration = Duration::from_millis(500);
/// Looks between upkeeps of the metrics.
const UPKEEP: u32 = 10;
/// Streams that one connection may have open; not less than its requests in flight.
const STREAMS: u32 = 1024;
/// Between the guard's bound for a connection and the server's own.
const SLACK: usize = 24;

mod layers;
#[cfg(test)]
mod tests;
