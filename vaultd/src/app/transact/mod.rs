//! One thread evaluates every write of this node, seals it, and proposes batches.
//!
//! A job's closure runs over the state with the writes in flight laid over it, so one writer's result is
//! the next one's state and nothing conflicts in normal operation; the checks in the log guard against
//! leadership changes. While a batch is being made durable the next one gathers: batches grow with load,
//! and one sync serves them all.
//!
//! Invariants: ids, nonces and data keys are drawn here, after evaluation, once per sealing; a job is
//! answered after its batch is applied; a refusal is answered after everything it was evaluated over is.

mod ids;
mod narrows;
mod overlay;
mod proposer;
mod signer;

pub(super) use ids::ID_BLOCK as IDS_AT_BIRTH;
pub(super) use signer::{public_half, signer_key};

use std::sync::Arc;
use std::sync::Mutex;

use tokio::sync::{Semaphore, mpsc, oneshot};
use vault_core::record::{RecordError, Tx};
use vault_proto::v1::Reason;

use super::error::{Error, Result};
use super::time::VaultTime;
use super::unsealed::Unsealed;
use crate::raft::Node;
use crate::store::Store;

/// Jobs that may wait for the proposer.
const QUEUE: usize = 4096;
/// Plain bytes that may wait for the proposer, in KiB.
const QUEUE_KIB: usize = 64 * 1024;

/// What an evaluation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Propose the writes.
    Commit,
    /// Write nothing: a refusal, or a dry run.
    Discard,
}

/// Runs an engine function; may be called several times before one run counts.
type Evaluate = Box<dyn for<'a> FnMut(&mut Tx<'a>) -> Verdict + Send>;

/// Where and why a job ended.
pub(super) enum Failure {
    /// Not proposed, or surely not appended.
    NotLeader,
    /// The keys went away before it was sealed.
    Sealed,
    /// This node has no keys to write with: they are home's.
    NotHome,
    /// It may be applied, or not.
    Unknown,
    /// It was overtaken too often.
    Contention,
    /// The record layer refused.
    Record(RecordError),
}

/// A write that has been applied (or was refused by its own evaluation).
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    /// Whether anything was written.
    pub(super) verdict: Verdict,
    /// Where in the log, if it takes rights away or ends sessions.
    pub(super) narrowed: Option<u64>,
}

/// One write on its way.
pub(super) struct Job {
    evaluate: Evaluate,
    done: oneshot::Sender<std::result::Result<Settled, Failure>>,
    /// Keys to seal with in place of the node's own: only `init` has them before the node is unsealed.
    keys: Option<Arc<Unsealed>>,
    /// Runs alone in its batch, and this runs once it is applied, before the next job.
    then: Option<Box<dyn FnOnce() + Send>>,
    attempts: u8,
    /// What it writes takes rights away or ends sessions.
    narrows: bool,
    _bytes: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// How a write differs from an ordinary one.
#[derive(Default)]
pub(super) struct Terms {
    /// Plain bytes that the request brought, for the queue's bound.
    pub(super) bytes: usize,
    /// It ends sessions and does nothing else: the audit's budget does not hold it.
    pub(super) brake: bool,
    /// See [`Job::keys`].
    pub(super) keys: Option<Arc<Unsealed>>,
    /// See [`Job::then`].
    pub(super) then: Option<Box<dyn FnOnce() + Send>>,
}

/// A handle to the proposer's thread. The thread ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub(super) struct Proposer {
    jobs: mpsc::Sender<Job>,
    bytes: Arc<Semaphore>,
}

impl Proposer {
    /// Starts the thread.
    pub(super) fn start(
        (store, node): (Store, Node),
        time: Arc<VaultTime>,
        keys: super::unsealed::Keys,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        std::thread::Builder::new()
            .name("proposer".into())
            .spawn(move || {
                runtime.block_on(proposer::Loop::new(store, node, time, keys).run(queue));
            })?;
        Ok(Self {
            jobs,
            bytes: Arc::new(Semaphore::new(QUEUE_KIB)),
        })
    }

    /// Evaluates `f` on the proposer's thread and, when it answers `Ok`, makes its writes durable and
    /// applied before returning. `Err` discards them.
    ///
    /// # Errors
    /// What `f` refused with, or why the write could not be made.
    pub(super) async fn run<R, F>(&self, terms: Terms, mut f: F) -> Result<(R, Settled)>
    where
        R: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> (Verdict, Result<R>) + Send + 'static,
    {
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        let evaluate: Evaluate = Box::new(move |tx| {
            let (verdict, result) = f(tx);
            if let Ok(mut slot) = filled.lock() {
                *slot = Some(result);
            }
            verdict
        });
        let kib = u32::try_from(terms.bytes.div_ceil(1024))
            .unwrap_or(u32::MAX)
            .min(4096);
        let permit = Arc::clone(&self.bytes)
            .try_acquire_many_owned(kib)
            .map_err(|_| overloaded())?;
        let (done, settled) = oneshot::channel();
        let job = Job {
            evaluate,
            done,
            keys: terms.keys,
            then: terms.then,
            attempts: 0,
            narrows: false,
            _bytes: Some(permit),
        };
        self.jobs.try_send(job).map_err(|_| overloaded())?;
        let settled = settled
            .await
            .map_err(|_| stopping())?
            .map_err(Error::from)?;
        let result = slot.lock().ok().and_then(|mut slot| slot.take());
        match result {
            Some(result) => result.map(|reply| (reply, settled)),
            None => Err(stopping()),
        }
    }
}

fn overloaded() -> Error {
    Error::new(
        Reason::Overloaded,
        "too many writes are waiting on this node; try again in a moment",
    )
}

fn stopping() -> Error {
    Error::new(
        Reason::OutcomeUnknown,
        "the node stopped before the write was settled; repeat it with the same request id",
    )
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotLeader => Self::new(
                Reason::NoLeader,
                "no leader could take the write; nothing was written",
            ),
            Failure::Sealed => super::sealed(),
            Failure::NotHome => super::refusal::at_home_only(),
            Failure::Unknown => Self::new(
                Reason::OutcomeUnknown,
                "the write was proposed, but its outcome is not known; repeat it with the same request id",
            ),
            Failure::Contention => Self::new(
                Reason::Contention,
                "the write was overtaken too often; nothing was written",
            ),
            Failure::Record(error) => super::refusal::record(error),
        }
    }
}
