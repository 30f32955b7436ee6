//! Reading the log back after a stop or a crash.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::super::{OpenError, Position};
use super::files::{self, Manifest};
use super::frame::{self, Found, Record};
use super::index::{Entries, Place};
use super::segment::PIECE;

/// What the log held.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) manifest: Manifest,
    pub(super) segments: BTreeMap<u64, Arc<File>>,
    pub(super) entries: Entries,
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<Position>,
    /// Where the next frame goes in the last segment.
    pub(super) offset: usize,
    /// Length of the last segment.
    pub(super) length: usize,
    /// Number of the next batch.
    pub(super) next_batch: u64,
}

/// Reads every segment that the manifest names.
pub(super) fn recover(dir: &Path, identity: &[u8; 16]) -> Result<Recovered, OpenError> {
    let manifest = Manifest::read(dir, identity)?;
    let path = files::manifest_path(dir);
    files::remove_leftovers(dir, manifest).map_err(|error| OpenError::reading(&path, error))?;
    let mut recovered = Recovered {
        manifest,
        segments: BTreeMap::new(),
        entries: Entries::default(),
        vote: None,
        committed: None,
        offset: 0,
        length: 0,
        next_batch: 0,
    };
    for id in manifest.first..=manifest.last {
        recovered.segment(dir, identity, id)?;
    }
    if recovered.entries.begins_after_purged() {
        Ok(recovered)
    } else {
        let path = files::segment_path(dir, manifest.first);
        Err(OpenError::damaged(&path, "entries before it are missing"))
    }
}

impl Recovered {
    fn segment(&mut self, dir: &Path, identity: &[u8; 16], id: u64) -> Result<(), OpenError> {
        let path = files::segment_path(dir, id);
        let (file, mut segment) = files::open_segment(dir, identity, id)?;
        let seed = frame::seed(identity, id);
        let damaged = |at: usize| OpenError::damaged(&path, &format!("the frame at byte {at}"));
        let reading = |error| OpenError::reading(&path, error);
        let (mut at, last) = (frame::SEGMENT_HEADER, id == self.manifest.last);
        loop {
            match frame::frame_at(&mut segment, at, seed).map_err(reading)? {
                Found::Frame(batch, records, next) => {
                    if self.next_batch != 0 && batch != self.next_batch {
                        return Err(damaged(at));
                    }
                    self.next_batch = batch + 1;
                    for (offset, length, record) in records {
                        let place = Place {
                            segment: id,
                            offset: u32::try_from(offset).map_err(|_| damaged(at))?,
                            length: u32::try_from(length).map_err(|_| damaged(at))?,
                        };
                        if !self.replay(record, place) {
                            return Err(damaged(at));
                        }
                    }
                    at = next;
                }
                Found::Damaged => return Err(damaged(at)),
                Found::Torn if !last => return Err(damaged(at)),
                Found::Nothing | Found::Torn => break,
            }
        }
        if self.next_batch == 0 {
            return Err(OpenError::damaged(&path, "it holds nothing"));
        }
        if let Some(end) = segment.used_after(at).map_err(reading)? {
            // INVARIANT: only the last frame of the last segment can be torn.
            let synced = frame::frame_after(&mut segment, at, seed).map_err(reading)?;
            if !last || synced.is_some() {
                return Err(damaged(at));
            }
            erase(&file, at, end).map_err(reading)?;
        }
        (self.offset, self.length) = (at, segment.length());
        self.segments.insert(id, file);
        Ok(())
    }

    fn replay(&mut self, record: Record, place: Place) -> bool {
        match record {
            Record::Entry(at, _) => return self.entries.replay(at, place),
            Record::Vote(vote) => self.vote = Some(vote),
            Record::Truncate(last) => self.entries.truncate(last),
            Record::Purge(upto) => self.entries.purge(upto),
            Record::Committed(committed) => self.committed = committed,
        }
        true
    }
}

/// Zeros what a torn frame left, so that the next tear is told from the old bytes.
fn erase(file: &File, start: usize, end: usize) -> io::Result<()> {
    let zeros = BytesMut::zeroed(PIECE);
    for at in (start..end).step_by(PIECE) {
        let part = zeros.get(..PIECE.min(end - at)).unwrap_or_default();
        file.write_all_at(part, at as u64)?;
    }
    file.sync_all()
}
