//! The replicated log on disk: append-only segments of our own, group commit, one sync per batch.
//!
//! Votes, entries, truncations and purges go through one queue and are written in that order by one
//! thread. Entries can be read when [`Log::append`] returns and are durable when its callback runs. A
//! failed sync ends the process. What can be explained by a power cut is discarded at the next open;
//! anything else refuses to start and names the file.

mod files;
mod flush;
mod frame;
mod index;
mod prepare;
mod recover;
mod segment;
mod shared;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::{Bytes, BytesMut};

pub(crate) use files::{private_file, replace_file, sync_dir};

use self::files::{Manifest, Spare};
use self::flush::Flusher;
use self::frame::Record;
use self::index::Source;
use self::recover::Recovered;
pub use self::shared::LogStats;
use self::shared::{Counters, Job, Shared, State};
use super::{OpenError, Options, Position};

/// Answers a job, from the flusher's thread.
pub(crate) type Callback = Box<dyn FnOnce(io::Result<()>) + Send>;

/// A handle on the log.
#[derive(Debug)]
pub(crate) struct Log {
    shared: Arc<Shared>,
    identity: [u8; 16],
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Log {
    /// Makes an empty log in an existing directory. `vote` and `purged` are for a restored node,
    /// whose state begins where another log ended.
    pub(crate) fn create(
        dir: &Path,
        options: &Options,
        vote: Option<Bytes>,
        purged: Option<Position>,
    ) -> io::Result<()> {
        let identity = &options.identity;
        let spare = Spare::make(dir, "first", u64::from(options.segment_bytes))?;
        spare.become_segment(dir, identity, 1)?;
        let file = spare.into_file();
        let mut builder = frame::FrameBuilder::new(frame::seed(identity, 1));
        let vote = vote.map(Record::Vote);
        let purged = purged.map(Record::Purge);
        for record in vote.into_iter().chain(purged) {
            builder.push(&record);
        }
        file.write_all_at(&builder.finish(1), frame::SEGMENT_HEADER as u64)?;
        file.sync_all()?;
        Manifest { first: 1, last: 1 }.write(dir, identity)
    }

    /// Opens the log and starts its threads.
    pub(crate) fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let recovered = recover::recover(dir, &options.identity)?;
        Self::start(dir, options, recovered).map_err(|error| OpenError::reading(dir, error))
    }

