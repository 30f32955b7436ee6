//! Sealed snapshots of this node: made, verified, restored.
//!
//! A snapshot holds rows as they are sealed on disk; it opens with the seal that the cluster had. Restoring
//! is for a node without a cluster: the file is checked and kept beside the data, and the daemon takes
//! it up when it starts the next time.

use std::io::Read;
use std::path::PathBuf;

use vault_core::access::{Action, Resource};
use vault_core::record::{Kind, opens};
use vault_proto::v1::Reason;

use super::App;
use super::call::{Answer, Call};
use super::error::{Error, Result};
use crate::store::{SnapshotError, SnapshotInfo, SnapshotStream, inspect_snapshot};

/// How to restore.
#[derive(Clone, Debug, Default)]
pub struct RestoreOptions {
    /// Needed except on the Unix socket.
    pub setup_code: String,
    /// Check everything, change nothing.
    pub dry_run: bool,
}

/// What a snapshot was found to hold.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Of its header, once all of it has verified.
    pub info: Option<SnapshotInfo>,
    /// Secrets, living and deleted.
    pub secrets: u64,
    /// Versions of them.
    pub versions: u64,
    /// Bytes of keys and sealed payloads.
    pub bytes: u64,
    /// Every document and every wrapped data key opened under this node's keyring.
    pub opened: bool,
}

impl App {
    /// A consistent snapshot of the state; writers go on.
    ///
    /// # Errors
    /// As of any read, or when the store cannot start one.
    pub async fn create_backup(&self, call: &Call) -> Result<Answer<SnapshotStream>> {
        let granted = self
            .read(call, |visit, _| {
                visit
                    .grant(Action::BACKUP_CREATE, Resource::System)
                    .map(drop)
            })
            .await?;
        let snapshot = self.store.snapshot().map_err(Error::internal)?;
        Ok(granted.map(|()| snapshot))
    }

    /// Whether a caller may have a snapshot verified: asked before its bytes are taken in.
    ///
    /// # Errors
    /// As of any read.
    pub async fn may_verify_backup(&self, call: &Call) -> Result<Answer<()>> {
        self.read(call, |visit, _| {
            visit
                .grant(Action::BACKUP_VERIFY, Resource::System)
                .map(drop)
        })
        .await
    }

    /// Reads a snapshot to its end, checks every digest, and opens every document and every wrapped data key
    /// that this node's keyring can be expected to open. Blocks: call it on a thread for that.
    ///
    /// # Errors
    /// `BACKUP_DAMAGED`.
    pub fn verify_backup(&self, reader: &mut dyn Read) -> Result<Verified> {
        let keys = self.keys.load();
        let mut seen = Verified::default();
        let (mut opened, mut refused) = (0_u64, 0_u64);
        let info = inspect_snapshot(reader, &mut |key, sealed| {
            seen.secrets += u64::from(key.kind_byte() == Kind::Secret as u8);
            seen.versions += u64::from(key.kind_byte() == Kind::Version as u8);
            seen.bytes += u64::try_from(key.as_bytes().len() + sealed.len()).unwrap_or_default();
            match keys
                .as_ref()
                .and_then(|keys| opens(keys.keyring(), key, sealed))
            {
                Some(true) => opened += 1,
                Some(false) => refused += 1,
                None => {}
            }
        })
        .map_err(|error| damaged(&error))?;
        let own = info.cluster.is_some() && info.cluster == self.store.stamp().cluster;
        if own && refused > 0 {
            let message = format!(
                "{refused} of {} records do not open under this cluster's keys",
                opened + refused
            );
            return Err(Error::new(Reason::BackupDamaged, message));
        }
        Ok(Verified {
            opened: own && opened > 0,
            info: Some(info),
            ..seen
        })
    }

    /// Whether a caller may restore into this node: asked before any byte is taken in.
    ///
    /// # Errors
    /// `ALREADY_INITIALISED`, `SETUP_CODE_WRONG`.
    pub async fn may_restore(&self, call: &Call, options: &RestoreOptions) -> Result<Answer<()>> {
        let entry = self.begin(call);
        let allowed = self
            .audit_ready()
            .and_then(|()| self.may_init(call, &options.setup_code));
        self.finish(entry, allowed).await?;
        Ok(self.answer(()))
    }

    /// Where a snapshot that is to be restored is kept until the daemon starts again.
    pub fn pending_restore(&self) -> PathBuf {
        self.settings.data_dir.join("restore.pending")
    }
}

/// What is wrong with a snapshot.
fn damaged(error: &SnapshotError) -> Error {
    Error::new(Reason::BackupDamaged, error.to_string())
}
