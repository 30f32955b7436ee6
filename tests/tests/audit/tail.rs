//! Tails: through rotations, to the end of what allows them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use vault_tests::{Daemon, Terminal};

use super::{batch, filled, search};
use crate::BINARIES;

/// How long anything may take before the test gives up on it.
const LIMIT: Duration = Duration::from_secs(60);

/// A tail in a pipe.
struct Tailing {
    child: Child,
    lines: Receiver<Value>,
}

impl Tailing {
    fn start(daemon: &Daemon, words: &[&str]) -> Self {
        let mut command = daemon.place.command(BINARIES.vaultctl);
        let mut child = command
            .args(["--addr", &daemon.address(), "-o", "json", "--token-file"])
            .arg(daemon.place.path("token"))
            .args(["audit", "tail"])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("vaultctl starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines() {
                let line = serde_json::from_str(&line.expect("a line")).expect("JSON");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line.
    #[track_caller]
    fn next(&self) -> Value {
        self.lines.recv_timeout(LIMIT).expect("a line")
    }

    /// The next line of this method.
    #[track_caller]
    fn next_of(&self, method: &str) -> Value {
        loop {
            let line = self.next();
            if line["method"].as_str().is_some_and(|m| m.ends_with(method)) {
                return line;
            }
        }
    }

    /// How it ended; at once killed where it does not.
    fn end(mut self) -> (i32, String) {
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            if let Some(status) = self.child.try_wait().expect("its state") {
                let mut text = String::new();
                let mut stderr = self.child.stderr.take().expect("a pipe");
                std::io::Read::read_to_string(&mut stderr, &mut text).expect("text");
                return (status.code().unwrap_or(-1), text);
            }
            std::thread::yield_now();
        }
        panic!("the tail does not end");
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("sent");
    }
}

impl Drop for Tailing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_tail_follows_through_rotations_in_order_and_ends_on_interrupt() {
    let daemon = filled("audit.rotate_bytes = \"1MiB\"\naudit.keep_files = 100");
    let tail = Tailing::start(&daemon, &["-n", "3"]);
    let first = tail.next()["seq"].as_u64().expect("a number");
    // A line names all of a batch, so a few fill a file.
    let rotated = || {
        let files = fs::read_dir(daemon.place.path("vault/audit")).expect("a folder");
        files
            .flatten()
            .filter(|f| f.file_name().to_string_lossy().starts_with("audit-"))
            .count()
    };
    let begun = Instant::now();
    while rotated() < 2 {
        assert!(begun.elapsed() < LIMIT, "nothing is rotated");
        batch(&daemon);
    }
    daemon.ctl_with(&["set", "the/end"], b"x").ok();
    let mut expected = first;
    let mut action = String::new();
    while action != "secret:PutValue" {
        let line = tail.next();
        expected += 1;
        assert_eq!(line["seq"], expected);
        line["action"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut action);
    }
    tail.signal(Signal::INT);
    assert_eq!(tail.end(), (0, String::new()));
    // All of it is found again, and found whole.
    assert_eq!(search(&daemon, &["--action", "secret:PutValue"]).len(), 2);
    let checked = daemon.ctl(&["-o", "json", "audit", "verify"]).ok().json();
    assert_eq!(checked["whole"], true);
    assert!(checked["files"].as_u64() >= Some(3), "{checked}");
}

#[test]
fn a_tail_shows_only_what_matches_and_people_see_a_table() {
    let daemon = filled("");
    let address = daemon.address();
    let token = daemon.place.path("token").to_string_lossy().into_owned();
    let words = [
        "--addr",
        &address,
        "--token-file",
        &token,
        "audit",
        "tail",
        "--resource",
        "db/password",
    ];
    let mut terminal = Terminal::run(&daemon.place, &words, &[]);
    terminal
        .expect("ACTION")
        .expect("secret:PutValue")
        .expect("secret:db/password");
    terminal.expect("secret:GetValue");
    daemon.ctl(&["get", "db/other"]).fails(3, "");
    daemon.ctl(&["get", "db/password"]).ok();
    terminal.expect("secret:GetValue").expect("ok");
    terminal.interrupt();
    let end = terminal.end();
    assert_eq!(end.code, 0, "{end}");
    assert!(!end.stdout.contains("not_found"), "{end}");
}

#[test]
fn a_tail_ends_with_the_session_that_began_it() {
    let daemon = filled("");
    let address = daemon.address();
    let ctl = |args: &[&str], stdin: &[u8]| daemon.place.ctl_with(args, stdin).ok();
    ctl(&["context", "add", "one", "--addr", &address], b"");
    let admin = fs::read(daemon.place.path("token")).expect("the token");
    let login = ["-c", "one", "login", "--action", "audit:Read"];
    ctl(&login, &admin);
    let kept = daemon.place.path("state/vault/tokens/one");
    daemon.use_token(&fs::read_to_string(kept).expect("the session"));
    let tail = Tailing::start(&daemon, &["-n", "1"]);
    tail.next_of("TailAudit");
    ctl(&["-c", "one", "logout"], b"");
    let (code, text) = tail.end();
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("TOKEN_INVALID"), "{text}");
}

#[test]
fn a_tail_ends_when_the_node_is_sealed_and_when_it_stops() {
    let mut daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let tail = Tailing::start(&daemon, &["-n", "1"]);
    tail.next_of("TailAudit");
    daemon.ctl(&["seal"]).ok();
    let (code, text) = tail.end();
    assert_eq!(code, 7, "{text}");
    assert!(text.contains("SEALED"), "{text}");
    daemon
        .ctl(&["-o", "json", "audit", "search"])
        .refused(7, "SEALED");

    daemon.unseal(&opened);
    let tail = Tailing::start(&daemon, &["-n", "1"]);
    tail.next_of("TailAudit");
    let begun = Instant::now();
    daemon.stop();
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "the tail held up the stop"
    );
    let (code, text) = tail.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("stopping"), "{text}");
}
