//! What raft says of itself, without its types.

use openraft::async_runtime::WatchReceiver;

use super::node::Core;

/// Numbers for status and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// This node.
    pub id: u64,
    /// Its term.
    pub term: u64,
    /// Whom it takes for the leader.
    pub leader: Option<u64>,
    /// Last entry of its log.
    pub last_log: Option<u64>,
    /// Last entry known to be committed.
    pub committed: Option<u64>,
    /// Last applied entry.
    pub applied: Option<u64>,
    /// Last entry in the last snapshot.
    pub snapshot: Option<u64>,
    /// Last purged entry.
    pub purged: Option<u64>,
}

impl Metrics {
    pub(super) fn of(raft: &Core) -> Self {
        let metrics = raft.metrics();
        let now = metrics.borrow_watched();
        let index = |id: &Option<super::types::LogId>| id.as_ref().map(|id| id.index);
        Self {
            id: now.id,
            term: now.current_term,
            leader: now.current_leader,
            last_log: now.last_log_index,
            committed: index(&now.local_committed),
            applied: index(&now.last_applied),
            snapshot: index(&now.snapshot),
            purged: index(&now.purged),
        }
    }
}
