//! A directory of a test's own, with private homes for everything that looks for one.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::{Binaries, Output};

/// Removed with all that is in it when the test ends well; kept and named when it does not.
#[derive(Debug)]
pub struct Place {
    dir: Option<TempDir>,
    root: PathBuf,
    pub binaries: Binaries,
}

impl Place {
    /// A new one.
    pub fn new(binaries: Binaries) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("vault-test-")
            .tempdir()
            .expect("a directory");
        let root = dir.path().to_owned();
        for name in ["home", "config", "state", "data", "run", "tmp", "bin"] {
            let mut builder = fs::DirBuilder::new();
            builder
                .mode(0o700)
                .create(root.join(name))
                .expect("a directory");
        }
        for (name, binary) in [("vaultd", binaries.vaultd), ("vaultctl", binaries.vaultctl)] {
            symlink(binary, root.join("bin").join(name)).expect("a link");
        }
        Self {
            dir: Some(dir),
            root,
            binaries,
        }
    }

    /// Something in it.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.join(name)
    }

    /// A command that finds nothing of the machine's user.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = format!(
            "{}:/usr/local/bin:/usr/bin:/bin",
            self.path("bin").display()
        );
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_DATA_HOME", self.path("data"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("TMPDIR", self.path("tmp"))
            .env("LC_ALL", "C.UTF-8")
            .current_dir(&self.root);
        command
    }

    /// Runs `vaultctl`.
    #[track_caller]
    pub fn ctl(&self, args: &[&str]) -> Output {
        self.ctl_with(args, b"")
    }

    /// Runs `vaultctl` with this on its stdin.
    #[track_caller]
    pub fn ctl_with(&self, args: &[&str], stdin: &[u8]) -> Output {
        let mut command = self.command(self.binaries.vaultctl);
        command.args(args);
        finish(&mut command, &format!("vaultctl {}", args.join(" ")), stdin)
    }

    /// Runs `vaultd` to its end.
    #[track_caller]
    pub fn vaultd(&self, args: &[&str]) -> Output {
        let mut command = self.command(self.binaries.vaultd);
        command.args(args);
        finish(&mut command, &format!("vaultd {}", args.join(" ")), b"")
    }

    /// Runs `vaultd`, which is to end by itself: 124 says that it did not.
    #[track_caller]
    pub fn ends(&self, args: &[&str]) -> Output {
        let mut command = self.command("timeout");
        command.arg("30").arg(self.binaries.vaultd).args(args);
        finish(&mut command, &format!("vaultd {}", args.join(" ")), b"")
    }

    /// Runs a line of shell.
    #[track_caller]
    pub fn shell(&self, line: &str) -> Output {
        let mut command = self.command("/bin/sh");
        command.args(["-c", line]);
        finish(&mut command, line, b"")
    }

    /// Files below `folder` that hold any of `needles`, with the needle.
    pub fn search(&self, folder: &str, needles: &[Vec<u8>]) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        search(&self.path(folder), needles, &mut found);
        found
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(dir) = self.dir.take()
        {
            eprintln!("left for a look: {}", dir.keep().display());
        }
    }
}

fn finish(command: &mut Command, shown: &str, stdin: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{shown}: {error}"));
    let mut pipe = child.stdin.take().expect("a pipe");
    let input = stdin.to_owned();
    // Beside the reader, or a full pipe would stop both.
    let writer = std::thread::spawn(move || {
        // The command may end without reading: its exit code says what it thought of that.
        let _unread = pipe.write_all(&input);
    });
    let output = child.wait_with_output().expect("the end of a command");
    writer.join().expect("the writer");
    Output::new(format!("$ {shown}"), &output)
}

fn search(folder: &Path, needles: &[Vec<u8>], found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let kind = path.symlink_metadata().expect("metadata").file_type();
        if kind.is_dir() {
            search(&path, needles, found);
        } else if kind.is_file() {
            let bytes = fs::read(&path).expect("a file");
            for needle in needles {
                if bytes.windows(needle.len()).any(|window| window == needle) {
                    found.push((path.clone(), String::from_utf8_lossy(needle).into_owned()));
                }
            }
        }
    }
}
