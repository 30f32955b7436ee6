//! What administrators do with nodes.

use std::time::Duration;

use vault_core::access::{Action, KeyHash, Resource};
use vault_core::engine::cluster::{self, Candidate, Card, Invitation, Node, Refusal, Roster};
use vault_proto::v1::Reason;

use super::Presence;
use super::follow::SILENT;
use crate::app::call::{Answer, Call};
use crate::app::error::{Error, Result};
use crate::app::transact::{Terms, Verdict};
use crate::app::{App, refusal};
use crate::raft::{MembershipError, Seat};

/// Where a node is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// On the roster, not in the membership yet.
    Joining,
    /// Follows.
    Learner,
    /// Has a vote.
    Voter,
    /// Is to have one.
    CatchingUp,
    /// Off the roster, or to lose its vote.
    Leaving,
}

/// The cluster as its leader sees it.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// Who belongs.
    pub nodes: Vec<(Node, State, Option<Seat>)>,
    /// Who waits.
    pub candidates: Vec<Candidate>,
    /// Who may come.
    pub invitations: Vec<Invitation>,
    /// Who leads.
    pub leader: Option<u64>,
    /// Up to where the log is committed.
    pub committed: u64,
}

impl App {
    /// How this node presents itself to peers, if it has any.
    pub fn presence(&self) -> Option<&Presence> {
        self.settings.presence.as_ref()
    }

    /// How this node presents itself: nobody's secret.
    ///
    /// # Errors
    /// When the audit takes no line.
    pub async fn describe_node(&self, call: &Call) -> Result<Answer<(Option<Presence>, u64)>> {
        let entry = self.begin(call);
        self.finish(entry, Ok(())).await?;
        let node = self.settings.node_id;
        Ok(self.answer((self.presence().cloned(), node)))
    }

    /// All nodes, as the leader sees them.
    ///
    /// # Errors
    /// As of any read.
    pub async fn list_nodes(&self, call: &Call) -> Result<Answer<Listed>> {
        self.read(call, |visit, tx| {
            visit.grant(tx, Action::CLUSTER_LIST, Resource::System)?;
            let mut roster = cluster::read(&self.store).map_err(refusal::record)?;
            if let Some(roster) = &mut roster {
                roster.expire(tx.now());
            }
            Ok(self.listed(roster))
        })
        .await
    }

    fn listed(&self, roster: Option<Roster>) -> Listed {
        let metrics = self.node.metrics();
        let mut seats: Vec<Seat> = self.node.members();
        let mut take = |id| {
            let at = seats.iter().position(|seat: &Seat| seat.id == id);
            at.map(|at| seats.swap_remove(at))
        };
        let alone = roster.is_none().then(|| self.presence()).flatten();
        let alone = alone.map(|presence| {
            Roster::alone(self.settings.node_id, presence.card.clone(), None, (0, 0))
        });
        let Some(roster) = roster.or(alone) else {
            return Listed {
                leader: metrics.leader,
                ..Listed::default()
            };
        };
        let nodes = roster.nodes().iter().map(|node| {
            let seat = take(node.id());
            let state = match (&seat, node.votes()) {
                (None, _) => State::Joining,
                (Some(seat), true) if seat.votes => State::Voter,
                (Some(_), true) => State::CatchingUp,
                (Some(seat), false) if seat.votes => State::Leaving,
                (Some(_), false) => State::Learner,
            };
            (node.clone(), state, seat)
        });
        Listed {
            nodes: nodes.collect(),
            candidates: roster.candidates().to_vec(),
            invitations: roster.invitations().to_vec(),
            leader: metrics.leader,
            committed: metrics.committed.unwrap_or_default(),
        }
    }

    /// Takes a candidate in.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, or as of any write.
    pub async fn approve_node(&self, call: &Call, key: KeyHash) -> Result<Answer<Node>> {
        let about = format!("node:{key}");
        self.change_roster(call, Action::CLUSTER_APPROVE, about, move |roster, now| {
            roster.approve(key, now)
        })
        .await
    }

    /// Sends a candidate away.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, or as of any write.
    pub async fn reject_node(&self, call: &Call, key: KeyHash) -> Result<Answer<()>> {
        let about = format!("node:{key}");
        self.change_roster(call, Action::CLUSTER_APPROVE, about, move |roster, _| {
            roster.reject(key).map(drop)
        })
        .await
    }

    /// Gives a node a vote once it has caught up, or takes it; `false` if it was so.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, `CLUSTER_REFUSED`, or as of any write.
    pub async fn set_node_votes(&self, call: &Call, id: u64, votes: bool) -> Result<Answer<bool>> {
        let action = if votes {
            Action::CLUSTER_PROMOTE
        } else {
            Action::CLUSTER_DEMOTE
        };
        let home = self.settings.region.to_string();
        let (about, well) = (format!("node:{id}"), self.well());
        self.change_roster(call, action, about, move |roster, _| {
            if !votes {
                roster.decides_without(id, &well)?;
            }
            roster.set_votes(id, votes, &home)
        })
        .await
    }

