//! Sessions from their beginning to their end, through the command line: kept in contexts, narrowed,
//! ended, expired.

use vault_tests::{Daemon, Dress, Output, shim};

use crate::BINARIES;

/// A daemon under a clock that can be moved.
pub fn with_clock() -> Daemon {
    Daemon::start_dressed(BINARIES, "", |place| Dress {
        environment: vec![
            ("LD_PRELOAD", shim::build("clock", &place.path("run"))),
            ("CLOCK_AHEAD", place.path("run/ahead")),
        ],
        ..Dress::default()
    })
}

/// A context for the daemon, in the home of `home`.
fn context(home: &Daemon, name: &str, of: &Daemon) {
    let (address, fingerprint) = of.https();
    let pin = ["--addr", &address, "--ca-fingerprint", &fingerprint];
    let add = [&["context", "add", name], &pin[..]].concat();
    home.place.ctl(&add).ok();
}

fn login(daemon: &Daemon, context: &str, token: &str, terms: &[&str]) -> Output {
    let args = [&["-o", "json", "-c", context, "login"], terms].concat();
    daemon.place.ctl_with(&args, token.as_bytes())
}

#[test]
fn a_session_is_kept_in_its_context_until_logout_and_opens_nothing_after() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    daemon.ctl_with(&["set", "team/wifi"], b"hunter2").ok();
    context(&daemon, "one", &daemon);
    context(&daemon, "two", &daemon);
    let ctl = |args: &[&str]| daemon.place.ctl(&[&["-o", "json"], args].concat());
    ctl(&["-c", "one", "get", "team/wifi"]).refused(5, "TOKEN_INVALID");
    login(&daemon, "one", "vlt_wrong", &[]).refused(5, "TOKEN_INVALID");
    login(&daemon, "one", &opened.token, &["--ttl", "1h"]).ok();
    login(&daemon, "two", &opened.token, &[]).ok();
    let kept = |name: &str| daemon.place.path(format!("state/vault/tokens/{name}"));
    let token = std::fs::read_to_string(kept("one")).expect("the session");
    assert_ne!(
        token,
        std::fs::read_to_string(kept("two")).expect("another")
    );
    assert_ne!(token.trim(), opened.token, "the initial token was kept");
    ctl(&["-c", "one", "get", "team/wifi#value"]).ok();

    ctl(&["-c", "one", "logout"]).ok();
    assert!(!kept("one").exists(), "the token lies there still");
    ctl(&["-c", "one", "get", "team/wifi"]).refused(5, "TOKEN_INVALID");
    let stolen = ["-o", "json", "get", "team/wifi"];
    daemon.use_token(&token);
    daemon.ctl(&stolen).refused(5, "TOKEN_INVALID");
    let again = ctl(&["-c", "one", "logout"]).ok().json();
    assert_eq!(again["ended"], false);
    // The other context has noticed nothing.
    ctl(&["-c", "two", "get", "team/wifi"]).ok();

    // What `logout` cannot end it says, and what is only here it forgets.
    std::fs::write(kept("one"), &opened.token).expect("written");
    daemon.place.shell("chmod 600 state/vault/tokens/one").ok();
    ctl(&["-c", "one", "logout"]).fails(2, "initial token");
    ctl(&["-c", "one", "logout", "--local"]).ok();
    assert!(!kept("one").exists());
    daemon.use_token(&opened.token);
    daemon.ctl(&["get", "team/wifi"]).ok();
}

#[test]
fn two_vaults_are_used_at_once_and_neither_sees_the_others_session() {
    let (one, two) = (Daemon::start(BINARIES), Daemon::start(BINARIES));
    for (name, daemon) in [("one", &one), ("two", &two)] {
        let opened = daemon.open();
        context(&one, name, daemon);
        login(&one, name, &opened.token, &[]).ok();
        let set = ["-c", name, "set", "who/am"];
        one.place.ctl_with(&set, name.as_bytes()).ok();
    }
    std::thread::scope(|scope| {
        for name in ["one", "two"] {
            let place = &one.place;
            scope.spawn(move || {
                for _ in 0..5 {
                    assert_eq!(place.ctl(&["-c", name, "get", "who/am"]).ok().stdout, name);
                }
            });
        }
    });
    let swapped = one.place.path("state/vault/tokens");
    std::fs::copy(swapped.join("two"), swapped.join("one")).expect("copied");
    let get = ["-o", "json", "-c", "one", "get", "who/am"];
    one.place.ctl(&get).refused(5, "TOKEN_INVALID");
    // An address without its context takes neither token nor CA along.
    let (address, fingerprint) = two.https();
    let pinned = ["--addr", &address, "--ca-fingerprint", &fingerprint];
    let args = [&["-o", "json"], &pinned[..], &["get", "who/am"]].concat();
    one.place.ctl(&args).refused(5, "TOKEN_INVALID");
}

