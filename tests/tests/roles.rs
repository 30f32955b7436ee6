//! Roles, revocation, counted and bound sessions: a real daemon, and the command line.

use prost::Message;
use vault_proto::v1::{CreateIdentityRequest, PutInlinePolicyRequest};
use vault_tests::{Daemon, Dress, Opened, Output, shim};

use crate::BINARIES;
use crate::wire::Wire;

/// A daemon under a clock that can be moved, with a secret and a context.
fn start() -> (Daemon, Opened) {
    let daemon = Daemon::start_dressed(BINARIES, "", |place| Dress {
        environment: vec![
            ("LD_PRELOAD", shim::build("clock", &place.path("run"))),
            ("CLOCK_AHEAD", place.path("run/ahead")),
        ],
        ..Dress::default()
    });
    let opened = daemon.open();
    daemon.ctl_with(&["set", "team/wifi"], b"hunter2").ok();
    let (address, fingerprint) = daemon.https();
    let pin = ["--addr", &address, "--ca-fingerprint", &fingerprint];
    let add = [&["context", "add", "home"], &pin[..]].concat();
    daemon.place.ctl(&add).ok();
    (daemon, opened)
}

fn ctl(daemon: &Daemon, args: &[&str]) -> Output {
    daemon.place.ctl(&[&["-o", "json"], args].concat())
}

fn login(daemon: &Daemon, token: &str, terms: &[&str]) -> Output {
    let args = [&["-o", "json", "-c", "home", "login"], terms].concat();
    daemon.place.ctl_with(&args, token.as_bytes())
}

/// A session's token for one use at a time: not kept.
fn token(daemon: &Daemon, of: &str, terms: &[&str]) -> String {
    let made = login(daemon, of, &[&["--print-token"], terms].concat()).ok();
    made.stdout.trim().to_owned()
}

