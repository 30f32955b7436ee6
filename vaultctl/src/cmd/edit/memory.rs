//! A directory that is never a disk, as far as that can be had: who edits a secret has to have it in a file.
//!
//! The kernel may move a tmpfs out to swap, and a ramfs never; only root can mount one, so it is preferred where
//! `$XDG_RUNTIME_DIR` or `/dev/shm` is one, and otherwise swap that is on is warned of. A memfd would be swapped
//! just so, and editors save by writing beside a file and renaming. What the editor itself holds in memory can be
//! swapped in either case, and hibernation writes out everything.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::ctl::Ctl;
use crate::failure::Failure;
use crate::paths::variable;

/// Whether what lies in a file system stays in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Memory {
    /// A ramfs: always.
    Always,
    /// A tmpfs: unless there is swap.
    Swappable,
}

/// A directory of this user, in memory; says so where that may reach a disk.
pub(super) fn directory(ctl: &Ctl) -> Result<TempDir, Failure> {
    let candidates = [variable("XDG_RUNTIME_DIR"), Some("/dev/shm".into())];
    let candidates = candidates.into_iter().flatten().map(PathBuf::from);
    let mut found: Vec<_> = candidates
        .filter_map(|path| Some((memory(&path)?, path)))
        .collect();
    // Stable: the first of those that are as good.
    found.sort_by_key(|(memory, _)| *memory);
    for (memory, path) in found {
        let made = tempfile::Builder::new()
            .prefix("vaultctl-")
            .tempdir_in(&path);
        let Ok(dir) = made else { continue };
        if memory == Memory::Swappable {
            warn(ctl);
        }
        return Ok(dir);
    }
    Err(
        Failure::invalid("there is no directory in memory to edit in")
            .hint("$XDG_RUNTIME_DIR or /dev/shm would be one; or use: vaultctl set PATH F=@FILE"),
    )
}

fn memory(path: &Path) -> Option<Memory> {
    let kind = i128::from(rustix::fs::statfs(path).ok()?.f_type);
    match kind {
        RAMFS_MAGIC => Some(Memory::Always),
        TMPFS_MAGIC => Some(Memory::Swappable),
        _ => None,
    }
}

fn warn(ctl: &Ctl) {
    let swaps = std::fs::read_to_string("/proc/swaps").unwrap_or_default();
    if let Some(swap) = first_on_disk(&swaps) {
        ctl.output.warn(&format!(
            "what you edit lies in memory that the system may swap out to {swap}, where it would stay \
             readable unless that is encrypted"
        ));
    }
}

/// The first swap that is on and no compressed memory, of a text like `/proc/swaps`.
fn first_on_disk(swaps: &str) -> Option<&str> {
    let lines = swaps.lines().skip(1);
    lines
        .filter_map(|line| line.split_ascii_whitespace().next())
        .find(|name| !name.starts_with("/dev/zram"))
}

const TMPFS_MAGIC: i128 = 0x0102_1994;
const RAMFS_MAGIC: i128 = 0x8584_58f6;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Memory, first_on_disk, memory};

    const HEAD: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    #[test]
    fn swap_is_found_unless_it_is_memory_itself() {
        let swaps = |lines: &str| first_on_disk(&format!("{HEAD}{lines}")).map(str::to_owned);
        assert_eq!(first_on_disk(""), None);
        assert_eq!(swaps(""), None);
        let zram = "/dev/zram0                              partition\t8388604\t0\t100\n";
        assert_eq!(swaps(zram), None);
        let file = "/swap\\040file                          file\t\t2097148\t0\t-2\n";
        assert_eq!(swaps(file).as_deref(), Some("/swap\\040file"));
        let disk = "/dev/dm-1                               partition\t8388604\t0\t-3\n";
        assert_eq!(
            swaps(&format!("{zram}{disk}")).as_deref(),
            Some("/dev/dm-1")
        );
    }

    #[test]
    fn what_is_no_file_system_in_memory_is_not_taken_for_one() {
        assert_eq!(memory(Path::new("/proc")), None);
        assert_eq!(memory(Path::new("/nowhere/at/all")), None);
        assert!(Memory::Always < Memory::Swappable, "preferred");
    }
}
