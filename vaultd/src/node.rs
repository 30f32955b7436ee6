//! One node put together from its configuration: store, raft, audit and application, lowest first.
//!
//! A backup that is waiting to be restored is taken up before the store is opened. Whatever is missing or
//! damaged is named and left as it is: a node never starts empty in place of lost data.

mod port;
mod recover;
mod restore;

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vault_core::access::password::CostError;
use vault_core::access::{Bearer, Certificate, KeyHash};
use vault_core::crypto::entropy::Entropy as _;

use crate::app::audit::{Audit, AuditConfig, AuditError, Durability, Paths, Source};
use crate::app::{
    App, Automatic, Blocked, BlockedError, Call, Credential, HashCost, Joined, JoinedError,
    Presence, SealStatus, Settings, StartError,
};
use crate::clock::{Clock, OsEntropy};
use crate::config::{self, AuditPaths, AuditSync, Config, Environment};
use crate::door::grpc;
use crate::door::health::Readiness;
use crate::door::intake::Sessions;
use crate::metrics::{
    APPLIED_INDEX, CLOCK_OFF, FAILED_OPENS, ISSUER_KEYS_AGE, ISSUER_KEYS_FAILURES, LEADER,
    LOG_BYTES, LOG_ENTRIES, LOG_SYNCS, Metrics, OUTBOUND_RESTARTS, OUTBOUND_UP, ROWS,
};
use crate::outbound::{Outbound, State};
use crate::raft::{Node, NodeOptions, Timing};
use crate::server::{Application, Routes};
use crate::store::{Fatal, OpenError, Options, Store};

pub(crate) use port::{Port, PortError};
pub(crate) use recover::Plan;
pub(crate) use restore::RestoreError;

