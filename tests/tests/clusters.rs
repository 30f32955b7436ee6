//! Several real daemons that are one vault: they join, follow, survive, go.

use vault_tests::Daemon;
use vault_tests::cluster::{ask, invite, key, row, shown, state, take_in, wait};

use crate::BINARIES;

fn node() -> Daemon {
    vault_tests::cluster::node(BINARIES)
}

fn three() -> ([Daemon; 3], vault_tests::Opened) {
    vault_tests::cluster::three(BINARIES)
}

#[test]
fn three_nodes_join_and_survive_their_leader() {
    let ([mut first, second, third], opened) = three();
    // Any of them takes anything, and each reads by itself.
    second.ctl_with(&["set", "db/password"], b"one").ok();
    for node in [&first, &second, &third] {
        assert_eq!(node.ctl(&["get", "db/password"]).ok().stdout.trim(), "one");
        node.ctl(&["cluster", "health"]).ok();
    }
    first.kill();
    wait("somebody else takes writes", || {
        third.ctl_with(&["set", "db/other"], b"two").code == 0
    });
    for node in [&second, &third] {
        wait("it reads", || {
            node.ctl(&["get", "db/other"]).stdout.trim() == "two"
        });
        assert_eq!(node.ctl(&["get", "db/password"]).ok().stdout.trim(), "one");
    }
    // Who comes back catches up, sealed, and opens by the same shares.
    first.restart();
    assert_eq!(state(&first), "sealed");
    first.unseal(&opened);
    wait("all is well", || {
        first.ctl(&["cluster", "health"]).code == 0
    });
}

#[test]
fn only_an_invitation_that_is_good_lets_a_node_ask_and_only_approval_lets_it_in() {
    let member = node();
    member.open();
    let new = node();
    let line = invite(&member);
    let cut = |by: usize| line.get(..line.len() - by).expect("a longer line");
    for cut in [cut(1), cut(53), "vlj_", "a"] {
        ask(&new, cut).fails(2, "invitation");
    }
    let (before, secret) = line.rsplit_once('+').expect("a line");
    let last = if secret.ends_with('A') { "B" } else { "A" };
    let typo = format!("{before}+{}{last}", secret.get(..51).expect("a secret"));
    ask(&new, &typo).fails(7, "typo");
    // One of another vault says nothing here.
    let other = node();
    other.open();
    let (_, foreign) = invite(&other)
        .rsplit_once('+')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a line");
    ask(&new, &format!("{before}+{foreign}")).fails(7, "not known");
    ask(&new, &line).ok();
    let shown_key = key(&new);
    assert_eq!(shown(&new)["joining"], true);
    // It waits: it is neither made a vault of its own meanwhile, nor served.
    new.ctl(&["init"]).fails(7, "joins a cluster");
    new.ctl(&["get", "a/b"]).fails(7, "initialised");
    // It was used.
    let late = node();
    ask(&late, &line).fails(7, "not known");
    let wrong = format!("sha256:{}", "0".repeat(64));
    member
        .ctl(&["cluster", "approve", &wrong])
        .fails(3, "no candidate");
    member
        .ctl(&["cluster", "approve", "12"])
        .fails(2, "eight digits");
    member.ctl(&["cluster", "reject", &shown_key]).ok();
    member
        .ctl(&["cluster", "approve", &shown_key])
        .fails(3, "no candidate");
    let rows = member.ctl(&["cluster", "ls", "-o", "json"]).ok().json();
    assert_eq!(rows.as_array().map(Vec::len), Some(1), "{rows}");
}

#[test]
fn a_node_with_data_joins_nothing_and_one_without_peers_invites_nobody() {
    let member = node();
    member.open();
    let full = node();
    full.open();
    ask(&full, &invite(&member)).fails(8, "already");
    full.ctl_with(&["set", "still/here"], b"yes").ok();
    let alone = Daemon::start(BINARIES);
    ask(&alone, &invite(&member)).fails(7, "listen.peers");
    alone.open();
    let at = ["cluster", "invite", "--reach", "https://localhost:8200"];
    alone.ctl(&at).fails(7, "listen.peers");
    alone.ctl(&["cluster", "invite"]).fails(2, "--reach");
}

#[test]
fn a_node_whose_data_is_gone_or_anothers_is_not_started_under_its_id() {
    let member = node();
    let opened = member.open();
    let mut new = node();
    let id = take_in(&member, &new);
    wait("it follows", || state(&new) == "sealed");
    let joined = new.place.path("vault/peer/joined.toml");
    wait("that is noted", || {
        std::fs::read_to_string(&joined).is_ok_and(|text| text.contains("followed = true"))
    });
    new.stop();
    let (store, aside) = (new.place.path("vault/store"), new.place.path("vault/aside"));
    std::fs::rename(&store, &aside).expect("moved");
    let refused = new.fails_to_start();
    assert!(refused.stderr.contains(&format!("node {id}")), "{refused}");
    assert!(
        refused.stderr.contains("vaultctl cluster remove"),
        "{refused}"
    );
    if store.exists() {
        std::fs::remove_dir_all(&store).expect("removed");
    }
    std::fs::rename(&aside, &store).expect("moved");
    let good = std::fs::read_to_string(&joined).expect("a file");
    let at = good.find("cluster = \"").expect("a cluster") + 11;
    let mut other = good.clone();
    other.replace_range(at..at + 4, "0000");
    std::fs::write(&joined, &other).expect("written");
    let refused = new.fails_to_start();
    assert!(refused.stderr.contains("two clusters"), "{refused}");
    std::fs::write(&joined, &good).expect("written");
    new.restart();
    new.unseal(&opened);
}

