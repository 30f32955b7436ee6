//! What the store refuses to open: lost, truncated, overwritten and changed files, each by its name.

use std::path::Path;

use tempfile::TempDir;
use vault_core::record::{Kind, View};

use super::super::testing::{key, options, put, writes};
use super::super::{OpenError, Position, Store};
use super::{apply, founded};

fn reopened(dir: &Path) -> String {
    Store::open(dir, &options().0).unwrap_err().to_string()
}

/// A closed store with a few hundred records.
fn full() -> TempDir {
    let dir = TempDir::new().unwrap();
    let (store, mut leader) = founded(dir.path());
    for n in 0..20 {
        let records = (0..20).map(|m| put(20 * n + m, 150 + 10 * 20));
        apply(&store, &mut leader, vec![writes(records.collect())]);
    }
    store.close();
    dir
}

#[test]
fn a_directory_opens_once_at_a_time() {
    let dir = TempDir::new().unwrap();
    let (store, _) = founded(dir.path());
    assert!(matches!(
        Store::open(dir.path(), &options().0),
        Err(OpenError::Locked { .. })
    ));
    store.close();
    assert!(Store::open(dir.path(), &options().0).is_ok());
}

#[test]
fn lost_files_are_named_and_nothing_starts_empty() {
    let dir = full();
    for (lost, named) in [
        ("state.db", "state.db"),
        ("node.toml", "node.toml"),
        ("log/manifest", "manifest"),
        ("log/segment-0000000000000001", "segment-0000000000000001"),
    ] {
        let away = dir.path().join("away");
        std::fs::rename(dir.path().join(lost), &away).unwrap();
        let refused = reopened(dir.path());
        assert!(refused.contains(named), "{refused}");
        std::fs::rename(&away, dir.path().join(lost)).unwrap();
    }
    std::fs::rename(dir.path().join("log"), dir.path().join("away")).unwrap();
    assert!(reopened(dir.path()).contains("manifest"));
    std::fs::rename(dir.path().join("away"), dir.path().join("log")).unwrap();
    assert!(Store::open(dir.path(), &options().0).is_ok());
}

#[test]
fn an_unfinished_first_start_is_begun_again() {
    let dir = TempDir::new().unwrap();
    drop(Store::open(dir.path(), &options().0).unwrap());
    let marker = std::fs::read_to_string(dir.path().join("node.toml")).unwrap();
    let creating = marker.replace("ready", "creating");
    std::fs::write(dir.path().join("node.toml"), creating).unwrap();
    std::fs::remove_file(dir.path().join("state.db")).unwrap();
    assert!(Store::open(dir.path(), &options().0).is_ok());
}

#[test]
fn a_bad_marker_is_refused() {
    let dir = full();
    let path = dir.path().join("node.toml");
    let marker = std::fs::read_to_string(&path).unwrap();
    for bad in [
        String::new(),
        marker.replace("identity", "identitty"),
        marker.replace("ready", "done"),
        marker.replace("format = 1", "format = 2"),
        format!("{marker}more = 1\n"),
    ] {
        std::fs::write(&path, bad).unwrap();
        assert!(reopened(dir.path()).contains("node.toml"));
    }
}

#[test]
fn a_database_that_lags_its_purged_log_or_leads_it_is_refused() {
    let (old, dir) = (full(), TempDir::new().unwrap());
    let (store, _) = founded(dir.path());
    store.close();
    std::fs::copy(old.path().join("state.db"), dir.path().join("state.db")).unwrap();
    assert!(reopened(dir.path()).contains("log"));

    let dir = TempDir::new().unwrap();
    let (store, mut leader) = founded(dir.path());
    apply(&store, &mut leader, vec![writes(vec![put(1, 10)])]);
    let upto = Position { term: 1, index: 9 };
    store.log().purge(upto, Box::new(|_| ())).unwrap();
    store.close();
    assert!(reopened(dir.path()).contains("state.db"));
}

#[test]
fn a_truncated_or_overwritten_database_is_refused_by_name() {
    let dir = full();
    let path = dir.path().join("state.db");
    let bytes = std::fs::read(&path).unwrap();
    let pages = bytes.len() / 4096;
    assert!(pages > 20);
    let mut changed = Vec::new();
    for length in [0, 1, 99, 100, 4095, 4096, bytes.len() / 2, bytes.len() - 1] {
        changed.push((format!("cut to {length}"), bytes[..length].to_vec()));
    }
    for page in 0..pages {
        let mut other = bytes.clone();
        other[4096 * page..4096 * (page + 1)].fill(0);
        changed.push((format!("page {page} lost"), other));
    }
    for (what, bytes) in changed {
        std::fs::write(&path, bytes).unwrap();
        let opened = Store::open(dir.path(), &options().0);
        let refused = opened.map(|_| ()).expect_err(&what).to_string();
        assert!(refused.contains("state.db"), "{what}: {refused}");
    }
}

#[test]
fn a_flipped_bit_in_any_record_is_refused_or_harmless() {
    let dir = full();
    let path = dir.path().join("state.db");
    let bytes = std::fs::read(&path).unwrap();
    let expected = {
        let store = Store::open(dir.path(), &options().0).unwrap();
        store.state_hash().unwrap()
    };
    let mut refused = 0;
    for at in (0..bytes.len()).step_by(bytes.len() / 150) {
        let mut other = bytes.clone();
        other[at] ^= 1 << (at % 8);
        std::fs::write(&path, other).unwrap();
        match Store::open(dir.path(), &options().0) {
            Ok(store) => assert_eq!(store.state_hash().unwrap(), expected, "byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "only {refused} were noticed");
}

#[test]
fn a_damaged_record_is_not_served() {
    let dir = full();
    let store = Store::open(dir.path(), &options().0).unwrap();
    let database = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    database
        .execute(
            "UPDATE payloads SET sealed = zeroblob(length(sealed)) WHERE id = 3",
            [],
        )
        .unwrap();
    database
        .execute("UPDATE records SET sequence = 7 WHERE payload = 4", [])
        .unwrap();
    let damaged = (0..400).filter(|n| store.get(&key(*n)).is_err()).count();
    assert_eq!(damaged, 2);
    assert!(store.scan(&[Kind::Secret as u8], None, 1000).is_err());
}
