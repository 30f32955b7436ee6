//! A node: raft on a thread and runtime of its own, and the handle that the rest of the daemon holds.

use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use openraft::Raft;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::config::{NodeOptions, raft_config};
use super::error::{RaftError, ReadError, StartError};
use super::leader;
use super::log::LogStore;
use super::machine::Machine;
use super::metrics::Metrics;
use super::peer::{Answering, Doorway, PeerOptions, Peers, Serving, Ways};
use super::propose::{self, Ask, Proposal};
use super::spread::Ledger;
use super::types::{StoredMembership, Types, Vote, alone, log_id};
use super::{housekeeping, read};
use crate::clock::Clock;
use crate::store::{self, Options, Origin, Position, RestoreError, SnapshotInfo, Store};

/// Raft as this crate instantiates it.
pub(super) type Core = Raft<Types, Machine>;

/// A handle on a running node. Clones share it.
#[derive(Clone, Debug)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    options: NodeOptions,
    raft: Core,
    proposals: mpsc::UnboundedSender<Ask>,
    /// Rounds as the leader, and questions to it.
    reads: [read::Waiters; 2],
    leader: watch::Receiver<Option<u64>>,
    answering: Answering,
    ways: Option<Arc<Ways>>,
    /// For tests that cut a node off.
    #[cfg(test)]
    peers: std::sync::Weak<Mutex<Option<Serving>>>,
    stop: mpsc::Sender<oneshot::Sender<()>>,
}

/// What the thread hands over once raft runs.
struct Running {
    raft: Core,
    leader: watch::Receiver<Option<u64>>,
}

