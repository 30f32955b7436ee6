//! The state as a stream of bytes, for snapshots and backups.
//!
//! ```text
//! stream  = "VLTSNAP1" ‖ u32 length ‖ header ‖ row… ‖ 0 ‖ BLAKE3 of all before it
//! row     = 1 ‖ u8 length ‖ key ‖ term u64 ‖ sequence u64 ‖ u32 length ‖ sealed
//! ```
//! The header is the state's own row: position, membership, stamp, number and sum of the rows. Whoever
//! loads a stream verifies digest, number and sum.

use bytes::{BufMut, Bytes, BytesMut};
use rusqlite::Connection;
use vault_core::record::Key;

use super::super::{Position, SnapshotError, SnapshotInfo};
use super::meta::Meta;
use super::rows;

/// First bytes of a stream.
pub(super) const MAGIC: &[u8; 8] = b"VLTSNAP1";

/// Most bytes in one chunk.
pub const CHUNK: usize = 1 << 20;

/// Rows read at a time.
const PAGE: usize = 64;

/// Chunks of one state, read in one read transaction while they are asked for.
#[derive(Debug)]
pub struct SnapshotStream {
    reader: Connection,
    meta: Meta,
    hasher: blake3::Hasher,
    buffer: BytesMut,
    after: Option<Key>,
    finished: bool,
}

impl SnapshotStream {
    /// Begins the read transaction.
    pub(super) fn new(reader: Connection) -> Result<Self, SnapshotError> {
        reader.execute_batch("BEGIN").map_err(SnapshotError::from)?;
        let meta = Meta::load(&reader)
            .map_err(SnapshotError::from)?
            .ok_or(SnapshotError::Damaged("the state row"))?;
        let header = meta.to_header();
        let mut buffer = BytesMut::with_capacity(MAGIC.len() + 4 + header.len());
        buffer.put_slice(MAGIC);
        buffer.put_u32(u32::try_from(header.len()).map_err(|_| SnapshotError::TooLarge)?);
        buffer.put_slice(&header);
        Ok(Self {
            reader,
            meta,
            hasher: blake3::Hasher::new(),
            buffer,
            after: None,
            finished: false,
        })
    }

    /// What the stream holds.
    pub fn info(&self) -> SnapshotInfo {
        SnapshotInfo::from(&self.meta)
    }

    /// The last entry in it.
    pub(crate) fn position(&self) -> Option<Position> {
        self.meta.applied
    }

    /// Raft's membership in it.
    pub(crate) fn membership(&self) -> Bytes {
        self.meta.membership.clone()
    }

    fn fill(&mut self) -> Result<(), SnapshotError> {
        while !self.finished && self.buffer.len() < CHUNK {
            let (buffer, after) = (&mut self.buffer, &mut self.after);
            let mut count = 0;
            let start = after.clone();
            rows::scan(
                &self.reader,
                &[],
                start.as_ref(),
                PAGE,
                &mut |key, record, _| {
                    buffer.put_u8(1);
                    // A key has at most 255 bytes, a sealed record at most 2 MiB.
                    buffer.put_u8(u8::try_from(key.as_bytes().len()).unwrap_or(u8::MAX));
                    buffer.put_slice(key.as_bytes());
                    buffer.put_u64(record.revision.term);
                    buffer.put_u64(record.revision.sequence);
                    buffer.put_u32(u32::try_from(record.sealed.len()).unwrap_or(u32::MAX));
                    buffer.put_slice(&record.sealed);
                    *after = Some(key);
                    count += 1;
                },
            )?;
            if count < PAGE {
                self.buffer.put_u8(0);
                self.finished = true;
            }
        }
        Ok(())
    }
}

impl Iterator for SnapshotStream {
    type Item = Result<Bytes, SnapshotError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished && self.buffer.is_empty() {
            return None;
        }
        let was_finished = self.finished;
        if let Err(error) = self.fill() {
            self.finished = true;
            self.buffer.clear();
            return Some(Err(error));
        }
        if self.finished && !was_finished {
            self.hasher.update(&self.buffer);
            let digest = self.hasher.finalize();
            self.buffer.put_slice(digest.as_bytes());
            return Some(Ok(self.chunk()));
        }
        let chunk = self.chunk();
        if !self.finished {
            self.hasher.update(&chunk);
        }
        Some(Ok(chunk))
    }
}

impl SnapshotStream {
    fn chunk(&mut self) -> Bytes {
        let length = self.buffer.len().min(CHUNK);
        self.buffer.split_to(length).freeze()
    }
}

/// A stream as a reader.
#[derive(Debug)]
pub(crate) struct StreamReader {
    stream: SnapshotStream,
    chunk: Bytes,
}

impl StreamReader {
    /// From its beginning.
    pub(crate) fn new(stream: SnapshotStream) -> Self {
        Self {
            stream,
            chunk: Bytes::new(),
        }
    }
}

impl std::io::Read for StreamReader {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.chunk.is_empty() {
            match self.stream.next() {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => return Err(std::io::Error::other(error)),
                None => return Ok(0),
            }
        }
        let part = self.chunk.split_to(self.chunk.len().min(out.len()));
        if let Some(out) = out.get_mut(..part.len()) {
            out.copy_from_slice(&part);
        }
        Ok(part.len())
    }
}
