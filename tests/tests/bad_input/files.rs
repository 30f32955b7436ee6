//! Files that are damaged, gone, or open to others: the daemon says which, and refuses to start; put
//! right, it has everything still.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use vault_tests::{Daemon, Dress, Place};

use crate::BINARIES;

fn cut_in_half(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() / 2);
}

fn empty(bytes: &mut Vec<u8>) {
    bytes.clear();
}

/// Every byte of the first pages: wherever the file keeps what it needs, it is hit.
fn garbage(bytes: &mut Vec<u8>) {
    let end = bytes.len().min(16 * 1024);
    bytes.splice(..end, std::iter::repeat_n(0xa5, end));
}

type Damage = fn(&mut Vec<u8>);

#[test]
fn a_damaged_or_lost_file_is_named_and_put_right_all_is_there() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    daemon.ctl_with(&["set", "kept/one"], b"1").ok();
    daemon.stop();
    let segment = "vault/store/log/segment-0000000000000001";
    let all: &[Damage] = &[cut_in_half, empty, garbage];
    let damages: [(&str, &[Damage]); 6] = [
        // Cut in half, its write-ahead log still has all of it.
        ("vault/store/state.db", &[empty, garbage]),
        (segment, all),
        ("vault/store/log/manifest", all),
        ("vault/store/node.toml", all),
        ("vault/tls/ca.pem", all),
        ("vault/tls/ca.key", &[]),
    ];
    for (name, ways) in damages {
        let path = daemon.place.path(name);
        let good = fs::read(&path).expect("the file");
        let mut bad: Vec<Option<Vec<u8>>> = vec![None];
        for way in ways {
            let mut bytes = good.clone();
            way(&mut bytes);
            bad.push(Some(bytes));
        }
        for bytes in bad {
            match &bytes {
                Some(bytes) => fs::write(&path, bytes).expect("damaged"),
                None => fs::remove_file(&path).expect("removed"),
            }
            let length = bytes.map(|bytes| bytes.len());
            let output = daemon.fails_to_start();
            let file = name.rsplit('/').next().expect("a name");
            let said = &output.stderr;
            assert!(
                said.contains(file),
                "`{name}` of {length:?} is not named: {output}"
            );
            assert!(!said.contains("panicked"), "{output}");
            fs::write(&path, &good).expect("put right");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
        }
    }
    daemon.restart();
    daemon.unseal(&opened);
    assert_eq!(daemon.ctl(&["get", "kept/one"]).ok().stdout, "1");
}

#[test]
fn what_others_can_read_is_refused_by_name() {
    let mut daemon = Daemon::start(BINARIES);
    daemon.open();
    daemon.stop();
    for (name, mode, right) in [
        ("vault", 0o755, 0o700),
        ("vault", 0o750, 0o700),
        ("vault/tls/node.key", 0o644, 0o600),
        ("vault/tls/ca.key", 0o640, 0o600),
    ] {
        let path = daemon.place.path(name);
        let chmod = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode));
        chmod(mode).expect("opened to others");
        let output = daemon.fails_to_start();
        let said = &output.stderr;
        let named = path.to_str().expect("text");
        assert!(said.contains(named) && said.contains("chmod"), "{output}");
        chmod(right).expect("put right");
    }
    daemon.restart();
}

#[test]
fn a_lost_write_ahead_log_of_the_database_loses_nothing() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    for damage in [None, Some(empty as Damage), Some(garbage)] {
        daemon.ctl_with(&["set", "kept/one"], b"1").ok();
        daemon.kill();
        let path = daemon.place.path("vault/store/state.db-wal");
        match damage {
            None => fs::remove_file(&path).expect("removed"),
            Some(damage) => {
                let mut bytes = fs::read(&path).expect("the file");
                damage(&mut bytes);
                fs::write(&path, bytes).expect("damaged");
            }
        }
        daemon.restart();
        daemon.unseal(&opened);
        assert_eq!(daemon.ctl(&["get", "kept/one"]).ok().stdout, "1");
    }
}

#[test]
fn a_key_file_that_others_can_read_is_named_and_opens_nothing() {
    let mut daemon = Daemon::start_dressed(BINARIES, "", |place| {
        let key = place.path("seal.key");
        fs::write(&key, [7; 32]).expect("written");
        Dress {
            config: format!("seal.key_file = \"{}\"", key.display()),
            ..Dress::default()
        }
    });
    let chmod = |daemon: &Daemon, mode: &str| {
        let line = format!("chmod {mode} seal.key");
        daemon.place.shell(&line).ok();
    };
    let init = ["-o", "json", "init", "--seal", "key-file"];
    chmod(&daemon, "644");
    let refused = daemon.ctl(&init).refused(7, "NO_SUCH_SEAL");
    assert!(refused.stderr.contains("seal.key"), "{refused}");
    chmod(&daemon, "600");
    daemon.ctl(&init).ok();
    let state = |daemon: &Daemon| daemon.ctl(&["-o", "json", "status"]).json()["state"].clone();
    assert_eq!(state(&daemon), "unsealed");
    daemon.stop();
    chmod(&daemon, "640");
    daemon.restart();
    assert_eq!(state(&daemon), "sealed");
    let said = daemon.log_text();
    assert!(
        said.contains("seal.key") && said.contains("chmod"),
        "{said}"
    );
    daemon.stop();
    chmod(&daemon, "600");
    daemon.restart();
    assert_eq!(state(&daemon), "unsealed");
}

fn config(place: &Place, more: &str) -> PathBuf {
    let path = place.path("vaultd.toml");
    let text = format!(
        "node.data_dir = \"{}\"\nprocess.allow_root = true\nlisten.address = \"127.0.0.1:0\"\n\
         health.address = \"off\"\n{more}\n",
        place.path("vault").display()
    );
    fs::write(&path, text).expect("a configuration");
    path
}

#[test]
fn a_configuration_that_is_none_is_refused_with_its_file_and_nothing_is_made() {
    let place = Place::new(BINARIES);
    for (more, named) in [
        ("listen.adress = \"127.0.0.1:1\"", "listen.address"),
        ("nonsense = 1", "nonsense"),
        ("limits.connections = \"many\"", "limits.connections"),
        ("limits.idle = \"soon\"", "limits.idle"),
        ("audit.sync = \"never\"", "audit.sync"),
        ("audit.sync = ", "vaultd.toml:5:"),
        ("node.name = \"a\"\nnode.name = \"b\"", "vaultd.toml:6:"),
        ("tls.key = \"only.key\"", "tls."),
    ] {
        let file = config(&place, more);
        for command in ["server", "check-config"] {
            let output = place.ends(&[command, "--config", &file.to_string_lossy()]);
            assert_eq!(output.code, 64, "{more}: {output}");
            assert!(
                output.stderr.contains(named),
                "`{named}` is not named: {output}"
            );
        }
        assert!(!place.path("vault").exists(), "{more}");
    }
    let output = place.ends(&["server", "--config", "nowhere.toml"]);
    assert!(
        output.code == 64 && output.stderr.contains("nowhere.toml"),
        "{output}"
    );
    let file = config(&place, "");
    let output = place.shell(&format!(
        "VAULTD_LISTEN_ADRESS=127.0.0.1:1 timeout 30 vaultd server --config {}",
        file.display()
    ));
    assert!(
        output.code == 64 && output.stderr.contains("VAULTD_LISTEN_ADRESS"),
        "{output}"
    );
}