#[test]
fn a_narrowed_session_does_what_it_was_given_and_nothing_else() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    for path in ["team/wifi", "team/deep/key", "other/key"] {
        daemon.ctl_with(&["set", path], b"v").ok();
    }
    context(&daemon, "ci", &daemon);
    let terms = ["--under", "team", "--action", "secret:GetValue"];
    for wrong in [
        &["--action", "nonsense"][..],
        &["--under", "a//b"],
        &["--ttl", "1s"],
        &["--ttl", "2d"],
    ] {
        let refused = login(&daemon, "ci", &opened.token, wrong);
        assert_eq!(refused.code, 2, "{refused}");
    }
    let session = login(&daemon, "ci", &opened.token, &terms).ok().json();
    assert_eq!(
        (&session["under"], &session["actions"][0]),
        (&"team".into(), &"secret:GetValue".into())
    );

    let ctl = |args: &[&str]| {
        daemon
            .place
            .ctl(&[&["-o", "json", "-c", "ci"], args].concat())
    };
    ctl(&["get", "team/wifi"]).ok();
    ctl(&["get", "team/deep/key"]).ok();
    for denied in [
        &["get", "other/key"][..],
        &["get", "other/none"],
        &["get", "team"],
        &["set", "team/wifi", "--generate"],
        &["ls", "team"],
        &["log", "team/wifi"],
        &["rm", "team/wifi"],
        &["mv", "team/wifi", "team/x"],
        &["cp", "team/wifi", "team/x"],
        &["seal"],
        &["keyring", "rotate"],
    ] {
        ctl(denied).refused(4, "POLICY_DENIED");
    }
    let both = ctl(&["get", "team/wifi", "other/key"]);
    assert_eq!(both.code, 11, "{both}");
    let who = ctl(&["whoami"]).ok().json();
    assert_eq!(who["under"], "team");
    // It cannot make itself another session, and can still end.
    let token = daemon.place.path("state/vault/tokens/ci");
    let token = std::fs::read_to_string(token).expect("the session");
    login(&daemon, "ci", &token, &[]).refused(4, "POLICY_DENIED");
    ctl(&["logout"]).ok();
    assert_eq!(daemon.ctl(&["get", "team/wifi"]).ok().stdout, "v");
}

#[test]
fn an_expired_session_opens_nothing_and_can_be_logged_out_of() {
    let daemon = with_clock();
    let opened = daemon.open();
    daemon.ctl_with(&["set", "a/b"], b"v").ok();
    context(&daemon, "home", &daemon);
    login(&daemon, "home", &opened.token, &["--ttl", "30m"]).ok();
    let ctl = |args: &[&str]| daemon.place.ctl(&[&["-o", "json"], args].concat());
    let ahead = |seconds: &str| {
        std::fs::write(daemon.place.path("run/ahead"), seconds).expect("written");
    };
    ahead("1700");
    ctl(&["get", "a/b"]).ok();
    ahead("1900");
    ctl(&["get", "a/b"]).refused(5, "TOKEN_INVALID");
    ctl(&["whoami"]).refused(5, "TOKEN_INVALID");
    ctl(&["doctor"]).fails(5, "");
    // It is forgotten here, although there is nothing to end there.
    let out = ctl(&["logout"]).ok().json();
    assert_eq!(out["ended"], false);
    ahead("0");
    ctl(&["get", "a/b"]).refused(5, "TOKEN_INVALID");
    login(&daemon, "home", &opened.token, &[]).ok();
    ctl(&["get", "a/b"]).ok();
}
