//! openraft's view of the log.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use futures::Stream;
use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use tokio::sync::oneshot;

use super::types::{LogEntry, LogId, Types, Vote, decode, encode, log_id, position};
use crate::store::{Callback, Log};

/// Bytes of entries in one read for replication or apply.
const READ_BYTES: usize = 1 << 20;

/// The log of this node.
#[derive(Clone, Debug)]
pub(super) struct LogStore(Arc<Log>);

impl LogStore {
    /// A view of the store's log.
    pub(super) fn new(log: Arc<Log>) -> Self {
        Self(log)
    }

    fn entries(&self, range: Range<u64>, limit: usize) -> io::Result<Vec<LogEntry>> {
        self.0
            .read(range, limit)?
            .into_iter()
            .map(|(at, bytes)| {
                Ok(LogEntry {
                    log_id: log_id(at),
                    payload: decode(&bytes)?,
                })
            })
            .collect()
    }
}

/// Waits until a job of the log's is durable.
async fn durable(job: impl FnOnce(Callback) -> io::Result<()>) -> io::Result<()> {
    let (done, wait) = oneshot::channel();
    job(Box::new(move |result| {
        // The waiter may be gone.
        drop(done.send(result));
    }))?;
    wait.await
        .unwrap_or_else(|_| Err(io::Error::other("the log is closed")))
}

fn range_of(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => end.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl RaftLogReader<Types> for LogStore {
    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<LogEntry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let state = (self.clone(), range_of(&range), Vec::new().into_iter());
        Box::pin(futures::stream::unfold(Some(state), |state| async move {
            let (log, range, mut page) = state?;
            if let Some(entry) = page.next() {
                return Some((Ok(entry), Some((log, range, page))));
            }
            match log.entries(range.clone(), READ_BYTES) {
                Ok(entries) => {
                    let next = entries.last()?.log_id.index + 1;
                    let mut page = entries.into_iter();
                    let entry = page.next()?;
                    Some((Ok(entry), Some((log, next..range.end, page))))
                }
                Err(error) => Some((Err(error), None)),
            }
        }))
    }

    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<LogEntry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.entries(range_of(&range), usize::MAX)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<LogEntry>> {
        self.entries(start..end, READ_BYTES)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        let vote = self.0.vote();
        Ok(vote
            .map(|bytes| serde_json::from_slice(&bytes))
            .transpose()?)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let (purged, last) = self.0.bounds();
        Ok(LogState {
            last_purged_log_id: purged.map(log_id),
            last_log_id: last.map(log_id),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let bytes = serde_json::to_vec(vote)?;
        durable(|done| self.0.save_vote(bytes.into(), done)).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.0.save_committed(committed.as_ref().map(position));
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.0.committed().map(log_id))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries
            .into_iter()
            .map(|entry| Ok((position(&entry.log_id), encode(&entry.payload)?)))
            .collect::<io::Result<Vec<_>>>()?;
        self.0.append(
            entries,
            Box::new(move |result| callback.io_completed(result)),
        )
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        durable(|done| self.0.truncate(last.as_ref().map(position), done)).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        durable(|done| self.0.purge(position(&upto), done)).await
    }
}
