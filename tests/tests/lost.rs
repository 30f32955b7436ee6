//! Nodes that are lost, and a vault that comes back: who belongs then.

use std::fs;

use vault_tests::cluster::{node, row, state, take_in, three, wait};

use crate::BINARIES;

#[test]
fn a_restored_vault_is_its_own_node_alone_also_on_the_machine_that_made_it() {
    let mut member = node(BINARIES);
    let opened = member.open();
    let new = node(BINARIES);
    let id = take_in(&member, &new);
    wait("it follows", || state(&new) == "sealed");
    new.unseal(&opened);
    member.ctl(&["cluster", "promote", &id.to_string()]).ok();
    wait("it has a vote", || row(&member, id)["state"] == "voter");
    let file = member.place.path("vault.backup");
    let file = file.to_string_lossy().into_owned();
    member.ctl(&["backup", "create", &file]).ok();
    // The machine keeps its key, and with it what the roster of then calls it.
    member.stop();
    fs::rename(
        member.place.path("vault/store"),
        member.place.path("vault/aside"),
    )
    .expect("moved");
    member.restart();
    member.ctl(&["backup", "restore", &file]).ok();
    wait("it has what was restored", || state(&member) == "sealed");
    member.unseal(&opened);
    let names = || {
        let rows = member.ctl(&["cluster", "ls", "-o", "json"]);
        let rows: serde_json::Value = serde_json::from_str(&rows.stdout).unwrap_or_default();
        let rows = rows.as_array().cloned().unwrap_or_default();
        rows.iter()
            .filter_map(|row| row["id"].as_u64())
            .collect::<Vec<u64>>()
    };
    wait("it is alone", || names() == [1]);
    member.ctl_with(&["set", "a/b"], b"alone").ok();
    assert_eq!(names(), [1]);
    // Its id is given to nobody else.
    let other = node(BINARIES);
    assert!(take_in(&member, &other) > id);
}

#[test]
fn nothing_is_taken_away_that_is_needed_to_decide_so() {
    let ([first, second, mut third], _) = three(BINARIES);
    third.kill();
    wait("it is missed", || {
        let told = first.ctl(&["cluster", "health"]);
        told.code == 6 && told.stdout.contains("not heard for")
    });
    for what in ["remove", "demote"] {
        let refused = first.ctl(&["--yes", "cluster", what, "2"]);
        refused.fails(7, "not heard: 3");
    }
    second.ctl_with(&["set", "a/b"], b"goes on").ok();
    first.ctl(&["--yes", "cluster", "remove", "3"]).ok();
    wait("it is gone", || row(&first, 3).is_null());
    first.ctl(&["--yes", "cluster", "remove", "2"]).ok();
    first.ctl_with(&["set", "a/b"], b"alone").ok();
}
