//! A real daemon, and those who come to it with nothing.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use vault_tests::{Daemon, Output};

use crate::BINARIES;
use crate::wire::Wire;

/// Runs `vaultctl` over TCP and TLS, with this token if there is one.
fn over_tls(daemon: &Daemon, token: &str, args: &[&str]) -> Output {
    let log = daemon.log_text();
    let port = log
        .lines()
        .filter(|line| line.contains("serving"))
        .find_map(|line| line.split("127.0.0.1:").nth(1));
    let port: String = port
        .expect("the log names the port")
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let (address, ca) = (
        format!("https://localhost:{port}"),
        daemon.place.path("vault/tls/ca.pem"),
    );
    let file = daemon.place.path("a-token");
    let mut all = vec!["--addr", &address, "--ca-cert"];
    let ca = ca.to_string_lossy().into_owned();
    let path = file.to_string_lossy().into_owned();
    all.push(&ca);
    if !token.is_empty() {
        let mut options = File::options();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.write(true).create(true).truncate(true).open(&file);
        let file = file.as_mut().expect("a file");
        std::io::Write::write_all(file, token.as_bytes()).expect("written");
        all.extend(["--token-file", &path]);
    }
    all.extend(args);
    daemon.place.ctl(&all)
}

#[test]
fn over_tls_without_a_session_the_status_says_how_to_unseal_and_nothing_else() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let known = over_tls(&daemon, &opened.token, &["status", "-o", "json"]).ok();
    let stranger = over_tls(&daemon, "", &["status", "-o", "json"]).ok();
    let (known, stranger) = (known.json(), stranger.json());
    for name in ["state", "seals", "progress"] {
        assert_eq!(stranger[name], known[name], "{name}");
    }
    assert_eq!(stranger["state"], "unsealed");
    let empty = |value: &serde_json::Value| {
        [None, Some(""), Some("0")].contains(&value.as_str()) && value.as_u64().unwrap_or(0) == 0
    };
    for name in [
        "version",
        "cluster_id",
        "node_id",
        "leader_id",
        "region",
        "applied_index",
        "state_hash",
        "disk_protection",
        "unsealed_at",
    ] {
        assert!(empty(&stranger[name]), "{name}: {stranger}");
        assert!(!empty(&known[name]), "{name}: {known}");
    }
    let local = daemon
        .place
        .ctl(&["--addr", &daemon.address(), "status", "-o", "json"]);
    assert_eq!(local.ok().json()["cluster_id"], known["cluster_id"]);

    assert!(
        over_tls(&daemon, "", &["doctor"])
            .stdout
            .contains("unsealed")
    );
    over_tls(&daemon, "", &["unseal", "-"]).ok();
    daemon.ctl(&["seal"]).ok();
    let sealed = over_tls(&daemon, &opened.token, &["status", "-o", "json"]);
    assert_eq!(sealed.json()["state"], "sealed");
}

#[test]
fn a_flood_of_looks_at_the_status_does_not_fill_the_audit() {
    let daemon = Daemon::start(BINARIES);
    daemon.init();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let wire = crate::wire::Wire::connect(&daemon, "").await;
        for _ in 0..500 {
            wire.call("/vault.v1.System/GetStatus", Vec::new())
                .await
                .expect("a status");
        }
    });
    let lines = daemon.audit();
    let looks = lines
        .iter()
        .filter(|line| line["method"] == "/vault.v1.System/GetStatus");
    let looks = looks.count();
    assert!((60..200).contains(&looks), "{looks} lines");
}

#[test]
fn a_daemon_keeps_no_lock_of_the_script_that_started_it() {
    for dev in [false, true] {
        let place = vault_tests::Place::new(BINARIES);
        let path = place.path("lock");
        let lock = File::create(&path).expect("a lock file");
        lock.lock().expect("locked");
        // Descriptor 9 of the shell is the lock, and the daemon inherits it.
        let args = if dev { "dev" } else { "server" };
        let script = "exec 9<&0 </dev/null; exec \"$0\" \"$@\"";
        let mut command = place.command("/bin/sh");
        let data = place.path("vault");
        command.args(["-c", script, BINARIES.vaultd, args]);
        if !dev {
            command.args(["--data-dir", &data.to_string_lossy(), "--allow-root"]);
            command.args(["--listen", "127.0.0.1:0", "--set", "health.address=off"]);
            command.args(["--set", "process.lock_memory=false"]);
        }
        let mut child = command
            .stdin(Stdio::from(lock))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the shell starts");
        drop(command);
        let again = File::open(&path).expect("the lock file");
        let begun = std::time::Instant::now();
        let mut free = false;
        while !free && begun.elapsed().as_secs() < 60 {
            assert!(child.try_wait().expect("its state").is_none(), "it ended");
            free = again.try_lock().is_ok();
            std::thread::yield_now();
        }
        let running = child.try_wait().expect("its state").is_none();
        child.kill().expect("killed");
        child.wait().expect("its end");
        assert!(free && running, "dev: {dev}: the daemon holds the lock");
    }
}

/// Most of what breaks off is seen by the metrics only; not what the holder of a stolen token learns by.
#[tokio::test]
async fn whoever_has_a_token_looked_at_by_a_long_request_that_goes_nowhere_is_on_record() {
    const PUT: &str = "/vault.v1.Secrets/PutSecret";
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let no_message = vec![0xff; 65 * 1024];
    let forged = "vlt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let stranger = Wire::connect(&daemon, forged).await;
    let refused = stranger.call(PUT, no_message.clone()).await.unwrap_err();
    assert_eq!(refused.reason, "REQUEST_INVALID", "too long for him");
    let thief = Wire::connect(&daemon, &opened.token).await;
    let refused = thief.call(PUT, no_message.clone()).await.unwrap_err();
    assert_eq!(refused.reason, "", "taken in, and no message");
    let refused = thief.call_as("no-uuid", PUT, no_message).await;
    refused.unwrap_err();

    let begun = Instant::now();
    let mut found = Vec::new();
    while found.len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{found:?}");
        tokio::task::yield_now().await;
        found = daemon.audit();
        found.retain(|line| line["method"] == PUT);
    }
    assert_eq!(found.len(), 2);
    for line in found {
        assert_eq!(line["status"], "aborted", "{line}");
        assert!(line["accessor"].is_string(), "{line}");
    }
}
