//! The faults: each is caused, seen to have happened, taken back, and survived.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use vault_sdk::Value;
use vault_sdk::wire::SealState;

use super::nodes::{Nodes, PATIENCE, until};
use super::proxy::Link;
use super::workload::Workload;
use crate::cluster::{row, state};
use crate::dice::Dice;

/// What can be caused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// kill -9 of the leader.
    KillLeader,
    /// kill -9 of a follower.
    KillFollower,
    /// kill -9 of all.
    KillAll,
    /// The leader is stopped for seconds and goes on.
    PauseLeader,
    /// The leader is cut off from all others, both ways.
    CutLeader,
    /// The leader hears no other node, which hear it.
    DeafLeader,
    /// The leader is not heard by one follower, which it hears.
    OneWay,
    /// Everything between the nodes is late.
    Delay,
    /// Nodes come back sealed, and one by one all but the leader are.
    Sealed,
    /// A fourth node gets a vote, and the leader is taken off.
    Members,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::KillLeader,
        Self::PauseLeader,
        Self::CutLeader,
        Self::KillFollower,
        Self::DeafLeader,
        Self::Delay,
        Self::OneWay,
        Self::Sealed,
        Self::KillAll,
        Self::Members,
    ];

    /// Causes it and takes it back. Writes are accepted again then.
    ///
    /// # Errors
    /// When it did not really happen, or the cluster did not survive it: what of it.
    pub fn cause(self, nodes: &mut Nodes, load: &Workload, dice: &mut Dice) -> Result<(), String> {
        let leader = until("nobody leads", || nodes.leader())?;
        let followers: Vec<usize> = nodes
            .belonging()
            .into_iter()
            .filter(|at| *at != leader)
            .collect();
        let below = dice.below(followers.len() as u64);
        let follower = followers[usize::try_from(below).unwrap_or_default()];
        match self {
            Self::KillLeader => {
                nodes.kill(leader);
                nodes.led_by_another(leader)?;
                accepted(load, MANY, "with the leader killed")?;
                back(nodes, leader);
            }
            Self::KillFollower => {
                nodes.kill(follower);
                accepted(load, MANY, "with a follower killed")?;
                back(nodes, follower);
            }
            Self::KillAll => {
                let all = nodes.belonging();
                all.iter().for_each(|at| nodes.kill(*at));
                all.iter().for_each(|at| nodes.restart(*at));
                all.iter().for_each(|at| nodes.unseal(*at));
            }
            Self::PauseLeader => {
                nodes.members[leader].daemon.signal(Signal::STOP);
                let stopped = paused(nodes, load, leader);
                nodes.members[leader].daemon.signal(Signal::CONT);
                stopped?;
            }
            Self::CutLeader | Self::DeafLeader => cut(self, nodes, load, leader)?,
            Self::OneWay => {
                let before = nodes.net.noticed().0;
                nodes.net.set(leader, follower, CUT);
                let accepted = accepted(load, MANY, "with one way cut");
                sleep(WHILE);
                nodes.net.heal();
                accepted?;
                noticed(before, nodes.net.noticed().0)?;
            }
            Self::Delay => delay(nodes, load)?,
            Self::Sealed => sealed(nodes, load, &followers)?,
            Self::Members => members(nodes, load, leader)?,
        }
        accepted(load, FEW, "afterwards")
    }
}

/// Writes that show that they are accepted.
const FEW: usize = 5;
/// While a fault lasts.
const MANY: usize = 25;
/// Long enough for elections, and for connections to be given up.
const WHILE: Duration = Duration::from_millis(2500);

const CUT: Link = Link {
    cut: true,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
};

/// Waits until so many more writes are acknowledged.
fn accepted(load: &Workload, more: usize, when: &str) -> Result<(), String> {
    let (_, before) = load.recorder.counts();
    let why = format!("{more} writes were not accepted {when}");
    until(&why, || {
        (load.recorder.counts().1 >= before + more).then_some(())
    })
}

fn noticed(before: u64, after: u64) -> Result<(), String> {
    if after > before {
        Ok(())
    } else {
        Err("nothing came to the cut link, so it did not happen".to_owned())
    }
}

fn back(nodes: &mut Nodes, at: usize) {
    nodes.restart(at);
    nodes.unseal(at);
}

fn paused(nodes: &Nodes, load: &Workload, leader: usize) -> Result<(), String> {
    nodes.led_by_another(leader)?;
    accepted(load, MANY, "with the leader stopped")?;
    sleep(WHILE);
    match nodes.status(leader) {
        None => Ok(()),
        Some(_) => Err("the leader answered while it was stopped".to_owned()),
    }
}

