//! The first start of a node, and its start from a backup.
//!
//! ORDER: marker `creating`, log, database, marker `ready`; each durable before the next.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::log::Log;
use super::marker::{self, Marker, Stage};
use super::state::install::{self, Inspect};
use super::state::{self, State};
use super::{OpenError, Options, Position, RestoreError, SnapshotError, SnapshotInfo};

/// Directory of the log.
pub(super) fn log_dir(dir: &Path) -> PathBuf {
    dir.join("log")
}

/// Locks the directory and makes what is missing at the first start. Returns the options with the
/// node's own identity.
pub(super) fn prepare(dir: &Path, options: &Options) -> Result<(File, Options), OpenError> {
    make_dir(dir)?;
    let lock = marker::lock(dir)?;
    let mut options = options.clone();
    match Marker::read(dir)? {
        Some(marker) if marker.stage == Stage::Ready => {
            options.identity = marker.identity(dir)?;
        }
        Some(marker) if marker.stage == Stage::Restoring => {
            let reason = "a restore did not finish: run it again";
            return Err(OpenError::damaged(&marker::path(dir), reason));
        }
        Some(_) => first_start(dir, &options)?,
        None => {
            refuse_unmarked(dir)?;
            first_start(dir, &options)?;
        }
    }
    Ok((lock, options))
}

/// Data without a marker is somebody's data, not a first start.
fn refuse_unmarked(dir: &Path) -> Result<(), OpenError> {
    if log_dir(dir).exists() || dir.join(state::FILE).exists() {
        let file = marker::path(dir);
        Err(OpenError::Missing { file })
    } else {
        Ok(())
    }
}

fn first_start(dir: &Path, options: &Options) -> Result<(), OpenError> {
    Marker::new(Stage::Creating, &options.identity).write(dir)?;
    remove_unfinished(dir).map_err(|error| OpenError::reading(dir, error))?;
    make_log(dir, options, None, None)?;
    state::create(dir)?;
    super::log::sync_dir(dir).map_err(|error| OpenError::reading(dir, error))?;
    Marker::new(Stage::Ready, &options.identity).write(dir)
}

fn make_log(
    dir: &Path,
    options: &Options,
    vote: Option<Bytes>,
    purged: Option<Position>,
) -> Result<(), OpenError> {
    let log = log_dir(dir);
    make_dir(&log)?;
    Log::create(&log, options, vote, purged).map_err(|error| OpenError::reading(&log, error))
}

fn make_dir(dir: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| OpenError::reading(dir, error))
}

fn remove_unfinished(dir: &Path) -> io::Result<()> {
    let absent = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    };
    absent(std::fs::remove_dir_all(log_dir(dir)))?;
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", state::FILE);
        absent(std::fs::remove_file(dir.join(file)))?;
    }
    Ok(())
}

/// A log that ends before the applied position, or begins after it, was lost in part.
pub(super) fn agree(dir: &Path, log: &Log, state: &State) -> Result<(), OpenError> {
    let published = Arc::clone(&state.shared.published());
    let applied = published.applied.map_or(0, |at| at.index);
    if let Some(installed) = published.installed
        && log
            .bounds()
            .1
            .is_none_or(|last| last.index < installed.index)
    {
        // A crash came between installing a snapshot and cutting the log.
        log.purge(installed, Box::new(|_| ()))
            .map_err(|error| OpenError::reading(&log_dir(dir), error))?;
    }
    let (purged, last) = log.bounds();
    let ends = last.map_or(0, |last| last.index);
    let begins = purged.map_or(0, |purged| purged.index);
    if applied > ends {
        let reason = format!("it ends at entry {ends}, but entry {applied} has been applied");
        return Err(OpenError::damaged(&log_dir(dir), &reason));
    }
    if begins > applied {
        let reason = format!("it ends at entry {applied}, but the log begins after entry {begins}");
        return Err(OpenError::damaged(&dir.join(state::FILE), &reason));
    }
    Ok(())
}

/// What raft must remember on a restored node.
#[derive(Debug)]
pub(crate) struct Origin {
    /// Its membership: this node alone.
    pub(crate) membership: Bytes,
    /// Its vote, in a term that is not below the backup's.
    pub(crate) vote: Bytes,
}

/// Makes the origin of a node from what its backup holds.
pub(crate) type MakeOrigin<'a> = dyn Fn(&SnapshotInfo) -> io::Result<Origin> + 'a;

/// Verifies a snapshot without storing it.
///
/// # Errors
/// When it is truncated, damaged, or of a later release.
pub fn verify_snapshot(source: &mut dyn Read) -> Result<SnapshotInfo, SnapshotError> {
    inspect_snapshot(source, &mut |_, _, _| ControlFlow::Continue(()))
}

/// Verifies a snapshot without storing it; shows each row on the way. What was shown counts only when the whole
/// has verified.
///
/// # Errors
/// When it is truncated, damaged, or of a later release, or when `inspect` ended it.
pub fn inspect_snapshot(
    source: &mut dyn Read,
    inspect: &mut Inspect<'_>,
) -> Result<SnapshotInfo, SnapshotError> {
    install::verify(source, inspect)
}

/// Makes a node in an empty directory from a backup, under a new incarnation.
///
/// # Errors
/// When the directory is not empty, the backup does not verify, or its incarnation is not below.
pub(crate) fn restore(
    dir: &Path,
    options: &Options,
    incarnation: u64,
    source: &mut dyn Read,
    origin: &MakeOrigin<'_>,
) -> Result<SnapshotInfo, RestoreError> {
    make_dir(dir)?;
    let _lock = marker::lock(dir)?;
    let unfinished = match Marker::read(dir)? {
        Some(marker) => marker.stage != Stage::Ready,
        None => refuse_unmarked(dir).is_ok(),
    };
    if !unfinished {
        return Err(RestoreError::NotEmpty(dir.to_owned()));
    }
    let failed = |error| OpenError::reading(dir, error);
    Marker::new(Stage::Restoring, &options.identity).write(dir)?;
    remove_unfinished(dir).map_err(failed)?;
    let restored = state::restore(dir, incarnation, source, origin)?;
    make_log(dir, options, Some(restored.vote), restored.at)?;
    super::log::sync_dir(dir).map_err(failed)?;
    Marker::new(Stage::Ready, &options.identity).write(dir)?;
    Ok(restored.info)
}
