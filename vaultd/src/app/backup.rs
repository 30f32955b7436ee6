//! Sealed snapshots of this node: made, verified, restored.
//!
//! A snapshot holds rows as they are sealed on disk; it opens with the seal that the cluster had. One that is
//! made is first copied to a file without a name, so that a slow client holds a file and not the database.
//! Restoring is for a node without a cluster: the file is checked and kept beside the data, and the daemon
//! takes it up when it starts the next time. It remains the same cluster, in a new life (incarnation), which
//! ends the sessions that the backup holds.

mod contents;
mod upload;
mod verify;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use vault_core::access::Action;
use vault_core::crypto::secret::SetupCode;
use vault_proto::v1::Reason;

use self::contents::Contents;
pub use self::contents::{SealThen, Verified};
use self::upload::{Copy, Upload};
use super::audit::Entry;
use super::call::{Answer, Call};
use super::error::{Error, Result};
use super::keyring::Deed;
use super::operate::{Operation, Unrecorded};
use super::{App, sealed};
use crate::store::{SnapshotError, inspect_snapshot};

/// Backups that are made or checked at a time.
pub(super) const STREAMS: usize = 2;

/// Bytes between two looks at the disk's free space.
const LOOK: u64 = 16 << 20;

/// Bytes that are copied at once.
const BUFFER: usize = 256 << 10;

/// A place among the backups that are made or checked at present. Free again when dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A restore that is allowed and under way: no init and no other restore begins beside it.
#[derive(Debug)]
#[must_use]
pub struct Restoring {
    entry: Entry,
    claim: OwnedSemaphorePermit,
}

/// A backup that was taken in and found good. Gone again when dropped.
#[derive(Debug)]
#[must_use = "a restore ends with `App::end_restore`"]
pub struct TakenIn {
    verified: Verified,
    /// Nothing is kept of a rehearsal.
    copy: Option<Copy>,
}

impl App {
    /// Whether a caller may have a backup made, and a place for it. The operation ends when the backup is spooled,
    /// before the first byte of it leaves.
    ///
    /// # Errors
    /// As of any read; `OVERLOADED` while others take up all places.
    pub async fn may_create_backup(&self, call: &Call) -> Result<Answer<(Operation, Place)>> {
        self.backup_place(call, Action::BACKUP_CREATE).await
    }

    /// Whether a caller may have a backup verified, and a place for it: asked before its bytes are taken in.
    ///
    /// # Errors
    /// As of any read; `OVERLOADED` while others take up all places.
    pub async fn may_verify_backup(&self, call: &Call) -> Result<Answer<(Operation, Place)>> {
        self.backup_place(call, Action::BACKUP_VERIFY).await
    }

    async fn backup_place(
        &self,
        call: &Call,
        action: Action,
    ) -> Result<Answer<(Operation, Place)>> {
        let operation = self.granted(call, action, Unrecorded::Refuse).await?;
        if let Ok(permit) = Arc::clone(&self.backups).try_acquire_owned() {
            return Ok(self.answer((operation, Place { _permit: permit })));
        }
        let message =
            "two backups are being made or checked at present; try again when one is done";
        let full = Err(Error::new(Reason::Overloaded, message));
        self.ended(operation, full).await
    }

    /// A consistent snapshot of the state, whole, in a private file without a name: no crash leaves anything
    /// of it. Writers go on. Blocks: call it on a thread for that.
    ///
    /// # Errors
    /// `DISK_FULL`; otherwise when the store fails, or nobody is interested any more.
    pub fn spool_backup(&self, abandoned: impl Fn() -> bool) -> Result<File> {
        if !self.store.has_room(self.store.snapshot_bytes()) {
            return Err(disk_full("the backup"));
        }
        let mut file = tempfile::tempfile_in(&self.settings.data_dir).map_err(unwritten)?;
        let mut unlooked = 0;
        for chunk in self.store.snapshot().map_err(Error::internal)? {
            let chunk = chunk.map_err(Error::internal)?;
            if abandoned() {
                return Err(Error::internal("nobody waits for the backup any more"));
            }
            unlooked += size(&chunk);
            if unlooked >= LOOK {
                unlooked = 0;
                if !self.store.has_room(0) {
                    return Err(disk_full("the backup"));
                }
            }
            file.write_all(&chunk).map_err(unwritten)?;
        }
        file.rewind().map_err(unwritten)?;
        Ok(file)
    }

