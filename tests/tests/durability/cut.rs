//! The power cut: takes back, from the files of a killed process, what it had not synced.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Dice;

const SECTOR: u64 = 512;
const HEAD: usize = 1 + 5 * 8;

/// The shim, and where it keeps its journal.
pub(super) struct PowerCut {
    library: PathBuf,
    journal: PathBuf,
    lies: bool,
    undone: Cell<u64>,
}

/// What a write or truncation replaced.
struct Undo {
    offset: u64,
    size: u64,
    length: u64,
    old: Vec<u8>,
}

impl PowerCut {
    /// Compiles the shim into `place`. With `lies`, no sync is one.
    pub(super) fn build(place: &Path, lies: bool) -> Self {
        let library = vault_tests::shim::build("powercut", place);
        Self {
            library,
            journal: place.join("journal"),
            lies,
            undone: Cell::new(0),
        }
    }

    /// Puts a process on the forgetful disk.
    pub(super) fn preload(&self, command: &mut Command, dir: &Path) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("POWERCUT_DIR", dir)
            .env("POWERCUT_JOURNAL", &self.journal);
        if self.lies {
            command.env("POWERCUT_LIES", "1");
        }
    }

    /// How many writes were taken back, wholly or in part.
    pub(super) fn undone(&self) -> u64 {
        self.undone.get()
    }

    /// Takes back what was not synced: all of it, or some sectors, or a part of each file's last
    /// write.
    pub(super) fn cut(&self, dir: &Path, dice: &mut Dice) {
        let journal = std::fs::read(&self.journal).unwrap_or_default();
        let mut files = HashMap::new();
        find(dir, &mut files);
        let how = dice.below(3);
        for (inode, writes) in unsynced(&journal) {
            let Some(path) = files.get(&inode) else {
                continue;
            };
            let file = OpenOptions::new().read(true).write(true).open(path);
            let file = file.expect("the file opens");
            for (age, write) in writes.iter().rev().enumerate() {
                match how {
                    0 => write.undo(&file, |_| true),
                    1 => write.undo(&file, |_| dice.below(2) == 0),
                    _ if age == 0 => write.tear(&file, dice.below(write.length + 1)),
                    _ => continue,
                }
                self.undone.set(self.undone.get() + 1);
            }
            shrink(&file, &writes, how == 0 || dice.below(2) == 0);
        }
        if !journal.is_empty() {
            std::fs::remove_file(&self.journal).expect("the journal goes");
        }
    }
}

/// Every file under a directory, by inode.
fn find(dir: &Path, files: &mut HashMap<u64, PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.expect("the directory can be read").path();
        if path.is_dir() {
            find(&path, files);
        } else if let Ok(metadata) = path.metadata() {
            files.insert(metadata.ino(), path);
        }
    }
}

/// What each file has not synced, oldest first.
fn unsynced(mut journal: &[u8]) -> Vec<(u64, Vec<Undo>)> {
    let mut files: HashMap<u64, Vec<Undo>> = HashMap::new();
    while let Some((head, rest)) = journal.split_at_checked(HEAD) {
        let number = |n: usize| {
            let bytes = head[1 + 8 * n..9 + 8 * n].try_into();
            u64::from_ne_bytes(bytes.expect("eight bytes"))
        };
        let old_length = usize::try_from(number(4)).expect("it was in memory");
        let Some((old, rest)) = rest.split_at_checked(old_length) else {
            break;
        };
        match head[0] {
            b'W' | b'T' => files.entry(number(0)).or_default().push(Undo {
                offset: number(1),
                size: number(2),
                length: number(3),
                old: old.to_vec(),
            }),
            b'S' | b'F' => {
                files.remove(&number(0));
            }
            other => panic!("a journal record of kind {other}"),
        }
        journal = rest;
    }
    let mut files: Vec<_> = files.into_iter().collect();
    files.sort_by_key(|(inode, _)| *inode);
    files
}

/// Unsynced growth may be lost with the bytes, or stay as zeros.
fn shrink(file: &File, writes: &[Undo], lost: bool) {
    let size = writes.first().map_or(0, |write| write.size);
    let now = file.metadata().expect("it is there").len();
    let kept = (0..now.saturating_sub(size)).step_by(4096).any(|at| {
        let mut bytes = [0; 4096];
        let read = file.read_at(&mut bytes, size + at).unwrap_or(0);
        bytes[..read].iter().any(|byte| *byte != 0)
    });
    if lost && !kept && now > size {
        file.set_len(size).expect("it shrinks");
    }
}

impl Undo {
    /// The old bytes of a range, zeros where there were none.
    fn old(&self, from: u64, to: u64) -> Vec<u8> {
        let at = |n: u64| usize::try_from(n - self.offset).expect("it was in memory");
        (at(from)..at(to))
            .map(|n| self.old.get(n).copied().unwrap_or(0))
            .collect()
    }

    /// Takes back the sectors that `lost` names.
    fn undo(&self, file: &File, mut lost: impl FnMut(u64) -> bool) {
        let end = self.offset + self.length;
        let mut from = self.offset;
        while from < end {
            let to = (from - from % SECTOR + SECTOR).min(end);
            if lost(from) {
                file.write_all_at(&self.old(from, to), from)
                    .expect("it is written back");
            }
            from = to;
        }
    }

    /// Takes back all but the first `kept` bytes.
    fn tear(&self, file: &File, kept: u64) {
        let (from, end) = (self.offset + kept, self.offset + self.length);
        file.write_all_at(&self.old(from, end), from)
            .expect("it is written back");
    }
}
