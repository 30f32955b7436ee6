//! The proposer's loop: evaluate, seal, stamp, gather, propose, settle.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesOrdered;
use tokio::sync::mpsc;
use vault_core::crypto::sign;
use vault_core::engine::secrets;
use vault_core::record::{Batch, IdBlock, Outcome, RecordError, Revision, Transaction, Tx};

use super::ids::{ID_BLOCK, IDS_PER_JOB, NextId, ids_key};
use super::narrows::narrows;
use super::overlay::{InFlight, Overlay};
use super::{Failure, Job, Settled, Verdict, signer};
use crate::app::time::VaultTime;
use crate::app::unsealed::{Keys, Unsealed};
use crate::clock::OsEntropy;
use crate::raft::{Done, Node, ProposeError};
use crate::store::Store;

/// Batches on their way at once: one being made durable, one being applied.
const IN_FLIGHT: usize = 2;
/// A batch closes at this many transactions or bytes.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 2 << 20;
/// Evaluations of one job before it is refused as contended.
const ATTEMPTS: u8 = 3;
/// Jobs of one batch, with the place of their transaction in it.
type Waiters = Vec<(Job, Option<usize>)>;

/// The batch that is being gathered.
#[derive(Default)]
struct Gathering {
    transactions: Vec<Transaction>,
    bytes: usize,
    waiters: Waiters,
    /// Holds a job that must be alone.
    alone: bool,
}

/// A batch that came back.
struct Settlement {
    result: Result<Done, ProposeError>,
    waiters: Waiters,
    last: Revision,
}

pub(super) struct Loop {
    store: Store,
    node: Node,
    clock: Arc<VaultTime>,
    keys: Keys,
    in_flight: InFlight,
    gathering: Gathering,
    retries: VecDeque<Job>,
    ids: IdBlock,
    term: u64,
    last: Revision,
    time: u64,
    /// What is deleted is held, where that is called for.
    held: bool,
    /// A batch with a job that runs alone is on its way.
    lone: bool,
    /// Stamps are in doubt: read them from the store again once nothing is in flight.
    stale: bool,
}

impl Loop {
    pub(super) fn new(store: Store, node: Node, clock: Arc<VaultTime>, keys: Keys) -> Self {
        Self {
            store,
            node,
            clock,
            keys,
            in_flight: InFlight::default(),
            gathering: Gathering::default(),
            retries: VecDeque::new(),
            ids: IdBlock::default(),
            term: 0,
            last: Revision::ZERO,
            time: 0,
            held: false,
            lone: false,
            stale: true,
        }
    }

