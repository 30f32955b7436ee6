//! Taking up a backup that was checked and left beside the data, before the store is opened.
//!
//! The restored vault is the cluster that it was, under a new incarnation: the second of its restoring, so that
//! it is above that of any earlier life, those that began from the same backup included. It ends the sessions
//! that the backup holds.
//!
//! The new store is made whole under another name and moved into place, so a crash at any point leaves
//! the old state, or the new one, or the wish to try again. A store that holds a cluster is never replaced.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use crate::clock::Clock;
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
        "`{pending}` waits to be restored, but `{store}` holds a vault already; remove one of the two"
    )]
    Occupied { pending: PathBuf, store: PathBuf },
}

/// Where the store lies in a data directory.
pub(super) fn store_dir(dir: &Path) -> PathBuf {
    dir.join("store")
}

/// Restores the backup that waits in a data directory, if one does.
///
/// # Errors
/// [`RestoreError`]; the backup and the store are left as they are.
pub(super) fn take_up(
    dir: &Path,
    options: &Options,
    node: &NodeOptions,
    clock: Clock,
) -> Result<(), RestoreError> {
    let (pending, store) = (dir.join(PENDING), store_dir(dir));
    let fresh = dir.join("store.restoring");
    // What an upload or a start left that was cut off.
    remove_file(&pending.with_extension("part"))?;
    remove(&fresh)?;
    if !pending.exists() {
        return Ok(());
    }
    let info = verify(&pending)?;
    if store.exists() {
        let found = look(&store, options)?;
        if found.is_made_of(&info) {
            // The last start was cut off between the move and this.
            return finish(dir, &pending, &info);
        }
        if found.cluster.is_some() {
            return Err(RestoreError::Occupied { pending, store });
        }
    }
    let now = clock.wall_ms() / 1000;
    let incarnation = info.incarnation.saturating_add(1).max(now);
    let mut reader = BufReader::new(open(&pending)?);
    raft::restore(&fresh, options, node, incarnation, &mut reader)?;
    // What goes is a store without a cluster: nothing was ever written to it.
    remove(&store)?;
    fs::rename(&fresh, &store).map_err(|source| file(&store, source))?;
    finish(dir, &pending, &info)
}

fn finish(dir: &Path, pending: &Path, info: &SnapshotInfo) -> Result<(), RestoreError> {
    sync(dir)?;
    remove_file(pending)?;
    sync(dir)?;
    tracing::info!(
        cluster = info.cluster.map(hex::encode),
        records = info.rows,
        "restored from a backup: unseal with the seal that it had, log in with its initial token"
    );
    Ok(())
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
}

impl Found {
    /// Whether it is this backup, taken up, and nothing has happened to it since.
    fn is_made_of(&self, info: &SnapshotInfo) -> bool {
        self.cluster == info.cluster
            && self.incarnation > info.incarnation
            && self.index == info.index
    }
}

fn look(dir: &Path, options: &Options) -> Result<Found, RestoreError> {
    let store = Store::open(dir, options)?;
    let (stamp, applied) = (store.stamp(), store.applied());
    store.close();
    Ok(Found {
        cluster: stamp.cluster,
        incarnation: stamp.incarnation,
        index: applied.index,
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

fn sync(dir: &Path) -> Result<(), RestoreError> {
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
const PENDING: &str = "restore.pending";

#[cfg(test)]
mod tests;
