//! Disk space: a ballast file that is given up when the disk fills, so that revocation, deletion and
//! seal go on, and the rule that nothing grows below the reserve.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::log::private_file;
use super::{Faults, Options};

const FILE: &str = "ballast";

/// What is known of the disk.
#[derive(Debug)]
pub(super) struct Space {
    dir: PathBuf,
    reserve: u64,
    faults: Faults,
    grows: AtomicBool,
}

impl Space {
    /// Looks for the first time.
    pub(super) fn new(dir: &Path, options: &Options) -> Self {
        let space = Self {
            dir: dir.to_owned(),
            reserve: options.reserve_bytes,
            faults: options.faults.clone(),
            grows: AtomicBool::new(true),
        };
        space.look();
        space
    }

    /// Whether a write that makes the store larger may be accepted.
    pub(super) fn can_grow(&self) -> bool {
        self.grows.load(Relaxed)
    }

    /// Whether so many bytes can be written now without touching the reserve. Unknown counts as yes: the
    /// disk itself will say.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.free()
            .map_or(true, |free| free >= bytes.saturating_add(self.reserve))
    }

    /// Looks again, giving up the ballast or taking it back.
    pub(super) fn look(&self) {
        if self.reserve == 0 {
            return;
        }
        let ballast = self.dir.join(FILE);
        let Ok(free) = self.free() else { return };
        let mut held = ballast.exists();
        if held && free < self.reserve / 4 {
            held = std::fs::remove_file(&ballast).is_err();
            tracing::warn!(
                free,
                "the disk is nearly full: reserve released, growth refused"
            );
        } else if !held && free >= 2 * self.reserve {
            held = self.take(&ballast).is_ok();
        }
        self.grows.store(held && free >= self.reserve, Relaxed);
    }

    fn free(&self) -> io::Result<u64> {
        if let Some(fault) = &self.faults.space {
            return Ok(fault());
        }
        let stat = statvfs(&self.dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn take(&self, ballast: &Path) -> io::Result<()> {
        let file = private_file(ballast)?;
        let taken = fallocate(&file, FallocateFlags::empty(), 0, self.reserve);
        if taken.is_err() {
            std::fs::remove_file(ballast)?;
        }
        Ok(taken?)
    }
}
