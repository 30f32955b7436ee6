//! The roster as a value: what may happen to it, and what is refused.

use minicbor::{Decode, Encode};

use super::card::{Candidate, Card, CardError, Invitation, Node, is_word};
use crate::access::KeyHash;

const MINUTE: u64 = 60_000;
/// Shortest and longest life of an invitation, and how long a candidate waits to be approved.
const SHORTEST: u64 = MINUTE;
const LONGEST: u64 = 24 * 60 * MINUTE;
const WAITS: u64 = 24 * 60 * MINUTE;
/// Nodes of a cluster.
const NODES: usize = 64;
/// Invitations, and candidates, at once.
const WAITING: usize = 32;

/// Why the roster stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too short, too long.
    #[error("an invitation lasts from a minute to a day")]
    Ttl,
    /// Too many.
    #[error(
        "there are {WAITING} invitations or candidates, or {NODES} nodes, already: reject or remove some first"
    )]
    Full,
    /// Never given, used by another, or ended.
    #[error("the invitation is not known: it was never given, has been used, or has ended")]
    Unknown,
    /// Of another region than it is for.
    #[error(
        "the invitation is for region {invited}, and the node says that it is in {said}: set node.region there"
    )]
    Region {
        /// What it is for.
        invited: String,
        /// What the node said.
        said: String,
    },
    /// A key names one node.
    #[error(
        "the key belongs to node {0} already: a node that comes back comes with a new directory and a new key"
    )]
    KeyTaken(u64),
    /// Nobody waits with it.
    #[error("no candidate has that key; who waits: vaultctl cluster ls")]
    NoCandidate,
    /// There is no such node.
    #[error("there is no node {0}; who is there: vaultctl cluster ls")]
    NoNode(u64),
    /// It would cut itself off.
    #[error("node {0} leads: hand the lead over first: vaultctl cluster transfer-leader ID")]
    Leads(u64),
    /// There is no roster.
    #[error("this node is alone; invite others: vaultctl cluster invite")]
    Alone,
    /// It cannot be reached like that.
    #[error(transparent)]
    Card(CardError),
    /// Those that are left could decide nothing.
    #[error(
        "without node {id} too few of the nodes with a vote are heard, and nothing could be decided any more (not heard: {}); \
         bring them back, or remove those first",
        list(silent)
    )]
    NoMajority {
        /// The node.
        id: u64,
        /// Who is not heard.
        silent: Vec<u64>,
    },
    /// The last vote is not taken away.
    #[error(
        "node {0} has the only vote; give another node a vote first: vaultctl cluster promote ID"
    )]
    LastVote(u64),
    /// What was promised of the region cannot be kept by a voter elsewhere.
    #[error("node {id} is in region {region}; only nodes of the home region, {home}, have votes")]
    Abroad {
        /// The node.
        id: u64,
        /// Where it is.
        region: String,
        /// Where votes are.
        home: String,
    },
}

fn list(ids: &[u64]) -> String {
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    ids.join(", ")
}

/// The nodes, and who is on the way.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Roster {
    /// What the next candidate will be.
    #[n(0)]
    next: u64,
    #[n(1)]
    nodes: Vec<Node>,
    #[n(2)]
    candidates: Vec<Candidate>,
    #[n(3)]
    invitations: Vec<Invitation>,
    /// In which life of the cluster it was written.
    #[n(4)]
    incarnation: u64,
}

impl Roster {
    /// Of a cluster that is this node alone; ids up to that of `before` stay given.
    pub fn alone(
        id: u64,
        card: Card,
        before: Option<&Self>,
        (now, incarnation): (u64, u64),
    ) -> Self {
        Self {
            next: before.map_or(0, |before| before.next).max(id + 1),
            nodes: vec![Node {
                id,
                card,
                votes: true,
                since: now,
                invitation: None,
            }],
            candidates: Vec::new(),
            invitations: Vec::new(),
            incarnation,
        }
    }

    /// In which life of the cluster it was written: what was restored since names nobody.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Who belongs.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The one of that id.
    pub fn node(&self, id: u64) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// Who waits to be approved.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Who may still come.
    pub fn invitations(&self) -> &[Invitation] {
        &self.invitations
    }

    /// Forgets whose time is over.
    pub fn expire(&mut self, now: u64) {
        self.invitations
            .retain(|invitation| now < invitation.expires);
        self.candidates
            .retain(|candidate| now < candidate.since.saturating_add(WAITS));
    }

    /// Invites a node of a region for `ttl` milliseconds, a minute to a day, whoever has what hashes so; says when that
    /// ends.
    ///
    /// # Errors
    /// [`Refusal::Ttl`], [`Refusal::Full`].
    pub fn invite(
        &mut self,
        hash: [u8; 32],
        region: &str,
        ttl: u64,
        now: u64,
    ) -> Result<u64, Refusal> {
        if !(SHORTEST..=LONGEST).contains(&ttl) {
            return Err(Refusal::Ttl);
        }
        if !is_word(region) {
            return Err(Refusal::Card(CardError::Name));
        }
        self.expire(now);
        if self.invitations.len() >= WAITING {
            return Err(Refusal::Full);
        }
        let expires = now.saturating_add(ttl);
        self.invitations.push(Invitation {
            hash,
            region: region.to_owned(),
            expires,
        });
        Ok(expires)
    }

