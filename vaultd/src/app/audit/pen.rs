//! Who writes: a request its own line, while nobody else writes and the sink is quick; otherwise the
//! audit's thread, which takes what has queued up, appends it in one write and wakes those who wait.
//!
//! A line in the request's own thread saves two wakes, which cost more than all the rest of a read. It
//! goes into the page cache, so it takes microseconds; but a disk that hangs can hold it up. So it is done
//! only where another worker of the runtime goes on, at most by one at a time, and not after an append
//! that took long. The one request that meets the stall waits for the disk; all others are refused within
//! the bound.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
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
}

impl Pen {
    pub(super) fn new(writer: Writer, queue: Arc<Queue<Job>>) -> Self {
        Self {
            writer: Mutex::new(writer),
            queue,
            claimed: AtomicBool::new(false),
        }
    }

    /// Writes a request's line in its own thread; `None` where that is the audit thread's.
    pub(super) fn at_once(&self, body: &[u8]) -> Option<Written> {
        if self.claimed.load(Ordering::Relaxed) || !others_go_on() {
            return None;
        }
        let (written, tell) = match self.writer.try_lock() {
            Ok(mut writer) => writer.at_once(body)?,
            Err(TryLockError::WouldBlock) => return None,
            // A writer that panicked may have lost count.
            Err(TryLockError::Poisoned(_)) => return Some(Err(AuditError::Unavailable)),
        };
        if tell {
            self.queue.poke();
        }
        Some(written)
    }

    /// The thread: until every handle is gone.
    pub(super) fn run(&self) {
        let mut batch = Vec::new();
        let mut patience = Duration::ZERO;
        loop {
            let woken = self.queue.take(&mut batch, patience);
            let Some(mut writer) = self.claim() else {
                return;
            };
            match woken {
                Woken::Work => {
                    let accepted = writer.commit(&batch);
                    drop(writer);
                    batch.drain(..).for_each(|job| job.answer(accepted));
                }
                Woken::Idle => drop(writer),
                Woken::Closed => return writer.end(),
            }
            let Some(mut writer) = self.claim() else {
                return;
            };
            writer.maintain();
            patience = writer.patience();
        }
    }

    fn claim(&self) -> Option<MutexGuard<'_, Writer>> {
        self.claimed.store(true, Ordering::Relaxed);
        let writer = self.writer.lock();
        self.claimed.store(false, Ordering::Relaxed);
        writer.ok()
    }
}

/// Whether the runtime has a worker beside this one.
fn others_go_on() -> bool {
    Handle::try_current().is_ok_and(|runtime| {
        runtime.runtime_flavor() == RuntimeFlavor::MultiThread
            && runtime.metrics().num_workers() > 1
    })
}
