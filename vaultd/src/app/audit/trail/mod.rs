//! Reading the audit's files while they are written: which there are, in order, and how one is opened.
//!
//! Readers take no lock and hold up no writer. Files are opened relative to the directory's descriptor, without
//! following links, and are told apart by what they are (device and inode), not by their names, because a rotation
//! changes those.

mod backward;
mod filter;
mod follow;
mod lines;
mod search;
mod step;
mod tail;
mod verify;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::directory::{CURRENT, number, retired};

pub use filter::{Filter, Match};
pub use search::Search;
pub use step::{LOOK_AGAIN, Page, Step, Work};
pub use tail::Tail;
pub use verify::{Check, Checked, Finding, Flaw, Summary};

/// The directory, to read from.
#[derive(Debug)]
pub struct Trail {
    fd: OwnedFd,
}

/// What a file is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

/// An open file of the trail.
#[derive(Debug)]
struct Segment {
    file: File,
    identity: Identity,
    name: String,
    /// Of a rotated file: the last sequence in it.
    number: Option<u64>,
    /// Bytes when it was opened.
    length: u64,
}

impl Trail {
    /// A view of the directory of its own: what holds it does not hold the daemon's lock.
    pub(super) fn beside(directory: &OwnedFd) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let fd = fs::openat(directory, ".", flags, Mode::empty())?;
        Ok(Self { fd })
    }

    /// Numbers of the rotated files, oldest first.
    fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::Dir::read_from(&self.fd)? {
            numbers.extend(number(&entry?.file_name().to_string_lossy()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The rotated files, and the current one, as they were at one moment. Half-way through a rotation there is no
    /// current file; the newest of the others stands for it.
    fn listed(&self) -> io::Result<(Vec<u64>, Segment)> {
        for _ in 0..TRIES {
            let mut numbers = self.numbers()?;
            let current = self.open(None)?;
            if self.numbers()? != numbers {
                continue;
            }
            let newest = match current {
                Some(current) => Some(current),
                None => numbers.pop().map_or(Ok(None), |n| self.open(Some(n)))?,
            };
            if let Some(newest) = newest {
                return Ok((numbers, newest));
            }
        }
        Err(io::Error::other("no audit file can be found"))
    }

    /// Opens a rotated file, or the current one; `None` where it is gone.
    fn open(&self, number: Option<u64>) -> io::Result<Option<Segment>> {
        let name = number.map_or_else(|| CURRENT.to_owned(), retired);
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::RDONLY;
        let fd = match fs::openat(&self.fd, name.as_str(), flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            other => other?,
        };
        let stat = fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("an audit file is no regular file"));
        }
        Ok(Some(Segment {
            file: File::from(fd),
            identity: Identity::of(&stat),
            name,
            number,
            length: u64::try_from(stat.st_size).unwrap_or_default(),
        }))
    }

    /// The oldest file.
    fn first(&self) -> io::Result<Segment> {
        let (numbers, current) = self.listed()?;
        self.first_of(&numbers, current)
    }

    /// The first of these that is still there.
    fn first_of(&self, numbers: &[u64], current: Segment) -> io::Result<Segment> {
        for number in numbers {
            if let Some(segment) = self.open(Some(*number))? {
                return Ok(segment);
            }
        }
        Ok(current)
    }

    /// The file after this one; `None` while it is the newest.
    fn after(&self, segment: &Segment) -> io::Result<Option<Segment>> {
        if self.is(None, segment.identity)? {
            return Ok(None);
        }
        let (numbers, current) = self.listed()?;
        if current.identity == segment.identity {
            return Ok(None);
        }
        // Newest first, because nearly always it is the newest.
        for (at, number) in numbers.iter().enumerate().rev() {
            if self.is(Some(*number), segment.identity)? {
                let newer = numbers.get(at + 1..).unwrap_or_default();
                return self.first_of(newer, current).map(Some);
            }
        }
        // Rotated away already: all that is left is newer.
        let known = segment.number.unwrap_or_default();
        let newer = numbers.partition_point(|number| *number <= known);
        let newer = numbers.get(newer..).unwrap_or_default();
        self.first_of(newer, current).map(Some)
    }

    fn is(&self, number: Option<u64>, identity: Identity) -> io::Result<bool> {
        let name = number.map_or_else(|| CURRENT.to_owned(), retired);
        match fs::statat(&self.fd, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Identity::of(&stat) == identity),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Identity {
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }
}

/// How often the directory is looked at again because a rotation came in between.
const TRIES: usize = 64;

#[cfg(test)]
mod tests;
