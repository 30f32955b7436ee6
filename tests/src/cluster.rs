//! Daemons that become one cluster, as their operators do it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::{Binaries, Daemon, Opened, Output};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so.
///
/// # Panics
/// When it is not in a minute.
#[track_caller]
pub fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
    }
}

/// A daemon that has peers.
pub fn node(binaries: Binaries) -> Daemon {
    // The port is the same after a restart; the kernel says which is free.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let address = free.expect("a free port");
    Daemon::start_with(binaries, &format!("listen.peers = \"{address}\""))
}

/// A line that invites a node.
#[track_caller]
pub fn invite(member: &Daemon) -> String {
    let (address, pin) = member.https();
    let token = member.place.path("token");
    let token = token.to_string_lossy();
    let at = [
        "--addr",
        &address,
        "--ca-fingerprint",
        &pin,
        "--token-file",
        &token,
    ];
    let invited = member.place.ctl_with(
        &[&at[..], &["-o", "json", "cluster", "invite"]].concat(),
        b"",
    );
    let line = invited.ok().json()["invitation"]
        .as_str()
        .map(str::to_owned);
    line.expect("a line")
}

/// Has a node ask with an invitation.
pub fn ask(new: &Daemon, invitation: &str) -> Output {
    new.ctl_with(
        &["cluster", "join", "-", "--no-wait"],
        invitation.as_bytes(),
    )
}

/// How a node presents itself.
#[track_caller]
pub fn shown(node: &Daemon) -> serde_json::Value {
    let mut shown = None;
    // It may just be starting again in place.
    wait("it answers", || {
        let said = node.ctl(&["cluster", "node", "-o", "json"]);
        shown = (said.code == 0).then(|| said.json());
        shown.is_some()
    });
    shown.expect("what was waited for")
}

/// The key that others know it by.
#[track_caller]
pub fn key(node: &Daemon) -> String {
    shown(node)["key"].as_str().expect("a key").to_owned()
}

/// What it says of its seal; nothing where it does not answer.
pub fn state(node: &Daemon) -> String {
    let said = node.ctl(&["status", "-o", "json"]);
    let said: serde_json::Value = serde_json::from_str(&said.stdout).unwrap_or_default();
    said["state"].as_str().unwrap_or_default().to_owned()
}

/// Invites a node, has it ask, and approves it.
#[track_caller]
pub fn take_in(member: &Daemon, new: &Daemon) -> u64 {
    ask(new, &invite(member)).ok();
    let approved = member.ctl(&["cluster", "approve", &key(new), "-o", "json"]);
    approved.ok().json()["id"].as_u64().expect("an id")
}

/// What a member's list says of a node.
#[track_caller]
pub fn row(member: &Daemon, id: u64) -> serde_json::Value {
    let nodes = member.ctl(&["cluster", "ls", "-o", "json"]).ok().json();
    let rows = nodes.as_array().expect("rows").clone();
    rows.into_iter()
        .find(|row| row["id"] == id)
        .unwrap_or_default()
}

/// Three nodes with votes, all open.
pub fn three(binaries: Binaries) -> ([Daemon; 3], Opened) {
    let first = node(binaries);
    let opened = first.open();
    let [second, third] = [(); 2].map(|()| {
        let new = node(binaries);
        let id = take_in(&first, &new);
        wait("it has the seal", || state(&new) == "sealed");
        new.unseal(&opened);
        new.use_token(&opened.token);
        first.ctl(&["cluster", "promote", &id.to_string()]).ok();
        wait("it has a vote", || row(&first, id)["state"] == "voter");
        new
    });
    ([first, second, third], opened)
}
