//! What a change would make of the cluster, told before it is made.

use vault_sdk::wire::{ListNodesResponse, Node};

use super::confirm;
use crate::ctl::Ctl;
use crate::failure::Failure;

/// The nodes as they are.
#[derive(Debug)]
pub(super) struct Plan {
    nodes: Vec<Node>,
}

/// How many of so many may fail.
pub(super) fn spare(voters: usize) -> usize {
    voters.saturating_sub(1) / 2
}

impl Plan {
    pub(super) fn of(list: ListNodesResponse) -> Self {
        Self { nodes: list.nodes }
    }

    pub(super) fn node(&self, id: u64) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    fn voters(&self) -> Vec<u64> {
        let voters = self.nodes.iter().filter(|node| node.votes);
        voters.map(|node| node.id).collect()
    }

    /// Votes with one more.
    pub(super) fn with(&self, id: u64) -> Vec<u64> {
        let mut voters = self.voters();
        if !voters.contains(&id) {
            voters.push(id);
        }
        voters
    }

    /// Who can take the lead from a node, if it has it.
    pub(super) fn successor_of(&self, id: u64) -> Option<u64> {
        self.node(id).filter(|node| node.leads)?;
        let others = self.nodes.iter().filter(|node| node.votes && node.id != id);
        others.max_by_key(|node| node.matched).map(|node| node.id)
    }

    pub(super) fn tell(&self, ctl: &Ctl, after: &[u64]) {
        ctl.output.note(&self.text(after));
    }

    fn text(&self, after: &[u64]) -> String {
        let list = |ids: &[u64]| {
            let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
            ids.join(", ")
        };
        let before = self.voters();
        format!(
            "Votes now: {} (any {} may fail). Then: {} (any {} may fail).",
            list(&before),
            spare(before.len()),
            list(after),
            spare(after.len()),
        )
    }

    /// Tells what becomes of the votes without a node, and asks.
    pub(super) fn confirm(&self, ctl: &Ctl, what: &str, id: u64) -> Result<(), Failure> {
        let mut after = self.voters();
        after.retain(|voter| *voter != id);
        confirm(ctl, what, &format!("\n{}", self.text(&after)), id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(leader: u64) -> Plan {
        let node = |id| Node {
            id,
            votes: id < 4,
            leads: id == leader,
            matched: Some(id),
            ..Node::default()
        };
        Plan {
            nodes: (1..=5).map(node).collect(),
        }
    }

    #[test]
    fn it_says_how_many_may_fail() {
        let spares: Vec<usize> = (0..=5).map(spare).collect();
        assert_eq!(spares, [0, 0, 0, 1, 1, 2]);
        let plan = plan(1);
        let text = plan.text(&plan.with(4));
        assert_eq!(
            text,
            "Votes now: 1, 2, 3 (any 1 may fail). Then: 1, 2, 3, 4 (any 1 may fail)."
        );
        assert_eq!(plan.with(2), [1, 2, 3]);
    }

    #[test]
    fn only_a_leader_has_a_successor_and_it_has_a_vote() {
        assert_eq!(plan(1).successor_of(1), Some(3));
        assert_eq!(plan(3).successor_of(3), Some(2));
        assert_eq!(plan(1).successor_of(2), None);
        assert_eq!(plan(1).successor_of(9), None);
    }
}
