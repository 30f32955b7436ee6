//! What a process that holds keys asks of the kernel before it holds any.
//!
//! Core dumps off, not traceable by the same user, no new privileges, memory locked as it is used,
//! capabilities dropped. Nothing here fails the start by itself: every step reports what it reached,
//! and the caller decides.
//!
//! ORDER: call [`harden`] before any thread is started; capabilities and no-new-privileges belong to
//! threads, and later threads inherit them.

use std::fmt;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// Which capabilities the process goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capabilities {
    /// None.
    DropAll,
    /// Only the one that binds ports below 1024.
    KeepBind,
    /// What it was started with: development only.
    Keep,
}

/// Whether memory is to be locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// As pages are touched, if the limit allows.
    Lock,
    /// Not at all.
    LeaveUnlocked,
}

/// How far one measure got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// In force.
    Held,
    /// Not in force; why, and what to do about it.
    Warning(String),
}

impl Finding {
    fn of(result: Result<(), Errno>, what: &str) -> Self {
        match result {
            Ok(()) => Self::Held,
            Err(errno) => Self::Warning(format!("{what}: {errno}")),
        }
    }
}

/// What each measure reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// A crash writes no core file.
    pub core_dumps_off: Finding,
    /// Another process of this user can neither trace this one nor read its memory.
    pub not_traceable: Finding,
    /// No program started from here gains privileges.
    pub no_new_privileges: Finding,
    /// Keys never reach the swap device.
    pub memory_locked: Finding,
    /// The machine has no swap, so that unlocked pages stay in memory too.
    pub swap_off: Finding,
    /// Nothing that root may do is left.
    pub capabilities_dropped: Finding,
}

impl Report {
    /// Each measure by its name, in a fixed order.
    pub fn lines(&self) -> [(&'static str, &Finding); 6] {
        [
            ("core dumps off", &self.core_dumps_off),
            ("not traceable", &self.not_traceable),
            ("no new privileges", &self.no_new_privileges),
            ("memory locked", &self.memory_locked),
            ("swap off", &self.swap_off),
            ("capabilities dropped", &self.capabilities_dropped),
        ]
    }

    /// The measures that are not in force.
    pub fn warnings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.lines()
            .into_iter()
            .filter_map(|(name, finding)| match finding {
                Finding::Held => None,
                Finding::Warning(why) => Some((name, why.as_str())),
            })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, finding) in self.lines() {
            match finding {
                Finding::Held => writeln!(f, "ok    {name}")?,
                Finding::Warning(why) => writeln!(f, "warn  {name}: {why}")?,
            }
        }
        Ok(())
    }
}

/// The process runs as root and was not told to.
#[derive(Debug, thiserror::Error)]
#[error("refusing to run as root: use an account of its own, or allow root explicitly")]
pub struct RunsAsRoot;

/// Refuses uid 0, where it was not allowed.
///
/// # Errors
/// [`RunsAsRoot`] if this is root.
pub fn refuse_root() -> Result<(), RunsAsRoot> {
    if effective_uid() == 0 {
        Err(RunsAsRoot)
    } else {
        Ok(())
    }
}

/// The user that the kernel takes this process for.
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// As which the kernel shows whoever has no uid in this user namespace: `kernel.overflowuid`, which may change while a
/// process runs.
pub fn overflow_uid() -> u32 {
    let told = std::fs::read_to_string("/proc/sys/kernel/overflowuid");
    let uid = told.ok().and_then(|text| text.trim().parse().ok());
    uid.unwrap_or(DEFAULT_OVERFLOW)
}

/// As the kernel has it where nobody sets it.
const DEFAULT_OVERFLOW: u32 = 65_534;

/// Raises the number of files that may be open to what the machine allows, and says how many that is.
pub fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = if setrlimit(Resource::Nofile, most).is_ok() {
        limit.maximum
    } else {
        limit.current
    };
    now.unwrap_or(u64::MAX)
}

/// Takes every measure, in the order that lets each succeed, and says how far each got.
pub fn harden(memory: Memory, keep: Capabilities) -> Report {
    // What is made from here on is nobody else's to read, whatever mode it asks for.
    let _before = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let core = setrlimit(Resource::Core, none);
    // ORDER: raising the memory limit needs a capability, so it comes before they are dropped.
    let memory_locked = lock_memory(memory);
    let swap_off = swap(&std::fs::read_to_string("/proc/swaps").unwrap_or_default());
    let capabilities_dropped = drop_capabilities(keep);
    // ORDER: a change of credentials makes a process traceable again on some kernels; so this is last.
    let traceable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    Report {
        core_dumps_off: Finding::of(core, "cannot set the core limit to 0"),
        not_traceable: Finding::of(traceable, "cannot be set"),
        no_new_privileges: Finding::of(set_no_new_privs(true), "cannot be set"),
        memory_locked,
        swap_off,
        capabilities_dropped,
    }
}

fn lock_memory(memory: Memory) -> Finding {
    if memory == Memory::LeaveUnlocked {
        return Finding::Warning("switched off in the configuration".into());
    }
    let limit = getrlimit(Resource::Memlock);
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    // A finite limit counts reserved address space, which threads and allocators take by the
    // gigabyte: locking under one would make a later allocation fail instead of this call.
    if limit.current.is_some() && setrlimit(Resource::Memlock, unlimited).is_err() {
        return Finding::Warning(format!(
            "the limit is {} bytes; set LimitMEMLOCK=infinity in the unit (or `ulimit -l unlimited`)",
            limit.maximum.unwrap_or_default()
        ));
    }
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    Finding::of(mlockall(flags), "mlockall failed")
}

