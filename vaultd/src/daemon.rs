//! The life of a daemon: process, listeners, node, service, and the way back down.

use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use vault_sys::{Capabilities, Memory, Report};

use crate::clock::Clock;
use crate::config::{Config, Environment};
use crate::console::{complain, say};
use crate::metrics::Metrics;
use crate::node::{self, Assembled, NodeError, Plan, Port, Purpose};
use crate::outbound::{self, Outbound, Started};
use crate::server::{self, Listeners, Parts, Phase, ServeError};
use crate::tls::{Identity, TlsError};
use crate::{signals, telemetry};

/// Why a daemon ended otherwise than it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("cannot set up metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error("cannot use the system: {0}")]
    System(#[from] io::Error),
    #[error(transparent)]
    Root(#[from] vault_sys::harden::RunsAsRoot),
    #[error(transparent)]
    Dev(#[from] crate::dev::DevError),
    #[error(transparent)]
    Outbound(#[from] outbound::StartError),
}

/// `vaultd server`.
pub(crate) fn serve(config: Config, environment: &Environment) -> ExitCode {
    end(prepare_process(&config, Purpose::Server)
        .and_then(|(runtime, started)| runtime.block_on(run(config, environment, started))))
}

/// `vaultd recover`.
pub(crate) fn recover(config: &Config, yes: bool) -> ExitCode {
    let go_on = || -> Result<(), DaemonError> {
        telemetry::start(&config.log);
        telemetry::quiet_panics();
        if !config.process.allow_root {
            vault_sys::refuse_root()?;
        }
        let plan = Plan::of(config)?;
        for line in plan.lines() {
            say(line);
        }
        if !yes {
            say("nothing was changed; add --yes to mean it");
            return Ok(());
        }
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        let kept = runtime.block_on(plan.carry_out())?;
        say(format_args!(
            "done: the old store is kept as {}; start vaultd, and unseal",
            kept.display()
        ));
        Ok(())
    };
    end(go_on())
}

/// What an ended daemon leaves behind.
pub(crate) fn end(result: Result<(), DaemonError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Descriptors, log, panics, the helper, privileges, limits; then threads.
pub(crate) fn prepare_process(
    config: &Config,
    purpose: Purpose,
) -> Result<(Runtime, Option<Started>), DaemonError> {
    let inherited = vault_sys::close_inherited();
    telemetry::start(&config.log);
    telemetry::quiet_panics();
    if !inherited.is_empty() {
        tracing::debug!(?inherited, "closed descriptors that came with the start");
    }
    if !config.process.allow_root {
        vault_sys::refuse_root()?;
    }
    // ORDER: no key is in memory yet, and root can still become somebody else.
    let started = Started::start(&config.outbound.rules)?;
    let low = config
        .listen
        .address
        .is_some_and(|address| (1..1024).contains(&address.port()));
    let capabilities = match (purpose, low) {
        (Purpose::Dev, _) => Capabilities::Keep,
        (Purpose::Server, true) => Capabilities::KeepBind,
        (Purpose::Server, false) => Capabilities::DropAll,
    };
    let memory = if config.process.lock_memory {
        Memory::Lock
    } else {
        Memory::LeaveUnlocked
    };
    let descriptors = vault_sys::raise_descriptors();
    let wanted = config.limits.connections as u64 + SPARE_DESCRIPTORS;
    if descriptors < wanted {
        tracing::warn!(
            descriptors,
            wanted,
            "fewer descriptors than limits.connections may need"
        );
    }
    warn(&vault_sys::harden(memory, capabilities), purpose);
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .thread_name("vaultd")
        .build()?;
    Ok((runtime, started))
}

fn warn(report: &Report, purpose: Purpose) {
    for (measure, why) in report.warnings() {
        if purpose == Purpose::Dev {
            tracing::info!(measure, why, "not hardened");
        } else {
            tracing::warn!(measure, why, "not hardened");
        }
    }
}

async fn run(
    mut config: Config,
    environment: &Environment,
    started: Option<Started>,
) -> Result<(), DaemonError> {
    let outbound = Outbound::over(started)?;
    node::prepare(&config.node.data_dir)?;
    let tls = Arc::new(Identity::load(&config, Clock::default())?);
    announce(&tls);
    let port = Port::bind(&config, Clock::default()).map_err(NodeError::from)?;
    let metrics = Arc::new(Metrics::new()?);
    let blocked = node::blocked(&config).await?;
    let (stop, mut stopped) = watch::channel(Phase::Run);
    let read_again = (Arc::clone(&tls), Arc::clone(&blocked));
    signals::listen(stop, read_again, config.clone(), Clock::default())?;
    loop {
        let listeners = Listeners::bind(&config).await?;
        // A port that the kernel chose is kept when the daemon starts again in place.
        config.listen.address = listeners.address();
        config.health = listeners.health_address();
        let purpose = Purpose::Server;
        let ways = (&outbound, port.as_ref());
        let assembled = node::assemble(&config, environment, &blocked, purpose, ways).await?;
        tracing::info!(
            address = config.listen.address.map(tracing::field::display),
            socket = config
                .listen
                .unix_socket
                .as_ref()
                .map(|path| tracing::field::display(path.display())),
            health = config.health.map(tracing::field::display),
            "serving"
        );
        notify(&[NotifyState::Ready]);
        let parts = Parts {
            config: config.clone(),
            app: Arc::new(assembled),
            tls: Arc::clone(&tls),
            metrics: Arc::clone(&metrics),
            reflection: false,
        };
        match serve_once(parts, listeners, &mut stopped).await? {
            Ended::Stopped => return Ok(()),
            Ended::Again => tracing::info!("starting again in place"),
        }
    }
}

/// Why serving ended in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was to.
    Stopped,
    /// The application asked to start again.
    Again,
}

/// Serves until a signal, or until the application wants to start again.
pub(crate) async fn serve_once(
    parts: Parts<Assembled>,
    listeners: Listeners,
    stopped: &mut watch::Receiver<Phase>,
) -> Result<Ended, DaemonError> {
    let assembled = Arc::clone(&parts.app);
    let (phase, phases) = watch::channel(*stopped.borrow_and_update());
    let mut serving = pin!(server::serve(parts, listeners, phases));
    let mut restart = pin!(assembled.app.restart_wanted().notified());
    let mut ended = Ended::Stopped;
    loop {
        tokio::select! {
            result = &mut serving => {
                result?;
                return Ok(ended);
            }
            changed = stopped.changed() => {
                let to = if changed.is_ok() { *stopped.borrow_and_update() } else { Phase::Now };
                ended = Ended::Stopped;
                notify(&[NotifyState::Stopping]);
                phase.send_replace(to);
                if changed.is_err() {
                    serving.await?;
                    return Ok(ended);
                }
            }
            () = &mut restart, if ended == Ended::Stopped && *phase.borrow() == Phase::Run => {
                ended = Ended::Again;
                phase.send_replace(Phase::Drain);
            }
        }
    }
}

/// Clients pin the CA, so its fingerprint is shown where an operator looks.
fn announce(tls: &Identity) {
    let Some(authority) = tls.authority() else {
        return;
    };
    if authority.fresh {
        say(format_args!(
            "made a certificate authority of this node's own\nCA fingerprint: {}",
            authority.fingerprint
        ));
    }
    tracing::info!(fingerprint = authority.fingerprint, "certificate authority");
}

/// Tells the service manager, if there is one.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}

/// For the store, the log, the audit and listeners.
const SPARE_DESCRIPTORS: u64 = 128;
