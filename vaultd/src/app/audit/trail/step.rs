//! Reading in steps, each short: between two of them a reader can be told to stop.

use std::io;
use std::time::Duration;

use super::filter::Match;

/// What is read step by step. A step blocks for the time of some reads and no longer.
pub trait Work: Send + 'static {
    /// What a step brings.
    type Piece: Send + 'static;

    /// Goes on where the last step ended.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn step(&mut self) -> io::Result<Step<Self::Piece>>;
}

/// How a step ended.
#[derive(Debug)]
pub enum Step<P> {
    /// With this; there is more to read.
    Piece(P),
    /// With nothing yet; there is more to read.
    Onward,
    /// With nothing, until something more is written.
    Wait,
    /// There is nothing more.
    End,
}

/// Lines that are asked for.
#[derive(Debug, Default)]
pub struct Page {
    /// In order.
    pub lines: Vec<Match>,
    /// Lines so far that are no audit lines.
    pub unreadable: u64,
    /// More may be asked for, beyond the limit.
    pub limited: bool,
}

impl Page {
    /// Whether it is large enough to be sent.
    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= PAGE || self.bytes() >= PAGE_BYTES
    }

    fn bytes(&self) -> usize {
        self.lines.iter().map(|line| line.text.len()).sum()
    }
}

/// How long a reader that waits may be left without a look at whether it still may read.
pub const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Bytes of the files that one step reads.
pub(super) const STRIDE: u64 = 2 << 20;
/// Lines of a page.
const PAGE: usize = 256;
/// Bytes of a page, but for its last line.
const PAGE_BYTES: usize = 256 << 10;