fn swap(swaps: &str) -> Finding {
    let devices: Vec<&str> = swaps
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    if devices.is_empty() {
        Finding::Held
    } else {
        Finding::Warning(format!(
            "swap is on ({}); encrypt it or switch it off",
            devices.join(", ")
        ))
    }
}

fn drop_capabilities(keep: Capabilities) -> Finding {
    let kept = match keep {
        Capabilities::DropAll => CapabilitySet::empty(),
        Capabilities::KeepBind => CapabilitySet::NET_BIND_SERVICE,
        Capabilities::Keep => {
            return match capabilities(None) {
                Ok(sets) if sets.permitted.is_empty() => Finding::Held,
                _ => Finding::Warning("kept as started".into()),
            };
        }
    };
    Finding::of(drop_to(kept), "cannot drop capabilities")
}

fn drop_to(kept: CapabilitySet) -> Result<(), Errno> {
    let held = capabilities(None)?;
    // Fails without the right to; then there was nothing to gain from the set either.
    if held.effective.contains(CapabilitySet::SETPCAP) {
        for bit in 0..u64::BITS {
            let one = CapabilitySet::from_bits_retain(1 << bit);
            if kept.contains(one) {
                continue;
            }
            // The kernel knows fewer than 64 and says so at the first that it does not.
            if remove_capability_from_bounding_set(one).is_err() {
                break;
            }
        }
    }
    clear_ambient_capability_set()?;
    let left = held.permitted & kept;
    set_capabilities(
        None,
        CapabilitySets {
            effective: left,
            permitted: left,
            inheritable: CapabilitySet::empty(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: &str) -> String {
        let text = std::fs::read_to_string("/proc/thread-self/status").expect("status");
        let line = text.lines().find(|l| l.starts_with(name)).expect("line");
        line.rsplit(char::is_whitespace)
            .next()
            .expect("value")
            .to_owned()
    }

    #[test]
    fn what_strangers_are_shown_as_is_what_the_kernel_says() {
        let told = std::fs::read_to_string("/proc/sys/kernel/overflowuid").expect("a number");
        assert_eq!(overflow_uid().to_string(), told.trim());
    }

    #[test]
    fn the_kernel_confirms_every_measure_that_the_report_claims() {
        let report = harden(Memory::Lock, Capabilities::DropAll);
        assert_eq!(report.core_dumps_off, Finding::Held);
        assert_eq!(report.not_traceable, Finding::Held);
        assert_eq!(report.no_new_privileges, Finding::Held);
        assert_eq!(report.capabilities_dropped, Finding::Held);
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
        assert_eq!(
            rustix::process::dumpable_behavior().expect("dumpable"),
            DumpableBehavior::NotDumpable
        );
        assert_eq!(status("NoNewPrivs:"), "1");
        for set in ["CapEff:", "CapPrm:", "CapInh:", "CapAmb:"] {
            assert_eq!(
                u64::from_str_radix(&status(set), 16).expect("hex"),
                0,
                "{set}"
            );
        }
        let locked: u64 = {
            let text = std::fs::read_to_string("/proc/self/status").expect("status");
            let line = text
                .lines()
                .find(|l| l.starts_with("VmLck:"))
                .expect("line")
                .to_owned();
            line.split_whitespace()
                .nth(1)
                .expect("kB")
                .parse()
                .expect("number")
        };
        assert_eq!(
            report.memory_locked == Finding::Held,
            locked > 0,
            "{report}"
        );
        let _unlocked = rustix::mm::munlockall();
    }

    #[test]
    fn a_thread_started_later_has_no_capability_either() {
        std::thread::spawn(|| {
            let _report = harden(Memory::LeaveUnlocked, Capabilities::DropAll);
            std::thread::spawn(|| {
                assert_eq!(u64::from_str_radix(&status("CapEff:"), 16).expect("hex"), 0);
                assert_eq!(status("NoNewPrivs:"), "1");
            })
            .join()
            .expect("later thread");
        })
        .join()
        .expect("thread");
    }

    #[test]
    fn as_many_files_may_be_open_as_the_machine_allows() {
        let most = getrlimit(Resource::Nofile).maximum;
        assert_eq!(raise_descriptors(), most.unwrap_or(u64::MAX));
        assert_eq!(getrlimit(Resource::Nofile).current, most);
    }

    #[test]
    fn swap_is_named_when_it_is_on() {
        let header = "Filename\tType\tSize\tUsed\tPriority\n";
        assert_eq!(swap(header), Finding::Held);
        assert_eq!(swap(""), Finding::Held);
        let on = swap(&format!(
            "{header}/dev/sda2  partition 8388604 0 -2\n/swap file 1 0 -3\n"
        ));
        let Finding::Warning(text) = on else {
            panic!("swap was not seen")
        };
        assert!(text.contains("/dev/sda2, /swap"), "{text}");
    }

    #[test]
    fn the_report_names_what_is_missing_and_why() {
        let mut report = harden(Memory::LeaveUnlocked, Capabilities::DropAll);
        report.swap_off = Finding::Warning("swap is on".into());
        let names: Vec<_> = report.warnings().map(|(name, _)| name).collect();
        assert!(
            names.contains(&"memory locked") && names.contains(&"swap off"),
            "{names:?}"
        );
        assert!(
            report.to_string().contains("warn  swap off: swap is on\n"),
            "{report}"
        );
    }
}
