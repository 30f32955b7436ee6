//! A full disk, through the daemon: writes are refused with their reason, reads, deletion and sealing go
//! on and are recorded, and all is well again by itself once there is room.

use std::time::{Duration, Instant};

use serde_json::Value;
use vault_tests::{Daemon, Output, SmallDisk, cannot_run};

use crate::BINARIES;

/// How long anything may take to show.
const LIMIT: Duration = Duration::from_secs(40);

/// Runs a command until it ends like this; how often it ended well before.
#[track_caller]
fn until(mut run: impl FnMut(usize) -> Output, code: i32, reason: &str) -> usize {
    let begun = Instant::now();
    let mut before = 0;
    for number in 0.. {
        let output = run(number);
        if (output.code, output.reason().as_str()) == (code, reason) {
            break;
        }
        assert!(
            begun.elapsed() < LIMIT,
            "not {code} {reason}, but {} {}",
            output.code,
            output.stderr
        );
        before += usize::from(output.code == 0);
    }
    before
}

/// Writes `PREFIX/NUMBER`, which holds its own path; notes what was acknowledged.
fn write(daemon: &Daemon, path: String, acknowledged: &mut Vec<String>) -> Output {
    let output = daemon.ctl_with(&["-o", "json", "set", &path], path.as_bytes());
    if output.code == 0 {
        acknowledged.push(path);
    }
    output
}

#[test]
fn a_full_disk_refuses_writes_only_and_is_over_when_there_is_room() {
    let Some((daemon, mut disk)) = SmallDisk::daemon(BINARIES, "160m", "") else {
        return cannot_run(
            "a_full_disk_refuses_writes_only_and_is_over_when_there_is_room",
            "no file system can be mounted here, neither by root nor in a namespace",
        );
    };
    let opened = daemon.open();
    let json = |args: &[&str]| daemon.ctl(&[&["-o", "json"], args].concat());
    let mut there = Vec::new();
    for path in ["kept/one", "kept/two", "gone/now", "gone/later"] {
        write(&daemon, path.into(), &mut there).ok();
    }
    daemon.ctl_with(&["set", "kept/two"], b"kept/two").ok();

    disk.fill();
    let fill = |number| write(&daemon, format!("during/{number}"), &mut there);
    until(fill, 10, "DISK_FULL");
    // What takes space is refused in each of its forms, and says what to do.
    for growing in [
        &["set", "new/key", "--generate"][..],
        &["cp", "kept/one", "new/key"],
        &["set", "kept/one", "--generate"],
    ] {
        json(growing).refused(10, "DISK_FULL");
    }
    daemon
        .ctl_with(&["set", "new/key"], b"x")
        .fails(10, "its disk is full");
    // Reading, deleting, destroying and sealing do not take any, or have what they need.
    for path in &there {
        assert_eq!(daemon.ctl(&["get", path]).ok().stdout, *path);
    }
    json(&["rm", "gone/now"]).ok();
    json(&["destroy", "kept/two", "--version", "1", "--yes"]).ok();
    json(&["get", "gone/now"]).refused(3, "SECRET_NOT_FOUND");
    json(&["seal"]).ok();
    json(&["get", "kept/one"]).refused(7, "SEALED");
    daemon.unseal(&opened);
    assert_eq!(daemon.ctl(&["get", "kept/one"]).ok().stdout, "kept/one");
    json(&["set", "new/key", "--generate"]).refused(10, "DISK_FULL");

    // Now without even the reserve that deletion lived on: the audit has one of its own, and what it
    // cannot record is not answered.
    let mut read = 0;
    // A line that is shorter may still fit where a long one did not; and housekeeping of the daemon gives room
    // back now and then, which is taken again.
    for names in [900, 90, 9, 1] {
        let batch = vec!["kept/one"; names];
        let batch = [&["-o", "json", "get"], &batch[..]].concat();
        let full = |_| {
            disk.fill();
            daemon.ctl(&batch)
        };
        read += until(full, 6, "AUDIT_UNAVAILABLE");
    }
    assert!(read > 0, "nothing was read from the reserve");
    disk.fill();
    json(&["whoami"]).refused(6, "AUDIT_UNAVAILABLE");

    disk.free();
    until(|_| json(&["get", "kept/one"]), 0, "");
    let after = |number| write(&daemon, format!("after/{number}"), &mut there);
    until(after, 0, "");
    there.retain(|path| path != "gone/now");
    for path in &there {
        assert_eq!(daemon.ctl(&["get", path]).ok().stdout, *path);
    }
    json(&["get", "new/key"]).refused(3, "SECRET_NOT_FOUND");
    audit_kept_its_promise(&disk.read("audit/audit.jsonl", &daemon), there.len());
}

/// Every line that was written is there and whole, what was lost is counted, and what was acknowledged
/// was recorded.
fn audit_kept_its_promise(text: &str, acknowledged: usize) {
    let lines = text.lines().zip(1u64..).map(|(line, sequence)| {
        let line: Value = serde_json::from_str(line).expect("a whole line");
        assert_eq!(line["seq"], sequence, "a line is missing");
        line
    });
    let lines: Vec<Value> = lines.collect();
    let gaps = lines.iter().filter(|line| line["type"] == "gap");
    let lost: u64 = gaps.filter_map(|gap| gap["count"].as_u64()).sum();
    assert!(
        lost >= 2,
        "two requests and more were refused unrecorded, {lost} are counted"
    );
    let done =
        |line: &&Value| line["method"] == "/vault.v1.Secrets/PutSecret" && line["status"] == "ok";
    let written = lines.iter().filter(done).count();
    assert!(
        written >= acknowledged,
        "{acknowledged} writes, {written} lines"
    );
    let refused = |line: &&Value| line["reason"] == "DISK_FULL";
    assert!(
        lines.iter().filter(refused).count() >= 5,
        "refusals are recorded too"
    );
}
