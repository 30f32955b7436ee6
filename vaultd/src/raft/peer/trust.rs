//! Which keys are members', and what each may ask.
//!
//! The replicated membership says it, as far as this node has it. A node that has none yet believes whom it was
//! introduced to when it joined, until it has.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use openraft::async_runtime::WatchReceiver;
use vault_core::access::KeyHash;

use crate::raft::member::Member;
use crate::raft::node::Core;
use crate::raft::types::Membership;

/// Whose a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::raft) struct Known {
    /// The node.
    pub(in crate::raft) id: u64,
    /// Whether it has a vote: only then may it ask for votes, lead and hand over.
    pub(in crate::raft) votes: bool,
}

/// The keys of the members as of now. Clones share it.
#[derive(Clone, Debug)]
pub(in crate::raft) struct Trust(Arc<ArcSwap<BTreeMap<KeyHash, Known>>>);

impl Trust {
    /// What a node believes that has no membership yet.
    pub(in crate::raft) fn introduced(to: &BTreeMap<u64, Member>) -> Self {
        let keys = to.iter().filter_map(|(id, member)| {
            let known = Known {
                id: *id,
                votes: true,
            };
            Some((member.key?, known))
        });
        Self(Arc::new(ArcSwap::from_pointee(keys.collect())))
    }

    /// Whose a key is, if a member's.
    pub(in crate::raft) fn whose(&self, key: &KeyHash) -> Option<Known> {
        self.0.load().get(key).copied()
    }

    fn believe(&self, membership: &Membership) {
        let voters: std::collections::BTreeSet<u64> = membership.voter_ids().collect();
        let keys = membership.nodes().filter_map(|(id, member)| {
            let known = Known {
                id: *id,
                votes: voters.contains(id),
            };
            Some((member.key?, known))
        });
        self.0.store(Arc::new(keys.collect()));
    }
}

/// Keeps it to the membership until raft stops. A node without one keeps to whom it was introduced.
pub(in crate::raft) async fn follow(raft: Core, trust: Trust) {
    let mut metrics = raft.metrics();
    let mut believed = None;
    loop {
        let now = Arc::clone(&metrics.borrow_and_update().membership_config);
        let is_there = now.membership().nodes().next().is_some();
        if is_there && believed.as_ref() != Some(&now) {
            trust.believe(now.membership());
            believed = Some(now);
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}
