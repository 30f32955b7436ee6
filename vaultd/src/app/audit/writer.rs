//! Writing audit lines: numbered, appended, and made durable by a thread of its own, so that a slow disk
//! delays no reply; in mode `always` the replies wait for it, one sync for the whole batch.
//!
//! INVARIANT: a sequence number is spent only on a line that is in the sink. After a failure nothing
//! is accepted until a line that says how many were lost has been written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use tokio::sync::oneshot;

use super::line::{self, Notice};
use super::sink::{Sink, Syncer};
use super::state::State;
use super::{AuditError, Durability};

/// What a waiter hears.
pub(super) type Written = Result<(), AuditError>;

/// Work for the writer.
pub(super) enum Job {
    /// A request's lines without their sequence numbers, a newline between them; where they are lost they count
    /// as one. Nobody waits for a record that was dropped.
    Line(Vec<u8>, Option<oneshot::Sender<Written>>),
    /// Make all that came before durable.
    Flush(oneshot::Sender<Written>),
}

impl Job {
    /// Tells whoever waits.
    pub(super) fn answer(self, accepted: bool) {
        if let Self::Line(_, Some(done)) | Self::Flush(done) = self {
            let answer = if accepted {
                Ok(())
            } else {
                Err(AuditError::Unavailable)
            };
            // The waiter may have gone; its line is marked, or lost and counted.
            let _gone = done.send(answer);
        }
    }
}

pub(super) struct Writer {
    sink: Box<dyn Sink>,
    syncs: SyncSender<Syncer>,
    state: Arc<State>,
    durability: Durability,
    /// The last sequence that is in the sink.
    last: u64,
    buffer: Vec<u8>,
    /// When the oldest line that was not handed to a sync yet was appended.
    unsynced: Option<Duration>,
    /// The sink's durability failed: go on in a new place.
    renew: bool,
    /// The sink was slow: until then requests leave their lines to the thread.
    slow_until: Duration,
}

impl Writer {
    pub(super) fn new(
        sink: impl Sink,
        last: u64,
        durability: Durability,
        state: Arc<State>,
        syncs: SyncSender<Syncer>,
    ) -> Self {
        Self {
            sink: Box::new(sink),
            syncs,
            state,
            durability,
            last,
            buffer: Vec::new(),
            unsynced: None,
            renew: false,
            slow_until: Duration::ZERO,
        }
    }

    /// The first line: it proves that lines can be written.
    pub(super) fn start(&mut self) -> io::Result<()> {
        self.notice(&Notice {
            kind: "started",
            ..Notice::default()
        })
    }

    /// The last line.
    pub(super) fn end(&mut self) {
        self.tell_floods(Duration::MAX);
        let stopped = self.notice(&Notice {
            kind: "stopped",
            ..Notice::default()
        });
        if let Err(error) = stopped.and_then(|()| (self.sink.syncer())()) {
            tracing::error!(%error, "the last audit lines may not be on disk");
        }
    }

    /// How long the thread may sleep.
    pub(super) fn patience(&self) -> Duration {
        if self.state.down.load(Ordering::Relaxed) {
            return PROBE;
        }
        self.unsynced.map_or(IDLE, |since| {
            (since + SYNC_AFTER)
                .saturating_sub(self.state.now())
                .max(Duration::from_millis(1))
        })
    }

    /// Writes its lines for the request that brings them; `None` where that may take long, or where another
    /// line has to come first. `wake` wakes the thread: before the write if it may be sleeping for long.
    pub(super) fn at_once(&mut self, body: &[u8], wake: impl Fn()) -> Option<Written> {
        let settled = self.durability == Durability::Batched
            && !self.state.down.load(Ordering::Relaxed)
            && !self.state.unsyncable.load(Ordering::Relaxed)
            && self.state.lost.load(Ordering::Relaxed) == 0
            && self.state.now() >= self.slow_until;
        if !settled {
            return None;
        }
        if self.unsynced.is_none() {
            wake();
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let last = line::frame(&mut buffer, self.last, body, true);
        let result = self.write(&buffer, last);
        self.buffer = buffer;
        if self.judge(result) {
            return Some(Ok(()));
        }
        self.state.lost.fetch_add(1, Ordering::Relaxed);
        wake();
        Some(Err(AuditError::Unavailable))
    }

    /// Writes what has gathered; whether it is where it has to be.
    pub(super) fn commit(&mut self, batch: &[Job]) -> bool {
        let lines = batch.iter().filter(|job| matches!(job, Job::Line(..)));
        let lines = lines.count() as u64;
        let accepted = self.recovered() && self.append(batch);
        if !accepted {
            self.state.lost.fetch_add(lines, Ordering::Relaxed);
        }
        accepted
    }

    fn append(&mut self, batch: &[Job]) -> bool {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let mut last = self.last;
        let mut durable = self.durability == Durability::Always;
        for job in batch {
            match job {
                Job::Line(body, done) => {
                    let awaited = done.as_ref().is_none_or(|done| !done.is_closed());
                    last = line::frame(&mut buffer, last, body, awaited);
                }
                Job::Flush(_) => durable = true,
            }
        }
        let mut result = self.write(&buffer, last);
        if durable && result.is_ok() {
            result = self.sync_now();
        }
        buffer.shrink_to(BUFFER);
        self.buffer = buffer;
        self.judge(result)
    }

    fn write(&mut self, lines: &[u8], last: u64) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let begun = self.state.now();
        self.state.writing.start(begun);
        let result = self.sink.append(lines);
        self.state.writing.stop();
        let ended = self.state.now();
        if ended.saturating_sub(begun) > SLOW {
            self.slow_until = ended + SLOW_FOR;
        }
        result?;
        self.last = last;
        self.unsynced.get_or_insert(ended);
        Ok(())
    }

