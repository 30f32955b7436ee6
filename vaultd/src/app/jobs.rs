//! What runs on the leader by itself: due deletions, ended sessions, old outcomes, wrapped values, one-time codes,
//! secret ids, unfinished re-wraps, keys that are old; and on every node: taking up a keyring that was changed elsewhere,
//! and fetching keys of issuers again.
//!
//! Each step is a small idempotent transaction through the proposer, which proves leadership by being
//! committed in its term; a paused leader fires nothing that it cannot commit.

use std::sync::{Arc, Weak};
use std::time::Duration;

use vault_core::access;
use vault_core::engine::{secrets, sharing};
use vault_core::record::Tx;

use super::error::Result;
use super::keyring::Deed;
use super::transact::{Terms, Verdict};
use super::unsealed::Unsealed;
use super::{App, refusal, time};

/// Between two rounds.
const PERIOD: Duration = Duration::from_secs(10);
/// Records that one transaction touches at most, roughly.
const STEP: usize = 64;
/// Transactions of one round, so that a flood of due work does not crowd out requests.
const STEPS: usize = 50;
/// How often it is recorded how long the vault has run: what a restart forgets at most.
const RECORDED: Duration = Duration::from_mins(10);

/// Starts the rounds on the current runtime; they end when the app is gone.
pub(super) fn start(app: &Arc<App>) {
    let weak = Arc::downgrade(app);
    tokio::spawn(async move {
        // Led, unsealed, and not yet recorded. Counted in rounds: no clock that is set, and no suspend, has a part in it.
        let mut ran = Duration::ZERO;
        let mut off = false;
        while round(&weak, &mut ran).await {
            if let Some(app) = weak.upgrade() {
                app.watch_clock(&mut off);
            }
            tokio::time::sleep(PERIOD).await;
            ran += PERIOD;
        }
    });
}

async fn round(app: &Weak<App>, ran: &mut Duration) -> bool {
    let Some(app) = app.upgrade() else {
        return false;
    };
    app.keys.follow(&app.store);
    app.tell_fall().await;
    app.refresh_issuer_keys();
    let writes = |keys: &Arc<Unsealed>| keys.keyring().is_home();
    if app.keys.load().as_ref().is_some_and(writes) && app.node.leader_term().is_some() {
        app.name_home().await;
        // What is left of a nearly full disk is for deletion and revocation.
        if app.store.can_grow() {
            app.resume_rewrap();
            if let Err(error) = app.rotate_by_age().await {
                let reason = error.reason().as_str_name();
                tracing::debug!(reason, "keys that are old were not rotated yet");
            }
        }
        let recorded = if *ran >= RECORDED {
            *ran
        } else {
            Duration::ZERO
        };
        for (what, step) in [
            ("deletions", Step::Deletions(recorded)),
            ("sessions", Step::Sessions),
            ("outcomes", Step::Outcomes),
            ("wrapped values", Step::Wrapped),
            ("one-time codes", Step::OneTimeCodes),
            ("secret ids", Step::SecretIds),
        ] {
            match (app.sweep(step).await, step) {
                (Ok(()), Step::Deletions(recorded)) => *ran = ran.saturating_sub(recorded),
                (
                    Ok(()),
                    Step::Sessions
                    | Step::Outcomes
                    | Step::Wrapped
                    | Step::OneTimeCodes
                    | Step::SecretIds,
                ) => {}
                (Err(error), _) => tracing::debug!(
                    what,
                    reason = error.reason().as_str_name(),
                    "a sweep stopped; it goes on in the next round"
                ),
            }
        }
    } else {
        *ran = Duration::ZERO;
    }
    true
}

#[derive(Clone, Copy)]
pub(super) enum Step {
    /// With the time that the vault has run, of which the respite after a restore is made.
    Deletions(Duration),
    Sessions,
    Outcomes,
    Wrapped,
    OneTimeCodes,
    SecretIds,
}

impl App {
    /// By how much this node's clock differs from the vault's time.
    pub fn clock_off(&self) -> Duration {
        self.time.difference().0
    }

    /// Tells, once, that the clock is off, and that it is no more.
    fn watch_clock(&self, off: &mut bool) {
        let (by, behind) = self.time.difference();
        if (by > time::TOLERATED) == *off {
            return;
        }
        *off = !*off;
        let seconds = by.as_secs();
        if !*off {
            tracing::info!("the clock agrees with the time that the vault goes by again");
        } else if behind {
            tracing::error!(
                seconds,
                "the clock is behind the time that the vault goes by: it is wrong, or it was. Set it right; the vault \
                 runs at half pace until it has caught up, and codes of authenticators may be refused until then"
            );
        } else {
            tracing::error!(
                seconds,
                "the clock was set forward by more than the vault follows while it runs: look who set it. If it is \
                 right, restart this node and it is believed"
            );
        }
    }

    /// Records that the node sealed itself, and wipes what was going on.
    pub(super) async fn tell_fall(&self) {
        if self.keys.fell_untold().is_none() {
            return;
        }
        self.ceremony.lock().await.wipe();
        let entry = self.begin_inside(Deed::FALL);
        if let Err(error) = self.finish(entry, Ok(())).await {
            let reason = error.reason().as_str_name();
            tracing::error!(reason, "that the node sealed itself could not be recorded");
        }
    }

    pub(super) async fn sweep(&self, step: Step) -> Result<()> {
        for _ in 0..STEPS {
            let (more, _) = self
                .proposer
                .run(Terms::default(), move |tx| sweep(step, tx))
                .await?;
            if !more {
                break;
            }
        }
        Ok(())
    }
}

fn sweep(step: Step, tx: &mut Tx<'_>) -> (Verdict, Result<bool>) {
    let swept = match step {
        Step::Deletions(ran) => {
            let ran = u64::try_from(ran.as_millis()).unwrap_or(u64::MAX);
            secrets::sweep_deleted(tx, ran, STEP)
        }
        Step::Sessions => access::sweep_sessions(tx, STEP),
        Step::Outcomes => secrets::sweep_outcomes(tx, STEP),
        Step::Wrapped => sharing::sweep(tx, STEP),
        Step::OneTimeCodes => access::onetime::sweep(tx, STEP),
        Step::SecretIds => access::program::secret_id::sweep(tx, STEP),
    };
    let swept = swept.map_err(refusal::record);
    let verdict = if swept.is_ok() {
        Verdict::Commit
    } else {
        Verdict::Discard
    };
    (verdict, swept)
}
