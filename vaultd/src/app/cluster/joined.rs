//! `peer/joined.toml`: which cluster this node joined, as what, and whom it believes until the log says more.
//!
//! Once it has data of that cluster the file says so. A node whose data is gone must not come back under its id: it may
//! have acknowledged entries that are nowhere else then (`store-and-raft` rule 25).

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vault_core::access::KeyHash;

const FORMAT: u32 = 1;
const COMMENT: &str =
    "# Which cluster this node belongs to. Written by vaultd; do not change or remove.\n";

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joined {
    format: u32,
    cluster: String,
    /// The node's id.
    pub node: u64,
    /// It has had data.
    followed: bool,
    /// Whom it believes at first.
    #[serde(rename = "voter")]
    pub voters: Vec<Voter>,
}

/// A node with a vote, as another is introduced to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voter {
    /// Its id.
    pub id: u64,
    /// Where peers reach it.
    pub address: String,
    key: String,
}

/// Why the file, or what is beside it, is refused.
#[derive(Debug, thiserror::Error)]
pub enum JoinedError {
    /// It cannot be read or written.
    #[error("cannot use `{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// It does not say what it should.
    #[error("`{path}` is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The node's data is gone.
    #[error(
        "this was node {node} of cluster {cluster}, and its data is gone. Under its old id it could lose what the \
         cluster has acknowledged: remove the node there (vaultctl cluster remove {node}), remove `{path}`, and let it \
         join as a new one"
    )]
    Lost {
        /// What it was.
        node: u64,
        /// Of which cluster.
        cluster: String,
        /// The directory to remove.
        path: PathBuf,
    },
    /// There is data of another.
    #[error(
        "`{path}` says that this node belongs to cluster {joined}, and its data is of cluster {found}: two clusters' \
         data are mixed here; nothing was changed"
    )]
    Mixed {
        /// The file.
        path: PathBuf,
        /// What it says.
        joined: String,
        /// Whose the data is.
        found: String,
    },
}

impl Voter {
    /// One of that key.
    pub fn new(id: u64, address: String, key: KeyHash) -> Self {
        Self {
            id,
            address,
            key: key.to_string(),
        }
    }

    /// The key that it proves.
    pub fn key(&self) -> Option<KeyHash> {
        KeyHash::parse(&self.key)
    }
}

impl Joined {
    /// A node that joins.
    pub fn new(cluster: [u8; 16], node: u64, voters: Vec<Voter>) -> Self {
        Self {
            format: FORMAT,
            cluster: hex::encode(cluster),
            node,
            followed: false,
            voters,
        }
    }

