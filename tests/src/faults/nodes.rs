//! A cluster of real daemons, each behind a port of the net's.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use vault_sdk::{Endpoint, Reference, Text, Token, UnsealKey, Vault, wire};

use super::guarantees::Final;
use super::proxy::Net;
use super::workload::{LIMIT, path, read};
use crate::cluster::{row, state, take_in, wait};
use crate::{Binaries, Daemon, Opened};

/// How long anything may take that has no limit of its own.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// For an answer about a node's state: one that is stopped gives none.
const ANSWER: Duration = Duration::from_millis(700);

/// One node of it.
#[derive(Debug)]
pub struct Member {
    pub daemon: Daemon,
    /// Its id in the cluster.
    pub id: u64,
    /// It belongs to the cluster.
    pub belongs: bool,
    vault: Vault,
}

/// The cluster.
#[derive(Debug)]
pub struct Nodes {
    pub members: Vec<Member>,
    pub net: Net,
    pub opened: Opened,
    pub runtime: Runtime,
    binaries: Binaries,
}

impl Nodes {
    /// Starts so many, all open, all with a vote.
    ///
    /// # Panics
    /// When that is not to be had.
    pub fn start(binaries: Binaries, count: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let mut nodes = Self {
            members: Vec::new(),
            net: Net::default(),
            opened: Opened {
                shares: Vec::new(),
                token: String::new(),
            },
            runtime: runtime.expect("a runtime"),
            binaries,
        };
        let first = nodes.add();
        nodes.opened = nodes.members[first].daemon.open();
        nodes.members[first].belongs = true;
        nodes.members[first].id = 1;
        for _ in 1..count {
            let new = nodes.add();
            nodes.admit(new, first);
        }
        nodes
    }

    /// One more daemon, which belongs to nothing.
    pub fn add(&mut self) -> usize {
        let at = self.members.len();
        let listening = self.net.listen(at);
        let proxy = self.runtime.block_on(listening).expect("a port");
        let real = free_port();
        self.net.target(at, real);
        let config = format!("listen.peers = \"{real}\"\nnode.peer_address = \"{proxy}\"");
        let daemon = Daemon::start_with(self.binaries, &config);
        self.net.process(at, daemon.id());
        let vault = self.vault_of(&[&daemon], "none", ANSWER);
        self.members.push(Member {
            daemon,
            id: 0,
            belongs: false,
            vault,
        });
        at
    }

    /// Lets a daemon join by way of a member, opens it and gives it a vote.
    pub fn admit(&mut self, new: usize, by: usize) {
        let member = &self.members[by].daemon;
        let daemon = &self.members[new].daemon;
        let id = take_in(member, daemon);
        wait("it has the seal", || state(daemon) == "sealed");
        daemon.use_token(&self.opened.token);
        self.unseal(new);
        member.ctl(&["cluster", "promote", &id.to_string()]).ok();
        wait("it has a vote", || row(member, id)["state"] == "voter");
        self.members[new].id = id;
        self.members[new].belongs = true;
    }

    /// A handle over all who belong, with this one tried first.
    pub fn vault(&self, first: usize, timeout: Duration) -> Vault {
        let members = self.members.iter().filter(|member| member.belongs);
        let mut daemons: Vec<&Daemon> = members.map(|member| &member.daemon).collect();
        let count = daemons.len().max(1);
        daemons.rotate_left(first % count);
        self.vault_of(&daemons, &self.opened.token, timeout)
    }

    /// A handle over one.
    pub fn vault_at(&self, at: usize, timeout: Duration) -> Vault {
        self.vault_of(&[&self.members[at].daemon], &self.opened.token, timeout)
    }

    fn vault_of(&self, daemons: &[&Daemon], token: &str, timeout: Duration) -> Vault {
        let _entered = self.runtime.enter();
        let endpoints = daemons.iter().map(|daemon| daemon.address());
        let endpoints = endpoints.map(|text| text.parse::<Endpoint>().expect("an address"));
        Vault::builder()
            .endpoints(endpoints)
            .token(Token::new(token))
            .timeout(timeout)
            .connect_timeout(ANSWER)
            .retries(3)
            .build()
            .expect("a handle")
    }

