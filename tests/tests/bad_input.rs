//! Bad input, each with its exit code and its stable reason, and nothing lost or half-written for it.
//! One row each; what only a raw client can send is in `raw`, what lies on the disk in `files`.

mod files;
mod raw;

use vault_tests::{Daemon, Opened, Output};

use crate::BINARIES;

/// A command line, what is piped into it, and how it has to end.
struct Row {
    args: Vec<String>,
    stdin: Vec<u8>,
    code: i32,
    reason: &'static str,
}

fn row(args: &[&str], code: i32, reason: &'static str) -> Row {
    piped(args, b"x", code, reason)
}

fn piped(args: &[&str], stdin: &[u8], code: i32, reason: &'static str) -> Row {
    Row {
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        stdin: stdin.to_vec(),
        code,
        reason,
    }
}

/// Tries all; says which rows ended otherwise.
fn try_all(daemon: &Daemon, rows: &[Row]) {
    let ends = |row: &Row| {
        let args: Vec<&str> = row.args.iter().map(String::as_str).collect();
        daemon.ctl_with(&[&["-o", "json"], &args[..]].concat(), &row.stdin)
    };
    let wrong = |row: &Row, output: &Output| {
        (output.code, output.reason().as_str()) != (row.code, row.reason)
            || !output.stdout.is_empty()
    };
    let wrong: Vec<String> = rows
        .iter()
        .map(|row| (row, ends(row)))
        .filter(|(row, output)| wrong(row, output))
        .map(|(row, output)| format!("not {} {}: {output}", row.code, row.reason))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Paths that are refused, never repaired.
pub fn bad_paths() -> Vec<String> {
    let mut bad: Vec<String> = [
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "a/./b",
        "../a",
        "a\u{202e}b",
        "a\u{200b}b",
        "e\u{301}",
        "a\nb",
        "a\u{7f}",
        "a\u{feff}b",
        "\u{2066}a",
    ]
    .map(str::to_owned)
    .to_vec();
    bad.push("x".repeat(256));
    bad.push(vec!["s"; 33].join("/"));
    bad.push(["y".repeat(200), "y".repeat(200)].join("/").repeat(3));
    bad
}

/// What an open vault refuses.
fn while_open() -> Vec<Row> {
    let mut rows = Vec::new();
    for path in bad_paths() {
        rows.push(row(&["get", "--", &path], 2, "PATH_INVALID"));
        rows.push(row(&["set", "--", &path], 2, "PATH_INVALID"));
    }
    rows.extend([
        // Names.
        row(&["get", ""], 2, "USAGE"),
        row(&["set", ""], 2, "USAGE"),
        row(&["get", "a#b c"], 2, "USAGE"),
        row(&["get", "a:b"], 2, "USAGE"),
        row(&["get", "a%zz"], 2, "USAGE"),
        row(&["ls", "a\u{200b}"], 2, "PATH_INVALID"),
        row(&["mv", "there/key", "a//b"], 2, "PATH_INVALID"),
        row(&["cp", "there/key", "../b"], 2, "PATH_INVALID"),
        row(&["find", &"g*".repeat(300)], 2, "PATH_INVALID"),
        row(&["set", "there/key", "a b=-"], 2, "USAGE"),
        row(
            &["set", "there/key", &format!("{}=-", "f".repeat(129))],
            2,
            "USAGE",
        ),
        row(&["set", "there/key", "--label", "7"], 2, "LABEL_INVALID"),
        row(&["label", "there/key", "1", "7"], 2, "LABEL_INVALID"),
        row(&["set", "there/key", "--tag", "=v"], 2, "USAGE"),
        row(
            &[
                "set",
                "there/key",
                "--tag",
                &format!("{}=v", "k".repeat(300)),
            ],
            2,
            "TAG_INVALID",
        ),
        row(
            &["set", "there/key", "--note", &"n".repeat(1025)],
            2,
            "REQUEST_INVALID",
        ),
        // Fields, versions and labels that are not there.
        row(&["get", "there/key#none"], 3, "FIELD_NOT_FOUND"),
        row(&["get", "there/key@2"], 3, "VERSION_NOT_FOUND"),
        row(&["get", "there/key@0"], 3, "VERSION_NOT_FOUND"),
        row(&["get", "there/key@none"], 3, "LABEL_NOT_FOUND"),
        row(&["get", "there/key@99999999999999999999"], 2, "USAGE"),
        row(&["get", "there/none"], 3, "SECRET_NOT_FOUND"),
        row(&["ls", "nowhere"], 3, "FOLDER_NOT_FOUND"),
        row(
            &["rollback", "there/key", "--to", "9"],
            3,
            "VERSION_NOT_FOUND",
        ),
        row(
            &["set", "there/key", "--remove", "none"],
            3,
            "FIELD_NOT_FOUND",
        ),
        row(
            &["set", "there/key", "--remove", "value"],
            2,
            "REQUEST_INVALID",
        ),
        row(
            &["destroy", "there/key", "--version", "1", "-y"],
            7,
            "CURRENT_VERSION_PROTECTED",
        ),
        row(&["restore", "there/none"], 3, "SECRET_NOT_FOUND"),
        // Values.
        piped(
            &["set", "there/key"],
            &vec![b'v'; (1 << 20) + 1],
            2,
            "VALUE_TOO_LARGE",
        ),
        piped(
            &["set", "there/key"],
            &vec![b'v'; 8 << 20],
            2,
            "VALUE_TOO_LARGE",
        ),
        piped(
            &["set", "there/key", "a=@half", "b=@half"],
            b"",
            2,
            "VALUE_TOO_LARGE",
        ),
        piped(&["set", "there/key"], b"", 2, "USAGE"),
        row(&["set", "there/key", "v=@none"], 2, "IO"),
        row(&["set", "there/key", "a=-", "b=-"], 2, "USAGE"),
        row(
            &["set", "there/key", "--from-env", "NO_SUCH_VARIABLE"],
            2,
            "USAGE",
        ),
        row(&["set", "there/key", "--file", "none"], 2, "IO"),
        row(&["set", "there/key", "--file", "small", "v=1"], 2, "USAGE"),
        row(&["get", "there/key", "--decode", "hex"], 2, "INVALID"),
        row(
            &["get", "there/key", "there/other", "--default", "x"],
            2,
            "USAGE",
        ),
        row(&["generate", "hex:100000"], 2, "POLICY_UNSATISFIABLE"),
        row(&["set", "there/key", "--generate=nonsense"], 2, "USAGE"),
        // What others hold, and what needs a word first.
        row(
            &["set", "there/key", "--if-version", "0"],
            8,
            "VERSION_MISMATCH",
        ),
        row(
            &["set", "there/key", "--if-version", "7"],
            8,
            "VERSION_MISMATCH",
        ),
        row(&["cp", "there/key", "there/other"], 8, "SECRET_EXISTS"),
        row(&["mv", "there/key", "there/other"], 8, "SECRET_EXISTS"),
        row(&["rm", "-r", "there"], 9, "UNCONFIRMED"),
        row(&["rm", "there/key", "--window", "0"], 9, "UNCONFIRMED"),
        row(
            &["rm", "there/key", "--window", "31d"],
            2,
            "REQUEST_INVALID",
        ),
        row(&["rm", "/"], 2, "USAGE"),
        // Files to import.
        piped(
            &["import", "-", "new", "--format", "json"],
            b"{\"a\":",
            2,
            "INVALID",
        ),
        piped(
            &["import", "-", "new", "--format", "json"],
            b"[]",
            2,
            "INVALID",
        ),
        piped(
            &["import", "-", "new", "--format", "toml"],
            b"a = ",
            2,
            "INVALID",
        ),
        piped(
            &["import", "-", "new", "--format", "dotenv"],
            b"A=a b\n",
            2,
            "INVALID",
        ),
        piped(
            &["import", "-", "new", "--format", "dotenv"],
            b"A=\xff\n",
            2,
            "INVALID",
        ),
        piped(
            &["import", "-", "new", "--format", "csv"],
            b"path,field\n",
            2,
            "INVALID",
        ),
        // The command line itself, and where it leads.
        row(&["gett", "there/key"], 2, "USAGE"),
        row(&["get"], 2, "USAGE"),
        row(&["get", "there/key", "--nonsense"], 2, "USAGE"),
        row(
            &["get", "there/key", "--out", "no/such/directory/file"],
            2,
            "IO",
        ),
        row(&["-c", "nowhere", "get", "there/key"], 3, "NOT_FOUND"),
        row(&["init"], 8, "ALREADY_INITIALISED"),
        piped(&["login"], b"", 2, "USAGE"),
    ]);
    rows
}

/// Commands that need an open vault.
fn every_day() -> Vec<Vec<&'static str>> {
    [
        "get there/key",
        "set there/key",
        "ls",
        "tree",
        "find *",
        "log there/key",
        "diff there/key",
        "rollback there/key",
        "label there/key 1 stable",
        "rm there/key",
        "restore there/key",
        "destroy there/key --version 1 -y",
        "cp there/key there/new",
        "mv there/key there/new",
        "import small new --format dotenv",
        "export there --format json",
        "generate",
        "login --print-token",
        "password reset alice",
        "password unlock alice",
        "password policy show",
        "whoami",
        "keyring rotate",
        "keyring status",
        "backup create snapshot",
        "trash ls",
    ]
    .map(|line| line.split(' ').collect())
    .to_vec()
}

