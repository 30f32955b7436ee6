//! A file's lines, forward, while it grows: bounded in memory whatever lies in the file.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

/// The longest line that is looked at: a batch of a thousand long names, each character escaped.
pub(in super::super) const LONGEST: usize = 8 << 20;

/// What the next line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A line: [`Lines::line`].
    Line,
    /// One that is longer than any line that was ever written.
    TooLong,
    /// There is no more of the file at present.
    End,
}

/// Reads a file line by line.
#[derive(Debug)]
pub(super) struct Lines {
    file: File,
    /// Where the next read begins.
    offset: u64,
    /// Nothing is read from here on.
    until: u64,
    buffer: Vec<u8>,
    line: Range<usize>,
    /// What was not given out yet begins here, and holds no line up to `looked`.
    begun: usize,
    looked: usize,
    too_long: bool,
    number: u64,
}

impl Lines {
    /// From `offset`, which begins a line, up to `until`.
    pub(super) fn new(file: File, offset: u64, until: u64) -> Self {
        Self {
            file,
            offset,
            until,
            buffer: Vec::new(),
            line: 0..0,
            begun: 0,
            looked: 0,
            too_long: false,
            number: 0,
        }
    }

    /// Goes to the next line.
    pub(super) fn advance(&mut self) -> io::Result<Read> {
        loop {
            let unseen = self.buffer.get(self.looked..).unwrap_or_default();
            if let Some(length) = unseen.iter().position(|b| *b == b'\n') {
                let end = self.looked + length;
                self.line = self.begun..end;
                self.begun = end + 1;
                self.looked = self.begun;
                self.number += 1;
                if std::mem::take(&mut self.too_long) {
                    return Ok(Read::TooLong);
                }
                return Ok(Read::Line);
            }
            self.looked = self.buffer.len();
            if !self.fill()? {
                return Ok(Read::End);
            }
        }
    }

    /// The line without its end.
    pub(super) fn line(&self) -> &[u8] {
        self.buffer.get(self.line.clone()).unwrap_or_default()
    }

    /// Which line of the file it is, from 1, where the file was read from its beginning.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the file ends in the middle of a line.
    pub(super) fn is_torn(&self) -> bool {
        self.too_long || self.begun < self.buffer.len()
    }

    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.begun);
        self.line = 0..0;
        self.looked -= self.begun;
        self.begun = 0;
        if self.buffer.len() > LONGEST {
            self.too_long = true;
            self.buffer.clear();
            self.looked = 0;
        }
        let length = self.file.metadata()?.len();
        if length < self.offset {
            // A write that failed was cut off again: what is not given out yet, and whole lines of it perhaps.
            let held = self.buffer.len() as u64;
            self.offset = length.min(self.offset.saturating_sub(held));
            self.buffer.clear();
            self.looked = 0;
        }
        let left = usize::try_from(self.until.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let held = self.buffer.len();
        self.buffer.resize(held + BLOCK.min(left), 0);
        let room = self.buffer.get_mut(held..).unwrap_or_default();
        let read = self.file.read_at(room, self.offset);
        let taken = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(held + taken);
        self.offset += taken as u64;
        Ok(read? > 0)
    }
}

/// Bytes that are read at once.
const BLOCK: usize = 256 << 10;
