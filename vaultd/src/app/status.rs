//! What a node says of itself.

use vault_core::crypto::slots::{SealHeader, SealKind};
use vault_core::record::View as _;

use super::call::{Answer, Call};
use super::error::Result;
use super::{App, setup};

/// Whether the node can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealStatus {
    /// There is no cluster yet.
    Uninitialised,
    /// The keys are not in memory.
    Sealed,
    /// In service.
    Unsealed,
}

/// The state of a node. What is `Option` is told to callers with a valid token only.
#[derive(Clone, Debug)]
pub struct Status {
    /// See [`SealStatus`].
    pub seal: SealStatus,
    /// Of the daemon.
    pub version: Option<&'static str>,
    /// Absent before `init`.
    pub cluster: Option<[u8; 16]>,
    /// Of this node.
    pub node: u64,
    /// Of this node.
    pub region: String,
    /// Kinds of seal slots with their shares.
    pub header: Option<SealHeader>,
    /// Indices of unseal shares entered so far.
    pub entered: Vec<u8>,
    /// Made by `vaultd dev`.
    pub dev: bool,
    /// Of the state.
    pub incarnation: u64,
    /// Of the state.
    pub applied: u64,
    /// LtHash of the state.
    pub state_hash: Option<[u8; 32]>,
    /// What a thief of this disk gets, in one line.
    pub protection: &'static str,
    /// Milliseconds since the epoch.
    pub unsealed_at: Option<u64>,
    /// The node that leads, as far as this one knows.
    pub leader: Option<u64>,
}

impl App {
    /// The state of this node; more of it with a valid token.
    ///
    /// # Errors
    /// When the audit log cannot take the record, or the store fails.
    pub async fn status(&self, call: &Call) -> Result<Answer<Status>> {
        if call.token.is_some() && self.keys.load().is_some() {
            let known = self.read(call, |_, _| Ok(())).await;
            if known.is_ok() {
                let mut status = self.public_status();
                status.version = Some(env!("CARGO_PKG_VERSION"));
                status.state_hash = self.store.state_hash().ok().map(|hash| hash.digest);
                return Ok(self.answer(status));
            }
        }
        let entry = self.begin(call);
        let status = Ok(self.public_status());
        let status = self.finish(entry, status).await?;
        Ok(self.answer(status))
    }

    /// In service or not, without asking anybody: for health checks.
    pub fn seal_status(&self) -> SealStatus {
        if self.keys.load().is_some() {
            SealStatus::Unsealed
        } else if self.initialised() {
            SealStatus::Sealed
        } else {
            SealStatus::Uninitialised
        }
    }

    /// Whether a leader is known, for readiness.
    pub fn has_leader(&self) -> bool {
        self.node.metrics().leader.is_some()
    }

    /// Whether the state was made by `vaultd dev`; it says so for ever.
    pub fn is_dev(&self) -> bool {
        self.store.get(&setup::dev_key()).ok().flatten().is_some()
    }

    fn public_status(&self) -> Status {
        let applied = self.store.applied();
        let header = self.seal_header().ok();
        let dev = self.is_dev();
        // A ceremony at work keeps no status waiting.
        let ceremony = self.ceremony.try_lock();
        Status {
            seal: self.seal_status(),
            version: None,
            cluster: self.store.stamp().cluster,
            node: self.settings.node_id,
            region: self.settings.region.clone(),
            entered: ceremony
                .as_ref()
                .ok()
                .and_then(|ceremony| ceremony.unsealing.as_ref())
                .map(|unsealing| unsealing.progress().entered)
                .unwrap_or_default(),
            dev,
            incarnation: applied.incarnation,
            applied: applied.index,
            state_hash: None,
            protection: protection(header.as_ref(), dev),
            header,
            unsealed_at: self.keys.load().map(|keys| keys.since()),
            leader: self.node.metrics().leader,
        }
    }
}

/// The line of SECURITY.md's table that applies to this node.
fn protection(header: Option<&SealHeader>, dev: bool) -> &'static str {
    if dev {
        return "a stolen disk opens everything: this is a development vault";
    }
    match header.map(SealHeader::main_kind) {
        None => "nothing is stored yet",
        Some(SealKind::Shamir) => {
            "a stolen disk says nothing: it opens only with a quorum of the unseal shares"
        }
        Some(SealKind::Passphrase) => {
            "a stolen disk says nothing to one who cannot guess the passphrase"
        }
        Some(SealKind::KeyFile) => {
            "a stolen disk says nothing only if the key file lies on another device"
        }
        Some(SealKind::Credential) => {
            "a stolen disk may open: a systemd credential's host key is usually on the same disk"
        }
    }
}
