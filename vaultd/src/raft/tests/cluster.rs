//! What tests of many nodes share: nodes with keys of their own on loopback, and a cluster of them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::raft::{Member, Node, NodeKey, NodeOptions, PeerOptions, Timing};
use crate::store::Store;
use crate::store::testing::{Leader, options, put, writes};

/// How long anything may take that a test waits for.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A node that can be stopped and started again.
pub(super) struct Machine {
    pub(super) id: u64,
    pub(super) key: NodeKey,
    pub(super) address: SocketAddr,
    pub(super) may_lead: watch::Sender<bool>,
    dir: PathBuf,
    running: Option<(Store, Node)>,
}

/// A key, and a certificate around it that it signed itself.
pub(crate) fn key() -> NodeKey {
    let pair = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["node".into()]).unwrap();
    let certificate = params.self_signed(&pair).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let der = pair.serialize_der().try_into().unwrap();
    NodeKey::new(provider, certificate.der().clone(), der).unwrap()
}

impl Machine {
    pub(super) fn new(dir: &TempDir, id: u64) -> Self {
        // The port is known before the node runs, as in a configuration.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            id,
            key: key(),
            address: listener.local_addr().unwrap(),
            may_lead: watch::Sender::new(true),
            dir: dir.path().join(id.to_string()),
            running: None,
        }
    }

    pub(super) fn member(&self) -> Member {
        Member {
            address: self.address.to_string(),
            key: Some(self.key.pin()),
        }
    }

    pub(super) fn start(&mut self, introduced: BTreeMap<u64, Member>) {
        let store = Store::open(&self.dir, &options().0).unwrap();
        let identity = NodeOptions {
            id: self.id,
            address: self.address.to_string(),
            key: Some(self.key.pin()),
            timing: Timing::Region,
        };
        let peers = PeerOptions {
            listener: TcpListener::bind(self.address).unwrap(),
            key: self.key.clone(),
            introduced,
            may_lead: self.may_lead.subscribe(),
        };
        let node = Node::start(store.clone(), identity, Some(peers)).unwrap();
        self.running = Some((store, node));
    }

    pub(super) async fn stop(&mut self) {
        let (_, node) = self.running.take().unwrap();
        node.shutdown().await;
    }

    pub(super) fn node(&self) -> &Node {
        &self.running.as_ref().unwrap().1
    }

    pub(super) fn store(&self) -> &Store {
        &self.running.as_ref().unwrap().0
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

/// Machines that belong together, and the one writer among their users.
pub(super) struct Cluster {
    pub(super) machines: Vec<Machine>,
    pub(super) dir: TempDir,
    writer: Leader,
    written: u64,
}

impl Cluster {
    /// The first is the cluster, the others follow it and get a vote.
    pub(super) async fn of(size: u64) -> Self {
        let dir = TempDir::new().unwrap();
        let mut first = Machine::new(&dir, 1);
        first.start(BTreeMap::new());
        first.node().initialise().await.unwrap();
        let term = timeout(PATIENCE, first.node().wait_leader()).await;
        let term = term.unwrap().unwrap();
        let mut writer = Leader::new(term);
        let founding = writer.founding();
        first.node().propose(founding, term).await.unwrap();
        let mut cluster = Self {
            machines: vec![first],
            dir,
            writer,
            written: 0,
        };
        for id in 2..=size {
            cluster.take_in(id).await;
        }
        let voters = (2..=size).collect();
        if size > 1 {
            cluster.leader().await.node().promote(voters).await.unwrap();
        }
        cluster
    }

    /// A new machine that follows, without a vote.
    pub(super) async fn take_in(&mut self, id: u64) {
        let mut machine = Machine::new(&self.dir, id);
        machine.start(self.voters());
        let member = machine.member();
        let leader = self.leader().await;
        leader.node().add_learner(id, member).await.unwrap();
        let index = leader.node().read_index().await.unwrap();
        let caught_up = timeout(PATIENCE, machine.store().wait_applied(index)).await;
        caught_up.expect("a learner catches up");
        self.machines.push(machine);
    }

    /// Whom a new machine is introduced to.
    pub(super) fn voters(&self) -> BTreeMap<u64, Member> {
        let known = self.machines.iter();
        known
            .map(|machine| (machine.id, machine.member()))
            .collect()
    }

    pub(super) fn machine(&mut self, id: u64) -> &mut Machine {
        let found = self.machines.iter_mut().find(|machine| machine.id == id);
        found.unwrap()
    }

    /// Who leads, once somebody does.
    pub(super) async fn leader(&self) -> &Machine {
        let found = timeout(PATIENCE, async {
            loop {
                let running = self.machines.iter().filter(|machine| machine.is_running());
                let leads = running.filter(|machine| machine.node().leader_term().is_some());
                if let Some(leader) = leads.max_by_key(|machine| machine.node().leader_term()) {
                    return leader;
                }
                sleep(Duration::from_millis(10)).await;
            }
        });
        found.await.expect("a leader")
    }

    /// Writes through whoever leads, until it is acknowledged; returns who that was.
    pub(super) async fn write(&mut self, count: u64) -> u64 {
        let mut left = count;
        let written = timeout(PATIENCE, async {
            loop {
                let leader = self.leader().await;
                let id = leader.id;
                let Some(term) = leader.node().leader_term() else {
                    continue;
                };
                let stamp = leader.store().stamp();
                let mut writer = self.writer.clone();
                writer.term = term;
                writer.sequence = stamp.last.sequence;
                let batch = writer.batch(vec![writes(vec![put(self.written, 300)])]);
                if leader.node().propose(batch, term).await.is_ok() {
                    self.writer = writer;
                    self.written += 1;
                    left -= 1;
                }
                if left == 0 {
                    return id;
                }
            }
        });
        written.await.expect("writes are acknowledged")
    }

    /// Whether every running machine comes to the same state.
    pub(super) async fn agree(&self) {
        let leader = self.leader().await;
        let index = leader.node().read_index().await.unwrap();
        let mut hashes = Vec::new();
        for machine in self.machines.iter().filter(|machine| machine.is_running()) {
            let applied = timeout(PATIENCE, machine.store().wait_applied(index)).await;
            applied.expect("a node applies what is committed");
            hashes.push((machine.id, machine.store().state_hash().unwrap()));
        }
        let (_, first) = hashes[0];
        assert!(
            hashes.iter().all(|(_, hash)| hash.digest == first.digest),
            "{hashes:?}"
        );
        assert_eq!(leader.store().rows(), self.written + 1);
    }
}
