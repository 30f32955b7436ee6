//! Which keys are members', and what each may ask.
//!
//! The replicated membership says it, as far as this node has it, and only of keys that the roster has: the roster is
//! changed by signed batches alone, so whoever leads by a node's key adds nobody. A node that is not on the roster yet,
//! as far as it has been told, also believes whom it was introduced to when it joined.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use openraft::async_runtime::WatchReceiver;
use vault_core::access::KeyHash;
use vault_core::engine::cluster::{self, Roster};

use crate::raft::member::Member;
use crate::raft::node::Core;
use crate::raft::types::Membership;
use crate::store::Store;

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
pub(in crate::raft) struct Trust {
    believed: Arc<ArcSwap<Keys>>,
    introduced: Arc<Keys>,
    /// Where members are, as far as it is said in numbers.
    addresses: Arc<ArcSwap<BTreeSet<IpAddr>>>,
    /// This node's own.
    own: KeyHash,
}

type Keys = BTreeMap<KeyHash, Known>;

impl Trust {
    /// What a node believes that has no membership yet: voters that it was introduced to.
    pub(in crate::raft) fn introduced(own: KeyHash, to: &BTreeMap<u64, Member>) -> Self {
        let keys = to.iter().filter_map(|(id, member)| {
            let known = Known {
                id: *id,
                votes: true,
            };
            Some((member.key?, known))
        });
        let introduced: Arc<Keys> = Arc::new(keys.collect());
        Self {
            believed: Arc::new(ArcSwap::new(Arc::clone(&introduced))),
            introduced,
            addresses: Arc::new(ArcSwap::from_pointee(addresses(to.values()))),
            own,
        }
    }

    /// Whose a key is, if a member's.
    pub(in crate::raft) fn whose(&self, key: &KeyHash) -> Option<Known> {
        self.believed.load().get(key).copied()
    }

    /// Whether a member is there.
    pub(super) fn is_at(&self, address: IpAddr) -> bool {
        self.addresses.load().contains(&address.to_canonical())
    }

    fn believe(&self, membership: &Membership, roster: Option<&Roster>) {
        let voters: BTreeSet<u64> = membership.voter_ids().collect();
        let keys = membership.nodes().filter_map(|(id, member)| {
            let key = member.key?;
            let listed = roster.is_none_or(|roster| {
                let node = roster.node(*id);
                node.is_some_and(|node| node.card().key() == key)
            });
            let known = Known {
                id: *id,
                votes: voters.contains(id),
            };
            listed.then_some((key, known))
        });
        let mut believed: Keys = keys.collect();
        let is_listed = roster.is_some_and(|roster| {
            let mut nodes = roster.nodes().iter();
            nodes.any(|node| node.card().key() == self.own)
        });
        if !is_listed {
            for (key, known) in self.introduced.iter() {
                believed.entry(*key).or_insert(*known);
            }
        }
        let members = membership.nodes().map(|(_, member)| member);
        self.addresses.store(Arc::new(addresses(members)));
        self.believed.store(Arc::new(believed));
    }
}

fn addresses<'m>(members: impl Iterator<Item = &'m Member>) -> BTreeSet<IpAddr> {
    let sockets = members.filter_map(|member| member.address.parse::<SocketAddr>().ok());
    sockets.map(|socket| socket.ip().to_canonical()).collect()
}

/// Keeps it to membership and roster until raft stops.
pub(in crate::raft) async fn follow(raft: Core, store: Store, trust: Trust) {
    let mut metrics = raft.metrics();
    let mut seen = None;
    loop {
        let membership = Arc::clone(&metrics.borrow_and_update().membership_config);
        if membership.membership().nodes().next().is_some() {
            // It changes with what is applied, of which the metrics tell.
            match cluster::read(&store) {
                Ok(roster) => {
                    let now = Some((membership, roster));
                    if now != seen {
                        if let Some((membership, roster)) = &now {
                            trust.believe(membership.membership(), roster.as_ref());
                        }
                        seen = now;
                    }
                }
                Err(error) => tracing::error!(%error, "the roster of nodes cannot be read"),
            }
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use vault_core::engine::cluster::Card;

    use super::*;

    fn key(n: u64) -> KeyHash {
        KeyHash::of(&n.to_be_bytes())
    }

    fn membership(ids: impl IntoIterator<Item = u64>) -> Membership {
        let members: BTreeMap<u64, Member> = ids
            .into_iter()
            .map(|id| {
                let key = Some(key(id));
                let address = format!("10.0.0.{id}:8201");
                (id, Member { address, key })
            })
            .collect();
        Membership::new(vec![members.keys().copied().collect()], members).unwrap()
    }

    /// Of the first nodes.
    fn roster(nodes: u64) -> Roster {
        let card = |n| Card::new(key(n), "10.0.0.1:8201", "home", "n").unwrap();
        let mut roster = Roster::alone(1, card(1), None, (0, 1));
        for n in 2..=nodes {
            let hash = [u8::try_from(n).unwrap(); 32];
            roster.invite(hash, "home", 3_600_000, 0).unwrap();
            assert_eq!(roster.ask(hash, card(n), 0).unwrap(), n);
            roster.approve(key(n), 0).unwrap();
        }
        roster
    }

    fn believed(trust: &Trust) -> Vec<u64> {
        (1..=9)
            .filter(|id| trust.whose(&key(*id)).is_some())
            .collect()
    }

    #[test]
    fn a_key_that_is_on_no_roster_is_believed_by_nobody() {
        let trust = Trust::introduced(key(1), &BTreeMap::new());
        assert!(believed(&trust).is_empty());
        // Whoever leads put 3 into the membership, and nobody signed for it.
        trust.believe(&membership([1, 2, 3]), Some(&roster(2)));
        assert_eq!(believed(&trust), [1, 2]);
        // One that is on the roster and not in the membership yet is no peer either.
        trust.believe(&membership([1]), Some(&roster(2)));
        assert_eq!(believed(&trust), [1]);
    }

    #[test]
    fn a_node_believes_whom_it_was_introduced_to_until_the_roster_has_it() {
        let member = Member {
            address: "10.0.0.9:8201".into(),
            key: Some(key(9)),
        };
        let trust = Trust::introduced(key(3), &BTreeMap::from([(9, member)]));
        assert_eq!(believed(&trust), [9]);
        trust.believe(&membership([1]), None);
        assert_eq!(believed(&trust), [1, 9]);
        trust.believe(&membership([1, 2]), Some(&roster(2)));
        assert_eq!(believed(&trust), [1, 2, 9]);
        trust.believe(&membership([1, 2, 3]), Some(&roster(3)));
        assert_eq!(believed(&trust), [1, 2, 3]);
    }
}