impl Node {
    /// Starts raft on the store. Returns when it runs; it has no leader yet. Without peers it is alone for good.
    ///
    /// # Errors
    /// When the thread or raft itself does not start.
    pub fn start(
        store: Store,
        options: NodeOptions,
        peers: Option<PeerOptions>,
    ) -> Result<Self, StartError> {
        let peers = peers.map(Serving::new).transpose()?;
        let (proposals, asks) = mpsc::unbounded_channel();
        let (here, waiters) = mpsc::unbounded_channel();
        let (elsewhere, others) = mpsc::unbounded_channel();
        let ways = peers
            .as_ref()
            .and_then(|peers| peers.dialler(store.clone()));
        let ways = ways.map(|dialler| Arc::new(Ways::new(dialler)));
        let answering = Answering {
            reads: here.clone(),
            ledger: Arc::default(),
            doorway: Doorway::default(),
        };
        let answers = answering.clone();
        let peers = Arc::new(Mutex::new(peers));
        #[cfg(test)]
        let held = Arc::downgrade(&peers);
        let (stop, stopped) = mpsc::channel(1);
        let (started, running) = sync_channel(1);
        let thread = Thread {
            store: store.clone(),
            options: options.clone(),
            peers,
            answering,
            ways: ways.clone(),
            asks,
            waiters: [waiters, others],
            stopped,
        };
        std::thread::Builder::new()
            .name("raft".into())
            .spawn(move || thread.run(&started))?;
        let Running { raft, leader } = running.recv().map_err(|_| StartError::Stopped)??;
        let inner = Inner {
            store,
            options,
            raft,
            proposals,
            reads: [here, elsewhere],
            leader,
            answering: answers,
            ways,
            #[cfg(test)]
            peers: held,
            stop,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The store that it replicates.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Whether the node belongs to a cluster.
    pub fn initialised(&self) -> bool {
        self.inner.store.log().bounds().1.is_some()
    }

    /// Index of the last entry that is in the log, applied or not; 0 for none.
    pub fn last_logged(&self) -> u64 {
        let last = self.inner.store.log().bounds().1;
        last.map_or(0, |last| last.index)
    }

    /// Makes a cluster of this node alone.
    ///
    /// # Errors
    /// When it belongs to one already.
    pub async fn initialise(&self) -> Result<(), RaftError> {
        let options = &self.inner.options;
        let members = alone(options.id, options.member());
        self.inner
            .raft
            .initialize(members)
            .await
            .map_err(|error| match error.into_api_error() {
                Some(_) => RaftError::Initialised,
                None => RaftError::Stopped,
            })
    }

    /// The term that this node leads in, once it has applied its own first entry.
    pub fn leader_term(&self) -> Option<u64> {
        *self.inner.leader.borrow()
    }

    /// Follows [`Node::leader_term`].
    pub fn watch_leader(&self) -> watch::Receiver<Option<u64>> {
        self.inner.leader.clone()
    }

    /// Returns once this node leads. Put a deadline of your own around it.
    ///
    /// # Errors
    /// When the node stops.
    pub async fn wait_leader(&self) -> Result<u64, RaftError> {
        let mut leader = self.watch_leader();
        let term = leader.wait_for(Option::is_some).await;
        term.ok().and_then(|term| *term).ok_or(RaftError::Stopped)
    }

    /// Proposes a signed batch as the leader of `term`. Batches are appended in the order of the
    /// calls; several may be in flight.
    pub fn propose(&self, batch: Bytes, term: u64) -> Proposal {
        propose::propose(&self.inner.proposals, batch, term)
    }

    /// An index such that whoever has applied it sees every write acknowledged before this call,
    /// confirmed by a quorum. Where this node does not lead, it asks the leader. Callers at the same time share one
    /// round. Takes some seconds at most.
    ///
    /// # Errors
    /// When there is no leader, or it does not reach a quorum.
    pub async fn read_index(&self) -> Result<u64, ReadError> {
        let [_, elsewhere] = &self.inner.reads;
        match self.confirm_lead().await {
            Err(ReadError::NotLeader { leader: Some(_) }) if self.inner.ways.is_some() => {
                read::ask(elsewhere).await
            }
            answer => answer,
        }
    }

    /// The same of a node that leads, and of no other.
    ///
    /// # Errors
    /// When this node is not the leader, or does not reach a quorum.
    pub async fn confirm_lead(&self) -> Result<u64, ReadError> {
        let [here, _] = &self.inner.reads;
        read::ask(here).await
    }

    /// What raft says of itself.
    pub fn metrics(&self) -> Metrics {
        Metrics::of(&self.inner.raft)
    }

    /// Its id.
    pub fn id(&self) -> u64 {
        self.inner.options.id
    }

    /// How it reaches peers, if it may have any.
    pub(super) fn ways(&self) -> Option<&Arc<Ways>> {
        self.inner.ways.as_ref()
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.inner.answering.ledger
    }

    pub(super) fn doorway(&self) -> &Doorway {
        &self.inner.answering.doorway
    }

    /// Takes it off the net for good, as when its cable is pulled.
    #[cfg(test)]
    pub(crate) fn cut_off(&self) {
        if let Some(peers) = self.inner.peers.upgrade() {
            drop(peers.lock().unwrap().take());
        }
    }

    /// Raft itself.
    pub(super) fn core(&self) -> &Core {
        &self.inner.raft
    }

    /// Notes a snapshot of the state and cuts the log up to it, as far as the state is durable.
    ///
    /// # Errors
    /// When the node stops.
    pub async fn snapshot(&self) -> Result<(), RaftError> {
        housekeeping::cut_log(&self.inner.raft, &self.inner.store, u64::MAX).await
    }

    /// Stops raft, makes the store durable and closes it.
    pub async fn shutdown(&self) {
        let (done, wait) = oneshot::channel();
        if self.inner.stop.send(done).await.is_ok() {
            // Dropped when the thread has ended some other way.
            drop(wait.await);
        }
    }
}

/// What the thread owns.
struct Thread {
    store: Store,
    options: NodeOptions,
    /// While it is here they are served.
    peers: Arc<Mutex<Option<Serving>>>,
    answering: Answering,
    ways: Option<Arc<Ways>>,
    asks: mpsc::UnboundedReceiver<Ask>,
    waiters: [mpsc::UnboundedReceiver<read::Waiter>; 2],
    stopped: mpsc::Receiver<oneshot::Sender<()>>,
}

impl Thread {
    fn run(self, started: &SyncSender<Result<Running, StartError>>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.serve(started)),
            Err(error) => {
                // The starter is waiting for exactly this.
                drop(started.send(Err(error.into())));
            }
        }
    }