fn every_day_refused(reason: &'static str) -> Vec<Row> {
    let rows = every_day().into_iter().map(|args| row(&args, 7, reason));
    rows.collect()
}

/// Shares that open nothing.
fn bad_shares(ours: &Opened, foreign: &Opened) -> Vec<Row> {
    let share = &ours.shares[1];
    let mut flipped = share.clone().into_bytes();
    let last = flipped.len() - 1;
    // Case does not count in a share.
    flipped[last] = if flipped[last].eq_ignore_ascii_case(&b'a') {
        b'b'
    } else {
        b'a'
    };
    let enter = |text: &[u8], reason| piped(&["unseal", "-"], text, 2, reason);
    vec![
        enter(ours.shares[0].as_bytes(), "SHARE_DUPLICATE"),
        enter(foreign.shares[0].as_bytes(), "SHARE_FOREIGN"),
        enter(&share.as_bytes()[..share.len() - 6], "SHARE_MALFORMED"),
        enter(&flipped, "SHARE_MALFORMED"),
        enter(b"not a share at all", "SHARE_MALFORMED"),
        enter(ours.token.as_bytes(), "SHARE_MALFORMED"),
        enter(b"", "USAGE"),
    ]
}

/// What `import` reads, files for fields, and token files that are not fit.
fn lay_out(daemon: &Daemon) {
    let place = &daemon.place;
    std::fs::write(place.path("half"), vec![b'x'; 600_000]).expect("written");
    std::fs::write(place.path("small"), "A=1\n").expect("written");
    std::fs::write(place.path("shared"), "vlt_x").expect("written");
    std::fs::write(place.path("empty"), "").expect("written");
    place.shell("chmod 644 shared; chmod 600 empty").ok();
}

