//! Lines from the last one back, through the current file and then the rotated ones.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::lines::LONGEST;
use super::{Segment, Trail};

/// Reads back one file.
#[derive(Debug)]
pub(in super::super) struct Backward {
    file: File,
    /// What lies before this is still to be read.
    before: u64,
    buffer: Vec<u8>,
    too_long: bool,
}

impl Backward {
    /// From `length`, which need not be the end of a line.
    pub(in super::super) fn new(file: File, length: u64) -> Self {
        Self {
            file,
            before: length,
            buffer: Vec::new(),
            too_long: false,
        }
    }

    /// The line before, without its end. First of all what follows the last end of a line, which may be nothing.
    pub(in super::super) fn back(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut looked = 0;
        loop {
            // The newest `looked` bytes hold no end of a line.
            let unseen = self.buffer.len().saturating_sub(looked);
            let unseen = self.buffer.get(..unseen).unwrap_or_default();
            if let Some(at) = unseen.iter().rposition(|b| *b == b'\n') {
                let line = self.buffer.split_off(at + 1);
                self.buffer.truncate(at);
                return Ok(Some(self.whole(line)));
            }
            looked = self.buffer.len();
            if self.before == 0 {
                let rest = std::mem::take(&mut self.buffer);
                let rest = self.whole(rest);
                return Ok((!rest.is_empty()).then_some(rest));
            }
            if looked > LONGEST {
                self.too_long = true;
                self.buffer.clear();
                looked = 0;
            }
            self.fill()?;
        }
    }

    /// A line whose end was too far from its beginning is not worth its beginning.
    fn whole(&mut self, line: Vec<u8>) -> Vec<u8> {
        if std::mem::take(&mut self.too_long) {
            return b"?".to_vec();
        }
        line
    }

    fn fill(&mut self) -> io::Result<()> {
        let wanted = BLOCK.max(self.buffer.len()) as u64;
        let from = self.before.saturating_sub(wanted);
        let length = usize::try_from(self.before - from).unwrap_or_default();
        let mut block = vec![0; length];
        self.file.read_exact_at(&mut block, from)?;
        block.append(&mut self.buffer);
        self.buffer = block;
        self.before = from;
        Ok(())
    }
}

/// Reads back the whole trail.
#[derive(Debug)]
pub(super) struct Older {
    trail: Arc<Trail>,
    /// Files that are still to come, the next one last.
    numbers: Vec<u64>,
    file: Option<Backward>,
}

impl Older {
    /// Before `length` bytes of the current file; also says where the last line ends.
    pub(super) fn new(
        trail: &Arc<Trail>,
        numbers: Vec<u64>,
        current: &Segment,
    ) -> io::Result<(Self, u64)> {
        let mut file = Backward::new(current.file.try_clone()?, current.length);
        let begun = file.back()?.unwrap_or_default();
        let end = current.length.saturating_sub(begun.len() as u64);
        let older = Self {
            trail: Arc::clone(trail),
            numbers,
            file: Some(file),
        };
        Ok((older, end))
    }

    /// The line before; `None` before the oldest.
    pub(super) fn back(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(file) = &mut self.file
                && let Some(line) = file.back()?
            {
                return Ok(Some(line));
            }
            let Some(number) = self.numbers.pop() else {
                self.file = None;
                return Ok(None);
            };
            let segment = self.trail.open(Some(number))?;
            self.file = segment.map(|segment| Backward::new(segment.file, segment.length));
        }
    }
}

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;
