//! The one thread that writes the log: it drains what has queued, writes it as one frame, syncs
//! once, and only then answers.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use bytes::Bytes;

use super::super::Position;
use super::files::{self, Manifest, Spare};
use super::frame::{self, FrameBuilder, Record};
use super::index::Place;
use super::{Job, Shared};

/// Most bytes that one frame gathers, unless one job alone is larger.
const FRAME_BYTES: usize = 4 << 20;

/// Between attempts while the disk is full.
const RETRY: Duration = Duration::from_millis(200);

/// The thread's own state.
#[derive(Debug)]
pub(super) struct Flusher {
    pub(super) shared: Arc<Shared>,
    pub(super) dir: PathBuf,
    pub(super) identity: [u8; 16],
    pub(super) manifest: Manifest,
    pub(super) file: Arc<File>,
    pub(super) offset: usize,
    pub(super) length: usize,
    pub(super) next_batch: u64,
    pub(super) spares: Receiver<Spare>,
    /// A spare that was taken and not needed yet.
    pub(super) ready: Option<Spare>,
    /// As written so far: repeated at the head of every segment, so that older ones may go.
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<Position>,
    pub(super) purged: Option<Position>,
}

impl Flusher {
    /// Runs until the log is closed or the disk fails.
    pub(super) fn run(mut self) {
        while let Some(jobs) = self.shared.drain(FRAME_BYTES) {
            let early = jobs.iter().any(|job| job.rotates);
            if early && !self.can_rotate() {
                let none = || io::Error::from(io::ErrorKind::WouldBlock);
                for job in jobs {
                    job.answer(Err(none()));
                }
                continue;
            }
            let written = if early {
                self.rotate_early()
            } else {
                self.flush(&jobs)
            };
            match written {
                Ok(()) => jobs.into_iter().for_each(|job| job.answer(Ok(()))),
                Err(error) => {
                    self.fail(&error, jobs);
                    return;
                }
            }
        }
        let closed = "the log is closed";
        for job in self.shared.break_down(closed) {
            job.answer(Err(io::Error::other(closed)));
        }
    }

    fn fail(&self, error: &io::Error, jobs: Vec<Job>) {
        let message = format!("the log in `{}` failed: {error}", self.dir.display());
        // ORDER: the process ends before anyone hears of durability. A failed sync is never tried
        // again: the kernel may have dropped the pages and would report success.
        let waiting = self.shared.break_down(&message);
        if !self.shared.stop.load(Relaxed) {
            self.shared.fatal.call(&message);
        }
        for job in jobs.into_iter().chain(waiting) {
            job.answer(Err(io::Error::new(error.kind(), message.clone())));
        }
    }

    fn flush(&mut self, jobs: &[Job]) -> io::Result<()> {
        let records = || jobs.iter().flat_map(|job| &job.records);
        let room: usize = records().map(frame::record_room).sum();
        if self.offset + room + frame::FRAME_OVERHEAD > self.length {
            self.rotate(room)?;
        }
        let mut builder = FrameBuilder::new(frame::seed(&self.identity, self.manifest.last));
        if self.offset == frame::SEGMENT_HEADER {
            for record in self.head() {
                builder.push(&record);
            }
        }
        let mut places = Vec::new();
        for record in records() {
            let (at, length) = builder.push(record);
            if let Record::Entry(position, _) = record {
                places.push((*position, self.place(at, length)?));
            }
            self.note(record);
        }
        let frame = builder.finish(self.next_batch);
        self.patiently(|| self.file.write_all_at(&frame, self.offset as u64))?;
        self.sync()?;
        self.next_batch += 1;
        self.offset += frame.len();
        let stats = &self.shared.stats;
        stats.bytes.fetch_add(frame.len() as u64, Relaxed);
        stats.entries.fetch_add(places.len() as u64, Relaxed);
        self.shared.placed(&places);
        if records().any(|record| matches!(record, Record::Purge(_))) {
            self.drop_segments()?;
        }
        Ok(())
    }

    fn place(&self, at: usize, length: usize) -> io::Result<Place> {
        let number = |n: usize| u32::try_from(n).map_err(io::Error::other);
        Ok(Place {
            segment: self.manifest.last,
            offset: number(self.offset + at)?,
            length: number(length)?,
        })
    }

