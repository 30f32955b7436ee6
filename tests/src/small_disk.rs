//! A disk of its own for a daemon, small enough to be filled: memory, mounted where only the daemon
//! and a shell beside it see it. Root may do that, and so may others where namespaces are allowed.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use crate::daemon::Dress;
use crate::{Binaries, Daemon};

/// How long the shell may take to listen.
const LIMIT: Duration = Duration::from_secs(30);

/// The shell beside the daemon.
#[derive(Debug)]
pub struct SmallDisk {
    dir: PathBuf,
    orders: File,
    answers: BufReader<File>,
    filled: u32,
}

/// Mounts, leaves a shell that takes orders, and becomes the daemon.
const SCRIPT: &str = r#"
    set -e
    mount -t tmpfs -o "size=$1,mode=0700" tmpfs "$2"
    {
        while read -r line; do
            eval "$line" 2>/dev/null || :
            echo done
        done <"$3/disk-in" >"$3/disk-out"
    } &
    shift 3
    exec "$@"
"#;

impl SmallDisk {
    /// A daemon whose data lies on such a disk; `None` where nothing can be mounted.
    pub fn daemon(binaries: Binaries, size: &str, more: &str) -> Option<(Daemon, Self)> {
        let unshare = way()?;
        let daemon = Daemon::start_dressed(binaries, more, |place| {
            let (dir, run) = (place.path("vault"), place.path("run"));
            for name in ["disk-in", "disk-out"] {
                let made = Command::new("mkfifo").arg(run.join(name)).status();
                assert!(made.is_ok_and(|status| status.success()), "mkfifo");
            }
            std::fs::create_dir(&dir).expect("a directory");
            let words = [
                "unshare",
                unshare,
                "sh",
                "-c",
                SCRIPT,
                "sh",
                size,
                text(&dir),
                text(&run),
            ];
            Dress {
                wrapper: words.map(str::to_owned).to_vec(),
                ..Dress::default()
            }
        });
        let run = daemon.place.path("run");
        // In the order in which the shell opens them: each waits for the other side.
        let orders = listened_to(&run.join("disk-in"));
        let answers = File::open(run.join("disk-out")).expect("the shell's answers");
        let disk = Self {
            dir: daemon.place.path("vault"),
            orders,
            answers: BufReader::new(answers),
            filled: 0,
        };
        Some((daemon, disk))
    }

    /// Leaves no room.
    pub fn fill(&mut self) {
        self.filled += 1;
        let file = self.dir.join(format!("filler-{}", self.filled));
        self.order(&format!("dd if=/dev/zero of={} bs=4k", file.display()));
    }

    /// Takes what filled it away.
    pub fn free(&mut self) {
        self.order(&format!("rm -f {}/filler-*", self.dir.display()));
    }

    /// The text of a file on it.
    pub fn read(&mut self, name: &str, daemon: &Daemon) -> String {
        let copy = daemon.place.path("tmp/copy");
        let from = self.dir.join(name);
        self.order(&format!("cp {} {}", from.display(), copy.display()));
        std::fs::read_to_string(copy).expect("the copy")
    }

    fn order(&mut self, line: &str) {
        writeln!(self.orders, "{line}").expect("the shell listens");
        let mut answer = String::new();
        self.answers
            .read_line(&mut answer)
            .expect("the shell answers");
        assert_eq!(answer, "done\n", "{line}");
    }
}

/// Opens a pipe for writing once the shell reads from it, and gives up on a shell that has ended.
fn listened_to(pipe: &Path) -> File {
    let begun = Instant::now();
    loop {
        // Without waiting: an open that waits never learns that nobody is left to come.
        let opened = File::options()
            .write(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(pipe);
        match opened {
            Ok(file) => return file,
            Err(error) => assert!(begun.elapsed() < LIMIT, "no shell takes orders: {error}"),
        }
        std::thread::yield_now();
    }
}

/// The flags with which a file system can be mounted here.
fn way() -> Option<&'static str> {
    ["-m", "-Urm"].into_iter().find(|flags| {
        Command::new("unshare")
            .args([flags, "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}