#[test]
fn a_node_of_several_starts_with_its_own_key_and_id_or_not_at_all() {
    let mut member = node();
    member.open();
    let mut new = node();
    take_in(&member, &new);
    wait("it follows", || state(&new) == "sealed");
    new.stop();
    let peer = new.place.path("vault/peer");
    let (joined, aside) = (peer.join("joined.toml"), new.place.path("vault/aside"));
    std::fs::rename(&joined, &aside).expect("moved");
    let refused = new.fails_to_start();
    assert!(refused.stderr.contains("that of node 2"), "{refused}");
    std::fs::rename(&aside, &joined).expect("moved");
    std::fs::rename(&peer, &aside).expect("moved");
    let refused = new.fails_to_start();
    assert!(refused.stderr.contains("nobody knows its key"), "{refused}");
    std::fs::remove_dir_all(&peer).expect("removed");
    std::fs::rename(&aside, &peer).expect("moved");
    new.restart();
    // The first of them hears nobody without a port.
    member.stop();
    let file = member.place.path("vaultd.toml");
    let text = std::fs::read_to_string(&file).expect("a configuration");
    let without = text
        .lines()
        .filter(|line| !line.starts_with("listen.peers"));
    std::fs::write(&file, without.collect::<Vec<_>>().join("\n")).expect("written");
    let refused = member.fails_to_start();
    assert!(refused.stderr.contains("listen.peers"), "{refused}");
}

#[test]
fn a_node_that_was_taken_off_is_gone_and_the_last_vote_stays() {
    let ([first, second, third], _) = three();
    let (two, three) = (
        shown(&second)["id"].to_string(),
        shown(&third)["id"].to_string(),
    );
    first
        .ctl(&["cluster", "remove", &two])
        .fails(9, "not confirmed");
    first.ctl(&["--yes", "cluster", "remove", &two]).ok();
    wait("it is gone", || row(&first, 2).is_null());
    first.ctl_with(&["set", "a/b"], b"without it").ok();
    first.ctl(&["--yes", "cluster", "demote", &three]).ok();
    wait("it has no vote", || row(&first, 3)["state"] == "replica");
    first
        .ctl(&["--yes", "cluster", "demote", "1"])
        .fails(7, "only vote");
    first
        .ctl(&["--yes", "cluster", "remove", "9"])
        .fails(3, "no node 9");
    // The lead goes with the vote: who leads hands over first.
    first.ctl(&["cluster", "promote", &three]).ok();
    wait("it has a vote", || row(&first, 3)["state"] == "voter");
    first.ctl(&["cluster", "transfer-leader", &three]).ok();
    wait("it leads", || row(&third, 3)["state"] == "leader");
    third.ctl(&["--yes", "cluster", "remove", "1"]).ok();
    wait("it is gone", || row(&third, 1).is_null());
    third.ctl_with(&["set", "a/c"], b"alone again").ok();
}

#[test]
fn one_node_goes_on_where_the_others_are_lost_with_all_that_it_logged() {
    let ([first, mut second, mut third], opened) = three();
    first.ctl_with(&["set", "db/password"], b"kept").ok();
    wait("everybody has it", || {
        let behind = |id| row(&first, id)["matched"].as_u64();
        behind(2).is_some() && behind(2) == behind(3)
    });
    let mut first = first;
    first.kill();
    second.kill();
    third.stop();
    let recover = |more: &[&str]| {
        let file = third
            .place
            .path("vaultd.toml")
            .to_string_lossy()
            .into_owned();
        third
            .place
            .ends(&[&["recover", "--config", &file], more].concat())
    };
    let nowhere = third.place.path("nowhere");
    let slip = format!("node.data_dir={}", nowhere.display());
    recover(&["--set", &slip]).fails(1, "holds no vault");
    assert!(!nowhere.exists());
    let told = recover(&[]).ok();
    assert!(told.stdout.contains("node 1"), "{told}");
    assert!(told.stdout.contains("nothing was changed"), "{told}");
    let done = recover(&["--yes"]).ok();
    assert!(done.stdout.contains("store.replaced-1"), "{done}");
    recover(&["--yes"]).fails(1, "restored");
    third.restart();
    third.unseal(&opened);
    // The first token lasts over a restore; every other session ends.
    let got = third.ctl(&["get", "db/password"]).ok();
    assert_eq!(got.stdout.trim(), "kept");
    third.ctl_with(&["set", "db/password"], b"goes on").ok();
    wait("it is alone", || {
        let rows = third.ctl(&["cluster", "ls", "-o", "json"]).ok().json();
        rows.as_array().map(Vec::len) == Some(1)
    });
    // Of the old incarnation nobody is a peer; a new node is.
    second.restart();
    let new = node();
    let id = take_in(&third, &new);
    assert!(id > 3, "{id}");
    wait("it follows", || state(&new) == "sealed");
    new.unseal(&opened);
}
