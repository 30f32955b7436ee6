//! Why a store does not open, and why a snapshot is not taken or loaded.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use vault_core::record::ViewError;

/// Why a store does not open. It never starts empty in place of lost data.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Data was here, and a file of it is gone.
    #[error("`{}` is missing: restore it or this node from a backup; nothing was changed", .file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// A file is not as it was written.
    #[error("`{}` is damaged: {reason}; restore it or this node from a backup", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What does not hold.
        reason: String,
    },
    /// Written by another release.
    #[error("`{}` has format {format}, which this release cannot read", .file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// Its format.
        format: i64,
    },
    /// Another process has the directory.
    #[error("`{}` is in use by another process", .file.display())]
    Locked {
        /// The lock.
        file: PathBuf,
    },
    /// The operating system refused.
    #[error("`{}`: {source}", .file.display())]
    Io {
        /// The file or directory.
        file: PathBuf,
        /// Its error.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn reading(file: &Path, source: io::Error) -> Self {
        let file = file.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            Self::Missing { file }
        } else {
            Self::Io { file, source }
        }
    }

    pub(crate) fn damaged(file: &Path, reason: &str) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            reason: reason.to_owned(),
        }
    }

    pub(crate) fn database(file: &Path, error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::damaged(file, &error.to_string())
            }
            _ => Self::reading(file, io::Error::other(error.to_string())),
        }
    }
}

/// Why a snapshot is not taken or not loaded.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot at all.
    #[error("this is not a backup of a vault")]
    Format,
    /// Of a format that this release does not know.
    #[error("this is a backup of a later release, which this one cannot read")]
    Later,
    /// It ends early.
    #[error("the backup is cut short: its end is missing")]
    Truncated,
    /// Something in it does not add up.
    #[error("the backup is damaged: {0} does not hold")]
    Damaged(&'static str),
    /// A length in it is over every bound.
    #[error("the backup is damaged: it claims a record over the limit")]
    TooLarge,
    /// Whoever looked at it has seen enough.
    #[error("reading the backup was given up")]
    Stopped,
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(String),
    /// Reading or writing it failed.
    #[error("the backup could not be read: {0}")]
    Io(#[from] io::Error),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for SnapshotError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<ViewError> for SnapshotError {
    fn from(error: ViewError) -> Self {
        Self::Database(error.to_string())
    }
}

/// Why a backup is not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is a node already.
    #[error("`{}` is not empty: a backup is restored into an empty directory", .0.display())]
    NotEmpty(PathBuf),
    /// A token of the backup's time would be taken for one of the restored cluster.
    #[error("the new incarnation must be above the backup's, which is {0}")]
    Incarnation(u64),
    /// The backup is not usable.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The directory is not usable.
    #[error(transparent)]
    Open(#[from] OpenError),
}
