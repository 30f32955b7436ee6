//! What the log's handle and its threads share: entries in memory, the queue, counters.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::super::{Fatal, Faults, Position};
use super::Callback;
use super::frame::{self, Record};
use super::index::{Entries, Place};

/// Entries kept in memory for readers and for apply.
const TAIL_BYTES: usize = 4 << 20;

/// What the log has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Syncs of files and directories.
    pub syncs: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Entries written.
    pub entries: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) syncs: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) entries: AtomicU64,
}

#[derive(Default)]
pub(super) struct Job {
    pub(super) records: Vec<Record>,
    pub(super) done: Option<Callback>,
    /// Nothing is written, but what follows goes into the next segment.
    pub(super) rotates: bool,
}

impl Job {
    pub(super) fn of(records: Vec<Record>, done: Callback) -> Self {
        Self {
            records,
            done: Some(done),
            rotates: false,
        }
    }

    pub(super) fn answer(self, result: io::Result<()>) {
        if let Some(done) = self.done {
            done(result);
        }
    }

    fn room(&self) -> usize {
        self.records.iter().map(frame::record_room).sum()
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Job({} records)", self.records.len())
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) entries: Entries,
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<Position>,
    pub(super) segments: BTreeMap<u64, Arc<File>>,
    pub(super) queue: VecDeque<Job>,
    /// Rides with the next batch instead of causing one.
    pub(super) lazy: Option<Record>,
    pub(super) closing: bool,
    pub(super) broken: Option<String>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// Something was queued, or the log is closing.
    pub(super) queued: Condvar,
    /// Entries became durable, or never will.
    pub(super) durable: Condvar,
    /// Set at the end of the log's life, for the thread that prepares segments.
    pub(super) stop: Arc<AtomicBool>,
    pub(super) stats: Counters,
    pub(super) fatal: Fatal,
    pub(super) faults: Faults,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enqueue(&self, mut state: MutexGuard<'_, State>, job: Job) -> io::Result<()> {
        if let Some(broken) = &state.broken {
            return Err(io::Error::other(broken.clone()));
        }
        state.queue.push_back(job);
        drop(state);
        self.queued.notify_one();
        Ok(())
    }

    /// Waits for jobs and takes up to `limit` bytes of them, one that rotates alone; `None` when the log
    /// closes.
    pub(super) fn drain(&self, limit: usize) -> Option<Vec<Job>> {
        let mut state = self.lock();
        while state.queue.is_empty() && !state.closing {
            state = self
                .queued
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        if let Some(record) = state.lazy.take() {
            jobs.push(Job {
                records: vec![record],
                ..Job::default()
            });
        }
        while let Some(job) = state.queue.pop_front() {
            let room = job.room();
            let is_full = bytes > 0 && bytes + room > limit;
            if is_full || (job.rotates && !jobs.is_empty()) {
                state.queue.push_front(job);
                break;
            }
            bytes += room;
            let alone = job.rotates;
            jobs.push(job);
            if alone {
                break;
            }
        }
        (!jobs.is_empty()).then_some(jobs)
    }

    pub(super) fn placed(&self, places: &[(Position, Place)]) {
        let mut state = self.lock();
        for (at, place) in places {
            state.entries.placed(*at, *place);
        }
        state.entries.evict(TAIL_BYTES);
        drop(state);
        self.durable.notify_all();
    }

    pub(super) fn opened(&self, id: u64, file: Arc<File>) {
        self.lock().segments.insert(id, file);
    }

    pub(super) fn closed(&self, id: u64) {
        self.lock().segments.remove(&id);
    }

    pub(super) fn oldest_segment(&self) -> Option<u64> {
        self.lock().entries.oldest_segment()
    }

    pub(super) fn break_down(&self, message: &str) -> Vec<Job> {
        let mut state = self.lock();
        state.broken = Some(message.to_owned());
        let waiting = state.queue.drain(..).collect();
        drop(state);
        self.durable.notify_all();
        waiting
    }
}
