//! The script that starts three nodes, with the binaries that cargo built for these tests in place of a build.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use vault_tests::{Output, Place};

use crate::BINARIES;
use crate::source::root;

/// What the script leaves behind, ended with the test.
struct Left<'a> {
    place: &'a Place,
    ports: String,
}

impl Left<'_> {
    fn run(&self, argument: &str) -> Output {
        let script = root().join("deploy/three-nodes.sh");
        self.place.shell(&format!(
            "CARGO_TARGET_DIR={} VAULT_PORTS='{}' {} {argument}",
            self.place.path("target").display(),
            self.ports,
            script.display(),
        ))
    }

    /// Runs what the script prints for people to run.
    fn v(&self, command: &str) -> Output {
        let home = self.place.path("state/vault/three-nodes");
        let all: Vec<String> = (1..=3)
            .map(|node| format!("--addr unix:{}/{node}/vaultd.sock", home.display()))
            .collect();
        let token = home.join("token");
        self.place.shell(&format!(
            "vaultctl {} --token-file {} {command}",
            all.join(" "),
            token.display()
        ))
    }
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.run("--remove");
    }
}

#[test]
fn one_command_gives_three_nodes_of_which_any_may_fail() {
    let place = Place::new(BINARIES);
    fs::create_dir_all(place.path("target/debug")).expect("a directory");
    for (name, binary) in [("vaultd", BINARIES.vaultd), ("vaultctl", BINARIES.vaultctl)] {
        symlink(binary, place.path("target/debug").join(name)).expect("a link");
    }
    let cargo = place.path("bin/cargo");
    fs::write(&cargo, "#!/bin/sh\nexit 0\n").expect("written");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o700)).expect("its mode");
    let free = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let ports = free
        .each_ref()
        .map(|port| port.local_addr().expect("bound").port().to_string());
    drop(free);
    let left = Left {
        place: &place,
        ports: ports.join(" "),
    };
    left.run("--nonsense").fails(64, "--stop");
    let began = left.run("").ok();
    assert!(
        began
            .stdout
            .contains("One vault, and any one of them may fail"),
        "{began}"
    );
    left.v("set db/password --generate").ok();
    let before = left.v("get db/password").ok().stdout;
    let home = place.path("state/vault/three-nodes");
    place
        .shell(&format!("kill -9 $(cat {}/1/pid)", home.display()))
        .ok();
    vault_tests::cluster::wait("the others go on", || {
        left.v("set db/other --generate").code == 0
    });
    assert_eq!(left.v("get db/password").ok().stdout, before);
    left.v("cluster health").fails(6, "");
    left.run("").ok();
    vault_tests::cluster::wait("all is well", || left.v("cluster health").code == 0);
}