    /// Takes a node off the roster.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, `CLUSTER_REFUSED`, or as of any write.
    pub async fn remove_node(&self, call: &Call, id: u64) -> Result<Answer<()>> {
        let (me, about) = (self.settings.node_id, format!("node:{id}"));
        let well = self.well();
        self.change_roster(call, Action::CLUSTER_REMOVE, about, move |roster, _| {
            let leads = id == me && roster.node(id).is_some();
            if leads {
                return Err(Refusal::Leads(id));
            }
            roster.decides_without(id, &well)?;
            roster.remove(id).map(drop)
        })
        .await
    }

    /// Says where a node has moved; `false` if it was there.
    ///
    /// # Errors
    /// `NODE_NOT_FOUND`, or as of any write.
    pub async fn move_node(&self, call: &Call, id: u64, address: String) -> Result<Answer<bool>> {
        let about = format!("node:{id}");
        self.change_roster(call, Action::CLUSTER_MOVE, about, move |roster, _| {
            let node = roster.node(id).ok_or(Refusal::NoNode(id))?.card().clone();
            let card = Card::new(node.key(), &address, node.region(), node.name());
            let card = card.map_err(Refusal::Card)?;
            Ok(roster.present(id, &card))
        })
        .await
    }

    /// Hands the lead over, and returns when it is gone.
    ///
    /// # Errors
    /// `CLUSTER_REFUSED` where that node has no vote, lags behind or is sealed.
    pub async fn transfer_leader(&self, call: &Call, to: u64) -> Result<Answer<()>> {
        let unrecorded = crate::app::operate::Unrecorded::Refuse;
        self.operate(call, Action::CLUSTER_TRANSFER, unrecorded, async {
            if to == self.settings.node_id && self.node.leader_term().is_some() {
                return Ok(());
            }
            self.node
                .hand_over(to)
                .await
                .map_err(|error| membership(&error))?;
            let mut leads = self.node.watch_leader();
            let gone = leads.wait_for(Option::is_none);
            let handed = tokio::time::timeout(HANDED_OVER, gone).await;
            handed.map(drop).map_err(|_| {
                Error::new(
                    Reason::ClusterRefused,
                    format!("node {to} did not take the lead: it may be sealed, or out of reach"),
                )
            })
        })
        .await
    }

    /// Who is heard, as far as this node leads; itself too.
    fn well(&self) -> Vec<u64> {
        let me = self.settings.node_id;
        let seats = self.node.members().into_iter();
        let heard = |seat: &Seat| seat.heard.is_some_and(|heard| heard < SILENT);
        let well = seats.filter(|seat| seat.id == me || heard(seat));
        well.map(|seat| seat.id).collect()
    }

    async fn change_roster<R: Send + 'static>(
        &self,
        call: &Call,
        action: Action,
        about: String,
        change: impl Fn(&mut Roster, u64) -> std::result::Result<R, Refusal> + Send + 'static,
    ) -> Result<Answer<R>> {
        let answer = self
            .write(call, Terms::default(), move |visit, tx| {
                visit.grant(tx, action, Resource::System)?;
                visit.about(about.clone());
                let now = tx.now();
                let changed = cluster::change(tx, |roster| {
                    let roster = roster.as_mut().ok_or(Refusal::Alone)?;
                    change(roster, now)
                });
                let reply = changed
                    .map_err(refusal::record)?
                    .map_err(|why| refused(&why))?;
                Ok((Verdict::Commit, reply))
            })
            .await;
        self.follow_roster();
        answer
    }
}

/// How long the one who is to lead may take.
const HANDED_OVER: Duration = Duration::from_secs(2);

pub(super) fn refused(refusal: &Refusal) -> Error {
    let reason = match refusal {
        Refusal::Unknown => Reason::InvitationUnknown,
        Refusal::NoCandidate | Refusal::NoNode(_) | Refusal::Alone => Reason::NodeNotFound,
        Refusal::Ttl | Refusal::Card(_) => Reason::RequestInvalid,
        Refusal::Full => Reason::LimitReached,
        Refusal::Region { .. }
        | Refusal::KeyTaken(_)
        | Refusal::LastVote(_)
        | Refusal::NoMajority { .. }
        | Refusal::Leads(_)
        | Refusal::Abroad { .. } => Reason::ClusterRefused,
    };
    Error::new(reason, refusal.to_string())
}

fn membership(error: &MembershipError) -> Error {
    let reason = match error {
        MembershipError::NotLeader { .. } => Reason::NoLeader,
        MembershipError::IdTaken { .. }
        | MembershipError::InProgress
        | MembershipError::Unfit { .. }
        | MembershipError::Refused(_) => Reason::ClusterRefused,
        MembershipError::Unknown => Reason::OutcomeUnknown,
        MembershipError::Stopped => Reason::ShuttingDown,
    };
    Error::new(reason, error.to_string())
}
