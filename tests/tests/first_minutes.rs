//! The README's first command, with the binaries that cargo built for these tests in place of a build.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use vault_tests::{Output, Place};

use crate::BINARIES;
use crate::source::root;

/// The daemon that the script leaves behind, ended with the test.
struct Left<'a>(&'a Place);

impl Left<'_> {
    fn pid(&self) -> Option<Pid> {
        let file = self.0.path("state/vault/first-minutes/pid");
        let pid = fs::read_to_string(file).ok()?.trim().parse().ok()?;
        Pid::from_raw(pid)
    }

    /// Whether it runs; one that nobody has waited for yet does not.
    fn runs(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.is_ok_and(|stat| !stat.contains(") Z ") && stat.contains("(vaultd)"))
    }
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if let (Some(pid), true) = (self.pid(), self.runs()) {
            let _gone = kill_process(pid, Signal::KILL);
        }
    }
}

/// The script, in a place where there is nothing to build.
fn run(place: &Place, arguments: &str) -> Output {
    let script = root().join("deploy/first-minutes.sh");
    let target = place.path("target");
    place.shell(&format!(
        "CARGO_TARGET_DIR={} {} {arguments}",
        target.display(),
        script.display()
    ))
}

#[test]
fn the_first_command_gives_a_vault_that_goes_on_and_stops_as_printed() {
    let place = Place::new(BINARIES);
    fs::create_dir_all(place.path("target/debug")).expect("a directory");
    for (name, binary) in [("vaultd", BINARIES.vaultd), ("vaultctl", BINARIES.vaultctl)] {
        symlink(binary, place.path("target/debug").join(name)).expect("a link");
    }
    let cargo = place.path("bin/cargo");
    fs::write(&cargo, "#!/bin/sh\nexit 0\n").expect("written");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o700)).expect("its mode");
    let left = Left(&place);

    let first = run(&place, "").ok();
    for said in [
        "built in ",
        "db/password is created",
        "That took ",
        "stop it:",
    ] {
        let all = format!("{}{}", first.stdout, first.stderr);
        assert!(all.contains(said), "`{said}` is not said: {first}");
    }
    assert!(left.runs(), "the daemon ended with the script: {first}");
    let ours = left.pid();
    let again = run(&place, "").ok();
    assert!(again.stdout.contains("still serves"), "{again}");
    assert_eq!(left.pid(), ours);

    // As the script says it: no export and no flag.
    place.ctl_with(&["set", "db/login", "user=-"], b"app").ok();
    assert_eq!(place.ctl(&["get", "db/login#user"]).ok().stdout, "app");
    let old = place.ctl(&["get", "db/password@previous"]).ok().stdout;
    let log = fs::read_to_string(place.path("state/vault/first-minutes/vaultd.log"));
    assert!(
        !log.expect("its log").contains(&old),
        "the log holds a value"
    );

    let stop = again
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("stop it:"));
    place.shell(stop.expect("how to stop it")).ok();
    let begun = Instant::now();
    while left.runs() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it does not stop"
        );
        std::thread::yield_now();
    }
    place.ctl(&["get", "db/password"]).fails(6, "cannot reach");

    // Begun again it has everything still, and takes a value from a pipe.
    let script = root().join("deploy/first-minutes.sh");
    let line = format!(
        "printf piped | CARGO_TARGET_DIR={} {} -",
        place.path("target").display(),
        script.display()
    );
    place.shell(&line).ok();
    assert_eq!(place.ctl(&["get", "db/password"]).ok().stdout, "piped");
    assert_eq!(place.ctl(&["get", "db/login#user"]).ok().stdout, "app");
    run(&place, "--nonsense").fails(64, "deploy/first-minutes.sh");
}
