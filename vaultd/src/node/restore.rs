//! Taking up a backup that was checked and left beside the data, before the store is opened for service.
//!
//! The restored vault is the cluster that it was, under a new incarnation: the second of its restoring, so that
//! it is above that of any earlier life, those that began from the same backup included. It ends the sessions
//! that the backup holds.
//!
//! ORDER: the new store is made whole under another name and moved into place; that is recorded in the audit; the
//! backup is removed; the node starts. A crash at any point leaves the old state, or the new one and the wish to go
//! on, so nothing is restored unrecorded. A store that holds a cluster, or may, is never replaced; one that holds
//! none is kept beside it.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use vault_core::crypto::entropy::Entropy as _;

use crate::app::audit::{Audit, AuditError, Event, Outcome, Source};
use crate::clock::{Clock, OsEntropy};
use crate::raft::{self, NodeOptions};
use crate::store::{self, OpenError, Options, SnapshotError, SnapshotInfo, Store, verify_snapshot};

/// Why a backup that waits was not taken up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// A file or directory cannot be used.
    #[error("cannot use `{path}`: {source}")]
    File { path: PathBuf, source: io::Error },
    /// The backup does not verify.
    #[error("`{path}`: {source}; remove it to start without it")]
    Backup {
        path: PathBuf,
        source: SnapshotError,
    },
    /// The store cannot be made from it.
    #[error(
        "cannot make the store of `restore.pending`: {0}; remove that file to start without it"
    )]
    Make(#[from] store::RestoreError),
    /// What is there already cannot be looked at.
    #[error("the store that is there already: {0}")]
    Open(#[from] OpenError),
    /// There is data already.
    #[error(
        "`{pending}` waits to be restored, but `{store}` holds a vault already; move one of the two away"
    )]
    Occupied { pending: PathBuf, store: PathBuf },
    /// There may be.
    #[error(
        "`{pending}` waits to be restored, but the log of `{store}` holds entries that its database has not applied, \
         and they may be a vault; move the first away, start, and look: vaultctl status"
    )]
    Unapplied { pending: PathBuf, store: PathBuf },
    /// It is in place and waits for its audit line.
    #[error("a backup was taken up, which cannot be recorded; the next start tries again: {0}")]
    Unrecorded(#[from] AuditError),
}

/// Where the store lies in a data directory.
pub(super) fn store_dir(dir: &Path) -> PathBuf {
    dir.join("store")
}

/// A backup that has become the store, and waits to be recorded before anything happens to it.
#[derive(Debug)]
#[must_use = "what was taken up is recorded and finished before the node starts"]
pub(super) struct TakenUp {
    dir: PathBuf,
    pending: PathBuf,
    info: SnapshotInfo,
}

/// Makes the store of the backup that waits in a data directory, if one does.
///
/// # Errors
/// [`RestoreError`]; the backup and the store are left as they are.
pub(super) fn take_up(
    dir: &Path,
    options: &Options,
    node: &NodeOptions,
    clock: Clock,
) -> Result<Option<TakenUp>, RestoreError> {
    let (pending, store) = (dir.join(PENDING), store_dir(dir));
    let fresh = dir.join("store.restoring");
    // What an upload or a start left that was cut off.
    remove_file(&pending.with_extension("part"))?;
    remove(&fresh)?;
    if !pending.exists() {
        return Ok(None);
    }
    let info = verify(&pending)?;
    let taken = TakenUp {
        dir: dir.to_owned(),
        pending,
        info,
    };
    let found = store.exists().then(|| look(&store, options)).transpose()?;
    if found.as_ref().is_some_and(|found| found.is_made_of(&info)) {
        // The last start was cut off between the move and its end.
        sync(dir)?;
        return Ok(Some(taken));
    }
    match &found {
        Some(found) if found.cluster.is_some() => {
            let pending = taken.pending;
            return Err(RestoreError::Occupied { pending, store });
        }
        Some(found) if found.unapplied => {
            let pending = taken.pending;
            return Err(RestoreError::Unapplied { pending, store });
        }
        Some(_) | None => {}
    }
    let now = clock.wall_ms() / 1000;
    let incarnation = info.incarnation.saturating_add(1).max(now);
    let mut reader = BufReader::new(open(&taken.pending)?);
    raft::restore(&fresh, options, node, incarnation, &mut reader)?;
    if found.is_some() {
        let kept = set_aside(dir, &store)?;
        tracing::info!(
            kept = %kept.display(),
            "the store that the restored one replaces held no vault; it is kept, and may be removed"
        );
    }
    fs::rename(&fresh, &store).map_err(|source| file(&store, source))?;
    sync(dir)?;
    Ok(Some(taken))
}

