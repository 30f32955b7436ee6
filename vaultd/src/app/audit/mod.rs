//! The audit: an append-only file of JSON lines that no request gets around.
//!
//! A pipeline begins an [`Entry`] before it knows who calls, fills it in, and consumes it with the
//! outcome; the reply waits until the line is with the kernel. If no line can be written, requests are
//! refused within a bound, never hung, never answered unrecorded. Names are written as HMACs under the
//! keyring's audit key unless the configuration says `plain`; values and tokens have no way in here.
//!
//! Where the lines go is configuration only. There is no way to change it, or to stop it, from a request.

mod budget;
mod directory;
mod entry;
mod event;
mod file;
mod flood;
mod line;
mod pages;
mod pen;
mod queue;
mod sink;
mod state;
#[cfg(test)]
pub(super) mod tests;
pub mod trail;
mod writer;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

pub use entry::Entry;
pub use event::{Actor, Blind, Decision, Event, Outcome, Part, RequestId, Source, Status};
pub(super) use line::blinded;

use crate::clock::Clock;
use crate::store::Fatal;

use entry::Desk;
use file::AuditFile;
use pen::Pen;
use queue::Queue;
use sink::Sink;
use state::State;
use trail::Trail;
use writer::{Job, Writer};

/// Time, as the audit needs it.
pub trait AuditClock: Send + Sync + 'static {
    /// The wall clock.
    fn utc(&self) -> jiff::Timestamp;
    /// A clock that never goes back; its zero means nothing.
    fn monotonic(&self) -> Duration;
}

impl AuditClock for Clock {
    fn utc(&self) -> jiff::Timestamp {
        (*self).utc()
    }
    fn monotonic(&self) -> Duration {
        (*self).monotonic()
    }
}

/// When a line counts as recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// With the kernel before the reply, on disk at most 100 ms later.
    #[default]
    Batched,
    /// On disk before the reply; one sync for all that wait.
    Always,
}

/// How paths and user names are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paths {
    /// As `hmac:` and 64 hex digits: equal names can be found, no name can be read.
    #[default]
    Hmac,
    /// As they are: a stolen disk then shows them.
    Plain,
}

/// Where and how lines are kept.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// Made with mode 0700 if it does not exist.
    pub directory: PathBuf,
    /// When a line counts as recorded.
    pub durability: Durability,
    /// How names are written.
    pub paths: Paths,
    /// A file of this size is retired.
    pub rotate_bytes: u64,
    /// Retired files that are kept.
    pub keep_files: usize,
    /// No file is deleted that is younger, however many there are.
    pub keep_for: Duration,
    /// Bytes a second that one session may fill, on the whole.
    pub session_rate: u64,
    /// Space that is held back for when the disk is full.
    pub reserve_bytes: u64,
    /// How long a request waits before it is refused.
    pub bound: Duration,
}

impl AuditConfig {
    /// The defaults: 32 files of 64 MiB and a week, 256 KiB a second, 16 MiB in reserve, two seconds.
    pub fn in_directory(directory: PathBuf) -> Self {
        Self {
            directory,
            durability: Durability::default(),
            paths: Paths::default(),
            rotate_bytes: 64 << 20,
            keep_files: 32,
            keep_for: Duration::from_hours(7 * 24),
            session_rate: 256 << 10,
            reserve_bytes: 16 << 20,
            bound: Duration::from_secs(2),
        }
    }
}

/// Why there is no audit, or no line.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// No line can be written now. The request is refused; the next may do better.
    #[error("no audit line can be written")]
    Unavailable,
    /// Its caller fills the audit too fast. The request is refused, and counted.
    #[error("the caller fills the audit too fast")]
    OverBudget,
    /// Somebody else could write, read or redirect the audit, or what is there is none.
    #[error("audit: `{path}` {problem}")]
    Refused {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The operating system refused.
    #[error("audit: `{path}` cannot be used")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A handle on the audit; clones write to the same file.
#[derive(Clone)]
pub struct Audit {
    desk: Arc<Desk>,
    /// The files; a sink of a test has none.
    trail: Option<Arc<Trail>>,
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Audit(..)")
    }
}

