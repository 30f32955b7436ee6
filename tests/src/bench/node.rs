//! A real node in this process: store, raft, audit, application and the shell's TLS listener, with the
//! echo beside the services.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use vault_core::access::{Bearer, Certificate};
use vault_core::crypto::secret::SetupCode;
use vault_core::crypto::shamir::Split;
use vault_proto::v1::GetSecretResponse;
use vaultd::app::audit::{Audit, AuditConfig, Source};
use vaultd::app::{
    App, Automatic, Call, ConfirmInitRequest, Counted, HashCost, InitRequest, SealChoice, Settings,
};
use vaultd::clock::Clock;
use vaultd::config::{Config, Layers};
use vaultd::door::grpc;
use vaultd::door::health::Readiness;
use vaultd::door::intake::Sessions;
use vaultd::metrics::Metrics;
use vaultd::raft::{Node, NodeOptions, Timing};
use vaultd::server::{Application, Listeners, Parts, Phase, ServeError, serve};
use vaultd::store::{Fatal, Options, Store};
use vaultd::tls::Identity;

use super::Failure;
use super::client::{Caller, value};
use super::echo::Echo;

/// What the server serves.
#[derive(Debug)]
struct Served(Arc<App>);

impl Sessions for Served {
    fn live(&self, token: &Bearer, from: (Source, Option<Certificate>)) -> bool {
        self.0.is_live(token, from)
    }

    fn broke_off(&self, call: &Call) {
        self.0.broke_off(call);
    }
}

impl Application for Served {
    fn routes(&self) -> Routes {
        let reply = GetSecretResponse {
            path: "bench/secret-00".to_owned(),
            version: 1,
            fields: [("value".to_owned(), value(0))].into(),
            created_at: Some(prost_types::Timestamp::default()),
            labels: vec!["current".to_owned()],
        };
        grpc::routes(&self.0).add_service(Echo(reply))
    }

    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    fn measure(&self, _metrics: &Metrics) {}

    async fn shut_down(&self) {
        self.0.shut_down().await;
    }
}

