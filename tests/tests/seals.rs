//! Seals that are not shares alone, made and opened by real binaries: a passphrase, a systemd credential, and the
//! recovery shares beside both.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use vault_tests::{Daemon, Dress, Output, Terminal};

use crate::BINARIES;

/// What `init` printed.
struct Made {
    passphrase: String,
    recovery: Vec<String>,
    token: String,
}

impl Made {
    /// Of its JSON.
    fn of(output: &Output) -> Self {
        let made = output.json();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let shares = made["recovery_shares"].as_array().expect("shares");
        assert_eq!(made["shares"], serde_json::json!([]), "unseal shares");
        Self {
            passphrase: text(&made["passphrase"]),
            recovery: shares.iter().map(text).collect(),
            token: text(&made["initial_token"]),
        }
    }

    /// Of its lines.
    fn seen(screen: &str) -> Self {
        let of = |name: &str| {
            let named = screen
                .lines()
                .filter_map(|line| line.trim().strip_prefix(name));
            named.map(|text| text.trim().to_owned()).collect::<Vec<_>>()
        };
        Self {
            passphrase: of("passphrase\t").concat(),
            recovery: of("recovery-share\t"),
            token: of("token\t").concat(),
        }
    }

    fn recovery_lines(&self, how_many: usize) -> Vec<u8> {
        self.recovery[..how_many].join("\n").into_bytes()
    }
}

/// `init` of three recovery shares, two of which open.
fn init<'a>(seal: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut words = vec!["init", "--shares", "3", "--threshold", "2", "--seal", seal];
    words.extend(more);
    words
}

#[track_caller]
fn assert_state(daemon: &Daemon, state: &str) {
    let status = daemon.ctl(&["status", "-o", "json"]).json();
    assert_eq!(status["state"], state, "{status}\n{}", daemon.log_text());
}

/// That recovery shares open what is sealed, and one of them does not.
fn recover(daemon: &Daemon, made: &Made) {
    assert_state(daemon, "sealed");
    let unseal = ["unseal", "--recovery", "-"];
    daemon.ctl_with(&unseal, &made.recovery_lines(1)).ok();
    assert_state(daemon, "sealed");
    daemon
        .ctl_with(
            &[&unseal[..], &["-o", "json"]].concat(),
            &made.recovery_lines(1),
        )
        .refused(2, "SHARE_DUPLICATE");
    daemon.ctl_with(&unseal, made.recovery[2].as_bytes()).ok();
    assert_state(daemon, "unsealed");
}

#[test]
fn a_passphrase_that_the_node_made_opens_it_after_a_restart_and_no_other_does() {
    let mut daemon = Daemon::start(BINARIES);
    let made = Made::of(&daemon.ctl(&init("passphrase", &["-o", "json"])).ok());
    assert_eq!(made.recovery.len(), 3);
    assert_state(&daemon, "sealed");
    daemon
        .ctl_with(&["unseal", "-"], made.passphrase.as_bytes())
        .ok();
    daemon.use_token(&made.token);
    daemon.ctl_with(&["set", "a/b"], b"kept").ok();
    daemon.stop();
    daemon.restart();

    let wrong = format!("{}x", made.passphrase);
    for wrong in [
        wrong.as_str(),
        "correct horse battery staple",
        &made.recovery[0],
    ] {
        daemon
            .ctl_with(&["unseal", "-", "-o", "json"], wrong.as_bytes())
            .refused(2, "PASSPHRASE_WRONG");
        assert_state(&daemon, "sealed");
    }
    daemon.ctl_with(&["unseal", "-"], b"\n").fails(2, "empty");
    daemon.ctl(&["get", "a/b"]).fails(7, "sealed");
    let line = format!("{}\n", made.passphrase);
    daemon.ctl_with(&["unseal", "-"], line.as_bytes()).ok();
    assert_eq!(daemon.ctl(&["get", "a/b"]).ok().stdout, "kept");

    daemon.ctl(&["seal"]).ok();
    recover(&daemon, &made);
    assert_eq!(daemon.ctl(&["get", "a/b"]).ok().stdout, "kept");
    let needles = [made.passphrase.into_bytes()];
    assert_eq!(daemon.place.search("", &needles), []);
}

/// Types two answers to `init --ask-passphrase`.
fn ask(daemon: &Daemon, answers: [&str; 2]) -> Output {
    let address = daemon.address();
    let mut words = vec!["--addr", address.as_str()];
    words.extend(init("passphrase", &["--ask-passphrase"]));
    let mut terminal = Terminal::run(&daemon.place, &words, &[]);
    terminal.expect("New passphrase").type_hidden(answers[0]);
    terminal.expect("Once more").type_hidden(answers[1]);
    terminal.end()
}

