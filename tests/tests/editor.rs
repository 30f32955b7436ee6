//! `vaultctl edit` and prompts, on a terminal: what people type is what is stored, and nothing of it
//! stays behind, however it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use vault_tests::{Daemon, Terminal};

use crate::BINARIES;

const SECRET: &str = "correct-horse-3f1a";

/// A development vault with `a/b` in it.
fn daemon() -> Daemon {
    let daemon = Daemon::dev(BINARIES);
    let text = SECRET.as_bytes();
    daemon.place.ctl_with(&["set", "a/b", "user=-"], text).ok();
    daemon
}

/// An editor: notes what it is called with, copies what it is shown, and does what the script says.
fn editor(daemon: &Daemon, name: &str, script: &str) -> String {
    let path = daemon.place.path("bin").join(name);
    let text = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >arguments\nfor file in \"$@\"; do :; done\n\
         echo \"$file\" >file\ncat \"$file\" >shown\n: >\"$file~\"\n{script}\n"
    );
    fs::write(&path, text).expect("an editor");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("its mode");
    path.to_str().expect("text").to_owned()
}

fn edit<'a>(daemon: &'a Daemon, editor: &'a str) -> Terminal {
    Terminal::run(&daemon.place, &["edit", "a/b"], &[("EDITOR", editor)])
}

fn noted(daemon: &Daemon, name: &str) -> String {
    fs::read_to_string(daemon.place.path(name)).unwrap_or_default()
}

/// Waits until the editor runs; the directory that its file lies in.
fn running(daemon: &Daemon) -> PathBuf {
    let begun = Instant::now();
    while noted(daemon, "ready").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "no editor runs");
        std::thread::yield_now();
    }
    directory(daemon)
}

fn directory(daemon: &Daemon) -> PathBuf {
    let file = noted(daemon, "file");
    let dir = Path::new(file.trim()).parent().expect("a directory");
    assert!(dir.is_absolute(), "{file}");
    dir.to_owned()
}

#[test]
fn what_is_saved_is_a_new_version_and_the_file_lay_in_memory_only() {
    let daemon = daemon();
    let editor = editor(
        &daemon,
        "vim",
        "sed -i 's/user = .*/user = \"changed\"/' \"$file\"",
    );
    let said = edit(&daemon, &editor).end().ok();
    assert!(
        said.stdout.contains("~ user") && said.stdout.contains("version 2"),
        "{said}"
    );
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let mut swaps = swaps.lines().skip(1);
    let swapped = swaps.any(|line| !line.starts_with("/dev/zram"));
    assert_eq!(said.stdout.contains("warning"), swapped, "{said}");
    assert_eq!(said.stdout.contains("swap out to"), swapped, "{said}");
    assert!(noted(&daemon, "shown").contains(SECRET));
    let dir = directory(&daemon);
    assert!(!dir.exists(), "{} is there still", dir.display());
    assert!(dir.starts_with("/dev/shm"), "{}", dir.display());
    let arguments = noted(&daemon, "arguments");
    for told in ["-n", "NONE", "noswapfile", "noundofile", "nobackup"] {
        assert!(arguments.contains(told), "{arguments}");
    }
    assert_eq!(
        daemon.place.ctl(&["get", "a/b#user"]).ok().stdout,
        "changed"
    );
}

#[test]
fn an_editor_that_is_not_known_is_warned_of_and_one_that_fails_changes_nothing() {
    let daemon = daemon();
    let editor = editor(&daemon, "strange", "exit 3");
    let said = edit(&daemon, &editor).end();
    assert_eq!(said.code, 2, "{said}");
    assert!(said.stdout.contains("may keep copies"), "{said}");
    assert!(said.stdout.contains("nothing was written"), "{said}");
    assert!(!directory(&daemon).exists());
    let log = daemon.place.ctl(&["log", "a/b", "-o", "json"]).ok().json();
    assert_eq!(log.as_array().map(Vec::len), Some(1));
    let missing = edit(&daemon, "/nowhere/vim").end();
    assert_eq!(missing.code, 2, "{missing}");
}

#[test]
fn a_save_over_somebody_elses_version_is_refused() {
    let daemon = daemon();
    let editor = editor(
        &daemon,
        "vim",
        "printf other | vaultctl set a/b user=-; sed -i 's/user = .*/user = \"mine\"/' \"$file\"",
    );
    let said = edit(&daemon, &editor).end();
    assert_eq!(said.code, 8, "{said}");
    assert_eq!(daemon.place.ctl(&["get", "a/b#user"]).ok().stdout, "other");
    assert!(!directory(&daemon).exists());
}

#[test]
fn what_cannot_be_read_is_asked_about_and_left_alone_on_no_or_interrupt() {
    let daemon = daemon();
    let editor = editor(&daemon, "vim", "echo 'no toml' >\"$file\"");
    let mut terminal = edit(&daemon, &editor);
    terminal.expect("Edit again?").type_line("n");
    let said = terminal.end();
    assert_eq!(said.code, 2, "{said}");
    assert!(!directory(&daemon).exists());

    let mut terminal = edit(&daemon, &editor);
    terminal.expect("Edit again?").interrupt();
    let said = terminal.end();
    assert_eq!(said.code, 1, "{said}");
    assert!(!directory(&daemon).exists());
    assert_eq!(daemon.place.ctl(&["get", "a/b#user"]).ok().stdout, SECRET);
}

