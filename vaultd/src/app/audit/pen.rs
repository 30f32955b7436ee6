//! Who writes: a request its own line, while nobody else writes and the sink is quick; otherwise the
//! audit's thread, which takes what has queued up, appends it in one write and wakes those who wait.
//!
//! A line in the request's own thread saves two wakes, which cost more than all the rest of a read. It
//! goes into the page cache, so it takes microseconds; but a disk that hangs can hold it up. So it is done
//! only in a runtime that has another worker, at most by one at a time, and not after an append that took
//! long. The one request that meets the stall waits for the disk; all others are refused within the bound.
//!
//! INVARIANT: while a request writes, the thread is awake or wakes within [`Writer::patience`] of a writer
//! with unsynced lines. Another worker alone does not go on: the one that is stuck may be the one that
//! polled the sockets, and the others sleep until somebody has work for them. So the thread, when it finds
//! the pen held for long, gives the runtime some.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::AuditError;
use super::queue::{Queue, Woken};
use super::writer::{Job, Writer, Written};

/// The writer, for one at a time.
pub(super) struct Pen {
    writer: Mutex<Writer>,
    queue: Arc<Queue<Job>>,
    /// The thread is waiting for the writer, so requests leave it alone.
    claimed: AtomicBool,
    /// The audit's thread, once it runs.
    thread: OnceLock<Thread>,
    /// Where requests may write; `None` where nobody would go on.
    runtime: Option<Handle>,
}

impl Pen {
    pub(super) fn new(writer: Writer, queue: Arc<Queue<Job>>) -> Self {
        Self {
            writer: Mutex::new(writer),
            queue,
            claimed: AtomicBool::new(false),
            thread: OnceLock::new(),
            runtime: Handle::try_current().ok().filter(has_others),
        }
    }

    /// Writes a request's line in its own thread; `None` where that is the audit thread's.
    pub(super) fn at_once(&self, body: &[u8]) -> Option<Written> {
        if self.claimed.load(Ordering::SeqCst) || !self.in_runtime() {
            return None;
        }
        let written = match self.writer.try_lock() {
            Ok(mut writer) => writer.at_once(body, || self.queue.poke()),
            Err(TryLockError::WouldBlock) => return None,
            // A writer that panicked may have lost count; the thread ends the process for it.
            Err(TryLockError::Poisoned(_)) => return Some(Err(AuditError::Unavailable)),
        };
        if self.claimed.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
        written
    }

    /// The thread: until every handle is gone. Whether it came to that.
    pub(super) fn run(&self) -> bool {
        self.thread.get_or_init(thread::current);
        let mut batch = Vec::new();
        let mut patience = Duration::ZERO;
        loop {
            let woken = self.queue.take(&mut batch, patience);
            let Some(mut writer) = self.claim() else {
                return false;
            };
            match woken {
                Woken::Work => {
                    let accepted = writer.commit(&batch);
                    drop(writer);
                    batch.drain(..).for_each(|job| job.answer(accepted));
                }
                Woken::Idle => drop(writer),
                Woken::Closed => {
                    writer.end();
                    return true;
                }
            }
            let Some(mut writer) = self.claim() else {
                return false;
            };
            writer.maintain();
            patience = writer.patience();
        }
    }

    /// The writer, for the thread; `None` after a panic that held it.
    fn claim(&self) -> Option<MutexGuard<'_, Writer>> {
        self.claimed.store(true, Ordering::SeqCst);
        let mut waited = false;
        let writer = loop {
            match self.writer.try_lock() {
                Ok(writer) => break Some(writer),
                Err(TryLockError::Poisoned(_)) => break None,
                // A task from outside wakes a worker that sleeps, and from then on that one polls
                // sockets and timers.
                Err(TryLockError::WouldBlock) if waited => {
                    self.runtime
                        .iter()
                        .for_each(|runtime| drop(runtime.spawn(async {})));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            // The request that holds it unparks, and where the two miss each other this is all it costs.
            thread::park_timeout(HELD);
            waited = true;
        };
        self.claimed.store(false, Ordering::SeqCst);
        writer
    }

    fn in_runtime(&self) -> bool {
        self.runtime.as_ref().is_some_and(|runtime| {
            Handle::try_current().is_ok_and(|current| current.id() == runtime.id())
        })
    }
}

/// Whether one worker can be held up and another still be woken.
fn has_others(runtime: &Handle) -> bool {
    runtime.runtime_flavor() == RuntimeFlavor::MultiThread && runtime.metrics().num_workers() > 1
}

/// A request that holds the pen longer is waiting for a disk.
const HELD: Duration = Duration::from_millis(20);
