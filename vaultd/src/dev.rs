//! `vaultd dev`: a vault for trying things out, in one process, set up and open.
//!
//! Loopback only. The key lies beside the data: whoever has the directory has everything, and the state
//! says for ever that it was made this way. A context for `vaultctl` is written so that no flag is needed.

mod banner;
mod context;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::watch;
use vault_core::crypto::entropy::Entropy as _;
use vault_core::crypto::secret::SetupCode;
use vault_core::crypto::shamir::Split;
use vault_proto::METHODS;

use crate::app::audit::Source;
use crate::app::{self, App, Call, ConfirmInitRequest, InitRequest, SealChoice};
use crate::clock::{Clock, OsEntropy};
use crate::config::{Config, ConfigError, Environment, Layers};
use crate::console::{complain, say};
use crate::daemon::{DaemonError, end, prepare_process, serve_once};
use crate::metrics::Metrics;
use crate::node::{self, Purpose};
use crate::outbound::{Outbound, Started};
use crate::server::{Listeners, Parts, Phase, ServeError};
use crate::signals;
use crate::tls::Identity;

pub(crate) use context::ContextError;
use context::{Contexts, Entry};

/// Why there is no development vault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    /// The context for vaultctl cannot be written.
    #[error("cannot write the context for vaultctl: {0}")]
    Context(#[from] ContextError),
    /// The new vault could not be set up.
    #[error("cannot set up the vault: {0}")]
    Init(String),
    /// The data is a real vault's.
    #[error("`{0}` holds a vault that was not made by `vaultd dev`; serve it with `vaultd server`")]
    Real(PathBuf),
    /// The API lacks a method.
    #[error("the API has no `{0}`")]
    NoMethod(&'static str),
}

/// Where the data lie, and whether they go with the daemon.
enum Data {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Data {
    fn at(given: Option<PathBuf>) -> io::Result<Self> {
        match given {
            Some(dir) => std::path::absolute(dir).map(Self::Kept),
            None => tempfile::Builder::new()
                .prefix("vault-dev-")
                .permissions(std::fs::Permissions::from_mode(0o700))
                .tempdir()
                .map(Self::Temporary),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(dir) => dir,
            Self::Temporary(dir) => dir.path(),
        }
    }
}

/// `vaultd dev`.
pub(crate) fn dev(given: Option<PathBuf>, environment: &Environment) -> ExitCode {
    let data = match Data::at(given) {
        Ok(data) => data,
        Err(error) => {
            complain(&error);
            return ExitCode::FAILURE;
        }
    };
    match configure(data.path(), environment) {
        Ok(config) => end(
            prepare_process(&config, Purpose::Dev).and_then(|(runtime, started)| {
                runtime.block_on(run(config, &data, environment, started))
            }),
        ),
        Err(error) => {
            complain(&error);
            crate::run::USAGE.into()
        }
    }
}

/// The environment may say how to log and what to allow; where to listen is not for it to say.
fn configure(dir: &Path, environment: &Environment) -> Result<Config, ConfigError> {
    let mut layers = Layers::default();
    layers.flag("log.level", "warn")?;
    layers.environment(environment)?;
    let dir = dir.display().to_string();
    let socket = format!("{dir}/vaultd.sock");
    for (key, value) in [
        ("node.data_dir", dir.as_str()),
        ("listen.address", "127.0.0.1:8200"),
        (
            "listen.unix_socket",
            if socket.len() < 100 {
                socket.as_str()
            } else {
                "off"
            },
        ),
        ("health.address", "127.0.0.1:8202"),
        ("process.allow_root", "true"),
        ("audit.reserve", "1MiB"),
    ] {
        layers.flag(key, value)?;
    }
    Config::build(&layers)
}

async fn run(
    mut config: Config,
    data: &Data,
    environment: &Environment,
    started: Option<Started>,
) -> Result<(), DaemonError> {
    let outbound = Outbound::over(started)?;
    node::prepare(&config.node.data_dir)?;
    let tls = Arc::new(Identity::load(&config, Clock::default())?);
    let blocked = node::blocked(&config).await?;
    let (stop, mut stopped) = watch::channel(Phase::Run);
    let read_again = (Arc::clone(&tls), Arc::clone(&blocked));
    signals::listen(stop, read_again, config.clone(), Clock::default())?;
    let listeners = bind(&mut config).await?;
    let assembled = node::assemble(
        &config,
        environment,
        &blocked,
        Purpose::Dev,
        (&outbound, None),
    )
    .await?;
    let token = open(&assembled.app, &config).await?;
    let contexts = Contexts::of(environment).map_err(DevError::from)?;
    let entry = entry(&config, &tls);
    let written = contexts
        .write(&entry, token.as_deref())
        .map_err(DevError::from)?;
    say(banner::text(
        &config,
        written,
        matches!(data, Data::Temporary(_)),
    ));
    let parts = Parts {
        config,
        app: Arc::new(assembled),
        tls,
        metrics: Arc::new(Metrics::new()?),
        reflection: true,
    };
    serve_once(parts, listeners, &mut stopped).await?;
    if matches!(data, Data::Temporary(_)) {
        // The vault is gone, so a context that leads to it would only mislead.
        contexts.remove(&entry).map_err(DevError::from)?;
    }
    say("stopped");
    Ok(())
}

/// Binds the usual ports, or free ones where those are taken.
async fn bind(config: &mut Config) -> Result<Listeners, ServeError> {
    let any = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    loop {
        let taken = match Listeners::bind(config).await {
            Ok(listeners) => {
                config.listen.address = listeners.address();
                config.health = listeners.health_address();
                return Ok(listeners);
            }
            Err(ServeError::Bind { address, source })
                if source.kind() == io::ErrorKind::AddrInUse =>
            {
                address
            }
            Err(error) => return Err(error),
        };
        if Some(taken) == config.listen.address && taken.port() != 0 {
            config.listen.address = any;
        } else if Some(taken) == config.health && taken.port() != 0 {
            config.health = any;
        } else {
            return Err(ServeError::Bind {
                address: taken,
                source: io::ErrorKind::AddrInUse.into(),
            });
        }
    }
}

/// Sets a new vault up and returns its administrator's token, which is kept beside the key: who has one has
/// both. One that was set up before has opened by that key; `None` if its token is not there any more.
async fn open(app: &App, config: &Config) -> Result<Option<String>, DevError> {
    let kept = config.node.data_dir.join("dev.token");
    if app.initialised() {
        if app.is_dev() {
            return Ok(context::read_token(&kept));
        }
        return Err(DevError::Real(config.node.data_dir.clone()));
    }
    let wish = InitRequest {
        seal: SealChoice::KeyFile(Split::DEFAULT),
        setup_code: SetupCode::copy_of(""),
    };
    let refused = |error: app::Error| DevError::Init(crate::console::chain(&error));
    let born = app.init(&inside("Init")?, wish).await.map_err(refused)?;
    // EXPOSE: a file of mode 0600 beside the key, and the token file of the context
    let token = born.reply.token.expose().to_owned();
    context::write_token(&kept, &token)?;
    let confirm = ConfirmInitRequest {
        ceremony: born.reply.ceremony.to_string(),
        setup_code: SetupCode::copy_of(""),
    };
    let confirmed = app.confirm_init(&inside("ConfirmInit")?, confirm).await;
    confirmed.map_err(refused)?;
    Ok(Some(token))
}

/// A call of the daemon itself.
fn inside(name: &'static str) -> Result<Call, DevError> {
    let named =
        |method: &&vault_proto::Method| method.path.strip_prefix("/vault.v1.System/") == Some(name);
    let method = METHODS.iter().find(named);
    let mut request_id = [0; 16];
    OsEntropy.fill(&mut request_id);
    Ok(Call {
        method: method.ok_or(DevError::NoMethod(name))?,
        source: Source::Inside,
        certificate: None,
        token: None,
        user_agent: None,
        request_id,
        repeatable: false,
        digest: None,
        seen: None,
        counted: app::Counted::default(),
        asked: None,
    })
}

fn entry(config: &Config, tls: &Identity) -> Entry {
    let https = config
        .listen
        .address
        .map(|address| format!("https://{address}"));
    let unix = config
        .listen
        .unix_socket
        .as_ref()
        .map(|path| format!("unix:{}", path.display()));
    let authority = tls.authority();
    Entry {
        endpoints: https.into_iter().chain(unix).collect(),
        ca_fingerprint: authority
            .map(|ca| ca.fingerprint.clone())
            .unwrap_or_default(),
        ca_pem: authority.map(|ca| ca.pem.clone()).unwrap_or_default(),
    }
}
