//! Birth and rekey with real binaries: what is lost on the way, and what an id is for.

use vault_tests::Daemon;

use crate::BINARIES;

#[test]
fn an_init_whose_output_is_lost_creates_nothing() {
    let daemon = Daemon::start(BINARIES);
    let init = format!("vaultctl --addr {} init", daemon.address());
    for lost in [" >/dev/full", " -o json >/dev/full"] {
        let lost = daemon.place.shell(&format!("{init}{lost}"));
        assert_ne!(lost.code, 0, "{lost}");
        let status = daemon.ctl(&["status", "-o", "json"]).json();
        assert_eq!(status["state"], "uninitialised", "{status}");
    }
    daemon
        .place
        .shell(&format!("{init} >/dev/full"))
        .fails(1, "not created");
    daemon.open();
    daemon.ctl_with(&["set", "a/b"], b"kept").ok();
}

#[test]
fn a_rekey_in_two_commands_is_gone_on_with_by_its_id() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let lines = |shares: &[String]| shares.join("\n").into_bytes();
    let two = [
        "rekey",
        "-",
        "--shares",
        "2",
        "--threshold",
        "2",
        "-o",
        "json",
    ];
    let made = daemon
        .ctl_with(&two, &lines(&opened.shares[..3]))
        .ok()
        .json();
    let id = made["ceremony"].as_str().expect("an id").to_owned();
    let new: Vec<String> = serde_json::from_value(made["shares"].clone()).expect("shares");
    let foreign = "00000000000000000000000000000000";
    daemon
        .ctl_with(&["rekey", "--verify", foreign, "-"], &lines(&new))
        .fails(7, "ceremony");
    daemon
        .ctl_with(
            &["rekey", "--verify", &id, "-"],
            &lines(&opened.shares[..2]),
        )
        .fails(2, "share");
    daemon
        .ctl_with(&["rekey", "--verify", &id, "-"], &lines(&new))
        .ok();
    daemon.ctl(&["rekey", "--cancel", &id]).fails(7, "no rekey");
    daemon.ctl(&["seal"]).ok();
    daemon
        .ctl_with(&["unseal", "-"], &lines(&opened.shares[..1]))
        .fails(2, "set of shares");
    daemon.ctl_with(&["unseal", "-"], &lines(&new)).ok();
}
