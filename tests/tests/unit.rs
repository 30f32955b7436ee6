//! The systemd unit: what it takes away from the daemon, and that the daemon understands how it is called.

use std::collections::BTreeMap;

use vault_tests::Place;

use crate::BINARIES;
use crate::source::root;

/// The settings of `[Service]`.
fn service() -> BTreeMap<String, Vec<String>> {
    settings("vaultd.service", "[Service]")
}

/// The settings of a section; one that is given more than once has all its values.
fn settings(file: &str, wanted: &str) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(root().join("deploy").join(file)).expect("the unit");
    let mut section = "";
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section == wanted && !line.is_empty() && !line.starts_with('#') {
            let (key, value) = line.split_once('=').expect("a setting");
            let values = found.entry(key.to_owned()).or_default();
            values.push(value.to_owned());
        }
    }
    found
}

#[test]
fn the_unit_takes_everything_away_that_the_daemon_does_not_need() {
    let service = service();
    for (key, wanted) in [
        ("User", "vault"),
        ("UMask", "0077"),
        ("StateDirectoryMode", "0700"),
        ("RuntimeDirectoryMode", "0700"),
        ("LimitMEMLOCK", "infinity"),
        ("LimitCORE", "0"),
        ("MemorySwapMax", "0"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("NoNewPrivileges", "true"),
        ("PrivateDevices", "true"),
        ("PrivateTmp", "true"),
        ("PrivateUsers", "true"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "true"),
        ("ProtectControlGroups", "true"),
        ("ProtectKernelLogs", "true"),
        ("ProtectKernelModules", "true"),
        ("ProtectKernelTunables", "true"),
        ("ProtectProc", "invisible"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("RestrictNamespaces", "true"),
        ("RestrictSUIDSGID", "true"),
        ("LockPersonality", "true"),
        ("MemoryDenyWriteExecute", "true"),
        ("SystemCallArchitectures", "native"),
    ] {
        let found = service.get(key).map(Vec::as_slice);
        assert_eq!(found, Some(&[wanted.to_owned()][..]), "{key}");
    }
    // The first list says what is allowed, the second takes from it.
    let filter = &service["SystemCallFilter"];
    assert!(filter[0].starts_with("@system-service"), "{filter:?}");
    assert!(filter[1].starts_with("~@privileged"), "{filter:?}");
}

#[test]
fn the_unit_calls_the_daemon_as_it_understands() {
    let (service, place) = (service(), Place::new(BINARIES));
    for key in ["ExecStartPre", "ExecStart"] {
        for line in &service[key] {
            let mut words: Vec<&str> = line.split(' ').collect();
            assert_eq!(words.remove(0), "/usr/local/bin/vaultd");
            // Parsed from left to right, up to where only help is given.
            words.push("--help");
            place.vaultd(&words).ok();
            let wrong = words.len() - 1;
            words.insert(wrong, "--no-such-flag");
            assert_ne!(place.vaultd(&words).code, 0, "{line}");
        }
    }
}

#[test]
fn the_unit_waits_for_a_clock_that_is_set_and_not_for_ever() {
    let unit = settings("vaultd.service", "[Unit]");
    for key in ["Wants", "After"] {
        let all = unit[key].join(" ");
        for other in ["time-sync.target", "systemd-time-wait-sync.service"] {
            assert!(all.split(' ').any(|one| one == other), "{key} {other}");
        }
    }
    assert!(!unit.contains_key("Requires") && !unit.contains_key("BindsTo"));
    let bound = settings("time-wait.conf", "[Service]");
    assert_eq!(bound["TimeoutStartSec"], ["2min"]);
}