    /// Where it lies in a data directory.
    fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("peer").join("joined.toml")
    }

    /// Whether the node was told which cluster it joins.
    pub(in crate::app) fn is_there(data_dir: &Path) -> bool {
        Self::path(data_dir).exists()
    }

    /// Reads it, if the node joined a cluster, and compares it with the data that there is.
    ///
    /// # Errors
    /// [`JoinedError`]; nothing was changed.
    pub fn read(
        data_dir: &Path,
        (cluster, has_log): (Option<[u8; 16]>, bool),
    ) -> Result<Option<Self>, JoinedError> {
        let path = Self::path(data_dir);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(JoinedError::File { path, source }),
        };
        let damaged = |why: String| JoinedError::Damaged {
            path: path.clone(),
            why,
        };
        let joined: Self = toml::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if joined.format != FORMAT {
            return Err(damaged(format!("its format {} is unknown", joined.format)));
        }
        if joined.node == 0 || joined.voters.iter().any(|voter| voter.key().is_none()) {
            return Err(damaged("an id or a key is none".into()));
        }
        if let Some(found) = cluster.map(hex::encode)
            && found != joined.cluster
        {
            let joined = joined.cluster;
            return Err(JoinedError::Mixed {
                path,
                joined,
                found,
            });
        }
        if joined.followed && !has_log && cluster.is_none() {
            return Err(JoinedError::Lost {
                node: joined.node,
                cluster: joined.cluster,
                path: data_dir.join("peer"),
            });
        }
        Ok(Some(joined))
    }

    /// Notes that the node has data; `false` where that was noted.
    ///
    /// # Errors
    /// [`JoinedError::File`].
    pub(super) fn has_followed(data_dir: &Path) -> Result<bool, JoinedError> {
        let found = Self::read(data_dir, (None, true))?;
        let Some(joined) = found.filter(|joined| !joined.followed) else {
            return Ok(false);
        };
        let joined = Self {
            followed: true,
            ..joined
        };
        joined.write(data_dir).map(|()| true)
    }

    /// Keeps it under another name: the node belongs to no other cluster any more.
    ///
    /// # Errors
    /// [`JoinedError::File`].
    pub fn set_aside(data_dir: &Path) -> Result<(), JoinedError> {
        let path = Self::path(data_dir);
        match std::fs::rename(&path, path.with_extension("replaced")) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(JoinedError::File { path, source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes it durably.
    ///
    /// # Errors
    /// [`JoinedError::File`].
    pub(super) fn write(&self, data_dir: &Path) -> Result<(), JoinedError> {
        let path = Self::path(data_dir);
        let written = || {
            let text = toml::to_string(self).map_err(io::Error::other)?;
            let beside = path.with_extension("new");
            match std::fs::remove_file(&beside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let open = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&beside);
            let mut file = open?;
            file.write_all(format!("{COMMENT}{text}").as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)?;
            let dir = path.parent().unwrap_or(data_dir);
            std::fs::File::open(dir)?.sync_all()
        };
        written().map_err(|source| JoinedError::File {
            path: path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: [u8; 16] = [7; 16];

    fn joined() -> (tempfile::TempDir, Joined) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("peer")).unwrap();
        let voter = Voter::new(1, "10.0.0.1:8201".into(), KeyHash::of(b"key"));
        (dir, Joined::new(CLUSTER, 3, vec![voter]))
    }

    #[test]
    fn what_was_written_reads_back_and_nothing_is_nothing() {
        let (dir, joined) = joined();
        assert_eq!(Joined::read(dir.path(), (None, false)).unwrap(), None);
        joined.write(dir.path()).unwrap();
        let read = Joined::read(dir.path(), (None, false)).unwrap();
        assert_eq!(read, Some(joined));
    }

    #[test]
    fn a_node_whose_data_is_gone_does_not_come_back_under_its_id() {
        let (dir, joined) = joined();
        joined.write(dir.path()).unwrap();
        assert!(Joined::has_followed(dir.path()).unwrap());
        assert!(!Joined::has_followed(dir.path()).unwrap());
        Joined::read(dir.path(), (Some(CLUSTER), true)).unwrap();
        Joined::read(dir.path(), (None, true)).unwrap();
        let lost = Joined::read(dir.path(), (None, false)).unwrap_err();
        assert!(lost.to_string().contains("node 3"), "{lost}");
    }

    #[test]
    fn data_of_another_cluster_and_what_was_altered_is_refused_by_name() {
        let (dir, joined) = joined();
        joined.write(dir.path()).unwrap();
        let mixed = Joined::read(dir.path(), (Some([8; 16]), true)).unwrap_err();
        assert!(matches!(mixed, JoinedError::Mixed { .. }), "{mixed}");
        let path = Joined::path(dir.path());
        let good = std::fs::read_to_string(&path).unwrap();
        for bad in [
            good.replace("format = 1", "format = 2"),
            good.replace("node = 3", "node = 0"),
            good.replace("sha256:", "sha1:"),
            good.replace("node = 3", "node = 3\nmore = 1"),
            String::new(),
            good.replace("followed = false", ""),
        ] {
            assert_ne!(bad, good);
            std::fs::write(&path, &bad).unwrap();
            let refused = Joined::read(dir.path(), (None, false)).unwrap_err();
            assert!(refused.to_string().contains("joined.toml"), "{refused}");
        }
    }
}