/// Why a node cannot be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// The data directory is not ours alone.
    #[error("refusing the data directory: {0}")]
    Private(#[from] vault_sys::FileError),
    /// It cannot be made.
    #[error("cannot make `{path}`: {source}")]
    Make { path: PathBuf, source: io::Error },
    /// The store refuses what it found.
    #[error("cannot open the store: {0}")]
    Store(#[from] OpenError),
    /// A backup that waits cannot be restored.
    #[error("cannot restore: {0}")]
    Restore(#[from] RestoreError),
    /// Raft does not start.
    #[error("cannot start replication: {0}")]
    Raft(#[from] crate::raft::StartError),
    /// There is no audit, so there is no service.
    #[error("cannot start the audit: {0}")]
    Audit(#[from] AuditError),
    /// The application does not start.
    #[error("cannot start: {0}")]
    App(#[from] StartError),
    /// The list of blocked passwords is no such list.
    #[error(transparent)]
    Blocked(#[from] BlockedError),
    /// The configuration's bounds are not the core's.
    #[error(transparent)]
    Cost(#[from] CostError),
    /// A state stays what it was made for.
    #[error(
        "`{0}` was made by `vaultd dev` and stays for trying things out; name another data directory"
    )]
    Dev(PathBuf),
    /// Peers cannot reach it.
    #[error(transparent)]
    Port(#[from] PortError),
    /// What it joined, and what is there, disagree.
    #[error(transparent)]
    Joined(#[from] JoinedError),
    /// It has peers, and could not hear them.
    #[error("this is node {0} of a cluster: set listen.peers, or it hears nothing of the others")]
    NoPeers(u64),
    /// The others know it by another key, or under another id.
    #[error(
        "the data is of one of several nodes, and its `peer` directory is not the one that belongs to it ({}): put back the \
         one that does, or let the machine join as a new node with an empty data directory",
        strange(*id, *known)
    )]
    Stranger { id: u64, known: Option<u64> },
    /// There is no vault to go on with.
    #[error("`{0}` holds no vault")]
    Empty(PathBuf),
    /// It would be in the way.
    #[error("`{0}` waits to be restored: start the node, or remove that file")]
    RestorePending(PathBuf),
    /// A thread of the start died.
    #[error("cannot start: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

fn strange(id: u64, known: Option<u64>) -> String {
    match known {
        Some(known) => format!("its key is that of node {known}, and it would start as node {id}"),
        None => "nobody knows its key".to_owned(),
    }
}

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Service.
    Server,
    /// Trying things out.
    Dev,
}

/// A node that was put together.
#[derive(Clone, Debug)]
pub(crate) struct Assembled {
    pub(crate) app: Arc<App>,
    store: Store,
    node: Node,
}

impl Sessions for Assembled {
    fn live(&self, token: &Bearer, from: (Source, Option<Certificate>)) -> bool {
        self.app.is_live(token, from)
    }

    fn broke_off(&self, call: &Call) {
        self.app.broke_off(call);
    }
}

impl Application for Assembled {
    fn routes(&self) -> Routes {
        grpc::routes(&self.app)
    }

    fn node(&self) -> Option<&Node> {
        Some(&self.node)
    }

    fn readiness(&self) -> Readiness {
        match self.app.seal_status() {
            SealStatus::Uninitialised => Readiness::Uninitialised,
            SealStatus::Sealed => Readiness::Sealed,
            SealStatus::Unsealed if self.app.has_leader() => Readiness::Ready,
            SealStatus::Unsealed => Readiness::NoLeader,
        }
    }

    fn measure(&self, metrics: &Metrics) {
        let log = self.store.log_stats();
        metrics.set(APPLIED_INDEX, self.store.applied().index);
        metrics.set(ROWS, self.store.rows());
        metrics.set(FAILED_OPENS, self.app.failed_opens());
        metrics.set(CLOCK_OFF, self.app.clock_off().as_secs());
        metrics.set(LOG_SYNCS, log.syncs);
        metrics.set(LOG_BYTES, log.bytes);
        metrics.set(LOG_ENTRIES, log.entries);
        metrics.set(
            OUTBOUND_UP,
            u64::from(self.app.outbound().state() == State::Up),
        );
        metrics.set(OUTBOUND_RESTARTS, self.app.outbound().restarts());
        metrics.set(ISSUER_KEYS_AGE, self.app.issuer_keys_age().as_secs());
        metrics.set(ISSUER_KEYS_FAILURES, self.app.issuer_keys_failures());
        metrics.set(LEADER, u64::from(self.node.leader_term().is_some()));
    }

    fn drain(&self) {
        self.app.end_readings();
    }

    async fn shut_down(&self) {
        self.app.shut_down().await;
    }
}

/// Makes the data directory, closed to everyone else, or checks that it is.
///
/// # Errors
/// [`NodeError::Make`], [`NodeError::Private`].
pub(crate) fn prepare(dir: &Path) -> Result<(), NodeError> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir);
    made.map_err(|source| NodeError::Make {
        path: dir.into(),
        source,
    })?;
    Ok(vault_sys::check_private_dir(dir)?)
}

/// Reads the list of passwords that nobody may choose.
///
/// # Errors
/// [`NodeError::Blocked`] where there is to be one and it cannot be used.
pub(crate) async fn blocked(config: &Config) -> Result<Arc<Blocked>, NodeError> {
    let file = config.password.blocklist.clone();
    let read = tokio::task::spawn_blocking(move || Blocked::load(file));
    Ok(Arc::new(read.await??))
}

/// Puts a node together on the prepared data directory. Sealed, unless an automatic seal opens it.
///
/// # Errors
/// [`NodeError`]; nothing of the data was changed then, but by a restore that was asked for.
pub(crate) async fn assemble(
    config: &Config,
    environment: &Environment,
    blocked: &Arc<Blocked>,
    purpose: Purpose,
    (outbound, port): (&Outbound, Option<&Port>),
) -> Result<Assembled, NodeError> {
    let dir = config.node.data_dir.clone();
    let options = store_options(config);
    let port = port.map(|port| port.of(config)).transpose()?;
    let peers = port
        .as_ref()
        .map(|port| (port.card.address().to_owned(), port.card.key()));
    let opened = tokio::task::spawn_blocking(move || open(&dir, &options, peers.as_ref()));
    let (taken, store, identity, joined) = opened.await??;
    let node_id = identity.id;
    // ORDER: the store is locked before the audit is written, and a restore recorded before raft goes on from it.
    let audit = Audit::open(
        &audit_config(&config.audit),
        node_id,
        Arc::new(Clock::default()),
        &fatal(),
    )?;
    if let Some(taken) = taken {
        taken.finish(&audit).await?;
    }
    let held = store.clone();
    let (peers, presence) = port.map(|port| port.open(joined)).unzip();
    let started = tokio::task::spawn_blocking(move || Node::start(held, identity, peers));
    let node = started.await??;
    if let Err(error) = belongs(&node, node_id, presence.as_ref()) {
        node.shutdown().await;
        return Err(error);
    }
    let hash = &config.password;
    let settings = Settings {
        node_id,
        region: config.node.region.as_str().into(),
        data_dir: config.node.data_dir.clone(),
        automatic: automatic(config, environment, purpose),
        bootstrap: config.bootstrap.clone(),
        dev: purpose == Purpose::Dev,
        rotate_after: config.rotate_after,
        reply_bytes: config.limits.reply_bytes,
        blocked: Arc::clone(blocked),
        hash_cost: HashCost::new(hash.hash_memory_kib, hash.hash_passes, hash.hash_lanes)?,
        outbound: outbound.clone(),
        keys_max_age: config.outbound.keys_max_age,
        presence,
    };
    let app = App::start(
        settings,
        store.clone(),
        node.clone(),
        audit,
        Clock::default(),
    )
    .await?;
    if app.is_dev() && purpose != Purpose::Dev {
        app.shut_down().await;
        return Err(NodeError::Dev(config.node.data_dir.clone()));
    }
    Ok(Assembled { app, store, node })
}

/// What lies in a data directory, once a restore that waits was taken up: the store, and who this node is.
type Opened = (Option<restore::TakenUp>, Store, NodeOptions, Option<Joined>);

fn open(
    dir: &Path,
    options: &Options,
    peers: Option<&(String, KeyHash)>,
) -> Result<Opened, NodeError> {
    let founder = identity(NODE, peers);
    let taken = restore::take_up(dir, options, &founder, Clock::default())?;
    let store = Store::open(&restore::store_dir(dir), options)?;
    let there = (store.stamp().cluster, store.log().bounds().1.is_some());
    let joined = Joined::read(dir, there)?;
    if let Some(joined) = joined.as_ref().filter(|_| peers.is_none()) {
        return Err(NodeError::NoPeers(joined.node));
    }
    let identity = identity(joined.as_ref().map_or(NODE, |it| it.node), peers);
    Ok((taken, store, identity, joined))
}

/// Refuses to be one of several under an id or a key that the others do not know it by.
fn belongs(node: &Node, id: u64, presence: Option<&Presence>) -> Result<(), NodeError> {
    let seats = node.members();
    if seats.iter().all(|seat| seat.id == id) {
        return Ok(());
    }
    let Some(presence) = presence else {
        return Err(NodeError::NoPeers(id));
    };
    let key = presence.card.key();
    let known = seats.iter().find(|seat| seat.member.key == Some(key));
    match known.map(|seat| seat.id) {
        Some(known) if known == id => Ok(()),
        known => Err(NodeError::Stranger { id, known }),
    }
}

fn identity(id: u64, peers: Option<&(String, KeyHash)>) -> NodeOptions {
    NodeOptions {
        id,
        address: peers
            .map(|(address, _)| address.clone())
            .unwrap_or_default(),
        key: peers.map(|(_, key)| *key),
        timing: Timing::Region,
    }
}

fn store_options(config: &Config) -> Options {
    let mut identity = [0; 16];
    OsEntropy.fill(&mut identity);
    let mut options = Options::new(identity, fatal());
    options.cache_bytes = config.cache_bytes;
    options
}

/// What the store and the audit call when they can no longer keep a promise: ends the process, which tells the truth.
fn fatal() -> Fatal {
    Fatal::new(|why| {
        tracing::error!(why, "cannot go on; ending the process");
        std::process::abort();
    })
}

fn audit_config(config: &config::Audit) -> AuditConfig {
    AuditConfig {
        durability: match config.sync {
            AuditSync::Batched => Durability::Batched,
            AuditSync::Always => Durability::Always,
        },
        paths: match config.paths {
            AuditPaths::Hmac => Paths::Hmac,
            AuditPaths::Plain => Paths::Plain,
        },
        rotate_bytes: config.rotate_bytes,
        keep_files: usize::try_from(config.keep_files).unwrap_or(usize::MAX),
        keep_for: config.keep_for,
        session_rate: config.session_rate,
        reserve_bytes: config.reserve_bytes,
        ..AuditConfig::in_directory(config.directory.clone())
    }
}

fn automatic(config: &Config, environment: &Environment, purpose: Purpose) -> Automatic {
    if purpose == Purpose::Dev {
        let key_file = Some(config.node.data_dir.join("dev.key"));
        return Automatic {
            key_file,
            credential: None,
        };
    }
    // systemd.exec(5): where credentials that the unit was given lie.
    let directory = environment.get("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let named = config.seal.credential.as_ref();
    let credential = directory
        .zip(named.cloned())
        .map(|(directory, name)| Credential { directory, name });
    if named.is_some() && credential.is_none() {
        tracing::warn!("seal.credential is set, but the daemon was started without credentials");
    }
    Automatic {
        key_file: config.seal.key_file.clone(),
        credential,
    }
}

/// The node that makes a cluster.
const NODE: u64 = 1;