    /// One who was invited comes, and gets the id that it will have. Whoever comes again with the same key and
    /// invitation, because the answer was lost, gets the same, also once it was approved.
    ///
    /// # Errors
    /// [`Refusal`]; the invitation is then as good as before.
    pub fn ask(&mut self, hash: [u8; 32], card: Card, now: u64) -> Result<u64, Refusal> {
        self.expire(now);
        let candidates = self.candidates.iter();
        let candidates = candidates.map(|one| (one.id, &one.card, Some(one.invitation)));
        let nodes = self.nodes.iter();
        let nodes = nodes.map(|node| (node.id, &node.card, node.invitation));
        let came = (&card, Some(hash));
        let mut again = candidates
            .chain(nodes)
            .filter(|(_, card, by)| (*card, *by) == came);
        if let Some((id, ..)) = again.next() {
            return Ok(id);
        }
        let at = self
            .invitations
            .iter()
            .position(|invitation| invitation.hash == hash);
        let invitation = at
            .and_then(|at| self.invitations.get(at))
            .ok_or(Refusal::Unknown)?;
        if invitation.region != card.region {
            return Err(Refusal::Region {
                invited: invitation.region.clone(),
                said: card.region,
            });
        }
        let nodes = self.nodes.iter().map(|node| (node.id, node.card.key));
        let candidates = self.candidates.iter().map(|one| (one.id, one.card.key));
        if let Some((id, _)) = nodes.chain(candidates).find(|(_, key)| *key == card.key) {
            return Err(Refusal::KeyTaken(id));
        }
        if self.candidates.len() >= WAITING {
            return Err(Refusal::Full);
        }
        let id = self.next;
        self.next += 1;
        self.invitations
            .retain(|invitation| invitation.hash != hash);
        self.candidates.push(Candidate {
            id,
            card,
            since: now,
            invitation: hash,
        });
        Ok(id)
    }

    /// Takes the candidate in that has this key; it has no vote yet.
    ///
    /// # Errors
    /// [`Refusal::NoCandidate`], [`Refusal::Full`].
    pub fn approve(&mut self, key: KeyHash, now: u64) -> Result<Node, Refusal> {
        self.expire(now);
        if self.nodes.len() >= NODES {
            return Err(Refusal::Full);
        }
        let candidate = self.take_candidate(key)?;
        let node = Node {
            id: candidate.id,
            card: candidate.card,
            votes: false,
            since: now,
            invitation: Some(candidate.invitation),
        };
        self.nodes.push(node.clone());
        Ok(node)
    }

    /// Sends the candidate away that has this key. Its id is not given again.
    ///
    /// # Errors
    /// [`Refusal::NoCandidate`].
    pub fn reject(&mut self, key: KeyHash) -> Result<Candidate, Refusal> {
        self.take_candidate(key)
    }

    fn take_candidate(&mut self, key: KeyHash) -> Result<Candidate, Refusal> {
        let at = self.candidates.iter().position(|one| one.card.key == key);
        at.map(|at| self.candidates.remove(at))
            .ok_or(Refusal::NoCandidate)
    }

    /// Whether the votes that are left without a node can decide, by those that are well: a change that they cannot
    /// commit stops the vault, and so does its undoing.
    ///
    /// # Errors
    /// [`Refusal::NoMajority`].
    pub fn decides_without(&self, id: u64, well: &[u64]) -> Result<(), Refusal> {
        if !self.node(id).is_some_and(|node| node.votes) {
            return Ok(());
        }
        let left = self.nodes.iter().filter(|node| node.votes && node.id != id);
        let (heard, silent): (Vec<u64>, Vec<u64>) =
            left.map(|node| node.id).partition(|id| well.contains(id));
        // That the last vote stays is told for itself.
        if heard.len() > silent.len() || silent.is_empty() {
            Ok(())
        } else {
            Err(Refusal::NoMajority { id, silent })
        }
    }

    /// Gives a node a vote, or takes it; `false` if it was so.
    ///
    /// # Errors
    /// [`Refusal::NoNode`], [`Refusal::LastVote`], [`Refusal::Abroad`].
    pub fn set_votes(&mut self, id: u64, votes: bool, home: &str) -> Result<bool, Refusal> {
        let node = self.node(id).ok_or(Refusal::NoNode(id))?;
        if votes && node.card.region != home {
            return Err(Refusal::Abroad {
                id,
                region: node.card.region.clone(),
                home: home.to_owned(),
            });
        }
        if !votes {
            self.leaves_a_vote(id)?;
        }
        let mut changed = false;
        for node in self.nodes.iter_mut().filter(|node| node.id == id) {
            changed |= node.votes != votes;
            node.votes = votes;
        }
        Ok(changed)
    }

    /// Takes a node off.
    ///
    /// # Errors
    /// [`Refusal::NoNode`], [`Refusal::LastVote`].
    pub fn remove(&mut self, id: u64) -> Result<Node, Refusal> {
        self.leaves_a_vote(id)?;
        let at = self.nodes.iter().position(|node| node.id == id);
        at.map(|at| self.nodes.remove(at))
            .ok_or(Refusal::NoNode(id))
    }

    fn leaves_a_vote(&self, id: u64) -> Result<(), Refusal> {
        let others = self.nodes.iter().any(|node| node.votes && node.id != id);
        let has_one = self.node(id).is_some_and(|node| node.votes);
        if has_one && !others {
            return Err(Refusal::LastVote(id));
        }
        Ok(())
    }

    /// A node presents itself otherwise: it moved, or is called otherwise. Its key and region stay. `false` if all was so.
    pub fn present(&mut self, id: u64, card: &Card) -> bool {
        let known = self.nodes.iter_mut().find(|node| node.id == id);
        match known {
            Some(node)
                if node.card != *card
                    && node.card.key == card.key
                    && node.card.region == card.region =>
            {
                node.card = card.clone();
                true
            }
            _ => false,
        }
    }
}
