//! The audit directory: who may own it, how files in it are opened, where the sequence goes on.
//!
//! Everything is opened relative to the directory's descriptor and without following links, so that
//! nobody who can write elsewhere can redirect the audit.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{self, AtFlags, FileType, FlockOperation, Mode, OFlags};

use super::AuditError;
use super::line;
use super::trail::Trail;

/// The file that is written now.
pub(super) const CURRENT: &str = "audit.jsonl";
/// Space that is given up when the disk is full.
pub(super) const RESERVE: &str = "audit.reserve";

/// An open audit directory, locked against a second daemon.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) fd: OwnedFd,
    path: PathBuf,
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, AuditError> {
        let failed = |source: io::Error| AuditError::Io {
            path: path.to_owned(),
            source,
        };
        let refused = |problem| AuditError::Refused {
            path: path.to_owned(),
            problem,
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        match path.symlink_metadata() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                builder.create(path).map_err(failed)?;
            }
            Err(e) => return Err(failed(e)),
            Ok(found) if found.is_symlink() => return Err(refused("is a symbolic link")),
            Ok(found) if !found.is_dir() => return Err(refused("is not a directory")),
            Ok(_) => {}
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let fd = fs::open(path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
        let stat = fs::fstat(&fd).map_err(|e| failed(e.into()))?;
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(refused("belongs to another user"));
        }
        if stat.st_mode & 0o022 != 0 {
            return Err(refused("may be written by group or others"));
        }
        fs::flock(&fd, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| refused("is in use by another process"))?;
        let path = path.to_owned();
        Ok(Self { fd, path })
    }

    /// Opens a file for appending, and refuses what is not a private regular file of one name.
    pub(super) fn append_to(&self, name: &str) -> Result<File, AuditError> {
        let failed = |e: rustix::io::Errno| AuditError::Io {
            path: self.path.join(name),
            source: e.into(),
        };
        let refused = |problem| AuditError::Refused {
            path: self.path.join(name),
            problem,
        };
        let flags = OFlags::APPEND
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::CLOEXEC
            | OFlags::RDWR;
        let fd = match fs::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR) {
            Err(rustix::io::Errno::LOOP) => return Err(refused("is a symbolic link")),
            other => other.map_err(failed)?,
        };
        let stat = fs::fstat(&fd).map_err(failed)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(refused("is not a regular file"));
        }
        if stat.st_uid != rustix::process::geteuid().as_raw() || stat.st_mode & 0o177 != 0 {
            return Err(refused("must be the daemon's own, with mode 0600"));
        }
        if stat.st_nlink != 1 {
            return Err(refused("has a second name"));
        }
        Ok(File::from(fd))
    }

    /// Gives the current file the name of the last sequence in it, and forgets the oldest files beyond `keep`
    /// that were written at least `keep_for` before it.
    pub(super) fn retire(&self, last: u64, keep: usize, keep_for: Duration) -> io::Result<()> {
        match fs::renameat(&self.fd, CURRENT, &self.fd, retired(last)) {
            // A rotation that failed half-way had renamed it already.
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(e) => return Err(e.into()),
        }
        let names = self.retired()?;
        let surplus = names.len().saturating_sub(keep);
        let Some(newest) = names.last().filter(|_| surplus > 0) else {
            return Ok(());
        };
        // Measured from file to file, by the clock that both were written by.
        let now = self.written(newest)?;
        for (done, name) in names.iter().take(surplus).enumerate() {
            if now.saturating_sub(self.written(name)?) < keep_for.as_secs() {
                let beyond = surplus - done;
                tracing::warn!(
                    beyond,
                    "audit files beyond audit.keep_files are kept: they are younger than audit.keep_for"
                );
                break;
            }
            fs::unlinkat(&self.fd, name.as_str(), AtFlags::empty())?;
        }
        Ok(())
    }

    /// The same directory, to read from.
    pub(super) fn trail(&self) -> Result<Trail, AuditError> {
        Trail::beside(&self.fd).map_err(|source| AuditError::Io {
            path: self.path.clone(),
            source,
        })
    }

    /// When a file was last written to, in seconds.
    fn written(&self, name: &str) -> io::Result<u64> {
        let stat = fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(u64::try_from(stat.st_mtime).unwrap_or_default())
    }

    /// Makes new names durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(fs::fsync(&self.fd)?)
    }

    /// The last sequence that was written here; 0 in a new directory.
    pub(super) fn last_sequence(&self, current: &File) -> Result<u64, AuditError> {
        let failed = |source: io::Error| AuditError::Io {
            path: self.path.join(CURRENT),
            source,
        };
        let length = current.metadata().map_err(failed)?.len();
        let seen = last_line_of(current, length).map_err(failed)?;
        let retired = self.retired().map_err(failed)?;
        let before = retired.last().and_then(|name| number(name)).unwrap_or(0);
        if seen.is_none() && length > SHORTEST_LINE {
            return Err(AuditError::Refused {
                path: self.path.join(CURRENT),
                problem: "holds no audit line at its end",
            });
        }
        Ok(seen.unwrap_or(0).max(before))
    }

    /// Names of the rotated files, oldest first.
    fn retired(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy();
            if number(&name).is_some() {
                names.push(name.into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// The name of a rotated file.
pub(super) fn retired(last: u64) -> String {
    format!("audit-{last:020}.jsonl")
}

/// The last sequence in a rotated file, by its name.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("audit-")?.strip_suffix(".jsonl")?;
    (digits.len() == 20).then(|| digits.parse().ok()).flatten()
}

/// The sequence of the last line that says one, looked for from the end in growing steps: what a power cut left
/// there may be longer than any line.
pub(super) fn last_line_of(file: &File, length: u64) -> io::Result<Option<u64>> {
    let mut step = TAIL;
    loop {
        let start = length.saturating_sub(step);
        // At a place of its own: others share this file's position.
        let mut tail = vec![0; usize::try_from(length - start).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut tail, start)?;
        let seen = tail.split(|&b| b == b'\n').filter_map(line::sequence).max();
        if seen.is_some() || start == 0 || step >= FARTHEST {
            return Ok(seen);
        }
        step *= 4;
    }
}

/// How far back the last line is looked for at first: a torn one, and a whole one before it.
const TAIL: u64 = 2 * line::LONGEST as u64;
/// And at last: more than the lines of a tenth of a second, which may be zeros after a power cut.
const FARTHEST: u64 = 64 << 20;
/// No line is shorter, so a file that is may hold the beginning of its first one only.
const SHORTEST_LINE: u64 = 32;
