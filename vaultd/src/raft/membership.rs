//! Changing who belongs to the cluster. One change at a time, each through the log.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError as Openraft};
use openraft::{ChangeMembers, ServerState};

use super::error::MembershipError;
use super::member::Member;
use super::node::{Core, Node};

/// A member, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Its id.
    pub id: u64,
    /// Address and key.
    pub member: Member,
    /// Whether it has a vote.
    pub votes: bool,
    /// How far its log is known to agree with the leader's; known to the leader only.
    pub matched: Option<u64>,
    /// How long ago it was last heard; known to the leader only.
    pub heard: Option<Duration>,
}

impl Node {
    /// The members, by id, as far as this node has been told.
    pub fn members(&self) -> Vec<Seat> {
        let metrics = self.core().metrics();
        let now = metrics.borrow_watched();
        let membership = now.membership_config.membership();
        let voters: BTreeSet<u64> = membership.voter_ids().collect();
        let seat = |(id, member): (&u64, &Member)| Seat {
            id: *id,
            member: member.clone(),
            votes: voters.contains(id),
            matched: now
                .replication
                .as_ref()
                .and_then(|replication| replication.get(id)?.as_ref().map(|at| at.index)),
            heard: now
                .heartbeat
                .as_ref()
                .and_then(|heard| heard.get(id)?.as_deref().map(openraft::Instant::elapsed)),
        };
        membership.nodes().map(seat).collect()
    }

    /// Takes a node in that follows and has no vote. Returns once that is committed; it may lag behind for long.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn add_learner(&self, id: u64, member: Member) -> Result<(), MembershipError> {
        let known = self.members().into_iter().find(|seat| seat.id == id);
        match known {
            Some(seat) if seat.member == member => Ok(()),
            Some(_) => Err(MembershipError::IdTaken { id }),
            None => {
                self.change(ChangeMembers::AddNodes(BTreeMap::from([(id, member)])))
                    .await
            }
        }
    }

    /// Has peers reach a member elsewhere, or believe it by the key that it had none of while it was alone.
    ///
    /// # Errors
    /// [`MembershipError`]; it keeps a key that it has.
    pub async fn amend(&self, id: u64, member: Member) -> Result<(), MembershipError> {
        let known = self.members().into_iter().find(|seat| seat.id == id);
        let known = known.map(|seat| seat.member);
        if known.as_ref() == Some(&member) {
            return Ok(());
        }
        if known.is_none_or(|known| known.key.is_some() && known.key != member.key) {
            return Err(MembershipError::IdTaken { id });
        }
        self.change(ChangeMembers::SetNodes(BTreeMap::from([(id, member)])))
            .await
    }

    /// Gives votes to learners, so that they count in every quorum.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn promote(&self, ids: BTreeSet<u64>) -> Result<(), MembershipError> {
        self.change(ChangeMembers::AddVoterIds(ids)).await
    }

    /// Takes votes away; the nodes go on as learners.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn demote(&self, ids: BTreeSet<u64>) -> Result<(), MembershipError> {
        let core = self.core();
        let change = core.change_membership(ChangeMembers::RemoveVoters(ids), true);
        change.await.map(drop).map_err(refused)
    }

    /// Removes nodes, voters or not. Their keys open nothing from then on.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn remove(&self, ids: BTreeSet<u64>) -> Result<(), MembershipError> {
        let seats = self.members().into_iter();
        let seats = seats.filter(|seat| seat.votes && ids.contains(&seat.id));
        let voting: BTreeSet<u64> = seats.map(|seat| seat.id).collect();
        if !voting.is_empty() {
            self.demote(voting).await?;
        }
        self.change(ChangeMembers::RemoveNodes(ids)).await
    }

    /// Hands the lead to a voter that has all of the log. Follow [`Node::watch_leader`] for what comes of it.
    ///
    /// # Errors
    /// When this node does not lead, or that one is no voter or lags behind.
    pub async fn hand_over(&self, to: u64) -> Result<(), MembershipError> {
        let last = {
            let metrics = self.core().metrics();
            let now = metrics.borrow_watched();
            if now.state != ServerState::Leader {
                return Err(MembershipError::NotLeader {
                    leader: now.current_leader,
                });
            }
            now.last_applied.map_or(0, |id| id.index)
        };
        let seat = self.members().into_iter().find(|seat| seat.id == to);
        let is_fit =
            seat.is_some_and(|seat| seat.votes && seat.matched.is_some_and(|at| at >= last));
        if !is_fit {
            return Err(MembershipError::Unfit { id: to });
        }
        let handed = self.core().trigger().transfer_leader(to).await;
        handed.map_err(|_| MembershipError::Stopped)
    }

    async fn change(&self, change: ChangeMembers<u64, Member>) -> Result<(), MembershipError> {
        let core: &Core = self.core();
        let changed = core.change_membership(change, false).await;
        changed.map(drop).map_err(refused)
    }
}

fn refused(
    error: Openraft<super::types::Types, ClientWriteError<super::types::Types>>,
) -> MembershipError {
    let Some(error) = error.into_api_error() else {
        return MembershipError::Stopped;
    };
    match error {
        ClientWriteError::ForwardToLeader(forward) => MembershipError::NotLeader {
            leader: forward.leader_id,
        },
        ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_)) => {
            MembershipError::InProgress
        }
        ClientWriteError::ChangeMembershipError(error) => {
            MembershipError::Refused(error.to_string())
        }
        ClientWriteError::LogEntryDiscarded(_) | ClientWriteError::PreconditionFailed(_) => {
            MembershipError::Unknown
        }
    }
}
