//! Where audit lines go: what the writer asks of a file, and what a test can make fail.

use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Makes durable what had been appended when it is called; runs beside appends.
pub(super) type Syncer = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

/// A place for whole lines.
pub(super) trait Sink: Send + 'static {
    /// Appends all of `lines`, or nothing: after an error none of them is in the sink.
    fn append(&mut self, lines: &[u8]) -> io::Result<()>;

    /// A handle on what is appended to now.
    fn syncer(&self) -> Syncer;

    /// Goes on in a new place, after durability of the old one failed. `last` is the last sequence.
    fn renew(&mut self, last: u64) -> io::Result<()>;

    /// Housekeeping between batches: rotation, the reserve. Never loses a line.
    fn tend(&mut self, last: u64, now: Duration);
}
