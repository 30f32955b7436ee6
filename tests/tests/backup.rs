//! Backups through the real binaries: made, checked, and restored in place of what was lost.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use prost_reflect::Value;
use tonic::Code;
use vault_tests::{Daemon, Opened};

use crate::BINARIES;
use crate::wire::{Wire, message};

/// How long anything may take before the test gives up on it.
const LIMIT: Duration = Duration::from_secs(60);

/// Soon, but longer than any honest request of these tests takes.
const IMPATIENT: &str = "limits.request_timeout = \"5s\"";

fn filled() -> (Daemon, Opened) {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    daemon
        .ctl_with(&["set", "db/password", "--raw-stdin"], b"first")
        .ok();
    (daemon, opened)
}

/// Has a backup made; its path and bytes.
fn backup(daemon: &Daemon) -> (PathBuf, Vec<u8>) {
    let path = daemon.place.path("vault.backup");
    daemon
        .ctl(&["backup", "create", "--force", &path.to_string_lossy()])
        .ok();
    let bytes = fs::read(&path).expect("a backup");
    (path, bytes)
}

fn state(daemon: &Daemon) -> String {
    let status = daemon.ctl(&["-o", "json", "status"]);
    if status.stdout.is_empty() {
        return "unreachable".to_owned();
    }
    status.json()["state"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn wait_for(daemon: &Daemon, wanted: &str) {
    let begun = Instant::now();
    while state(daemon) != wanted {
        assert!(begun.elapsed() < LIMIT, "it is {}", state(daemon));
    }
}

#[test]
fn a_lost_vault_is_restored_in_place_and_opens_with_its_old_shares_and_token() {
    let (daemon, opened) = filled();
    let login = daemon.ctl_with(&["login", "--print-token"], opened.token.as_bytes());
    let session = login.ok().stdout.trim().to_owned();
    daemon.use_token(&session);
    daemon.ctl(&["get", "db/password"]).ok();
    daemon.use_token(&opened.token);
    let (path, bytes) = backup(&daemon);
    let file = path.to_string_lossy().into_owned();
    let verified = daemon.ctl(&["-o", "json", "backup", "verify", &file]).ok();
    let report = verified.json();
    assert_eq!(report["opened"], true, "{verified}");
    assert_eq!(report["secrets"], 1);
    daemon
        .ctl_with(&["set", "db/password", "--raw-stdin"], b"after")
        .ok();
    let recorded: Vec<_> = daemon
        .audit()
        .iter()
        .filter(|line| {
            line["method"]
                .as_str()
                .is_some_and(|m| m.contains("Backup/"))
        })
        .map(|line| line["status"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(recorded, ["ok", "ok"]);
    drop(daemon);

    // Another machine, with nothing on it but the file.
    let daemon = Daemon::start(BINARIES);
    assert_eq!(state(&daemon), "uninitialised");
    let file = daemon.place.path("vault.backup");
    fs::write(&file, &bytes).expect("the backup");
    let file = file.to_string_lossy().into_owned();
    let rehearsed = daemon.ctl(&["backup", "restore", "--dry-run", &file]).ok();
    assert!(
        rehearsed.stderr.contains("nothing was changed"),
        "{rehearsed}"
    );
    assert_eq!(state(&daemon), "uninitialised");
    let restored = daemon.ctl(&["backup", "restore", &file]).ok();
    for word in ["vaultctl unseal", "initial token", "switched off"] {
        assert!(restored.stderr.contains(word), "{restored}");
    }
    wait_for(&daemon, "sealed");
    let left = daemon.place.path("vault");
    for name in [
        "restore.pending",
        "restore.part",
        "setup-code",
        "store.restoring",
    ] {
        assert!(!left.join(name).exists(), "{name} is left");
    }

    daemon.unseal(&opened);
    daemon.use_token(&opened.token);
    assert_eq!(daemon.ctl(&["get", "db/password"]).ok().stdout, "first");
    daemon
        .ctl_with(&["set", "db/password", "--raw-stdin"], b"new")
        .ok();
    assert_eq!(daemon.ctl(&["get", "db/password"]).ok().stdout, "new");
    daemon.use_token(&session);
    daemon.ctl(&["get", "db/password"]).fails(5, "");
    let last: Vec<_> = daemon
        .audit()
        .iter()
        .filter(|line| {
            let method = line["method"].as_str().unwrap_or_default();
            line["status"] == "ok" && method.ends_with("Backup")
        })
        .map(|line| line["method"].as_str().unwrap_or_default().to_owned())
        .collect();
    // The rehearsal, the restore, and what the start after it made of that.
    let asked = "/vault.v1.Backup/RestoreBackup";
    assert_eq!(last, [asked, asked, "inside/TakeUpBackup"]);
    // A vault is never restored over.
    daemon.ctl(&["backup", "restore", &file]).fails(8, "");
}

#[test]
fn what_a_start_takes_up_is_recorded_whoever_left_it_there() {
    let (vault, opened) = filled();
    let (_, bytes) = backup(&vault);
    drop(vault);
    let mut daemon = Daemon::start(BINARIES);
    daemon.stop();
    let left = daemon.place.path("vault");
    fs::write(left.join("restore.pending"), &bytes).expect("the backup");
    // Without an audit it is not done, and the next start comes back to it.
    let (audit, away) = (left.join("audit"), left.join("audit.away"));
    fs::rename(&audit, &away).expect("moved");
    fs::write(&audit, "no directory").expect("written");
    let refused = daemon.fails_to_start();
    assert!(refused.stderr.contains("audit"), "{refused}");
    assert!(left.join("restore.pending").exists());
    fs::remove_file(&audit).expect("removed");
    fs::rename(&away, &audit).expect("moved");
    daemon.restart();
    assert_eq!(state(&daemon), "sealed");
    assert!(!left.join("restore.pending").exists());
    let lines = daemon.audit();
    let taken = lines
        .iter()
        .filter(|line| line["method"] == "inside/TakeUpBackup");
    assert_eq!(taken.count(), 1);
    let said = daemon.log_text();
    assert!(
        !said.contains("store.replaced"),
        "it was said by the start that did it"
    );
    assert!(left.join("store.replaced-1").is_dir());
    daemon.unseal(&opened);
    daemon.use_token(&opened.token);
    assert_eq!(daemon.ctl(&["get", "db/password"]).ok().stdout, "first");
}

#[test]
fn files_that_are_no_whole_backup_are_named_for_what_they_are() {
    let (daemon, _) = filled();
    let (path, whole) = backup(&daemon);
    let file = path.to_string_lossy().into_owned();
    let empty = Daemon::start(BINARIES);
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        bytes
    };
    let middle = whole.len() / 2;
    for (bytes, says) in [
        (changed(&|bytes| bytes.truncate(middle)), "cut short"),
        (
            changed(&|bytes| bytes.truncate(bytes.len() - 1)),
            "cut short",
        ),
        (changed(&|bytes| bytes[middle] ^= 1), "damaged"),
        (changed(&|bytes| bytes.push(b'\n')), "damaged"),
        (changed(&|bytes| bytes[7] = b'7'), "later release"),
        (
            b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01".repeat(9),
            "not a backup",
        ),
        (vec![], "cut short"),
    ] {
        fs::write(&path, &bytes).expect("written");
        daemon.ctl(&["backup", "verify", &file]).fails(2, says);
        empty
            .ctl(&["backup", "restore", "--dry-run", &file])
            .fails(2, says);
        empty.ctl(&["backup", "restore", &file]).fails(2, says);
        let part = empty.place.path("vault/restore.part");
        assert!(!part.exists(), "half a backup is left");
        assert_eq!(state(&empty), "uninitialised");
    }
    empty
        .ctl(&["backup", "restore", "/nowhere/vault.backup"])
        .fails(2, "/nowhere/vault.backup");
    // None of that kept it from becoming a vault.
    empty.open();
}

#[test]
fn a_backup_of_another_vault_is_whole_but_not_said_to_open() {
    let (daemon, _) = filled();
    let (stranger, _) = filled();
    let (path, _) = backup(&stranger);
    let file = path.to_string_lossy().into_owned();
    let verified = daemon.ctl(&["-o", "json", "backup", "verify", &file]).ok();
    assert_eq!(verified.json()["opened"], false);
    assert_eq!(verified.json()["seal"], serde_json::Value::Null);
    assert!(verified.stderr.contains("another vault"), "{verified}");
    daemon.ctl(&["seal"]).ok();
    daemon.ctl(&["backup", "verify", &file]).fails(7, "sealed");
}

#[test]
fn what_a_backup_opens_with_is_told_by_verify() {
    let (daemon, opened) = filled();
    let (path, bytes) = backup(&daemon);
    let file = path.to_string_lossy().into_owned();
    let seal = |file: &str| {
        let verified = daemon.ctl(&["-o", "json", "backup", "verify", file]).ok();
        let report = verified.json();
        assert_eq!(report["opened"], true, "{verified}");
        let number = |name: &str| report["seals"][0][name].as_u64();
        let split = (number("threshold"), number("shares"));
        (report["seal"].clone(), split, verified.stderr.clone())
    };
    let (now, split, said) = seal(&file);
    assert_eq!((now.as_str(), split), (Some("present"), (Some(3), Some(5))));
    assert!(!said.contains("rekey"), "{said}");

    let shares = opened.shares[..3].join("\n");
    let two = [
        "-o",
        "json",
        "rekey",
        "-",
        "--shares",
        "2",
        "--threshold",
        "2",
    ];
    let made = daemon.ctl_with(&two, shares.as_bytes()).ok().json();
    let new: Vec<String> = serde_json::from_value(made["shares"].clone()).expect("shares");
    let new = new.join("\n");
    let id = made["ceremony"].as_str().expect("an id");
    daemon
        .ctl_with(&["rekey", "--verify", id, "-"], new.as_bytes())
        .ok();
    let (then, split, said) = seal(&file);
    assert_eq!(
        (then.as_str(), split),
        (Some("replaced"), (Some(3), Some(5)))
    );
    for word in ["shamir 3 of 5", "rekey", "Keep that seal"] {
        assert!(said.contains(word), "{said}");
    }
    let table = daemon.ctl(&["backup", "verify", &file]).ok().stdout;
    assert!(table.contains("a rekey lies between"), "{table}");
    let again = daemon.place.path("again.backup");
    let again = again.to_string_lossy().into_owned();
    daemon.ctl(&["backup", "create", &again]).ok();
    let (now, split, _) = seal(&again);
    assert_eq!((now.as_str(), split), (Some("present"), (Some(2), Some(2))));

    // It is as it was said.
    let restored = Daemon::start(BINARIES);
    let file = restored.place.path("vault.backup");
    fs::write(&file, &bytes).expect("the backup");
    let told = restored
        .ctl(&["backup", "restore", &file.to_string_lossy()])
        .ok();
    assert!(told.stderr.contains("shamir 3 of 5"), "{told}");
    wait_for(&restored, "sealed");
    restored
        .ctl_with(&["unseal", "-"], new.as_bytes())
        .fails(2, "set of shares");
    restored.unseal(&opened);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_an_upload_and_lets_the_next_one_in() {
    let daemon = Daemon::start_with(BINARIES, IMPATIENT);
    let wire = Wire::connect(&daemon, "").await;
    let first = message(
        "RestoreBackupRequest",
        &[("data", Value::Bytes(b"VLTSNAP1"[..].to_vec().into()))],
    );
    let refused = wire
        .hold("/vault.v1.Backup/RestoreBackup", first)
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code, refused.reason.as_str()),
        (Code::InvalidArgument, "REQUEST_INVALID")
    );
    assert!(!daemon.place.path("vault/restore.part").exists());
    daemon.init();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_of_its_backup_makes_room_for_others() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    // More than fits between the two sides.
    for n in 0..12 {
        let path = format!("big/s{n}");
        daemon
            .ctl_with(&["set", &path, "--raw-stdin"], &vec![b'v'; 1 << 20])
            .ok();
    }
    daemon.restart_with(IMPATIENT);
    daemon.unseal(&opened);
    let wire = Wire::connect(&daemon, &opened.token).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let stream = wire.open("/vault.v1.Backup/CreateBackup", Vec::new()).await;
        held.push(stream.expect("a place"));
    }
    let third = wire.open("/vault.v1.Backup/CreateBackup", Vec::new()).await;
    assert_eq!(third.err().map(|r| r.reason).as_deref(), Some("OVERLOADED"));
    let file = daemon.place.path("vault.backup");
    let file = file.to_string_lossy().into_owned();
    let begun = Instant::now();
    loop {
        let made = daemon.ctl(&["backup", "create", "--force", &file]);
        if made.code == 0 {
            break;
        }
        made.fails(10, "");
        assert!(begun.elapsed() < LIMIT, "nobody made room");
    }
    daemon.ctl(&["backup", "verify", &file]).ok();
    // Those who come back to it are told that it broke off.
    for mut stream in held {
        let error = loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("half a backup looked whole"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.code(), Code::Cancelled, "{error}");
    }
}
