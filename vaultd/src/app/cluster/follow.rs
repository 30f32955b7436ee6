//! The membership follows the roster, and the lead goes to a node that can use it.
//!
//! One step at a time, on the leader only. Nothing is remembered between two steps: each compares what is with what
//! shall be, so that it does not matter which leader made the step before.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::timeout;
use vault_core::engine::cluster::{self, Node, Roster};
use vault_core::record::RecordError;

use super::{Joined, Presence};
use crate::app::App;
use crate::app::error::Result;
use crate::app::transact::{Terms, Verdict};
use crate::raft::{Member, MembershipError, Seat};

/// Between two looks where nobody asks for one.
const PERIOD: Duration = Duration::from_secs(1);
/// How long one change of the membership may take.
const CHANGE: Duration = Duration::from_secs(10);
/// Entries that a node may lack and still be given a vote: about as many as a leader makes in the meantime.
const NEAR: u64 = 1_000;

/// A node that was not heard for so long is told of.
pub(super) const SILENT: Duration = Duration::from_secs(5);

/// What one look leaves to the next.
#[derive(Debug, Default)]
struct Seen {
    /// Voters that were offered the lead.
    handed: usize,
    /// Nodes that are not heard, as was told.
    silent: BTreeSet<u64>,
    leads: bool,
    /// It was noted that this node has data.
    noted: bool,
}

impl Seen {
    /// Tells what has changed, once.
    fn tell(&mut self, leads: bool, seats: &[Seat], me: u64) {
        if leads != self.leads {
            self.leads = leads;
            self.silent.clear();
            let (what, nodes) = (
                if leads {
                    "this node leads"
                } else {
                    "this node leads no more"
                },
                seats.len(),
            );
            tracing::info!(nodes, "{what}");
        }
        for seat in seats.iter().filter(|seat| leads && seat.id != me) {
            let silent = seat.heard.is_some_and(|heard| heard >= SILENT);
            if silent && self.silent.insert(seat.id) {
                tracing::warn!(node = seat.id, "a node is not heard any more");
            } else if !silent && self.silent.remove(&seat.id) {
                tracing::info!(node = seat.id, "a node is heard again");
            }
        }
    }
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Add(u64, Member),
    Amend(u64, Member),
    Promote(u64),
    Demote(u64),
    Remove(u64),
    /// This node would lose its place: another leads first.
    HandOver,
}

/// Starts it on the current runtime; it ends with the app.
pub(in crate::app) fn start(app: &Arc<App>) {
    let Some(presence) = app.presence().cloned() else {
        return;
    };
    let (weak, wake) = (Arc::downgrade(app), Arc::clone(&app.roster_changed));
    let mut empty = !app.initialised();
    tokio::spawn(async move {
        let mut seen = Seen::default();
        while round(&weak, &presence, &mut seen).await {
            if empty && let Some(app) = weak.upgrade().filter(|app| app.initialised()) {
                // What it joined has come, and with it the seal that may open it.
                empty = false;
                if presence.joined.is_some() {
                    app.unseal_automatically().await;
                }
            }
            // Woken, or not: then it looks all the same.
            drop(timeout(PERIOD, wake.notified()).await);
        }
    });
}

async fn round(app: &Weak<App>, presence: &Presence, seen: &mut Seen) -> bool {
    let Some(app) = app.upgrade() else {
        return false;
    };
    let unsealed = app.keys.load().is_some();
    presence.may_lead.send_if_modified(|may| {
        let changed = *may != unsealed;
        *may = unsealed;
        changed
    });
    if presence.joined.is_some() && app.node.initialised() && !seen.noted {
        match Joined::has_followed(&app.settings.data_dir) {
            Ok(_) => seen.noted = true,
            Err(error) => {
                tracing::error!(%error, "it could not be noted that this node has data");
            }
        }
    }
    let leads = app.node.leader_term().is_some();
    seen.tell(leads, &app.node.members(), app.settings.node_id);
    if !leads {
        return true;
    }
    if unsealed {
        if let Err(error) = app.follow_now(presence).await {
            let reason = error.reason().as_str_name();
            tracing::debug!(reason, "the membership does not follow the roster yet");
        }
    } else {
        app.hand_over_to_any(&mut seen.handed).await;
    }
    true
}

impl App {
    /// Has the membership follow what was just changed.
    pub(super) fn follow_roster(&self) {
        self.roster_changed.notify_one();
    }