/// A role that those may assume, and that may do that.
#[tokio::main(flavor = "current_thread")]
async fn role(daemon: &Daemon, token: &str, name: &str, who: &str, action: &str) {
    let wire = Wire::connect(daemon, token).await;
    let document = |statement: &str| {
        format!(r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", {statement}}}}}"#)
    };
    let create = CreateIdentityRequest {
        who: format!("role:{name}"),
        trust_policy: document(&format!(r#""Principal": {who}, "Action": "role:Assume""#)),
        ..CreateIdentityRequest::default()
    };
    let made = wire.call("/vault.v1.Identity/CreateIdentity", create.encode_to_vec());
    made.await.expect("a role");
    let put = PutInlinePolicyRequest {
        who: format!("role:{name}"),
        name: "own".to_owned(),
        document: document(&format!(r#""Action": "{action}", "Resource": "*""#)),
    };
    let put = wire.call("/vault.v1.Identity/PutInlinePolicy", put.encode_to_vec());
    put.await.expect("its policy");
}

#[test]
fn a_role_is_assumed_in_a_context_of_its_own_and_ends_with_what_it_was_made_from() {
    let (daemon, opened) = start();
    role(
        &daemon,
        &opened.token,
        "reader",
        r#""*""#,
        "secret:GetValue",
    );
    let second = r#"{"Vault": "role:reader"}"#;
    role(&daemon, &opened.token, "second", second, "secret:*");
    let third = r#"{"Vault": "session:reader/nobody"}"#;
    role(&daemon, &opened.token, "third", third, "*");
    login(&daemon, &opened.token, &[]).ok();
    let assume = ["-c", "home", "assume", "reader", "--session-name", "Me"];
    let made = ctl(&daemon, &assume).ok().json();
    assert_eq!(made["principal"], "role:reader/me");
    assert_eq!(made["assumed_by"], "administrator");
    assert_eq!(made["context"], "home.reader");
    let reader = |args: &[&str]| ctl(&daemon, &[&["-c", "home.reader"], args].concat());
    reader(&["get", "team/wifi"]).ok();
    reader(&["set", "team/wifi", "--generate"]).refused(4, "POLICY_DENIED");
    for wrong in ["third", "none", "role:third"] {
        reader(&["assume", wrong, "--print-token"]).refused(4, "POLICY_DENIED");
    }
    for (args, code) in [
        (&["assume", "a b"][..], 2),
        (&["assume", "second", "--ttl", "1m"], 2),
        (&["assume", "second", "--ttl", "2h"], 2),
        (&["assume", "second", "--uses", "0"], 2),
        (&["assume", "second", "--bind", "nowhere"], 2),
        (&["assume", "second", "--tag", "x"], 2),
        (&["assume", "second", "--tag", "x=y"], 4),
        (&["assume", "second", "--policy", "/dev/null"], 2),
    ] {
        let refused = reader(args);
        assert_eq!(refused.code, code, "{args:?}: {refused}");
    }
    let only = daemon.place.path("only.json");
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secret:List", "Resource": "*"}}"#;
    std::fs::write(&only, text).expect("written");
    let only = only.to_string_lossy();
    let limited = ["assume", "second", "--policy", &only, "--as", "limited"];
    reader(&limited).ok();
    ctl(&daemon, &["-c", "limited", "ls", "team"]).ok();
    ctl(&daemon, &["-c", "limited", "get", "team/wifi"]).refused(4, "POLICY_DENIED");
    // in its own place, and in nobody else's
    reader(&limited).ok();
    for taken in ["home", "home.reader"] {
        reader(&["assume", "second", "--as", taken]).refused(2, "USAGE");
        ctl(
            &daemon,
            &["-c", "home", "assume", "reader", "--as", "limited"],
        )
        .refused(2, "USAGE");
    }
    ctl(&daemon, &["-c", "home", "get", "team/wifi"]).ok();
    let who = reader(&["whoami"]).ok().json();
    assert_eq!(who["has_policies"], false);
    assert!(who["idle_seconds"].is_null());
    assert_eq!(
        (&who["mfa_at"], &who["uses_left"]),
        (&None::<()>.into(), &None::<()>.into())
    );
    assert_eq!(
        reader(&["session", "ls"])
            .ok()
            .json()
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    reader(&["session", "ls", "role:reader"]).refused(4, "POLICY_DENIED");
    reader(&["session", "revoke", "--all", "role:second"]).refused(4, "POLICY_DENIED");

    ctl(&daemon, &["-c", "home", "logout"]).ok();
    reader(&["get", "team/wifi"]).refused(5, "TOKEN_INVALID");
    ctl(&daemon, &["-c", "limited", "ls", "team"]).refused(5, "TOKEN_INVALID");
}

#[test]
fn what_is_revoked_opens_nothing_from_the_next_request_on_and_nothing_foreign_is_revoked() {
    let (daemon, opened) = start();
    role(
        &daemon,
        &opened.token,
        "reader",
        r#""*""#,
        "secret:GetValue",
    );
    login(&daemon, &opened.token, &[]).ok();
    ctl(&daemon, &["-c", "home", "assume", "reader", "--as", "one"]).ok();
    ctl(&daemon, &["-c", "home", "assume", "reader", "--as", "two"]).ok();
    let accessor = |context: &str| {
        let who = ctl(&daemon, &["-c", context, "whoami"]).ok().json();
        who["accessor"].as_str().expect("an accessor").to_owned()
    };
    let (home, one) = (accessor("home"), accessor("one"));
    for wrong in [&home, "00000000000000000000", "x", &one.to_uppercase()] {
        let revoke = ["-c", "two", "session", "revoke", wrong];
        ctl(&daemon, &revoke).refused(3, "SESSION_NOT_FOUND");
    }
    ctl(&daemon, &["-c", "two", "session", "revoke", &one]).refused(3, "SESSION_NOT_FOUND");
    ctl(&daemon, &["-c", "home", "session", "revoke", &one]).ok();
    ctl(&daemon, &["-c", "one", "get", "team/wifi"]).refused(5, "TOKEN_INVALID");
    ctl(&daemon, &["-c", "two", "get", "team/wifi"]).ok();
    let all = ["-c", "home", "session", "revoke", "--all"];
    ctl(&daemon, &[&all[..], &["role:reader"]].concat()).ok();
    ctl(&daemon, &["-c", "two", "get", "team/wifi"]).refused(5, "TOKEN_INVALID");
    ctl(&daemon, &["-c", "home", "get", "team/wifi"]).ok();
    ctl(&daemon, &[&all[..], &["role:none"]].concat()).refused(3, "IDENTITY_NOT_FOUND");
    ctl(&daemon, &[&all[..], &["group:none"]].concat()).fails(2, "sessions");
    // the initial token is no session
    daemon.use_token(&opened.token);
    let who = daemon.ctl(&["-o", "json", "whoami"]).ok().json();
    let initial = who["accessor"].as_str().expect("an accessor");
    daemon
        .ctl(&["-o", "json", "session", "revoke", initial])
        .refused(2, "REQUEST_INVALID");
    daemon
        .ctl(&["-o", "json", "session", "renew"])
        .refused(2, "REQUEST_INVALID");
}

#[test]
fn an_assumed_role_expires_and_an_idle_session_ends_unless_it_is_renewed() {
    let (daemon, opened) = start();
    role(
        &daemon,
        &opened.token,
        "reader",
        r#""*""#,
        "secret:GetValue",
    );
    login(&daemon, &opened.token, &["--ttl", "2h", "--idle", "20m"]).ok();
    ctl(&daemon, &["-c", "home", "assume", "reader", "--ttl", "15m"]).ok();
    let get = |context| ctl(&daemon, &["-c", context, "get", "team/wifi"]);
    let ahead = |minutes: u64| {
        let seconds = (minutes * 60).to_string();
        std::fs::write(daemon.place.path("run/ahead"), seconds).expect("written");
    };
    ahead(14);
    get("home.reader").ok();
    ctl(&daemon, &["-c", "home", "session", "renew"]).ok();
    ahead(16);
    get("home.reader").refused(5, "TOKEN_INVALID");
    ahead(33);
    get("home").ok();
    ahead(35);
    get("home").refused(5, "TOKEN_INVALID");
}

#[test]
fn a_token_for_one_use_is_used_once_by_many_at_once_and_a_bound_one_from_its_place_only() {
    let (daemon, opened) = start();
    let one = token(&daemon, &opened.token, &["--uses", "1"]);
    let file = daemon.place.path("one");
    let private = |text: &str| {
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.write(true).create(true).truncate(true).open(&file);
        std::io::Write::write_all(file.as_mut().expect("a file"), text.as_bytes())
            .expect("written");
    };
    private(&one);
    let (path, socket) = (file.to_string_lossy(), daemon.address());
    let (https, fingerprint) = daemon.https();
    let over = |address: &str| {
        let pin = ["--addr", address, "--ca-fingerprint", &fingerprint];
        let rest = ["--token-file", &path, "-o", "json", "get", "team/wifi"];
        daemon.place.ctl(&[&pin[..], &rest].concat())
    };
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| over(&https).code)).collect();
        let tries = tries.into_iter();
        tries.map(|tried| tried.join().expect("it ran")).collect()
    });
    assert_eq!(
        codes.iter().filter(|code| **code == 0).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| **code == 5).count(),
        7,
        "{codes:?}"
    );

    private(&token(
        &daemon,
        &opened.token,
        &["--bind", "127.0.0.0/8", "--bind", "::1"],
    ));
    over(&https).ok();
    over(&socket).refused(5, "TOKEN_INVALID");
    private(&token(&daemon, &opened.token, &["--bind", "unix"]));
    over(&socket).ok();
    over(&https).refused(5, "TOKEN_INVALID");
    private(&token(&daemon, &opened.token, &["--bind", "192.0.2.0/24"]));
    over(&https).refused(5, "TOKEN_INVALID");
}
