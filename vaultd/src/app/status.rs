//! What a node says of itself.

use vault_core::crypto::keyring::HOME_REGION;
use vault_core::crypto::slots::{SealHeader, SealKind};
use vault_core::record::View as _;

use super::audit::Source;
use super::call::{Answer, Call};
use super::error::Result;
use super::{App, setup};
use crate::store::Applied;

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

/// The state of a node. Anyone who can connect learns what it takes to unseal it; the rest is told to
/// callers with a live session and to those on the Unix socket.
#[derive(Clone, Debug)]
pub struct Status {
    /// See [`SealStatus`].
    pub seal: SealStatus,
    /// Kinds of seal slots with their shares.
    pub header: Option<SealHeader>,
    /// Indices of unseal shares entered so far.
    pub entered: Vec<u8>,
    /// What strangers are not told.
    pub inside: Option<Inside>,
}

/// What is nobody's business who has no session.
#[derive(Clone, Debug)]
pub struct Inside {
    /// Of the daemon.
    pub version: &'static str,
    /// Absent before `init`.
    pub cluster: Option<[u8; 16]>,
    /// Of this node.
    pub node: u64,
    /// Of this node.
    pub region: String,
    /// Made by `vaultd dev`.
    pub dev: bool,
    /// Of the state.
    pub applied: Applied,
    /// LtHash of the state.
    pub state_hash: Option<[u8; 32]>,
    /// What a thief of this disk gets, in one line.
    pub protection: &'static str,
    /// Milliseconds since the epoch.
    pub unsealed_at: Option<u64>,
    /// Records that did not open since then.
    pub failed_opens: u64,
    /// Which values it opens while it is unsealed, in one line.
    pub opens: String,
    /// The node that leads, as far as this one knows.
    pub leader: Option<u64>,
}

impl App {
    /// The state of this node: all of it for a live session and on the Unix socket. A token that opens none
    /// is as good as no token here, so that a client with an old one still learns that the node is sealed.
    ///
    /// # Errors
    /// When the audit log cannot take the record, or the store fails.
    pub async fn status(&self, call: &Call) -> Result<Answer<Status>> {
        if call.token.is_some()
            && self.keys.load().is_some()
            && let Ok(known) = self.read(call, |_, _| Ok(())).await
        {
            return Ok(known.map(|()| self.tell(Some(self.inside()))));
        }
        let entry = self.begin(call);
        let inside = match call.source {
            Source::Unix { .. } | Source::Inside => Some(self.inside()),
            Source::Tcp(_) => None,
        };
        let status = self.finish(entry, Ok(self.tell(inside))).await?;
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

    /// Records that did not open since the node was unsealed: damage, or tampering.
    pub fn failed_opens(&self) -> u64 {
        let keys = self.keys.load();
        keys.map_or(0, |keys| keys.keyring().failed_opens())
    }

    fn tell(&self, inside: Option<Inside>) -> Status {
        // A ceremony at work keeps no status waiting.
        let ceremony = self.ceremony.try_lock();
        Status {
            seal: self.seal_status(),
            header: self.seal_header().ok(),
            entered: ceremony
                .as_ref()
                .ok()
                .and_then(|ceremony| ceremony.unsealing.as_ref())
                .map(|held| held.work.progress().entered)
                .unwrap_or_default(),
            inside,
        }
    }

    fn inside(&self) -> Inside {
        let dev = self.is_dev();
        Inside {
            version: env!("CARGO_PKG_VERSION"),
            cluster: self.store.stamp().cluster,
            node: self.settings.node_id,
            region: self.settings.region.to_string(),
            dev,
            applied: self.store.applied(),
            state_hash: self.store.state_hash().ok().map(|hash| hash.digest),
            protection: protection(self.seal_header().ok().as_ref(), dev),
            unsealed_at: self.keys.load().map(|keys| keys.since()),
            failed_opens: self.failed_opens(),
            opens: self.opens(),
            leader: self.node.metrics().leader,
        }
    }
}

impl App {
    /// What the keyring of this node's region is good for.
    fn opens(&self) -> String {
        let region = &self.settings.region;
        match self.own_number() {
            Ok(HOME_REGION) => {
                "every value, whichever regions keep it: this is a node of the home region"
                    .to_owned()
            }
            Ok(_) => format!("values that are kept in `{region}`, and no others"),
            Err(_) => {
                format!("nothing: there is no region `{region}` in this vault, or it is revoked")
            }
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
