//! A segment as it is read back: in pieces, so that opening a log takes little memory however large its
//! segments and its frames claim to be.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

/// Bytes that are read at once, unless one frame takes more.
pub(super) const PIECE: usize = 128 << 10;

/// Bytes of a segment, given out in pieces.
pub(super) trait Segment {
    /// The bytes of a range; `None` when it reaches beyond the end.
    fn piece(&mut self, range: Range<usize>) -> io::Result<Option<Bytes>>;
}

/// A segment's file. It keeps one piece.
#[derive(Debug)]
pub(super) struct Reader {
    file: Arc<File>,
    length: usize,
    start: usize,
    kept: Bytes,
}

impl Reader {
    /// Reads nothing yet.
    pub(super) fn new(file: Arc<File>, length: usize) -> Self {
        Self {
            file,
            length,
            start: 0,
            kept: Bytes::new(),
        }
    }

    /// Its length in bytes.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Where what is not zero ends, from `at` on; `None` when all is.
    pub(super) fn used_after(&mut self, at: usize) -> io::Result<Option<usize>> {
        let mut used = None;
        for start in (at..self.length).step_by(PIECE) {
            let end = (start + PIECE).min(self.length);
            let piece = self.piece(start..end)?.unwrap_or_default();
            let last = piece.iter().rposition(|byte| *byte != 0);
            used = last.map(|last| start + last + 1).or(used);
        }
        Ok(used)
    }
}

impl Segment for Reader {
    fn piece(&mut self, range: Range<usize>) -> io::Result<Option<Bytes>> {
        if range.start > range.end || range.end > self.length {
            return Ok(None);
        }
        let kept = self.start..self.start + self.kept.len();
        if range.start < kept.start || range.end > kept.end {
            let length = range.len().max(PIECE).min(self.length - range.start);
            // Freed before the next one is made.
            self.kept = Bytes::new();
            let mut piece = BytesMut::zeroed(length);
            self.file.read_exact_at(&mut piece, range.start as u64)?;
            (self.start, self.kept) = (range.start, piece.freeze());
        }
        let (from, to) = (range.start - self.start, range.end - self.start);
        Ok(Some(self.kept.slice(from..to)))
    }
}

#[cfg(test)]
impl Segment for Bytes {
    fn piece(&mut self, range: Range<usize>) -> io::Result<Option<Bytes>> {
        Ok((range.end <= self.len()).then(|| self.slice(range)))
    }
}