    /// Whether a caller may restore into this node, and nothing else is making a vault of it: asked before any
    /// byte is taken in. End it with [`App::end_restore`].
    ///
    /// # Errors
    /// `ALREADY_INITIALISED`, `SETUP_CODE_WRONG`, `SETUP_IN_PROGRESS`.
    pub async fn begin_restore(&self, call: &Call, setup_code: &SetupCode) -> Result<Restoring> {
        let entry = self.begin(call);
        let claimed = self
            .audit_ready()
            // EXPOSE: for comparison
            .and_then(|()| self.may_init(call, setup_code.expose()))
            .and_then(|()| self.claim_birth());
        match claimed {
            Ok(claim) => Ok(Restoring { entry, claim }),
            Err(error) => self.finish(entry, Err(error)).await,
        }
    }

    /// Checks a backup and whether it could be restored here; keeps nothing. Blocks: call it on a thread for
    /// that.
    ///
    /// # Errors
    /// `BACKUP_DAMAGED`, `DEV_MODE`, `DISK_FULL`.
    pub fn rehearse_restore(&self, reader: &mut dyn Read) -> Result<TakenIn> {
        self.take_in(Upload::rehearse(self, reader))
    }

    /// Takes a backup in and checks it; what was taken in is gone again if anything is wrong. Blocks: call it on
    /// a thread for that.
    ///
    /// # Errors
    /// `BACKUP_DAMAGED`, `DEV_MODE`, `DISK_FULL`.
    pub fn take_in_backup(&self, reader: &mut dyn Read) -> Result<TakenIn> {
        self.take_in(Upload::begin(self, reader)?)
    }

    fn take_in(&self, upload: Upload<'_>) -> Result<TakenIn> {
        let mut reader = BufReader::with_capacity(BUFFER, upload);
        let mut contents = Contents::default();
        let inspected = inspect_snapshot(&mut reader, &mut |_, key, bytes| {
            contents.see(key, bytes);
            ControlFlow::Continue(())
        });
        let info = inspected.map_err(|error| {
            let copy = reader.get_mut().why();
            copy.unwrap_or_else(|| unread(error))
        })?;
        let verified = contents.verified(info)?;
        if verified.dev || self.settings.dev {
            return Err(Error::new(
                Reason::DevMode,
                "what `vaultd dev` made stays for trying things out: it is neither restored nor restored into",
            ));
        }
        let copy = reader.into_inner().end()?;
        Ok(TakenIn { verified, copy })
    }

    /// Records how a restore ended. If it was one, the daemon is to start again, and nothing else begins here.
    ///
    /// # Errors
    /// What `result` holds; when it cannot be recorded, that, and nothing is kept. When it was recorded and cannot
    /// be kept after all, that, which is recorded too.
    pub async fn end_restore(
        &self,
        restoring: Restoring,
        result: Result<TakenIn>,
    ) -> Result<Answer<Verified>> {
        let Restoring { entry, claim } = restoring;
        // ORDER: until it is recorded, no start takes up what was taken in; this removes it on a failure.
        let TakenIn { verified, copy } = self.finish(entry, result).await?;
        let Some(copy) = copy else {
            return Ok(self.answer(verified));
        };
        let kept = tokio::task::spawn_blocking(|| copy.keep());
        if let Err(error) = kept.await.map_err(Error::internal).flatten() {
            return self
                .finish(self.begin_inside(Deed::KEEP_BACKUP), Err(error))
                .await;
        }
        // The code has served. Where there is none, the socket was used.
        drop(std::fs::remove_file(self.setup_code_file()));
        claim.forget();
        self.restart.notify_one();
        Ok(self.answer(verified))
    }

    /// The right to make a vault of this node, by init or by restore, for one at a time.
    pub(super) fn claim_birth(&self) -> Result<OwnedSemaphorePermit> {
        let claim = Arc::clone(&self.birth).try_acquire_owned();
        claim.map_err(|_| {
            Error::new(
                Reason::SetupInProgress,
                "another init or restore is under way on this node; see what comes of it: vaultctl status",
            )
        })
    }

    /// Where a backup that is to be restored is kept until the daemon starts again.
    fn pending_restore(&self) -> PathBuf {
        self.settings.data_dir.join("restore.pending")
    }
}

/// Why a backup was not read to its end.
fn unread(error: SnapshotError) -> Error {
    match error {
        SnapshotError::Stopped => sealed(),
        SnapshotError::Format
        | SnapshotError::Later
        | SnapshotError::Truncated
        | SnapshotError::Damaged(_)
        | SnapshotError::TooLarge => Error::new(Reason::BackupDamaged, error.to_string()),
        SnapshotError::Database(_) | SnapshotError::Io(_) | SnapshotError::Closed => {
            Error::internal(error)
        }
    }
}

/// Why a file was not written.
fn unwritten(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::StorageFull {
        disk_full("the backup")
    } else {
        Error::internal(error)
    }
}

fn disk_full(what: &str) -> Error {
    Error::new(
        Reason::DiskFull,
        format!("the node's disk has no room for {what}; nothing of it was kept"),
    )
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