/// A node that serves, open, in a directory that goes with it.
#[derive(Debug)]
pub(super) struct Serving {
    /// For its counters.
    pub(super) store: Store,
    dir: TempDir,
    address: SocketAddr,
    ca: String,
    token: String,
    phase: watch::Sender<Phase>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Serving {
    /// Starts one; each sync of its log takes `slower` longer.
    pub(super) async fn start(slower: Option<Duration>) -> Result<Self, Failure> {
        Self::start_at(slower, HashCost::DEFAULT).await
    }

    /// The same, where hashing a password costs that.
    pub(super) async fn start_at(
        slower: Option<Duration>,
        hash_cost: HashCost,
    ) -> Result<Self, Failure> {
        let dir = place()?;
        let config = config(dir.path())?;
        let fatal = || Fatal::new(|_| std::process::abort());
        let mut options = Options::new(*b"vault bench node", fatal());
        options.faults.sync = slower.map(|time| {
            let fault: vaultd::store::SyncFault = Arc::new(move |_| {
                // The delay is what is measured; nothing waits here for something to happen.
                std::thread::park_timeout(time);
                Ok(())
            });
            fault
        });
        let store_dir = dir.path().join("store");
        let (store, node) = tokio::task::spawn_blocking(move || {
            let store = Store::open(&store_dir, &options)?;
            let identity = NodeOptions {
                id: 1,
                address: String::new(),
                key: None,
                timing: Timing::Region,
            };
            let node = Node::start(store.clone(), identity, None)?;
            Ok::<_, Failure>((store, node))
        })
        .await??;
        let audit = AuditConfig {
            // What one caller may cause is counted as ever, and bounds no measurement.
            session_rate: 1 << 30,
            ..AuditConfig::in_directory(config.audit.directory.clone())
        };
        let audit = Audit::open(&audit, 1, Arc::new(Clock::default()), &fatal())?;
        let settings = Settings {
            node_id: 1,
            region: config.node.region.as_str().into(),
            data_dir: config.node.data_dir.clone(),
            automatic: Automatic {
                key_file: Some(dir.path().join("seal.key")),
                credential: None,
            },
            bootstrap: None,
            dev: false,
            rotate_after: None,
            reply_bytes: config.limits.reply_bytes,
            blocked: Arc::default(),
            hash_cost,
            outbound: vaultd::outbound::Outbound::none(),
            keys_max_age: std::time::Duration::from_hours(24),
            presence: None,
        };
        let app = App::start(settings, store.clone(), node, audit, Clock::default()).await?;
        let token = init(&app).await?;
        let tls = Arc::new(Identity::load(&config, Clock::default())?);
        let ca = tls.authority().ok_or("no CA")?.pem.clone();
        let listeners = Listeners::bind(&config).await?;
        let address = listeners.address().ok_or("no address")?;
        let parts = Parts {
            config,
            app: Arc::new(Served(app)),
            tls,
            metrics: Arc::new(Metrics::new()?),
            reflection: false,
        };
        let (phase, phases) = watch::channel(Phase::Run);
        let served = tokio::spawn(serve(parts, listeners, phases));
        Ok(Self {
            store,
            dir,
            address,
            ca,
            token,
            phase,
            served,
        })
    }

    /// One connection with a session of the root identity, which may make principals.
    pub(super) async fn root(&self) -> Result<Caller, Failure> {
        let caller = Caller::connect(self.address, &self.ca).await?;
        let (caller, _) = caller.with_token(&self.token)?.login().await?;
        Ok(caller)
    }

    /// One connection without a session, from that address of this machine.
    pub(super) async fn stranger(&self, from: IpAddr) -> Result<Caller, Failure> {
        Caller::connect_from(from, self.address, &self.ca).await
    }

    /// One connection with the session of a user whom a policy lets read and write.
    pub(super) async fn caller(&self) -> Result<Caller, Failure> {
        self.root().await?.user().await
    }

    /// Where its files lie.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Ends it in order.
    pub(super) async fn end(self) -> Result<(), Failure> {
        self.phase.send_replace(Phase::Now);
        self.served.await??;
        Ok(())
    }
}

/// A directory on the disk that the build lies on: in memory a sync would cost nothing.
pub(super) fn place() -> Result<TempDir, Failure> {
    let program = std::env::current_exe()?;
    let beside = program.parent().ok_or("no directory")?;
    let made = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(beside)?;
    std::fs::set_permissions(
        made.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )?;
    Ok(made)
}

fn config(dir: &Path) -> Result<Config, Failure> {
    let mut layers = Layers::default();
    let dir = dir.to_str().ok_or("a path that is no text")?;
    for (key, value) in [
        ("node.data_dir", dir),
        ("node.name", "localhost"),
        ("listen.address", "127.0.0.1:0"),
        ("health.address", "off"),
    ] {
        layers.flag(key, value)?;
    }
    Ok(Config::build(&layers)?)
}

/// Makes the cluster under a key-file seal, which leaves it open.
async fn init(app: &App) -> Result<String, Failure> {
    let call = |path| {
        let method = vault_proto::METHODS.iter().find(|m| m.path == path);
        Ok::<_, Failure>(Call {
            method: method.ok_or("no such method")?,
            source: Source::Inside,
            certificate: None,
            token: None,
            user_agent: None,
            request_id: [0; 16],
            repeatable: false,
            digest: None,
            seen: None,
            counted: Counted::default(),
            asked: None,
        })
    };
    let setup_code = || SetupCode::copy_of("");
    let request = InitRequest {
        seal: SealChoice::KeyFile(Split::DEFAULT),
        setup_code: setup_code(),
    };
    let born = app.init(&call("/vault.v1.System/Init")?, request).await?;
    let request = ConfirmInitRequest {
        ceremony: born.reply.ceremony.to_string(),
        setup_code: setup_code(),
    };
    app.confirm_init(&call("/vault.v1.System/ConfirmInit")?, request)
        .await?;
    Ok(born.reply.token.expose().to_owned())
}