#[test]
fn a_passphrase_that_is_asked_for_is_never_shown_and_opens_the_vault() {
    let mut daemon = Daemon::start(BINARIES);
    let chosen = "three small words too many";
    daemon
        .ctl_with(
            &init("passphrase", &["--ask-passphrase"]),
            chosen.as_bytes(),
        )
        .fails(2, "New passphrase is missing");
    for (answers, says) in [
        ([chosen, "three small words too few"], "differ"),
        (["too short", "too short"], "15 to 1024 characters"),
        (["", ""], "nothing was entered"),
    ] {
        let refused = ask(&daemon, answers);
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.stdout.contains(says), "{refused}");
        assert_state(&daemon, "uninitialised");
    }
    let made = ask(&daemon, [chosen, chosen]).ok();
    assert!(!made.stdout.contains(chosen), "{made}");
    let made = Made::seen(&made.stdout);
    assert_eq!((made.recovery.len(), made.passphrase.as_str()), (3, ""));
    daemon.stop();
    daemon.restart();

    let address = daemon.address();
    let mut terminal = Terminal::run(&daemon.place, &["--addr", &address, "unseal"], &[]);
    terminal
        .expect("Passphrase")
        .type_hidden("another one that is long");
    // One that is wrong is said so, and the next is asked for.
    terminal
        .expect("does not open the seal")
        .expect("Passphrase");
    let opened = terminal.type_hidden(chosen).expect("the vault is open");
    assert!(opened.shows_again());
    assert_eq!(terminal.end().code, 0);
    daemon.use_token(&made.token);
    daemon.ctl(&["seal"]).ok();
    recover(&daemon, &made);
}

/// A daemon that systemd would have given the directory of credentials, and the one that its configuration names.
fn credentialed() -> (Daemon, PathBuf) {
    let daemon = Daemon::start_dressed(BINARIES, "", |place| {
        let folder = place.path("credentials");
        fs::create_dir(&folder).expect("a directory");
        Dress {
            config: "seal.credential = \"vault-seal\"".to_owned(),
            environment: vec![("CREDENTIALS_DIRECTORY", folder)],
            ..Dress::default()
        }
    });
    let file = daemon.place.path("credentials/vault-seal");
    (daemon, file)
}

fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// Puts something where the credential is.
fn put(file: &Path, bytes: &[u8], mode: u32) {
    let _none = fs::remove_file(file);
    fs::write(file, bytes).expect("written");
    fs::set_permissions(file, Permissions::from_mode(mode)).expect("its mode");
}

/// What can be wrong with a credential, and what the daemon then says.
type Wrong = (&'static str, fn(&Path, &[u8; 32]), &'static str);

const WRONG: &[Wrong] = &[
    ("missing", |_, _| {}, "cannot open"),
    (
        "another",
        |file, _| put(file, &random::<32>(), 0o600),
        "does not open the seal",
    ),
    (
        "too short",
        |file, key| put(file, &key[..31], 0o600),
        "cannot be used",
    ),
    (
        "too long",
        |file, key| put(file, &[&key[..], b"\n"].concat(), 0o600),
        "cannot be used",
    ),
    (
        "readable by all",
        |file, key| put(file, key, 0o604),
        "0604: others can use it",
    ),
    (
        "writable by a group",
        |file, key| put(file, key, 0o620),
        "0620: others can use it",
    ),
    (
        "a link",
        |file, key| {
            let beside = file.with_extension("key");
            put(&beside, key, 0o600);
            symlink(beside, file).expect("a link");
        },
        "symbolic link",
    ),
];

#[test]
fn a_systemd_credential_opens_the_vault_by_itself_and_a_bad_one_leaves_it_sealed() {
    let (mut daemon, file) = credentialed();
    daemon
        .ctl(&init("systemd-credential", &["-o", "json"]))
        .refused(7, "NO_SUCH_SEAL");
    assert_state(&daemon, "uninitialised");
    let key = random::<32>();
    put(&file, &key, 0o600);
    let made = Made::of(
        &daemon
            .ctl(&init("systemd-credential", &["-o", "json"]))
            .ok(),
    );
    assert_eq!((made.recovery.len(), made.passphrase.as_str()), (3, ""));
    assert_state(&daemon, "unsealed");
    daemon.use_token(&made.token);
    daemon.ctl_with(&["set", "a/b"], b"kept").ok();
    daemon.stop();
    daemon.restart();
    assert_state(&daemon, "unsealed");
    assert_eq!(daemon.ctl(&["get", "a/b"]).ok().stdout, "kept");

    for (what, spoil, says) in WRONG {
        daemon.stop();
        fs::remove_file(&file).expect("it was there");
        spoil(&file, &key);
        daemon.restart();
        assert_state(&daemon, "sealed");
        let log = daemon.log_text();
        assert!(
            log.contains("the node stays sealed") && log.contains(says),
            "{what}: `{says}` is not said:\n{log}"
        );
        put(&file, &key, 0o600);
    }
    // Sealed, it waits for people, whatever lies there by now.
    recover(&daemon, &made);
    assert_eq!(daemon.ctl(&["get", "a/b"]).ok().stdout, "kept");
    daemon.stop();
    daemon.restart();
    assert_state(&daemon, "unsealed");
    let needles = [key.to_vec(), hex::encode(key).into_bytes()];
    assert_eq!(daemon.place.search("vault", &needles), []);
}