    /// What a node says of itself; nothing where it does not answer.
    pub fn status(&self, at: usize) -> Option<wire::GetStatusResponse> {
        let member = &self.members[at];
        if !member.daemon.runs() {
            return None;
        }
        let asked = member.vault.system().status();
        self.runtime.block_on(asked).ok()
    }

    /// Who says that he leads.
    pub fn leader(&self) -> Option<usize> {
        self.leader_but(usize::MAX)
    }

    /// The same, but for one.
    pub fn leader_but(&self, not: usize) -> Option<usize> {
        self.belonging()
            .into_iter()
            .filter(|at| *at != not)
            .find(|at| {
                let status = self.status(*at);
                status.is_some_and(|status| status.leader_id == self.members[*at].id)
            })
    }

    /// Who belongs.
    pub fn belonging(&self) -> Vec<usize> {
        let all = self.members.iter().enumerate();
        all.filter(|(_, member)| member.belongs)
            .map(|(at, _)| at)
            .collect()
    }

    /// Waits for a leader who is not this one.
    ///
    /// # Errors
    /// When there is none in a minute.
    pub fn led_by_another(&self, not: usize) -> Result<usize, String> {
        until("nobody else leads", || self.leader_but(not))
    }

    /// Kills one.
    pub fn kill(&mut self, at: usize) {
        self.members[at].daemon.kill();
    }

    /// Starts it again, sealed.
    pub fn restart(&mut self, at: usize) {
        let daemon = &mut self.members[at].daemon;
        daemon.restart();
        self.net.process(at, daemon.id());
    }

    /// Opens it by its shares.
    ///
    /// # Panics
    /// When a share is refused.
    pub fn unseal(&self, at: usize) {
        let vault = self.vault_at(at, PATIENCE);
        self.runtime.block_on(async {
            for share in self.opened.shares.iter().take(3) {
                let key = UnsealKey::Share(Text::new(share.as_str()));
                vault.system().unseal(&key).await.expect("a good share");
            }
        });
        let sealed = wire::SealState::Unsealed as i32;
        wait("it is open", || {
            self.status(at).is_some_and(|status| status.state == sealed)
        });
    }

    /// Waits until all nodes hold the same state.
    ///
    /// # Errors
    /// When two of them hold different states of the same index, or do not come to the same one in a minute.
    pub fn agree(&self) -> Result<(), String> {
        let mut last = String::new();
        let agreed = until("they do not come to the same state", || {
            let states = self.belonging().into_iter();
            let states = states.map(|at| self.status(at).map(|s| (s.applied_index, s.state_hash)));
            let states: Option<Vec<(u64, String)>> = states.collect();
            last = format!("{states:?}");
            let states = states?;
            let (index, hash) = states.first()?;
            if *index == 0 || hash.is_empty() || states.iter().any(|(other, _)| other != index) {
                return None;
            }
            let same = states.iter().all(|(_, other)| other == hash);
            Some(if same { Ok(()) } else { Err(last.clone()) })
        });
        match agreed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(states)) => Err(format!("the same index, and different states: {states}")),
            Err(why) => Err(format!("{why}: {last}")),
        }
    }

    /// What each node shows of registers now.
    ///
    /// # Errors
    /// When a node shows nothing.
    pub fn shown(&self, keys: &BTreeSet<usize>) -> Result<Vec<Final>, String> {
        let mut shown = Vec::new();
        for at in self.belonging() {
            let vault = self.vault_at(at, LIMIT);
            for key in keys {
                let reference: Reference = path(*key).parse().expect("a path");
                let read = self.runtime.block_on(read(&vault, &reference));
                let read = read.ok_or_else(|| format!("node {at} does not serve reads"))?;
                shown.push((*key, read));
            }
        }
        Ok(shown)
    }
}

/// Waits for something.
///
/// # Errors
/// `why`, when it is not there in a minute.
pub fn until<T>(why: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{why}, in {PATIENCE:?}"));
        }
        std::thread::park_timeout(PAUSE);
    }
}

/// A port that stays the same when the node starts again, at an address that nobody else listens at.
fn free_port() -> SocketAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = Ipv4Addr::new(127, 7, high, low.max(1));
    let listener = TcpListener::bind((host, 0)).expect("a port");
    listener.local_addr().expect("an address")
}
