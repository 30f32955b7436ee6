//! Regions with real binaries: made at home, and the same disk as a node of another region has it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use vault_tests::Daemon;

use crate::BINARIES;

const ADD: [&str; 9] = [
    "-o",
    "json",
    "region",
    "add",
    "eu",
    "--shares",
    "3",
    "--threshold",
    "2",
];

/// Shares of `region add`, as `unseal -` reads them.
fn added(daemon: &Daemon) -> Vec<u8> {
    let made = daemon.ctl(&ADD).ok().json();
    assert_eq!(made["number"], 2, "{made}");
    let shares: Vec<String> = serde_json::from_value(made["shares"].clone()).expect("shares");
    shares[..2].join("\n").into_bytes()
}

fn names(daemon: &Daemon) -> Vec<String> {
    let listed = daemon.ctl(&["-o", "json", "region", "ls"]).ok().json();
    let listed = listed.as_array().expect("regions").clone();
    let name = |region: serde_json::Value| region["name"].as_str().expect("a name").to_owned();
    listed.into_iter().map(name).collect()
}

#[test]
fn a_region_whose_shares_are_lost_on_the_way_is_not_made() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let (address, token) = (daemon.address(), daemon.place.path("token"));
    let add = format!(
        "vaultctl --addr {address} --token-file {} region add eu",
        token.display()
    );
    for lost in [" >/dev/full", " -o json >/dev/full"] {
        let lost = daemon.place.shell(&format!("{add}{lost}"));
        lost.fails(1, "was not made");
        assert_eq!(names(&daemon), ["home"]);
    }
    let nowhere = daemon.place.path("no/such/place");
    let nowhere = nowhere.to_string_lossy();
    let seal = ["region", "add", "eu", "--seal", "key-file", "--key-out"];
    daemon
        .ctl(&[&seal[..], &[&nowhere]].concat())
        .fails(2, "writing");
    let kept = daemon.place.path("kept");
    fs::write(&kept, "of another seal").expect("a file");
    let there = kept.to_string_lossy();
    daemon
        .ctl(&[&seal[..], &[&there]].concat())
        .fails(2, "exists");
    assert_eq!(
        fs::read_to_string(&kept).expect("the file"),
        "of another seal"
    );
    assert_eq!(names(&daemon), ["home"]);
    added(&daemon);
    assert_eq!(names(&daemon), ["home", "eu"]);
}

#[test]
fn what_is_wrong_with_a_region_is_said() {
    let daemon = Daemon::start_with(BINARIES, "audit.paths = \"plain\"");
    daemon.open();
    added(&daemon);
    daemon.ctl(&ADD).refused(8, "REGION_EXISTS");
    for name in ["EU", "eu west", "-", "", "é", &"r".repeat(65)] {
        daemon
            .ctl(&["-o", "json", "region", "add", "--", name])
            .refused(2, "NAME_INVALID");
    }
    let rename = |from, to| daemon.ctl(&["-o", "json", "region", "rename", from, to]);
    rename("us", "ap").refused(3, "REGION_NOT_FOUND");
    rename("eu", "home").refused(8, "REGION_EXISTS");
    rename("eu", "eu-west").ok();
    assert_eq!(names(&daemon), ["home", "eu-west"]);
    for seal in ["key-file", "systemd-credential"] {
        daemon
            .ctl(&["region", "add", "us", "--seal", seal])
            .fails(2, "--key-out");
    }
    daemon
        .ctl(&["region", "add", "us", "--key-out", "k"])
        .fails(2, "--key-out");
    daemon
        .ctl(&["region", "add", "us", "--shares", "2", "--threshold", "3"])
        .fails(2, "--threshold");
    assert_eq!(names(&daemon).len(), 2);
    // and all of it is on record, with the region that it is about
    let audit = daemon.audit();
    let about = |method: &str| {
        let path = format!("/vault.v1.Regions/{method}");
        let of = audit.iter().filter(|line| line["method"] == *path);
        let granted = of.filter(|line| line["decision"] == "allowed");
        granted
            .map(|line| line["resources"].to_string())
            .collect::<Vec<_>>()
    };
    for method in ["CreateRegion", "ConfirmRegion", "RenameRegion"] {
        let named = about(method);
        assert!(!named.is_empty(), "{method}: {audit:#?}");
        assert!(
            named.iter().all(|line| line.contains("region:")),
            "{method}: {named:?}"
        );
    }
}

