//! Signals: TERM and INT stop the daemon in order, a second one at once; HUP reads the certificate again, and
//! the list of blocked passwords.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, interval_at};

use crate::app::Blocked;
use crate::clock::Clock;
use crate::config::Config;
use crate::server::Phase;
use crate::tls::Identity;

/// Listens for signals from here on, and keeps the node's own certificate from running out.
///
/// # Errors
/// If the process cannot listen for signals.
pub(crate) fn listen(
    phase: watch::Sender<Phase>,
    (tls, blocked): (Arc<Identity>, Arc<Blocked>),
    config: Config,
    clock: Clock,
) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut daily = interval_at(Instant::now() + DAY, DAY);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => stop(&phase),
                _ = interrupt.recv() => stop(&phase),
                _ = hangup.recv() => {
                    reload(&tls, &config, clock);
                    let blocked = Arc::clone(&blocked);
                    tokio::task::spawn_blocking(move || reread(&blocked));
                }
                _ = daily.tick() => reload(&tls, &config, clock),
                () = phase.closed() => return,
            }
        }
    });
    Ok(())
}

fn stop(phase: &watch::Sender<Phase>) {
    phase.send_modify(|phase| {
        *phase = match phase {
            Phase::Run => Phase::Drain,
            Phase::Drain | Phase::Now => Phase::Now,
        }
    });
}

fn reload(tls: &Identity, config: &Config, clock: Clock) {
    match tls.reload(config, clock) {
        Ok(()) => tracing::info!("the certificate was read again"),
        Err(error) => {
            let error = crate::console::chain(&error);
            tracing::error!(
                error,
                "the certificate cannot be read; the one in use stays"
            );
        }
    }
}

fn reread(blocked: &Blocked) {
    if let Err(error) = blocked.reload() {
        let error = crate::console::chain(&error);
        tracing::error!(error, "the list of blocked passwords in use stays");
    }
}

const DAY: Duration = Duration::from_hours(24);
