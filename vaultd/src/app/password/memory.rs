//! How much memory hashing may take: half of what the machine, or the daemon's control group, has.

use std::fs;
use std::path::Path;

const KIB_PER_GIB: u64 = 1 << 20;
/// Where nothing can be read: what a small machine has.
const UNKNOWN: u64 = KIB_PER_GIB;

/// In KiB.
pub(super) fn for_hashing() -> u32 {
    let machine = fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.as_deref().and_then(total).unwrap_or(UNKNOWN);
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group(&groups).and_then(|group| limit(Path::new("/sys/fs/cgroup"), group));
    let whole = group.map_or(machine, |group| group.min(machine));
    u32::try_from(whole / 2).unwrap_or(u32::MAX)
}

/// `MemTotal` of `/proc/meminfo`, in KiB.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line?.split_whitespace().next()?.parse().ok()
}

/// The process's group in the one hierarchy of cgroup v2.
fn group(text: &str) -> Option<&str> {
    let line = text.lines().find_map(|line| line.strip_prefix("0::/"));
    line.map(str::trim_end)
}

/// The least limit of a group and those above it, in KiB.
fn limit(root: &Path, group: &str) -> Option<u64> {
    let path = root.join(group);
    let groups = path.ancestors().take_while(|path| path.starts_with(root));
    let limits = groups.filter_map(|group| {
        // "max" where there is none; the root has no such file
        let text = fs::read_to_string(group.join("memory.max")).ok()?;
        text.trim().parse::<u64>().ok()
    });
    limits.min().map(|bytes| bytes / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_half_of_the_machine_or_of_the_tightest_group() {
        let meminfo = "MemFree:  7 kB\nMemTotal:        4028416 kB\nMemAvailable: 9 kB\n";
        assert_eq!(total(meminfo), Some(4_028_416));
        for bad in ["", "MemTotal:", "MemTotal: much kB", "Mem: 1"] {
            assert_eq!(total(bad), None, "{bad:?}");
        }
        assert_eq!(
            group("0::/system.slice/vaultd.service\n"),
            Some("system.slice/vaultd.service")
        );
        assert_eq!(group("0::/\n"), Some(""));
        assert_eq!(group("4:memory:/x\n"), None);
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(limit(dir.path(), "a/b"), None);
        fs::write(deep.join("memory.max"), "max\n").unwrap();
        assert_eq!(limit(dir.path(), "a/b"), None);
        fs::write(dir.path().join("a/memory.max"), "104857600\n").unwrap();
        assert_eq!(limit(dir.path(), "a/b"), Some(102_400));
        fs::write(deep.join("memory.max"), "1048576\n").unwrap();
        assert_eq!(limit(dir.path(), "a/b"), Some(1024));
        assert_eq!(limit(dir.path(), ""), None);
        assert!(for_hashing() > 0);
    }
}
