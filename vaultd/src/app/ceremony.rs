//! Work of key holders that takes several steps: entering shares, a rekey, a one-time root, a birth or a region that
//! waits to be confirmed.
//!
//! It is in memory only, and there is one of each kind at most. Each has an id, which every later step names,
//! so that nothing is entered into a ceremony other than the one that its holder was asked for. What nobody
//! goes on with for ten minutes is wiped, by a timer, not by the next one who comes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use subtle::ConstantTimeEq as _;
use vault_core::crypto::entropy::Entropy as _;
use vault_core::crypto::secret::Share;
use vault_core::crypto::unseal::{ShareError, Step, Unsealing};
use vault_proto::v1::Reason;

use super::App;
use super::error::{Error, Result};
use super::regions::Founding;
use super::rekey::Rekey;
use super::setup::Birth;
use crate::clock::OsEntropy;

/// A ceremony ends this long after its last entry.
pub(super) const FORGET: Duration = Duration::from_mins(10);
/// How often the timer looks. Short of [`FORGET`], so that a machine that slept wipes soon after it wakes.
#[cfg(not(test))]
const LOOK: Duration = Duration::from_secs(10);
#[cfg(test)]
const LOOK: Duration = Duration::from_millis(10);

/// Names one ceremony. Not a secret: it says which one is meant, not that one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CeremonyId([u8; 16]);

impl CeremonyId {
    fn make() -> Self {
        let mut id = [0; 16];
        OsEntropy.fill(&mut id);
        Self(id)
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for CeremonyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A ceremony under way.
#[derive(Debug)]
pub(super) struct Held<T> {
    pub(super) id: CeremonyId,
    pub(super) work: T,
    /// Boot time at which it ends by itself.
    ends: Duration,
}

impl<T> Held<T> {
    pub(super) fn begin(work: T, now: Duration) -> Self {
        Self {
            id: CeremonyId::make(),
            work,
            ends: now + FORGET,
        }
    }

    /// Somebody went on with it.
    pub(super) fn touch(&mut self, now: Duration) {
        self.ends = now + FORGET;
    }

    /// Whether it is the one that is meant.
    ///
    /// # Errors
    /// `CEREMONY_STALE`.
    pub(super) fn check(&self, named: &str) -> Result<()> {
        let own = self.id.to_string();
        if own.as_bytes().ct_eq(named.as_bytes()).into() {
            Ok(())
        } else {
            Err(stale())
        }
    }

    /// As if it had been left alone for long enough; for tests.
    #[cfg(test)]
    pub(super) fn abandon(&mut self) {
        self.ends = Duration::ZERO;
    }
}

impl Held<Unsealing> {
    /// Enters a share; one that is taken goes on with it.
    pub(super) fn enter(
        &mut self,
        share: &Share,
        now: Duration,
    ) -> std::result::Result<Step, ShareError> {
        let step = self.work.enter(share)?;
        self.touch(now);
        Ok(step)
    }
}

/// All of this node.
#[derive(Debug, Default)]
pub(super) struct Ceremonies {
    pub(super) unsealing: Option<Held<Unsealing>>,
    pub(super) rekey: Option<Held<Rekey>>,
    pub(super) birth: Option<Held<Birth>>,
    /// A one-time root that is being made.
    pub(super) generation: Option<Held<Unsealing>>,
    /// A region whose shares were shown.
    pub(super) founding: Option<Held<Founding>>,
}

impl Ceremonies {
    /// Wipes what was left alone for too long.
    fn expire(&mut self, now: Duration) {
        fn end<T>(what: &str, slot: &mut Option<Held<T>>, now: Duration) {
            if slot.take_if(|held| held.ends <= now).is_some() {
                tracing::info!(what, "nobody went on with it in time: forgotten");
            }
        }
        end("unseal", &mut self.unsealing, now);
        end("rekey", &mut self.rekey, now);
        end("init", &mut self.birth, now);
        end("root generate", &mut self.generation, now);
        end("region add", &mut self.founding, now);
    }

    /// Wipes all.
    pub(super) fn wipe(&mut self) {
        *self = Self::default();
    }
}

/// Starts the timer on the current runtime; it ends when the app is gone.
pub(super) fn start(app: &Arc<App>) {
    let weak = Arc::downgrade(app);
    tokio::spawn(async move {
        while let Some(app) = weak.upgrade() {
            app.ceremony.lock().await.expire(app.clock.boottime());
            drop(app);
            tokio::time::sleep(LOOK).await;
        }
    });
}

/// The id is of no ceremony that is under way.
pub(super) fn stale() -> Error {
    Error::new(
        Reason::CeremonyStale,
        "this belongs to a ceremony that has ended, was replaced, or was left alone for ten minutes; begin again",
    )
}
