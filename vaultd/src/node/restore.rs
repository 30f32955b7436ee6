//! Taking up a backup that was checked and left beside the data, before the store is opened.
//!
//! The new store is made whole under another name and moved into place, so a crash at any point leaves
//! the old state, or the new one, or the wish to try again. A store that holds a cluster is never replaced.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use crate::raft::{self, NodeOptions};
use crate::store::{self, OpenError, Options, SnapshotError, SnapshotInfo, Store, verify_snapshot};

/// Why a backup that waits was not taken up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// A file or directory cannot be used.
    #[error("cannot use `{path}`: {source}")]
    File { path: PathBuf, source: io::Error },
    /// The backup does not verify.
    #[error("`{path}`: {source}")]
    Backup {
        path: PathBuf,
        source: SnapshotError,
    },
    /// The store cannot be made from it.
    #[error("cannot make the store: {0}")]
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
) -> Result<(), RestoreError> {
    let (pending, store) = (dir.join(PENDING), store_dir(dir));
    if !pending.exists() {
        return Ok(());
    }
    let info = verify(&pending)?;
    let incarnation = info.incarnation.saturating_add(1);
    if store.exists() {
        let found = look(&store, options)?;
        if found == (info.cluster, incarnation) {
            // The last start was cut off between the move and this.
            return finish(dir, &pending, &info);
        }
        if found.0.is_some() {
            return Err(RestoreError::Occupied { pending, store });
        }
    }
    let fresh = dir.join("store.restoring");
    remove(&fresh)?;
    let mut reader = BufReader::new(open(&pending)?);
    raft::restore(&fresh, options, node, incarnation, &mut reader)?;
    // What goes is a store without a cluster: nothing was ever written to it.
    remove(&store)?;
    fs::rename(&fresh, &store).map_err(|source| file(&store, source))?;
    finish(dir, &pending, &info)
}

fn finish(dir: &Path, pending: &Path, info: &SnapshotInfo) -> Result<(), RestoreError> {
    sync(dir)?;
    fs::remove_file(pending).map_err(|source| file(pending, source))?;
    sync(dir)?;
    tracing::info!(
        cluster = info.cluster.map(hex::encode),
        incarnation = info.incarnation.saturating_add(1),
        records = info.rows,
        "restored from a backup; unseal with the seal that it had"
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

/// Cluster and incarnation of a store.
fn look(dir: &Path, options: &Options) -> Result<(Option<[u8; 16]>, u64), RestoreError> {
    let store = Store::open(dir, options)?;
    let stamp = store.stamp();
    store.close();
    Ok((stamp.cluster, stamp.incarnation))
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
