//! Settings of openraft.

use std::sync::Arc;

use openraft::{Config, SnapshotPolicy, StepDownPolicy};
use vault_core::access::KeyHash;

use super::error::StartError;
use super::member::Member;

/// How long a leader may be silent, by how far its voters are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// Voters within a region: elections after 0.3 to 0.6 s.
    #[default]
    Region,
    /// Voters across regions: elections after 1.5 to 3 s.
    World,
}

/// Who a node is.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// Its id. Never used again for another node of the cluster.
    pub id: u64,
    /// Where peers reach it.
    pub address: String,
    /// What it proves to them, if there may be any.
    pub key: Option<KeyHash>,
    /// The cluster's timing.
    pub timing: Timing,
}

impl NodeOptions {
    /// It as a member.
    pub(super) fn member(&self) -> Member {
        Member {
            address: self.address.clone(),
            key: self.key,
        }
    }
}

pub(super) fn raft_config(options: &NodeOptions) -> Result<Arc<Config>, StartError> {
    let (heartbeat, election) = match options.timing {
        Timing::Region => (60, 300),
        Timing::World => (350, 1500),
    };
    let config = Config {
        cluster_name: "vault".into(),
        heartbeat_interval: heartbeat,
        election_timeout_min: election,
        election_timeout_max: 2 * election,
        enable_pre_vote: Some(true),
        // A restarted leader proves itself by an election.
        enable_leader_restore: Some(false),
        // Leadership is handed over by us, to a voter that is known to be fit.
        removed_leader_step_down: StepDownPolicy::Never,
        quorum_loss_probe_interval: Some(4 * election),
        // Snapshots and cuts of the log are triggered by us, never beyond what is durable.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: u64::MAX,
        max_payload_entries: 1024,
        ..Config::default()
    };
    let config = config
        .validate()
        .map_err(|error| StartError::Raft(error.to_string()))?;
    Ok(Arc::new(config))
}
