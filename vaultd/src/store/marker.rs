//! `node.toml`: says that this directory holds a node, so that lost data is told from no data.
//!
//! It is written before anything else as `creating`, and as `ready` when log and database are durable.
//! Raft starts after that, so what a crash leaves behind a `creating` marker was never promised to
//! anyone and is made anew.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::OpenError;
use super::log::{private_file, replace_file};

const FILE: &str = "node.toml";
const LOCK: &str = "lock";
const FORMAT: u32 = 1;

const COMMENT: &str =
    "# This directory holds a vault node. Written by vaultd; do not change or remove.\n";

/// How far the first start came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stage {
    /// Files may be missing or half made.
    Creating,
    /// A backup is being loaded.
    Restoring,
    /// Every file must be there.
    Ready,
}

/// What the marker says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marker {
    format: u32,
    pub(super) stage: Stage,
    identity: String,
}

impl Marker {
    /// A marker to be written.
    pub(super) fn new(stage: Stage, identity: &[u8; 16]) -> Self {
        Self {
            format: FORMAT,
            stage,
            identity: hex::encode(identity),
        }
    }

    /// Which log belongs to the node.
    pub(super) fn identity(&self, dir: &Path) -> Result<[u8; 16], OpenError> {
        let mut identity = [0; 16];
        hex::decode_to_slice(&self.identity, &mut identity)
            .map_err(|_| OpenError::damaged(&path(dir), "its identity is not 32 hex digits"))?;
        Ok(identity)
    }

    /// Writes it durably.
    pub(super) fn write(&self, dir: &Path) -> Result<(), OpenError> {
        let path = path(dir);
        let failed = |error| OpenError::reading(&path, error);
        let text = toml::to_string(self)
            .map_err(io::Error::other)
            .map_err(failed)?;
        replace_file(&path, format!("{COMMENT}{text}").as_bytes()).map_err(failed)
    }

    /// Reads it, if there is one.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, OpenError> {
        let path = path(dir);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(OpenError::reading(&path, error)),
        };
        let marker: Self =
            toml::from_str(&text).map_err(|error| OpenError::damaged(&path, error.message()))?;
        if marker.format == FORMAT {
            Ok(Some(marker))
        } else {
            Err(OpenError::Format {
                file: path,
                format: marker.format.into(),
            })
        }
    }
}

/// Path of the marker.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// Keeps other processes out of the directory for as long as the file is open.
pub(super) fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join(LOCK);
    let file = private_file(&path).map_err(|error| OpenError::reading(&path, error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| OpenError::Locked { file: path })?;
    Ok(file)
}
