//! `vaultd recover`: one node goes on alone where a majority of the others is lost for good.
//!
//! The state that this node has becomes a backup that waits to be restored: so the vault goes on under a new incarnation,
//! which no node of the old one talks to, and everything holds that holds after a restore. The old store is kept beside.

use std::fs;
use std::path::{Path, PathBuf};

use vault_core::engine::cluster;

use super::{NODE, NodeError, restore, store_options};
use crate::app::Joined;
use crate::config::Config;
use crate::raft;
use crate::store::Store;

/// What recovering would do.
#[derive(Debug)]
pub(crate) struct Plan {
    store: Store,
    dir: PathBuf,
    id: u64,
    lines: Vec<String>,
}

impl Plan {
    /// Looks at a node that does not run; changes nothing.
    ///
    /// # Errors
    /// When it runs, or there is no vault.
    pub(crate) fn of(config: &Config) -> Result<Self, NodeError> {
        let dir = config.node.data_dir.clone();
        if dir.join(restore::PENDING).exists() {
            return Err(NodeError::RestorePending(dir.join(restore::PENDING)));
        }
        // Opening makes what is not there, and nothing is to be made of a slip in a path.
        if !restore::store_dir(&dir).exists() {
            return Err(NodeError::Empty(dir));
        }
        let store = Store::open(&restore::store_dir(&dir), &store_options(config))?;
        let stamp = store.stamp();
        let Some(cluster) = stamp.cluster else {
            return Err(NodeError::Empty(dir));
        };
        let last = store.log().bounds().1;
        let joined = Joined::read(&dir, (stamp.cluster, last.is_some()))?;
        let id = joined.map_or(NODE, |joined| joined.node);
        let (applied, last) = (store.applied().index, last.map_or(0, |last| last.index));
        let mut lines = vec![
            format!(
                "cluster {}, incarnation {}: this is node {id}, which has applied entry {applied} and logged entry {last}",
                hex::encode(cluster),
                stamp.incarnation
            ),
            "the vault goes on with this node alone, under a new incarnation, with all that it has logged; what others \
             acknowledged and it never got is lost"
                .to_owned(),
            "as after a restore, sessions, one-time values, recovery codes and secret ids end".to_owned(),
        ];
        let roster = cluster::read(&store).ok().flatten();
        for node in roster.iter().flat_map(cluster::Roster::nodes) {
            if node.id() != id {
                lines.push(format!(
                    "node {} ({}, {}) is left behind: stop it and keep it stopped, or it is a second vault that some \
                     clients may still write to; to take part again it joins anew, empty",
                    node.id(),
                    node.card().name(),
                    node.card().address()
                ));
            }
        }
        Ok(Self {
            store,
            dir,
            id,
            lines,
        })
    }

    /// For people.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Does it; says where the old store is kept. The next start takes it up and records it.
    ///
    /// # Errors
    /// When the disk fails. What was there is as it was then, but for a log that ends with this node alone.
    pub(crate) async fn carry_out(self) -> Result<PathBuf, NodeError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| NodeError::Make { path, source }
        };
        let part = self.dir.join("restore.part");
        if part.exists() {
            fs::remove_file(&part).map_err(failed(&part))?;
        }
        let alone = super::identity(self.id, None);
        raft::recover(self.store, alone, &part)
            .await
            .map_err(failed(&part))?;
        // ORDER: the store makes way before the backup waits, or the next start would find both; cut off in between, it
        // finds neither, and both are there under these names.
        let kept = restore::set_aside(&self.dir, &restore::store_dir(&self.dir))?;
        Joined::set_aside(&self.dir)?;
        let pending = self.dir.join(restore::PENDING);
        fs::rename(&part, &pending).map_err(failed(&pending))?;
        restore::sync(&self.dir)?;
        Ok(kept)
    }
}