#[test]
fn every_bad_input_has_its_reason_and_its_exit_code_and_changes_nothing() {
    let daemon = Daemon::start(BINARIES);
    lay_out(&daemon);
    try_all(&daemon, &every_day_refused("NOT_INITIALISED"));
    try_all(
        &daemon,
        &[piped(&["unseal", "-"], b"x", 7, "NOT_INITIALISED")],
    );
    let opened = daemon.init();
    daemon.use_token(&opened.token);
    let stranger = Daemon::start(BINARIES).init();

    try_all(&daemon, &every_day_refused("SEALED"));
    try_all(&daemon, &[row(&["init"], 8, "ALREADY_INITIALISED")]);
    daemon
        .ctl_with(&["unseal", "-"], opened.shares[0].as_bytes())
        .ok();
    try_all(&daemon, &bad_shares(&opened, &stranger));
    // None of them counted, and none was held against the good ones.
    daemon
        .ctl_with(&["unseal", "-"], opened.shares[1].as_bytes())
        .ok();
    assert_eq!(
        daemon.ctl(&["-o", "json", "status"]).json()["state"],
        "sealed"
    );
    daemon
        .ctl_with(&["unseal", "-"], opened.shares[2].as_bytes())
        .ok();

    for path in ["there/key", "there/other"] {
        daemon.ctl_with(&["set", path], b"v").ok();
    }
    let everything = || daemon.ctl(&["ls", "-r", "-l", "-o", "json"]).ok().stdout;
    let before = everything();
    try_all(&daemon, &while_open());
    for unfit in ["shared", "empty"] {
        let (address, file) = (daemon.address(), ["--token-file", unfit]);
        let args = [
            &["-o", "json", "--addr", &address],
            &file[..],
            &["get", "there/key"],
        ];
        daemon.place.ctl(&args.concat()).refused(2, "INVALID");
    }
    assert_eq!(everything(), before);
    assert_eq!(
        daemon.ctl(&["trash", "ls", "-o", "json"]).ok().stdout,
        "[]\n"
    );
    assert!(!daemon.place.path("no").exists() && !daemon.place.path("snapshot").exists());
    assert_eq!(daemon.ctl(&["get", "there/key"]).ok().stdout, "v");
}