    fn sync_now(&mut self) -> io::Result<()> {
        self.state.writing.start(self.state.now());
        let result = (self.sink.syncer())();
        self.state.writing.stop();
        match &result {
            Ok(()) => self.unsynced = None,
            Err(_) => self.renew = true,
        }
        result
    }

    fn judge(&self, result: io::Result<()>) -> bool {
        let Err(error) = result else {
            return true;
        };
        if !self.state.down.swap(true, Ordering::Release) {
            tracing::error!(%error, "audit lines cannot be written: requests are refused");
        }
        false
    }

    /// Whether lines can be written, after trying to bring that about.
    fn recovered(&mut self) -> bool {
        if self.state.unsyncable.swap(false, Ordering::AcqRel) {
            self.renew = true;
            self.state.down.store(true, Ordering::Release);
        }
        let lost = self.state.lost.load(Ordering::Relaxed);
        if !self.state.down.load(Ordering::Relaxed) && lost == 0 {
            return true;
        }
        if self.renew && self.sink.renew(self.last).is_err() {
            return false;
        }
        let gap = Notice {
            kind: "gap",
            reason: if self.renew { "sync_failed" } else { "" },
            count: Some(lost),
            ..Notice::default()
        };
        let told = self.notice(&gap);
        if !self.judge(told) {
            return false;
        }
        self.renew = false;
        // What was lost while that line was written is told by the next.
        self.state.lost.fetch_sub(lost, Ordering::Relaxed);
        self.state.down.store(false, Ordering::Release);
        tracing::warn!(lost, "audit lines can be written again");
        true
    }

    /// What is due between batches.
    pub(super) fn maintain(&mut self) {
        if !self.recovered() {
            return;
        }
        let now = self.state.now();
        self.tell_floods(now);
        if self.unsynced.is_some_and(|since| now >= since + SYNC_AFTER)
            && self.syncs.try_send(self.sink.syncer()).is_ok()
        {
            self.unsynced = None;
        }
        self.sink.tend(self.last, now);
        self.state.tell(self.last);
    }

    /// Writes what was counted instead of listed, as far as it is due by then.
    fn tell_floods(&mut self, by: Duration) {
        for (kind, count) in self.state.counted(by) {
            let counted = self.notice(&Notice {
                kind: "flood",
                method: kind.method,
                source: kind.origin,
                reason: kind.reason,
                count: Some(count),
                ..Notice::default()
            });
            if !self.judge(counted) {
                self.state.lost.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    fn notice(&mut self, notice: &Notice) -> io::Result<()> {
        let notice = Notice {
            time: line::time(self.state.clock.utc()),
            node: self.state.node,
            source: notice.source.clone(),
            ..*notice
        };
        let mut framed = Vec::new();
        let last = line::frame(&mut framed, self.last, &line::encode(&notice), true);
        self.write(&framed, last)
    }
}

/// The second thread: one sync after another, for as long as there is a writer. Whether it came to that.
pub(super) fn sync_each(syncs: &Receiver<Syncer>, state: &State) -> bool {
    for sync in syncs {
        state.syncing.start(state.now());
        let result = sync();
        state.syncing.stop();
        if let Err(error) = result {
            tracing::error!(%error, "audit lines may not be on disk: a new file is begun");
            state.unsyncable.store(true, Ordering::Release);
        }
    }
    true
}

/// An append that takes longer has waited for a disk.
const SLOW: Duration = Duration::from_millis(20);
/// How long requests then leave their lines to the thread.
const SLOW_FOR: Duration = Duration::from_secs(1);
/// What the buffer keeps allocated.
const BUFFER: usize = 256 * 1024;
/// A line is handed to a sync this long after it was appended: half of what is promised.
const SYNC_AFTER: Duration = Duration::from_millis(50);
/// How often a writer that failed tries again.
const PROBE: Duration = Duration::from_millis(250);
/// How often a writer without work looks after floods and the reserve.
const IDLE: Duration = Duration::from_secs(1);