    fn start(dir: &Path, options: &Options, recovered: Recovered) -> io::Result<Self> {
        let last = recovered.segments.get(&recovered.manifest.last);
        let file = Arc::clone(last.ok_or_else(|| io::Error::other("no segment"))?);
        let purged = recovered.entries.purged();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                entries: recovered.entries,
                vote: recovered.vote.clone(),
                committed: recovered.committed,
                segments: recovered.segments,
                ..State::default()
            }),
            queued: Condvar::new(),
            durable: Condvar::new(),
            stop: Arc::default(),
            stats: Counters::default(),
            fatal: options.fatal.clone(),
            faults: options.faults.clone(),
        });
        let length = u64::from(options.segment_bytes);
        let (spares, preparer) = prepare::start(dir, length, Arc::clone(&shared.stop))?;
        let flusher = Flusher {
            shared: Arc::clone(&shared),
            dir: PathBuf::from(dir),
            identity: options.identity,
            manifest: recovered.manifest,
            file,
            offset: recovered.offset,
            length: recovered.length,
            next_batch: recovered.next_batch,
            spares,
            ready: None,
            vote: recovered.vote,
            committed: recovered.committed,
            purged,
        };
        let flusher = std::thread::Builder::new()
            .name("log-flusher".into())
            .spawn(move || flusher.run())?;
        Ok(Self {
            shared,
            identity: options.identity,
            threads: Mutex::new(vec![flusher, preparer]),
        })
    }

    /// The last purged entry, and the last entry.
    pub(crate) fn bounds(&self) -> (Option<Position>, Option<Position>) {
        let state = self.shared.lock();
        (state.entries.purged(), state.entries.last())
    }

    /// The last vote handed over.
    pub(crate) fn vote(&self) -> Option<Bytes> {
        self.shared.lock().vote.clone()
    }

    /// The last committed position handed over.
    pub(crate) fn committed(&self) -> Option<Position> {
        self.shared.lock().committed
    }

    /// Appends entries; `done` runs when they are durable.
    ///
    /// # Errors
    /// When they do not follow the last entry, or the log has failed.
    pub(crate) fn append(
        &self,
        entries: impl IntoIterator<Item = (Position, Bytes)>,
        done: Callback,
    ) -> io::Result<()> {
        let mut state = self.shared.lock();
        let mut records = Vec::new();
        for (at, payload) in entries {
            if !state.entries.follows(at.index) {
                return Err(io::Error::other("a log entry leaves a gap"));
            }
            state.entries.push(at, Some(payload.clone()), None);
            records.push(Record::Entry(at, payload));
        }
        self.shared.enqueue(state, Job::of(records, done))
    }

    /// Saves the vote; `done` runs when it is durable.
    ///
    /// # Errors
    /// When the log has failed.
    pub(crate) fn save_vote(&self, vote: Bytes, done: Callback) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.vote = Some(vote.clone());
        let records = vec![Record::Vote(vote)];
        self.shared.enqueue(state, Job::of(records, done))
    }

    /// Remembers a committed position, written with the next batch.
    pub(crate) fn save_committed(&self, committed: Option<Position>) {
        let mut state = self.shared.lock();
        state.committed = committed;
        state.lazy = Some(Record::Committed(committed));
    }

    /// Drops the entries after `last`; `done` runs when that is durable.
    ///
    /// # Errors
    /// When the log has failed.
    pub(crate) fn truncate(&self, last: Option<Position>, done: Callback) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.entries.truncate(last);
        let records = vec![Record::Truncate(last)];
        self.shared.enqueue(state, Job::of(records, done))
    }

    /// Drops the entries up to `upto`; `done` runs when that is durable.
    ///
    /// # Errors
    /// When the log has failed.
    pub(crate) fn purge(&self, upto: Position, done: Callback) -> io::Result<()> {
        let mut state = self.shared.lock();
        state.entries.purge(upto);
        let records = vec![Record::Purge(upto)];
        self.shared.enqueue(state, Job::of(records, done))
    }

    /// Has what follows written to a new segment, so that the ones before can go as soon as all in them is
    /// purged. `done` gets an error when no segment is ready, as on a full disk: then nothing happened.
    ///
    /// # Errors
    /// When the log has failed.
    pub(crate) fn rotate(&self, done: Callback) -> io::Result<()> {
        let job = Job {
            done: Some(done),
            rotates: true,
            ..Job::default()
        };
        self.shared.enqueue(self.shared.lock(), job)
    }

    /// Reads entries from the start of `range`, at most about `limit` bytes but at least one.
    ///
    /// # Errors
    /// When a segment cannot be read, or a record in it is damaged.
    pub(crate) fn read(
        &self,
        range: Range<u64>,
        limit: usize,
    ) -> io::Result<Vec<(Position, Bytes)>> {
        let mut found = Vec::new();
        let mut bytes = 0;
        {
            let state = self.shared.lock();
            let start = range.start.max(state.entries.first_index());
            for index in start..range.end.min(state.entries.end()) {
                let Some((at, source)) = state.entries.get(index) else {
                    break;
                };
                let (length, file) = match &source {
                    Source::Memory(payload) => (payload.len(), None),
                    Source::Disk(place) => {
                        let file = state.segments.get(&place.segment).cloned();
                        (place.length as usize, file)
                    }
                };
                if bytes > 0 && bytes + length > limit {
                    break;
                }
                bytes += length;
                found.push((at, source, file));
            }
        }
        found
            .into_iter()
            .map(|(at, source, file)| Ok((at, self.load(at, source, file)?)))
            .collect()
    }

    fn load(&self, at: Position, source: Source, file: Option<Arc<File>>) -> io::Result<Bytes> {
        let place = match source {
            Source::Memory(payload) => return Ok(payload),
            Source::Disk(place) => place,
        };
        let file = file.ok_or_else(|| io::Error::other("a log segment is not open"))?;
        let mut record = BytesMut::zeroed(place.length as usize);
        file.read_exact_at(&mut record, u64::from(place.offset))?;
        let seed = frame::seed(&self.identity, place.segment);
        match frame::parse_record(&record.freeze(), seed) {
            Some(Record::Entry(found, payload)) if found == at => Ok(payload),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "log entry {} in segment {:016x} is damaged",
                    at.index, place.segment
                ),
            )),
        }
    }

    /// Waits until everything up to `index` that the log was given is durable.
    ///
    /// # Errors
    /// When the log has failed.
    pub(crate) fn wait_durable(&self, index: u64) -> io::Result<()> {
        let mut state = self.shared.lock();
        while !state.entries.durable_through(index) {
            if let Some(broken) = &state.broken {
                return Err(io::Error::other(broken.clone()));
            }
            state = self
                .shared
                .durable
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// How many segments it takes.
    pub(crate) fn segments(&self) -> usize {
        self.shared.lock().segments.len()
    }

    /// What it has done so far.
    pub(crate) fn stats(&self) -> LogStats {
        let stats = &self.shared.stats;
        LogStats {
            syncs: stats.syncs.load(Relaxed),
            bytes: stats.bytes.load(Relaxed),
            entries: stats.entries.load(Relaxed),
        }
    }

    /// Writes what is queued and ends the threads.
    pub(crate) fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.stop.store(true, Relaxed);
        self.shared.queued.notify_all();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A panic in them has already been reported by its hook.
            drop(thread.join());
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}