    async fn follow_now(&self, presence: &Presence) -> Result<()> {
        self.present_oneself(presence).await?;
        loop {
            let roster = cluster::read(&self.store).map_err(crate::app::refusal::record)?;
            // One of before a restore names nobody.
            let lives = |roster: &Roster| roster.incarnation() == self.store.stamp().incarnation;
            let Some(roster) = roster.filter(lives) else {
                return Ok(());
            };
            let me = self.settings.node_id;
            let last = self.node.last_logged();
            let Some(step) = next(&roster, &self.node.members(), me, last) else {
                return Ok(());
            };
            tracing::info!(?step, "the membership follows the roster");
            match timeout(CHANGE, self.take(step)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the membership could not be changed; it is tried again");
                    return Ok(());
                }
                Err(_) => {
                    tracing::warn!("a change of the membership is not committed yet");
                    return Ok(());
                }
            }
        }
    }

    async fn take(&self, step: Step) -> std::result::Result<(), MembershipError> {
        match step {
            Step::Add(id, member) => self.node.add_learner(id, member).await,
            Step::Amend(id, member) => self.node.amend(id, member).await,
            Step::Promote(id) => self.node.promote(BTreeSet::from([id])).await,
            Step::Demote(id) => self.node.demote(BTreeSet::from([id])).await,
            Step::Remove(id) => self.node.remove(BTreeSet::from([id])).await,
            Step::HandOver => {
                self.hand_over_to_any(&mut 0).await;
                Err(MembershipError::NotLeader { leader: None })
            }
        }
    }

    /// On the roster this node is as it presents itself. After a restore it is alone there, whoever was.
    async fn present_oneself(&self, presence: &Presence) -> Result<()> {
        let me = self.settings.node_id;
        let roster = cluster::read(&self.store).map_err(crate::app::refusal::record)?;
        let Some(roster) = roster else {
            return Ok(());
        };
        let card = presence.card.clone();
        let known = roster.node(me).map(Node::card);
        let alone = self.node.members().iter().all(|seat| seat.id == me);
        let is_other = known.is_none_or(|known| known.key() != card.key());
        let restored = roster.incarnation() < self.store.stamp().incarnation;
        if !restored && (known == Some(&card) || is_other && !alone) {
            return Ok(());
        }
        let is_new = restored || is_other;
        let present = move |roster: &mut Option<Roster>, when| match roster {
            Some(roster) if !is_new => drop(roster.present(me, &card)),
            before => *before = Some(Roster::alone(me, card.clone(), before.as_ref(), when)),
        };
        let terms = Terms::default();
        let written = self.proposer.run(terms, move |tx| {
            let when = (tx.now(), tx.incarnation());
            let changed: std::result::Result<_, RecordError> = cluster::change(tx, |roster| {
                present(roster, when);
                Ok::<_, std::convert::Infallible>(())
            });
            match changed {
                Ok(_) => (Verdict::Commit, Ok(())),
                Err(error) => (Verdict::Discard, Err(crate::app::refusal::record(error))),
            }
        });
        written.await.map(drop)
    }

    /// Offers the lead to one voter after the other, beginning behind the one that was asked last.
    async fn hand_over_to_any(&self, handed: &mut usize) {
        let me = self.settings.node_id;
        let seats = self.node.members();
        let others: Vec<u64> = seats
            .iter()
            .filter(|seat| seat.votes && seat.id != me)
            .map(|seat| seat.id)
            .collect();
        for _ in 0..others.len() {
            let next = others.get(*handed % others.len()).copied();
            *handed = handed.wrapping_add(1);
            if let Some(to) = next
                && self.node.hand_over(to).await.is_ok()
            {
                tracing::info!(to, "offering the lead");
                return;
            }
        }
    }
}

/// What brings the membership one step nearer to the roster.
fn next(roster: &Roster, seats: &[Seat], me: u64, last: u64) -> Option<Step> {
    let seat = |id| seats.iter().find(|seat| seat.id == id);
    for node in roster.nodes() {
        let member = Member {
            address: node.card().address().to_owned(),
            key: Some(node.card().key()),
        };
        match seat(node.id()) {
            None => return Some(Step::Add(node.id(), member)),
            Some(seat) if seat.member != member => return Some(Step::Amend(node.id(), member)),
            Some(_) => {}
        }
    }
    let fit = |seat: &&Seat| {
        let near = seat.matched.is_some_and(|at| at + NEAR >= last);
        let wanted = roster.node(seat.id).is_some_and(Node::votes);
        !seat.votes && wanted && near
    };
    if let Some(seat) = seats.iter().find(fit) {
        return Some(Step::Promote(seat.id));
    }
    let others_vote = |id| seats.iter().any(|seat| seat.votes && seat.id != id);
    for seat in seats {
        let step = match roster.node(seat.id) {
            Some(node) if seat.votes && !node.votes() => Step::Demote(seat.id),
            Some(_) => continue,
            None => Step::Remove(seat.id),
        };
        // The last vote stays until another is there.
        if seat.votes && !others_vote(seat.id) {
            continue;
        }
        return Some(if seat.id == me { Step::HandOver } else { step });
    }
    None
}