#[test]
fn a_disk_of_home_in_the_hands_of_a_region_opens_with_its_shares_and_shows_no_value() {
    let mut daemon = Daemon::start(BINARIES);
    let home = daemon.open();
    daemon.ctl_with(&["set", "app/key"], b"for home alone").ok();
    let eu = added(&daemon);
    daemon.restart_with("");
    daemon
        .ctl_with(&["-o", "json", "unseal", "-"], &eu)
        .refused(2, "SHARE_FOREIGN");
    daemon
        .ctl_with(&["unseal", "-"], &eu)
        .fails(2, "of the region `eu`");
    daemon.unseal(&home);
    daemon.ctl(&["get", "app/key"]).ok();
    daemon.restart_with("node.region = \"eu\"");
    let lines = home.shares[..3].join("\n").into_bytes();
    daemon
        .ctl_with(&["unseal", "-"], &lines)
        .fails(2, "of the region `home`");
    daemon.ctl_with(&["unseal", "-"], &eu).ok();
    let status = daemon.ctl(&["-o", "json", "status"]).ok().json();
    assert_eq!(status["region"], "eu");
    let opens = status["opens"].as_str().expect("a line");
    assert!(opens.contains("`eu`"), "{opens}");
    // Names it opens, and sessions; values only that are kept there.
    let listed = daemon.ctl(&["-o", "json", "ls", "app"]).ok();
    assert!(listed.stdout.contains("key"), "{listed}");
    let json = |args: &[&str]| daemon.ctl(&[&["-o", "json"], args].concat());
    json(&["get", "app/key"]).refused(7, "SECRET_NOT_IN_REGION");
    for args in [
        &["rm", "app/key"][..],
        &["keyring", "rotate"],
        &["region", "add", "us"],
        &["region", "rename", "eu", "us"],
    ] {
        json(args).refused(7, "HOME_REGION_ONLY");
    }
    daemon
        .ctl_with(&["-o", "json", "set", "app/key"], b"x")
        .refused(7, "HOME_REGION_ONLY");
}

#[test]
fn a_node_of_no_region_says_which_command_makes_it() {
    let mut daemon = Daemon::start(BINARIES);
    let home = daemon.open();
    daemon.restart_with("node.region = \"us\"");
    let lines = home.shares[..3].join("\n").into_bytes();
    daemon
        .ctl_with(&["-o", "json", "unseal", "-"], &lines)
        .refused(3, "REGION_NOT_FOUND");
    daemon
        .ctl_with(&["unseal", "-"], &lines)
        .fails(3, "vaultctl region add us");
}

#[test]
fn a_regions_node_opens_by_itself_with_the_key_that_was_written_for_it() {
    let mut daemon = Daemon::start(BINARIES);
    daemon.open();
    let key = daemon.place.path("eu.key");
    let out = key.to_string_lossy().into_owned();
    let seal = ["region", "add", "eu", "--seal", "key-file", "--key-out"];
    daemon.ctl(&[&seal[..], &[&out]].concat()).ok();
    let meta = fs::metadata(&key).expect("a key file");
    assert_eq!((meta.len(), meta.permissions().mode() & 0o777), (32, 0o600));
    let more = format!("node.region = \"eu\"\nseal.key_file = \"{out}\"");
    daemon.restart_with(&more);
    let status = daemon.ctl(&["-o", "json", "status"]).ok().json();
    assert_eq!(status["state"], "unsealed");
    assert_eq!(status["region"], "eu");
}

#[test]
fn a_revoked_region_is_opened_no_more_and_what_it_had_is_told() {
    let mut daemon = Daemon::start(BINARIES);
    daemon.open();
    let eu = added(&daemon);
    daemon
        .ctl(&["-o", "json", "region", "revoke", "eu"])
        .fails(9, "not confirmed");
    daemon
        .ctl(&["-o", "json", "region", "revoke", "home", "--yes"])
        .refused(2, "REQUEST_INVALID");
    let revoked = daemon.ctl(&["-o", "json", "region", "revoke", "eu", "--yes"]);
    let revoked = revoked.ok().json();
    assert_eq!(
        (&revoked["secrets"], &revoked["versions"]),
        (&0.into(), &0.into())
    );
    assert!(revoked["region"]["revoked_at"].is_string());
    daemon
        .ctl(&["-o", "json", "region", "revoke", "eu", "--yes"])
        .refused(7, "REGION_REVOKED");
    daemon.restart_with("node.region = \"eu\"");
    daemon
        .ctl_with(&["-o", "json", "unseal", "-"], &eu)
        .refused(7, "REGION_REVOKED");
}