    async fn serve(mut self, started: &SyncSender<Result<Running, StartError>>) {
        let (told, leader) = watch::channel(None);
        let raft = match self.raft().await {
            Ok(raft) => raft,
            Err(error) => {
                drop(started.send(Err(error)));
                return;
            }
        };
        let following = tokio::spawn(leader::follow(
            raft.clone(),
            told,
            Arc::clone(&self.answering.ledger),
            self.store.fatal().clone(),
        ));
        let proposing = tokio::spawn(propose::run(raft.clone(), self.asks));
        let [here, elsewhere] = self.waiters;
        let mut reading = JoinSet::new();
        let leading = raft.clone();
        reading.spawn(read::rounds(here, async move || read::here(&leading).await));
        if let Some(ways) = self.ways {
            let following = raft.clone();
            reading.spawn(read::rounds(elsewhere, async move || {
                read::elsewhere(&following, &ways).await
            }));
        }
        let cutting = tokio::spawn(housekeeping::run(
            raft.clone(),
            self.store.clone(),
            Clock::default(),
        ));
        // ORDER: nobody asks who belongs before raft has said it once.
        if raft.with_raft_state(|_| ()).await.is_err() {
            tracing::warn!("raft stopped as it began");
        }
        leader::hurry(&raft, self.options.id).await;
        let running = Running {
            raft: raft.clone(),
            leader,
        };
        drop(started.send(Ok(running)));
        let stop = self.stopped.recv().await;
        cutting.abort();
        following.abort();
        if let Err(error) = raft.shutdown().await {
            tracing::warn!(%error, "raft did not stop in order");
        }
        proposing.abort();
        drop(reading);
        let store = self.store.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || store.close()).await {
            tracing::warn!(%error, "the store did not close in order");
        }
        if let Some(done) = stop {
            done.send(()).unwrap_or_default();
        }
    }

    fn serving(&self) -> MutexGuard<'_, Option<Serving>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn raft(&self) -> Result<Core, StartError> {
        let config = raft_config(&self.options)?;
        let log = LogStore::new(Arc::clone(self.store.log()));
        let machine = Machine::new(self.store.clone());
        let store = self.store.clone();
        let dialler = self
            .serving()
            .as_ref()
            .and_then(|peers| peers.dialler(store));
        let peers = Peers::new(dialler);
        let raft = Raft::new(self.options.id, config, peers, log, machine)
            .await
            .map_err(|error| StartError::Raft(error.to_string()))?;
        if let Some(peers) = &*self.serving() {
            peers.serve(raft.clone(), self.store.clone(), self.answering.clone())?;
        }
        Ok(raft)
    }
}

/// Makes a node in an empty directory from a backup: a cluster of its own, under a new incarnation,
/// in a term above the backup's.
///
/// # Errors
/// When the directory is not empty, or the backup does not verify.
pub fn restore(
    dir: &Path,
    options: &Options,
    node: &NodeOptions,
    incarnation: u64,
    backup: &mut dyn Read,
) -> Result<SnapshotInfo, RestoreError> {
    let origin = |info: &SnapshotInfo| {
        let at = Position {
            term: info.term,
            index: info.index,
        };
        let members = alone(node.id, node.member());
        let voters = vec![members.keys().copied().collect()];
        let membership = openraft::Membership::new(voters, members).map_err(io::Error::other)?;
        let stored = StoredMembership::new(Some(log_id(at)), membership);
        let vote = Vote::new(info.term.max(info.last.term), node.id);
        Ok(Origin {
            membership: serde_json::to_vec(&stored)?.into(),
            vote: serde_json::to_vec(&vote)?.into(),
        })
    };
    store::restore(dir, options, incarnation, backup, &origin)
}
