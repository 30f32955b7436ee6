//! The audit file: appended to in whole lines, rotated by size, deleted by count and age, with a reserve on disk.
//!
//! INVARIANT: after a failed append the file ends where the last good line ended, or nothing more is
//! appended until it does. When the disk is full the reserve is given to this file alone, so that
//! reads, revocations and seal are still recorded, and thereby still answered.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{self, AtFlags, FallocateFlags};

use super::directory::{CURRENT, Directory, RESERVE};
use super::sink::{Sink, Syncer};
use super::trail::Trail;
use super::{AuditConfig, AuditError};

/// The open file and its limits.
#[derive(Debug)]
pub(super) struct AuditFile {
    directory: Directory,
    file: Arc<File>,
    /// Where the last good line ends.
    length: u64,
    /// Something may lie beyond `length`.
    torn: bool,
    rotate_bytes: u64,
    keep_files: usize,
    keep_for: Duration,
    reserve_bytes: u64,
    reserve: Reserve,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reserve {
    Kept,
    /// Given up; try to have it again at this time.
    Spent {
        retry: Duration,
    },
}

impl AuditFile {
    /// Opens or creates it; also says the last sequence that it holds.
    pub(super) fn open(config: &AuditConfig) -> Result<(Self, u64), AuditError> {
        let failed = |source: io::Error| AuditError::Io {
            path: config.directory.join(CURRENT),
            source,
        };
        let directory = Directory::open(&config.directory)?;
        let mut file = directory.append_to(CURRENT)?;
        let last = directory.last_sequence(&file)?;
        let mut length = file.metadata().map_err(failed)?.len();
        if !ends_with_newline(&mut file, length).map_err(failed)? {
            // A crash tore the last line. It stays as it is, on a line of its own.
            file.write_all(b"\n").map_err(failed)?;
            length += 1;
        }
        directory.sync().map_err(failed)?;
        let mut opened = Self {
            directory,
            file: Arc::new(file),
            length,
            torn: false,
            rotate_bytes: config.rotate_bytes,
            keep_files: config.keep_files,
            keep_for: config.keep_for,
            reserve_bytes: config.reserve_bytes,
            reserve: Reserve::Spent {
                retry: Duration::ZERO,
            },
        };
        opened.restore_reserve(Duration::ZERO);
        Ok((opened, last))
    }

    /// What it and those before it hold, to read from.
    pub(super) fn trail(&self) -> Result<Trail, AuditError> {
        self.directory.trail()
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.torn {
            self.mend()?;
        }
        self.torn = true;
        (&*self.file).write_all(lines)?;
        self.torn = false;
        self.length += lines.len() as u64;
        Ok(())
    }

    /// Cuts off what a failed append left behind.
    fn mend(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.torn = false;
        Ok(())
    }

    /// Turns the reserve into space of this file that no other file can take.
    fn spend_reserve(&mut self) -> bool {
        let Reserve::Kept = self.reserve else {
            return false;
        };
        self.reserve = Reserve::Spent {
            retry: Duration::ZERO,
        };
        tracing::warn!("disk full: the audit reserve is in use");
        let freed = fs::unlinkat(&self.directory.fd, RESERVE, AtFlags::empty()).is_ok();
        // Order: mend frees what lies beyond the end, so it comes before the claim.
        let _mended = self.mend();
        // Not every file system can; then the freed space is shared with whoever writes next.
        let _claimed = fs::fallocate(
            &*self.file,
            FallocateFlags::KEEP_SIZE,
            self.length,
            self.reserve_bytes,
        );
        freed
    }

    fn restore_reserve(&mut self, now: Duration) {
        let Reserve::Spent { retry } = self.reserve else {
            return;
        };
        if now < retry || self.reserve_bytes == 0 {
            return;
        }
        self.reserve = match self.make_reserve() {
            Ok(true) => Reserve::Kept,
            Ok(false) | Err(_) => Reserve::Spent {
                retry: now + RESERVE_RETRY,
            },
        };
    }

    /// Whether the reserve lies on disk; not made where that would leave the disk full.
    fn make_reserve(&self) -> io::Result<bool> {
        let free = fs::fstatvfs(&self.directory.fd)?;
        if free.f_bavail.saturating_mul(free.f_frsize) < self.reserve_bytes.saturating_mul(2) {
            return Ok(false);
        }
        let Ok(file) = self.directory.append_to(RESERVE) else {
            return Ok(false);
        };
        if fs::fallocate(&file, FallocateFlags::empty(), 0, self.reserve_bytes).is_err() {
            fill(&file, self.reserve_bytes)?;
        }
        file.sync_all()?;
        Ok(true)
    }

    fn rotate(&mut self, last: u64) -> io::Result<()> {
        self.directory
            .retire(last, self.keep_files, self.keep_for)?;
        let next = self
            .directory
            .append_to(CURRENT)
            .map_err(io::Error::other)?;
        self.directory.sync()?;
        self.length = next.metadata()?.len();
        self.torn = false;
        self.file = Arc::new(next);
        Ok(())
    }
}

impl Sink for AuditFile {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let Err(error) = self.write(lines) else {
            return Ok(());
        };
        if full(&error) && self.spend_reserve() && self.write(lines).is_ok() {
            return Ok(());
        }
        if self.torn {
            // If even this fails, the next append begins with it.
            let _mended = self.mend();
        }
        Err(error)
    }

    fn syncer(&self) -> Syncer {
        let file = Arc::clone(&self.file);
        Arc::new(move || file.sync_data())
    }

    fn renew(&mut self, last: u64) -> io::Result<()> {
        self.rotate(last)
    }

    fn tend(&mut self, last: u64, now: Duration) {
        if self.length >= self.rotate_bytes {
            let rotated = self.file.sync_data().and_then(|()| self.rotate(last));
            if let Err(error) = rotated {
                // The present file goes on growing; the next batch tries again.
                tracing::warn!(%error, "audit file not rotated");
            }
        }
        self.restore_reserve(now);
    }
}

fn full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; 64 * 1024];
    let mut left = bytes.saturating_sub(file.metadata()?.len());
    while left > 0 {
        let step = usize::try_from(left).map_or(zeros.len(), |left| left.min(zeros.len()));
        file.write_all(zeros.get(..step).unwrap_or(&zeros))?;
        left = left.saturating_sub(step as u64);
    }
    Ok(())
}

fn ends_with_newline(file: &mut File, length: u64) -> io::Result<bool> {
    use std::os::unix::fs::FileExt as _;
    let Some(at) = length.checked_sub(1) else {
        return Ok(true);
    };
    let mut last = [0];
    file.read_exact_at(&mut last, at)?;
    Ok(last == [b'\n'])
}

/// How often a spent reserve is tried to be had again.
const RESERVE_RETRY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