#[test]
fn a_signal_ends_the_editor_and_leaves_no_file_behind() {
    let daemon = daemon();
    // One ends when it is told to, the other only when it is made to.
    for (signal, trap) in [(Signal::TERM, ""), (Signal::HUP, "trap '' HUP TERM")] {
        let _none = fs::remove_file(daemon.place.path("ready"));
        let script = format!("{trap}\necho $$ >ready\nwhile :; do read -r line || exit 9; done");
        let editor = editor(&daemon, "vim", &script);
        let mut terminal = edit(&daemon, &editor);
        let dir = running(&daemon);
        assert!(dir.exists());
        terminal.signal(signal);
        let said = terminal.end();
        assert_eq!(said.code, 1, "{said}");
        assert!(!dir.exists(), "{} is there still", dir.display());
        let pid = noted(&daemon, "ready");
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        assert!(stat.is_err(), "the editor goes on: {stat:?}");
    }
}

#[test]
fn a_signal_while_it_is_written_ends_it_and_says_that_nobody_knows() {
    let daemon = daemon();
    let pid = i32::try_from(daemon.id()).ok().and_then(Pid::from_raw);
    let pid = pid.expect("a process id");
    let signals = [None, Some(Signal::TERM), Some(Signal::HUP)];
    for (text, signal) in ["one", "two", "three"].into_iter().zip(signals) {
        // The vault takes the write, and never answers.
        let script = format!(
            "sed -i 's/user = .*/user = \"{text}\"/' \"$file\"; kill -STOP {}",
            daemon.id()
        );
        let editor = editor(&daemon, "vim", &script);
        let mut terminal = edit(&daemon, &editor);
        terminal.expect("~ user");
        match signal {
            None => terminal.interrupt(),
            Some(signal) => terminal.signal(signal),
        };
        let said = terminal.end();
        kill_process(pid, Signal::CONT).expect("it goes on");
        assert_eq!(said.code, 6, "{said}");
        for words in ["is not known", "vaultctl log a/b"] {
            assert!(said.stdout.contains(words), "{said}");
        }
        assert!(!said.stdout.contains("nothing was written"), "{said}");
        assert!(!directory(&daemon).exists());
    }
}

#[test]
fn an_interrupt_is_the_editors_own_affair() {
    let daemon = daemon();
    let editor = editor(
        &daemon,
        "vim",
        "trap 'sed -i \"s/user = .*/user = \\\"caught\\\"/\" \"$file\"; exit 0' INT\n\
         echo $$ >ready\nwhile :; do read -r line || :; done",
    );
    let mut terminal = edit(&daemon, &editor);
    running(&daemon);
    terminal.interrupt();
    terminal.end().ok();
    assert_eq!(daemon.place.ctl(&["get", "a/b#user"]).ok().stdout, "caught");
}

#[test]
fn a_hidden_prompt_asks_twice_shows_nothing_and_gives_the_terminal_back() {
    let daemon = daemon();
    let set = |path: &str| Terminal::run(&daemon.place, &["set", path], &[]);
    let mut terminal = set("typed/one");
    terminal
        .expect("value of typed/one: ")
        .type_hidden("typed-9b2c");
    terminal.expect("Once more: ").type_hidden("typed-9b2c");
    let said = terminal.end().ok();
    assert!(!said.stdout.contains("9b2c"), "{said}");
    assert_eq!(
        daemon.place.ctl(&["get", "typed/one"]).ok().stdout,
        "typed-9b2c"
    );

    let mut terminal = set("typed/two");
    terminal.expect(": ").type_hidden("one");
    terminal.expect(": ").type_hidden("another");
    let said = terminal.end();
    assert!(said.code == 2 && said.stdout.contains("differ"), "{said}");

    let mut terminal = set("typed/two");
    terminal.expect(": ").wait_hidden();
    terminal.interrupt();
    assert!(
        terminal.shows_again(),
        "what is typed does not show any more"
    );
    assert_eq!(terminal.end().code, 128 + 2);

    for (signal, number) in [(Signal::HUP, 1), (Signal::TERM, 15)] {
        let mut terminal = set("typed/two");
        terminal.expect(": ").wait_hidden();
        terminal.signal(signal);
        assert!(terminal.shows_again(), "{signal:?} leaves it hidden");
        assert_eq!(terminal.end().code, 128 + number);
    }
    daemon.place.ctl(&["get", "typed/two"]).fails(3, "");
}

#[test]
fn a_terminal_gets_lines_and_tables_and_a_pipe_gets_bytes() {
    let daemon = daemon();
    let shown = |args: &[&str]| Terminal::run(&daemon.place, args, &[]).end();
    assert_eq!(
        shown(&["get", "a/b#user"]).ok().stdout,
        format!("{SECRET}\n")
    );
    assert_eq!(daemon.place.ctl(&["get", "a/b#user"]).ok().stdout, SECRET);
    assert_eq!(
        shown(&["get", "a/b#user", "--no-newline"]).ok().stdout,
        SECRET
    );
    daemon.place.ctl_with(&["set", "a/b", "note=-"], b"x").ok();
    let table = shown(&["get", "a/b"]).ok();
    assert!(
        table.stdout.contains("********") && !table.stdout.contains(SECRET),
        "{table}"
    );
    daemon.place.ctl(&["get", "a/b"]).fails(2, "2 fields");
    daemon
        .place
        .ctl_with(&["set", "bin/ary", "--raw-stdin"], b"\x1b[2J\xff")
        .ok();
    let binary = shown(&["get", "bin/ary"]);
    assert!(
        binary.code == 2 && binary.stdout.contains("--out"),
        "{binary}"
    );
    let mut terminal = Terminal::run(&daemon.place, &["rm", "-r", "a"], &[]);
    terminal.expect("Type a to go on").type_line("b");
    assert_eq!(terminal.end().code, 9);
    let mut terminal = Terminal::run(&daemon.place, &["rm", "-r", "a"], &[]);
    terminal.expect("Type a to go on").type_line("a");
    terminal.end().ok();
    daemon.place.ctl(&["get", "a/b#user"]).fails(3, "");
}