    /// Runs until every handle is gone and all is settled.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut under_way = FuturesOrdered::new();
        let mut open = true;
        loop {
            if under_way.is_empty() {
                self.lone = false;
                self.retry();
            }
            let room = under_way.len() < if self.gathering.alone { 1 } else { IN_FLIGHT };
            if room
                && !self.gathering.waiters.is_empty()
                && let Some(batch) = self.close()
            {
                under_way.push_back(batch);
            }
            if under_way.is_empty() && !self.retries.is_empty() {
                continue;
            }
            if under_way.is_empty() && !open {
                break;
            }
            // What must run again goes first, and nothing passes a job that is alone.
            let settled = under_way.is_empty() || !self.stale;
            let taking = open && settled && !self.full() && !self.lone && self.retries.is_empty();
            tokio::select! {
                biased;
                Some(settlement) = under_way.next(), if !under_way.is_empty() => self.settle(settlement),
                job = queue.recv(), if taking => match job {
                    Some(job) => self.take(job, &mut queue),
                    None => open = false,
                },
            }
        }
    }

    fn full(&self) -> bool {
        self.gathering.alone
            || self.gathering.transactions.len() >= BATCH
            || self.gathering.bytes >= BATCH_BYTES
    }

    /// Evaluates a job, and those that wait behind it.
    fn take(&mut self, job: Job, queue: &mut mpsc::Receiver<Job>) {
        self.evaluate(job);
        while !self.full() && !self.stale && self.retries.is_empty() {
            match queue.try_recv() {
                Ok(job) => self.evaluate(job),
                Err(_) => break,
            }
        }
    }

    /// Runs jobs again whose batch did not happen. Called with nothing in flight.
    fn retry(&mut self) {
        while !self.full() {
            let Some(job) = self.retries.pop_front() else {
                break;
            };
            self.evaluate(job);
        }
    }

    fn evaluate(&mut self, mut job: Job) {
        if job.done.is_closed() {
            return; // whoever asked is gone, and nothing was written
        }
        if job.then.is_some() && !self.gathering.waiters.is_empty() {
            self.retries.push_back(job);
            self.gathering.alone = true; // close what there is; the lone job follows when it has settled
            return;
        }
        if let Err(failure) = self.lead() {
            return refuse(job, failure);
        }
        let Some(keys) = job.keys.clone().or_else(|| self.keys.load()) else {
            return refuse(job, Failure::Sealed);
        };
        if !keys.keyring().is_home() {
            return refuse(job, Failure::NotHome);
        }
        job.attempts += 1;
        if job.attempts > ATTEMPTS {
            return refuse(job, Failure::Contention);
        }
        match self.seal(&mut job, &keys) {
            Ok(place) => {
                self.gathering.alone |= job.then.is_some();
                self.gathering.waiters.push((job, place));
            }
            Err(error) => refuse(job, Failure::Record(error)),
        }
    }

    /// Evaluates and seals one job; says where its transaction is in the batch.
    fn seal(&mut self, job: &mut Job, keys: &Arc<Unsealed>) -> Result<Option<usize>, RecordError> {
        // The first transaction of all brings the log signer, so it reserves its ids itself.
        let genesis = job.keys.is_some();
        if genesis {
            self.ids = IdBlock::new(1, 1 + ID_BLOCK);
        } else {
            // ORDER: with the first write at a time far beyond the last, nothing is destroyed for a day.
            if let Some(leapt) = self.clock.leapt_to().filter(|_| !self.held) {
                self.aside(keys, |tx| secrets::hold_deletions(tx, leapt))?;
                self.held = true;
            }
            if self.ids.left() < IDS_PER_JOB {
                self.reserve(keys)?;
            }
        }
        let overlay = Overlay {
            state: &self.store,
            in_flight: &self.in_flight,
        };
        let mut tx =
            Tx::new(&overlay, keys.keyring(), self.time, &mut self.ids).with_opened(keys.opened());
        if (job.evaluate)(&mut tx) == Verdict::Discard || tx.is_read_only() {
            return Ok(None);
        }
        if genesis {
            tx.put(ids_key(), &NextId { next: 1 + ID_BLOCK })?;
        }
        let transaction = tx.into_changes().seal(keys.keyring(), &mut OsEntropy)?;
        job.narrows = narrows(&transaction);
        Ok(Some(self.stamp(transaction)))
    }

    /// Reserves ids by a transaction of its own.
    fn reserve(&mut self, keys: &Arc<Unsealed>) -> Result<(), RecordError> {
        let next = self.aside(keys, |tx| {
            let next = tx.get::<NextId>(&ids_key())?.map_or(1, |ids| ids.next);
            let after = next + ID_BLOCK;
            tx.put(ids_key(), &NextId { next: after })?;
            Ok(next)
        })?;
        self.ids = IdBlock::new(next, next + ID_BLOCK);
        Ok(())
    }

    /// A transaction of its own, beside those of jobs.
    fn aside<R>(
        &mut self,
        keys: &Arc<Unsealed>,
        write: impl FnOnce(&mut Tx<'_>) -> Result<R, RecordError>,
    ) -> Result<R, RecordError> {
        let overlay = Overlay {
            state: &self.store,
            in_flight: &self.in_flight,
        };
        let mut none = IdBlock::default();
        let mut tx = Tx::new(&overlay, keys.keyring(), self.time, &mut none);
        let written = write(&mut tx)?;
        if !tx.is_read_only() {
            let transaction = tx.into_changes().seal(keys.keyring(), &mut OsEntropy)?;
            self.stamp(transaction);
        }
        Ok(written)
    }

    fn stamp(&mut self, transaction: Transaction) -> usize {
        self.last = Revision {
            term: self.term,
            sequence: self.last.sequence + 1,
        };
        self.in_flight.add(self.last, &transaction);
        self.gathering.bytes += transaction.size();
        self.gathering.transactions.push(transaction);
        self.gathering.transactions.len() - 1
    }

    /// Makes sure that this node leads and that stamps continue the state's.
    fn lead(&mut self) -> Result<(), Failure> {
        let term = self.node.leader_term().ok_or(Failure::NotLeader)?;
        if self.stale || term != self.term {
            // What was gathered is stamped for a term that is over.
            for (job, _) in std::mem::take(&mut self.gathering).waiters {
                self.retries.push_back(job);
            }
            let stamp = self.store.stamp();
            self.in_flight.clear();
            self.keys.follow(&self.store);
            if let Some(keys) = self.keys.load() {
                keys.forget();
            }
            self.ids = IdBlock::default();
            self.held = false;
            self.term = term;
            self.last = stamp.last;
            self.time = self.time.max(stamp.leader_time);
            self.stale = false;
        }
        self.time = self.time.max(self.clock.now());
        Ok(())
    }

    /// Signs and proposes what was gathered. A batch without transactions only waits its turn.
    fn close(&mut self) -> Option<impl Future<Output = Settlement> + use<>> {
        let gathered = std::mem::take(&mut self.gathering);
        let (transactions, waiters) = (gathered.transactions, gathered.waiters);
        self.lone = waiters.iter().any(|(job, _)| job.then.is_some());
        let stamp = self.store.stamp();
        let keys = waiters
            .iter()
            .find_map(|(job, _)| job.keys.clone())
            .or_else(|| self.keys.load());
        let keys = keys.as_ref();
        let key = keys.and_then(|keys| signer::key(&self.store, keys.keyring()));
        let (Some(keys), Some(key)) = (keys, key) else {
            self.stale = true;
            refuse_all(waiters, || Failure::Sealed);
            return None;
        };
        let proposal = (!transactions.is_empty()).then(|| {
            let count = u64::try_from(transactions.len()).unwrap_or_default();
            let batch = Batch {
                cluster: *keys.keyring().cluster(),
                incarnation: stamp.incarnation.max(1),
                term: self.term,
                first_sequence: self.last.sequence + 1 - count,
                leader_time: self.time,
                transactions,
            };
            let entry = batch.encode(|digest| sign::sign(key, digest));
            self.node.propose(entry, self.term)
        });
        let last = self.last;
        Some(async move {
            let result = match proposal {
                Some(proposal) => proposal.await,
                None => Ok(Done {
                    index: 0,
                    outcomes: Vec::new(),
                }),
            };
            Settlement {
                result,
                waiters,
                last,
            }
        })
    }

    fn settle(&mut self, settlement: Settlement) {
        let Settlement {
            result,
            waiters,
            last,
        } = settlement;
        match result {
            Ok(done) => {
                self.in_flight.applied(last);
                for (job, place) in waiters {
                    match place.and_then(|at| done.outcomes.get(at)) {
                        None if self.stale => self.again(job),
                        None => answer(job, Verdict::Discard, 0),
                        Some(Outcome::Applied(_)) => answer(job, Verdict::Commit, done.index),
                        Some(Outcome::Conflict) => self.again(job),
                    }
                }
            }
            Err(ProposeError::NotLeader { .. }) => {
                self.stale = true;
                refuse_all(waiters, || Failure::NotLeader);
            }
            Err(ProposeError::Unknown) => {
                self.stale = true;
                refuse_all(waiters, || Failure::Unknown);
            }
            Err(ProposeError::Refused(refused)) => {
                tracing::warn!(
                    ?refused,
                    "the state machine refused a batch; its jobs run again"
                );
                self.stale = true;
                for (job, _) in waiters {
                    self.again(job);
                }
            }
        }
        if self.stale {
            // What was gathered since was evaluated over writes that may not happen.
            for (job, _) in std::mem::take(&mut self.gathering).waiters {
                self.again(job);
            }
        }
    }

    fn again(&mut self, job: Job) {
        self.stale = true;
        self.retries.push_back(job);
    }
}

fn answer(mut job: Job, verdict: Verdict, index: u64) {
    if let Some(then) = job.then.take().filter(|_| verdict == Verdict::Commit) {
        then();
    }
    // A caller that has gone away needs no answer.
    let narrowed = (verdict == Verdict::Commit && job.narrows).then_some(index);
    drop(job.done.send(Ok(Settled { verdict, narrowed })));
}

fn refuse_all(waiters: Waiters, failure: impl Fn() -> Failure) {
    for (job, _) in waiters {
        refuse(job, failure());
    }
}

fn refuse(job: Job, failure: Failure) {
    drop(job.done.send(Err(failure)));
}
