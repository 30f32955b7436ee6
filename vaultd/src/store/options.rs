//! How a store is opened.

use std::io;
use std::sync::Arc;

use super::Fatal;

/// Sizes, and what to do when storage fails.
#[derive(Clone, Debug)]
pub struct Options {
    /// Random. Used when the directory is first made: it marks every file of the log.
    pub identity: [u8; 16],
    /// Bytes of a log segment.
    pub segment_bytes: u32,
    /// Bytes of records kept in memory.
    pub cache_bytes: u64,
    /// Bytes of disk kept in reserve; below it growth is refused. Zero keeps none.
    pub reserve_bytes: u64,
    /// Ends the process.
    pub fatal: Fatal,
    /// Faults planted by tests.
    pub faults: Faults,
}

impl Options {
    /// The defaults of a release.
    pub fn new(identity: [u8; 16], fatal: Fatal) -> Self {
        Self {
            identity,
            segment_bytes: 16 << 20,
            cache_bytes: 32 << 20,
            reserve_bytes: 32 << 20,
            fatal,
            faults: Faults::default(),
        }
    }
}

/// Called before a sync of the log with its number; an error stands for a failed sync.
pub type SyncFault = Arc<dyn Fn(u64) -> io::Result<()> + Send + Sync>;

/// Says how many bytes of disk are free.
pub type SpaceFault = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Planted faults: none by default, and no configuration reaches them.
#[derive(Clone, Default)]
pub struct Faults {
    /// Before each sync of the log.
    pub sync: Option<SyncFault>,
    /// In place of the disk's free space.
    pub space: Option<SpaceFault>,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let planted = self.sync.is_some() || self.space.is_some();
        f.write_str(if planted {
            "Faults(planted)"
        } else {
            "Faults(none)"
        })
    }
}
