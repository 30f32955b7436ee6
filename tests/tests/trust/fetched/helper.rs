//! The process that connects: what it has of the daemon, when it is there, and what becomes of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use rustix::process::{Pid, Signal, getuid, kill_process};
use vault_tests::{Daemon, cannot_run};

use super::{LIMIT, LOOPBACK, Page, Site, denied, forget, keys, open, start};
use crate::trust::{Issuer, claims, login};

/// The one helper of a daemon, if there is one; one that is on its way to its name is waited for.
fn helper(daemon: &Daemon) -> Option<u32> {
    let begun = Instant::now();
    loop {
        let all = children(daemon.id());
        assert!(all.len() < 2, "{all:?}");
        let pid = *all.first()?;
        let named = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if named == b"vaultd\0outbound\0" && !status(pid, "NoNewPrivs").starts_with('0') {
            return Some(pid);
        }
        assert!(begun.elapsed() < LIMIT, "{named:?}");
    }
}

/// Living children of a process: those that have not ended.
fn children(of: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("processes");
    let all = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let of = of.to_string();
    let is = |pid: &u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let mut fields = text
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let state = fields.next();
        state != Some("Z") && fields.next() == Some(of.as_str())
    };
    all.filter(is).collect()
}

fn status(pid: u32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// What a process has open: numbers and what they lead to.
fn open_files(pid: u32) -> Vec<(u32, String)> {
    let all = fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors");
    let one = |path: PathBuf| {
        let number = path.file_name()?.to_str()?.parse().ok()?;
        Some((
            number,
            fs::read_link(path).ok()?.to_string_lossy().into_owned(),
        ))
    };
    all.filter_map(|entry| one(entry.ok()?.path())).collect()
}

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process"), signal).expect("a signal");
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < LIMIT, "{what}");
    }
}

/// What it must be like, whenever it was started.
#[track_caller]
fn has_nothing_of(daemon: &Daemon, pid: u32) {
    for (name, value) in [
        ("NoNewPrivs", "1"),
        ("CapEff", "0000000000000000"),
        ("CapPrm", "0000000000000000"),
    ] {
        assert_eq!(status(pid, name), value, "{name}");
    }
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<_> = core.expect("a limit").split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"]);
    if !getuid().is_root() {
        cannot_run(
            "has_nothing_of",
            "only root sees what a hardened process has open",
        );
        return;
    }
    assert_eq!(
        fs::read(format!("/proc/{pid}/environ")).expect("variables"),
        b""
    );
    let stdio = [1, 2];
    let of_daemon: BTreeSet<_> = open_files(daemon.id())
        .into_iter()
        .map(|(_, to)| to)
        .collect();
    for (number, to) in open_files(pid) {
        if stdio.contains(&number) {
            assert_eq!(to, "/dev/null", "{number}");
            continue;
        }
        let kind = to.split(':').next().unwrap_or_default();
        assert!(matches!(kind, "socket" | "anon_inode"), "{number}: {to}");
        let shared = kind == "socket" && of_daemon.contains(&to);
        assert!(!shared, "{number}: {to} is the daemon's");
    }
}

#[test]
fn the_helper_is_there_before_the_vault_is_opened_and_has_nothing_of_the_daemon() {
    let issuer = Issuer::make();
    let site = Site::start(Page::json(&issuer.jwks()));
    let mut daemon = start(&site, LOOPBACK);
    let pid = helper(&daemon).expect("a helper of a vault that was not even born");
    has_nothing_of(&daemon, pid);
    open(&daemon, &site);
    login(&daemon, "till", &issuer.token(&claims("till"))).ok();
    assert_eq!(helper(&daemon), Some(pid), "it is the same");
    has_nothing_of(&daemon, pid);
    // however the daemon ends, it ends too
    daemon.kill();
    let gone = || matches!(status(pid, "State").get(..1), None | Some("Z"));
    until("it outlives the daemon", gone);
    // a daemon that may connect nowhere has none
    let closed = Daemon::start(crate::BINARIES);
    assert_eq!(helper(&closed), None);
    closed
        .place
        .vaultd(&["outbound"])
        .fails(64, "is started by the daemon");
    let help = closed.place.vaultd(&["--help"]).ok().stdout;
    assert!(!help.contains("outbound"), "{help}");
}

#[test]
fn a_helper_that_hangs_or_is_killed_is_told_of_and_another_one_takes_its_place() {
    let issuer = Issuer::make();
    let site = Site::start(Page::json(&issuer.jwks()));
    let daemon = start(&site, LOOPBACK);
    open(&daemon, &site);
    let jwt = issuer.token(&claims("till"));
    let first = helper(&daemon).expect("a helper");
    login(&daemon, "till", &jwt).ok();
    forget(&daemon, &site);
    signal(first, Signal::STOP);
    login(&daemon, "till", &jwt).refused(5, "LOGIN_FAILED");
    let why = "the process for outbound connections does not answer";
    assert!(denied(&daemon).contains(why), "{}", denied(&daemon));
    assert!(keys(&daemon)["failure"].to_string().contains(why));
    assert_eq!(site.asked(), 1);

    // it is ended by the daemon, and the next one by somebody else
    until("nobody gets in", || login(&daemon, "till", &jwt).code == 0);
    let second = helper(&daemon).expect("another helper");
    assert_ne!(first, second);
    has_nothing_of(&daemon, second);
    assert_eq!(site.asked(), 2);
    forget(&daemon, &site);
    signal(second, Signal::KILL);
    until("nobody gets in", || login(&daemon, "till", &jwt).code == 0);
    let third = helper(&daemon).expect("a third helper");
    assert_ne!(second, third);
    has_nothing_of(&daemon, third);
    assert_eq!(site.asked(), 3);
    let log = daemon.log_text();
    assert_eq!(
        log.matches("ended; it is started again").count(),
        2,
        "{log}"
    );
    assert!(log.contains("does not answer; it is ended"), "{log}");
}

#[test]
fn the_helper_of_a_daemon_that_is_root_is_somebody_else_if_it_is_told_so() {
    let issuer = Issuer::make();
    let site = Site::start(Page::json(&issuer.jwks()));
    let more = format!("{LOOPBACK}outbound.user = \"nobody\"\n");
    if !getuid().is_root() {
        cannot_run("the_helper_of_a_daemon_that_is_root", "this is not root");
        return;
    }
    let daemon = start(&site, &more);
    let pid = helper(&daemon).expect("a helper");
    let uids: Vec<_> = status(pid, "Uid")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert!(
        uids.len() == 4 && uids.iter().all(|uid| uid == &uids[0] && uid != "0"),
        "{uids:?}"
    );
    assert_eq!(status(pid, "Groups"), "");
    has_nothing_of(&daemon, pid);
    open(&daemon, &site);
    login(&daemon, "till", &issuer.token(&claims("till"))).ok();
    // the daemon is root no longer to that extent, and says so
    signal(pid, Signal::KILL);
    until("it is not told", || {
        daemon
            .log_text()
            .contains("cannot be started; if outbound.user")
    });
    login(&daemon, "till", &issuer.token(&claims("till"))).ok();
}
