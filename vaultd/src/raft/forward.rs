//! Requests of clients between nodes: where writes are made, and serving what others pass on.

use openraft::async_runtime::WatchReceiver;
use tokio::runtime::Handle;

use super::node::Node;
use super::peer::{Forwarded, Leader};

impl Node {
    /// Where a request goes that this node does not serve itself: another node leads, and this one has a vote.
    pub fn leader_elsewhere(&self) -> Option<Leader> {
        let ways = self.ways()?;
        if self.leader_term().is_some() {
            return None;
        }
        let way = ways.to_leader(self.core())?;
        let metrics = self.core().metrics();
        let now = metrics.borrow_watched();
        let mut voters = now.membership_config.membership().voter_ids();
        voters.any(|id| id == now.id).then_some(Leader(way))
    }

    /// Serves what voters pass on by this, on the present runtime. Nothing happens on a node without peers.
    pub fn open_to_forwarded(&self, service: Forwarded) {
        self.doorway().open(Handle::current(), service);
    }

    /// Takes nothing more of that sort.
    pub fn close_to_forwarded(&self) {
        self.doorway().close();
    }
}