fn cut(fault: Fault, nodes: &Nodes, load: &Workload, leader: usize) -> Result<(), String> {
    let before = nodes.net.noticed().0;
    let others = nodes.belonging().into_iter().filter(|at| *at != leader);
    for other in others {
        nodes.net.set(other, leader, CUT);
        if fault == Fault::CutLeader {
            nodes.net.set(leader, other, CUT);
        }
    }
    let survived = nodes.led_by_another(leader).and_then(|_| {
        accepted(load, MANY, "with the leader cut off")?;
        // Nobody who asks it gets a write acknowledged, whomever it takes for the leader.
        let vault = nodes.vault_at(leader, WHILE);
        let value = Value::new(b"lost".as_slice());
        let asked = vault.secrets().put("cut/off").field("value", &value);
        match nodes.runtime.block_on(asked.send()) {
            Err(_) => Ok(()),
            Ok(_) => Err("who was cut off acknowledged a write".to_owned()),
        }
    });
    nodes.net.heal();
    survived?;
    noticed(before, nodes.net.noticed().0)
}

fn delay(nodes: &Nodes, load: &Workload) -> Result<(), String> {
    let before = nodes.net.noticed().1;
    let late = Link {
        cut: false,
        delay: Duration::from_millis(15),
        jitter: Duration::from_millis(30),
    };
    let all = nodes.belonging();
    for from in &all {
        for to in all.iter().filter(|to| *to != from) {
            nodes.net.set(*from, *to, late);
        }
    }
    let accepted = accepted(load, MANY, "with everything late");
    sleep(WHILE);
    nodes.net.heal();
    accepted?;
    noticed(before, nodes.net.noticed().1)
}

/// Followers that are sealed vote and hold what is written, and nothing else.
fn sealed(nodes: &mut Nodes, load: &Workload, followers: &[usize]) -> Result<(), String> {
    for at in followers {
        nodes.kill(*at);
        nodes.restart(*at);
        accepted(load, FEW, "with followers sealed")?;
    }
    for at in followers {
        let status = nodes
            .status(*at)
            .ok_or("a sealed follower does not answer")?;
        if status.state != SealState::Sealed as i32 {
            return Err("a follower came back open".to_owned());
        }
    }
    accepted(load, MANY, "with every follower sealed")?;
    followers.iter().for_each(|at| nodes.unseal(*at));
    Ok(())
}

fn members(nodes: &mut Nodes, load: &Workload, leader: usize) -> Result<(), String> {
    let new = nodes.add();
    nodes.admit(new, leader);
    accepted(load, MANY, "with four votes")?;
    let (old, id) = (nodes.members[leader].id, nodes.members[new].id);
    let daemon = &nodes.members[leader].daemon;
    until("the lead is not handed over", || {
        let handed = daemon.ctl(&["cluster", "transfer-leader", &id.to_string()]);
        (handed.code == 0).then_some(())
    })?;
    let by = nodes.led_by_another(leader)?;
    let daemon = &nodes.members[by].daemon;
    // Who has just taken over may not be able to write yet.
    until("the old leader is not taken off", || {
        let removed = daemon.ctl(&["--yes", "cluster", "remove", &old.to_string()]);
        (removed.code == 0).then_some(())
    })?;
    until("the old leader is still a member", || {
        row(daemon, old).is_null().then_some(())
    })?;
    nodes.members[leader].belongs = false;
    accepted(load, FEW, "with the old leader taken off")?;
    nodes.kill(leader);
    accepted(load, MANY, "by those who are left")?;
    if state(&nodes.members[new].daemon) != "unsealed" {
        return Err("the new node is not open".to_owned());
    }
    Ok(())
}

/// How long a leader's death is felt: from its kill until a write that was begun after it is acknowledged.
///
/// # Errors
/// As [`Fault::cause`].
pub fn failover(nodes: &mut Nodes, load: &Workload) -> Result<Duration, String> {
    let leader = until("nobody leads", || nodes.leader())?;
    let killed = load.recorder.now();
    nodes.kill(leader);
    let accepted = until(&format!("no write is accepted in {PATIENCE:?}"), || {
        let events = load.recorder.since(killed);
        let ends = events
            .iter()
            .filter(|event| event.start >= killed && event.wrote().is_some());
        ends.map(|event| event.end).min()
    })?;
    nodes.led_by_another(leader)?;
    back(nodes, leader);
    Ok(Duration::from_nanos(accepted - killed))
}
