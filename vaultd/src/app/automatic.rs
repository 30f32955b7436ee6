//! The automatic seal: a node that opens by itself, by a key that it finds at its start.
//!
//! It is tried once, on the seal that the whole log leads to. A state is behind its log after a power cut: it may
//! still hold the seal of before a rekey, or none at all. Sealed later, the node waits for people.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use vault_core::crypto::slots::SealKind;

use super::error::Result;
use super::{App, seals};
use crate::store::Applied;

/// How long a start waits for the log. What takes longer goes on beside the service.
#[cfg(not(test))]
const REPLAY: Duration = Duration::from_secs(5);
#[cfg(test)]
const REPLAY: Duration = Duration::from_millis(1);

impl App {
    /// Opens the node by its automatic seal, if it has one, or has that done as soon as the log was applied. Of a
    /// node that has never been born it writes the setup code instead.
    ///
    /// # Errors
    /// When the setup code cannot be written.
    pub(super) async fn open_at_start(self: &Arc<Self>) -> std::io::Result<()> {
        let last = self.node.last_logged();
        let behind = self.store.watch();
        let whole = tokio::time::timeout(REPLAY, applied(behind.clone(), last)).await;
        if whole.is_ok() {
            self.unseal_automatically().await;
        } else {
            tracing::warn!("the log is not applied yet; the automatic seal is tried when it is");
            let app = Arc::downgrade(self);
            tokio::spawn(async move {
                if applied(behind, last).await
                    && let Some(app) = app.upgrade()
                {
                    app.unseal_automatically().await;
                }
            });
        }
        if self.initialised() {
            return Ok(());
        }
        self.announce_bootstrap();
        self.write_setup_code()
    }

    /// Says in the log why it could not.
    pub(super) async fn unseal_automatically(&self) {
        let _ceremony = self.ceremony.lock().await;
        // Key holders may have been quicker.
        if self.keys.load().is_some() {
            return;
        }
        match self.open_automatic_seal() {
            Ok(true) => tracing::info!("unsealed by the automatic seal"),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(%error, "the automatic seal did not open; the node stays sealed");
            }
        }
    }

    /// Whether there is one.
    fn open_automatic_seal(&self) -> Result<bool> {
        if !self.initialised() {
            return Ok(false);
        }
        let header = self.seal_header()?;
        let key = match header.main_kind() {
            SealKind::KeyFile => seals::key_file(&self.settings.automatic)?,
            SealKind::Credential => seals::credential(&self.settings.automatic)?,
            SealKind::Shamir | SealKind::Passphrase => return Ok(false),
        };
        let root = header
            .open_key(header.main_kind(), &key)
            .map_err(|error| self.wrong_key(error))?;
        self.open_keyring(&root)?;
        Ok(true)
    }
}

/// Returns once the state has applied the log up to an entry; `false` when it never will, because the store ends.
async fn applied(mut state: watch::Receiver<Applied>, last: u64) -> bool {
    state.wait_for(|state| state.index >= last).await.is_ok()
}