    fn head(&self) -> impl Iterator<Item = Record> + use<> {
        let vote = self.vote.clone().map(Record::Vote);
        let committed = self.committed.map(|at| Record::Committed(Some(at)));
        let purged = self.purged.map(Record::Purge);
        vote.into_iter().chain(committed).chain(purged)
    }

    fn note(&mut self, record: &Record) {
        match record {
            Record::Vote(vote) => self.vote = Some(vote.clone()),
            Record::Committed(committed) => self.committed = *committed,
            Record::Purge(upto) => self.purged = Some(*upto),
            Record::Entry(..) | Record::Truncate(_) => {}
        }
    }

    fn sync(&self) -> io::Result<()> {
        let number = self.shared.stats.syncs.fetch_add(1, Relaxed);
        if let Some(fault) = &self.shared.faults.sync {
            fault(number)?;
        }
        self.file.sync_data()
    }

    /// Moves on to a new segment with room for `room` bytes of records.
    fn rotate(&mut self, room: usize) -> io::Result<()> {
        let head: usize = self.head().map(|record| frame::record_room(&record)).sum();
        let needed = frame::SEGMENT_HEADER + head + room + frame::FRAME_OVERHEAD + frame::ALIGN;
        let spare = self.spare(needed as u64)?;
        self.move_to(spare)
    }

    /// Whether a segment is ready: without one, whoever only wants old data to go can wait.
    fn can_rotate(&mut self) -> bool {
        if self.ready.is_none() {
            self.ready = self.spares.try_recv().ok();
        }
        self.ready.is_some()
    }

    /// Moves on to a new segment before this one is full, if anything was written to it.
    fn rotate_early(&mut self) -> io::Result<()> {
        if self.offset == frame::SEGMENT_HEADER {
            return Ok(());
        }
        self.ready
            .take()
            .map_or(Ok(()), |spare| self.move_to(spare))
    }

    fn move_to(&mut self, spare: Spare) -> io::Result<()> {
        let (id, length) = (self.manifest.last + 1, spare.length());
        self.patiently(|| spare.become_segment(&self.dir, &self.identity, id))?;
        let manifest = Manifest {
            last: id,
            ..self.manifest
        };
        self.patiently(|| manifest.write(&self.dir, &self.identity))?;
        self.shared.stats.syncs.fetch_add(4, Relaxed);
        self.manifest = manifest;
        self.length = usize::try_from(length).map_err(io::Error::other)?;
        self.offset = frame::SEGMENT_HEADER;
        self.file = Arc::new(spare.into_file());
        self.shared.opened(id, Arc::clone(&self.file));
        Ok(())
    }

    fn spare(&mut self, needed: u64) -> io::Result<Spare> {
        // A spare that is too small for one huge batch stays a leftover, removed at the next open.
        let spare = match self.ready.take() {
            Some(ready) => ready,
            None => self.spares.recv().map_err(io::Error::other)?,
        };
        if spare.length() >= needed {
            return Ok(spare);
        }
        let length = needed.next_multiple_of(4096);
        self.patiently(|| Spare::make(&self.dir, "large", length))
    }

    /// Tries again while the disk is full: writers wait, and the node recovers by itself.
    fn patiently<T>(&self, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            match attempt() {
                Err(error)
                    if error.kind() == io::ErrorKind::StorageFull
                        && !self.shared.stop.load(Relaxed) =>
                {
                    std::thread::park_timeout(RETRY);
                }
                result => return result,
            }
        }
    }

    fn drop_segments(&mut self) -> io::Result<()> {
        let oldest = self.shared.oldest_segment().unwrap_or(self.manifest.last);
        let first = oldest.min(self.manifest.last);
        if first <= self.manifest.first {
            return Ok(());
        }
        let manifest = Manifest {
            first,
            ..self.manifest
        };
        // ORDER: the manifest stops naming a segment before it is removed.
        self.patiently(|| manifest.write(&self.dir, &self.identity))?;
        for id in self.manifest.first..first {
            self.shared.closed(id);
            std::fs::remove_file(files::segment_path(&self.dir, id))?;
        }
        self.manifest = manifest;
        Ok(())
    }
}