impl Audit {
    /// Opens the file, goes on with its sequence, and writes that the daemon has started. To be called in
    /// the runtime that serves requests. `fatal` is called if the audit can never write again.
    ///
    /// # Errors
    /// When the directory or the file is not private to the daemon, or cannot be written.
    pub fn open(
        config: &AuditConfig,
        node: u64,
        clock: Arc<dyn AuditClock>,
        fatal: &Fatal,
    ) -> Result<Self, AuditError> {
        let (file, last) = AuditFile::open(config)?;
        let trail = Some(Arc::new(file.trail()?));
        let audit = Self::over(file, last, config, node, clock, fatal)?;
        Ok(Self { trail, ..audit })
    }

    fn over(
        sink: impl Sink,
        last: u64,
        config: &AuditConfig,
        node: u64,
        clock: Arc<dyn AuditClock>,
        fatal: &Fatal,
    ) -> Result<Self, AuditError> {
        let failed = |source| AuditError::Io {
            path: config.directory.clone(),
            source,
        };
        let state = Arc::new(State::new(clock, node, config));
        let queue = Arc::new(Queue::new(QUEUE, QUEUE_BYTES));
        // One sync may wait while one runs: the waiting one covers all that was appended before it.
        let (syncs, due) = sync_channel(1);
        let mut writer = Writer::new(sink, last, config.durability, Arc::clone(&state), syncs);
        writer.start().map_err(failed)?;
        let pen = Arc::new(Pen::new(writer, Arc::clone(&queue)));
        let (beside, thread) = (Arc::clone(&state), Arc::clone(&pen));
        let syncing = move || writer::sync_each(&due, &beside);
        spawn("audit-sync", fatal.clone(), syncing).map_err(failed)?;
        spawn("audit", fatal.clone(), move || thread.run()).map_err(failed)?;
        let desk = Desk {
            state,
            queue,
            pen,
            paths: config.paths,
        };
        Ok(Self {
            desk: Arc::new(desk),
            trail: None,
        })
    }

    /// What was written, to read from; `None` where it cannot be read.
    pub(super) fn trail(&self) -> Option<&Arc<Trail>> {
        self.trail.as_ref()
    }

    /// How far lines go; it changes within a moment after they are written.
    pub(super) fn written(&self) -> watch::Receiver<u64> {
        self.desk.state.written.subscribe()
    }

    /// Whether a line has a prospect of being written: asked before a write is proposed, so that
    /// nothing is done that could not be recorded.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`].
    pub fn ready(&self) -> Result<(), AuditError> {
        self.desk.state.ready()
    }

    /// Whether this caller has something left to pay a line with: asked before anything is done for him.
    ///
    /// # Errors
    /// [`AuditError::OverBudget`].
    pub fn affords(&self, actor: Actor<'_>) -> Result<(), AuditError> {
        self.desk.state.affords(actor.payer())
    }

    /// Begins the record of a request.
    pub fn begin(&self, event: Event) -> Entry {
        Entry::open(Arc::clone(&self.desk), event)
    }

    /// Makes every line so far durable: at shutdown, and after a seal.
    ///
    /// # Errors
    /// [`AuditError::Unavailable`], within the bound.
    pub async fn flush(&self) -> Result<(), AuditError> {
        let (done, synced) = oneshot::channel();
        if !self.desk.queue.push(Job::Flush(done), 0) {
            return Err(AuditError::Unavailable);
        }
        match tokio::time::timeout(self.desk.state.bound, synced).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(AuditError::Unavailable),
        }
    }
}

/// A thread that the audit cannot do without; `work` says whether it is no longer needed.
fn spawn(name: &str, fatal: Fatal, work: impl FnOnce() -> bool + Send + 'static) -> io::Result<()> {
    let whole = move || {
        // What a panic leaves behind is not looked at again.
        if !catch_unwind(AssertUnwindSafe(work)).unwrap_or(false) {
            fatal.call("the audit panicked and may have lost count of its lines");
        }
    };
    let named = thread::Builder::new().name(name.to_owned());
    named.spawn(whole).map(drop)
}

/// Lines that may wait for the writer; beyond it requests are refused at once.
const QUEUE: usize = 8192;
/// Bytes of them.
const QUEUE_BYTES: usize = 32 << 20;