impl TakenUp {
    /// Records it, and removes the backup once that is on disk.
    ///
    /// # Errors
    /// [`RestoreError`]: the node must not start; the next start comes here again.
    pub(super) async fn finish(self, audit: &Audit) -> Result<(), RestoreError> {
        let mut request = [0; 16];
        OsEntropy.fill(&mut request);
        let entry = audit.begin(Event {
            request,
            method: "inside/TakeUpBackup",
            action: "",
            source: Source::Inside,
        });
        entry.finish(Outcome::ok()).await?;
        audit.flush().await?;
        let Self { dir, pending, info } = self;
        remove_file(&pending)?;
        sync(&dir)?;
        tracing::info!(
            cluster = info.cluster.map(hex::encode),
            records = info.rows,
            "restored from a backup: unseal with the seal that it had, log in with its initial token"
        );
        Ok(())
    }
}

/// Makes way for the new store; removing what lay there is for people.
pub(super) fn set_aside(dir: &Path, store: &Path) -> Result<PathBuf, RestoreError> {
    let mut names = (1_u32..).map(|n| dir.join(format!("store.replaced-{n}")));
    let free = names.find(|name| fs::symlink_metadata(name).is_err());
    let aside = free.unwrap_or_else(|| dir.join("store.replaced"));
    fs::rename(store, &aside).map_err(|source| file(&aside, source))?;
    sync(dir)?;
    Ok(aside)
}

fn verify(pending: &Path) -> Result<SnapshotInfo, RestoreError> {
    let verified = verify_snapshot(&mut BufReader::new(open(pending)?));
    verified.map_err(|source| RestoreError::Backup {
        path: pending.into(),
        source,
    })
}

/// A store that is there.
struct Found {
    cluster: Option<[u8; 16]>,
    incarnation: u64,
    index: u64,
    /// Its log goes on where its database ends.
    unapplied: bool,
}

impl Found {
    /// Whether it is this backup, taken up, and nothing has happened to it since.
    fn is_made_of(&self, info: &SnapshotInfo) -> bool {
        self.cluster == info.cluster
            && self.incarnation > info.incarnation
            && self.index == info.index
            && !self.unapplied
    }
}

fn look(dir: &Path, options: &Options) -> Result<Found, RestoreError> {
    let store = Store::open(dir, options)?;
    let (stamp, applied) = (store.stamp(), store.applied());
    let end = store.log().bounds().1.map_or(0, |last| last.index);
    store.close();
    Ok(Found {
        cluster: stamp.cluster,
        incarnation: stamp.incarnation,
        index: applied.index,
        unapplied: end > applied.index,
    })
}

fn remove_file(path: &Path) -> Result<(), RestoreError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(file(path, source)),
        _ => Ok(()),
    }
}

fn remove(dir: &Path) -> Result<(), RestoreError> {
    match fs::remove_dir_all(dir) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(file(dir, source)),
        _ => Ok(()),
    }
}

fn open(path: &Path) -> Result<File, RestoreError> {
    File::open(path).map_err(|source| file(path, source))
}

pub(super) fn sync(dir: &Path) -> Result<(), RestoreError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|source| file(dir, source))
}

fn file(path: &Path, source: io::Error) -> RestoreError {
    RestoreError::File {
        path: path.into(),
        source,
    }
}

/// As the application leaves it.
pub(super) const PENDING: &str = "restore.pending";

#[cfg(test)]
mod tests;
