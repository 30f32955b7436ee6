//! A terminal with a program on it: what it shows is read, what people would type is typed.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::{Output, Place};

/// How long anything may take before the test gives up on it.
const LIMIT: Duration = Duration::from_secs(30);

/// Names and values.
type Variables<'a> = &'a [(&'a str, &'a str)];

/// Killed when dropped.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    screen: File,
    heard: Receiver<Vec<u8>>,
    seen: String,
    /// Up to here it was expected.
    read: usize,
    shown: String,
}

impl Terminal {
    /// Runs `vaultctl` with stdin, stdout and stderr on a terminal of its own.
    pub fn run(place: &Place, args: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::run_sized(place, args, (environment, None))
    }

    /// The same, on one of so many columns and rows, where one without has no size.
    pub fn run_sized(
        place: &Place,
        args: &[&str],
        (environment, size): (Variables<'_>, Option<(u16, u16)>),
    ) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC);
        let screen = screen.expect("a terminal");
        grantpt(&screen).expect("its other side");
        unlockpt(&screen).expect("its other side");
        if let Some((ws_col, ws_row)) = size {
            let size = Winsize {
                ws_row,
                ws_col,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            tcsetwinsize(&screen, size).expect("a size");
        }
        let name = ptsname(&screen, Vec::new()).expect("its name");
        let keyboard = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits().cast_signed())
            .open(std::ffi::OsStr::from_bytes(name.as_bytes()))
            .expect("its other side");
        let stdio = || Stdio::from(keyboard.try_clone().expect("a second handle"));
        // It becomes the terminal's own session, so that ^C and a hang-up reach it.
        let mut command = place.command("setsid");
        command
            .arg("--ctty")
            .arg(place.binaries.vaultctl)
            .args(args)
            .env("TERM", "dumb")
            .envs(environment.iter().copied())
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio());
        let child = command.spawn().expect("vaultctl starts");
        let screen = File::from(screen);
        let mut reader = screen.try_clone().expect("a second handle");
        let (sender, heard) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // An error is how a terminal says that nobody has it open any more.
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                if sender.send(chunk[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            screen,
            heard,
            seen: String::new(),
            read: 0,
            shown: format!("$ vaultctl {}", args.join(" ")),
        }
    }

    /// Reads on until this has been shown.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> &mut Self {
        loop {
            let rest = &self.seen[self.read..];
            if let Some(at) = rest.find(text) {
                self.read += at + text.len();
                return self;
            }
            match self.heard.recv_timeout(LIMIT) {
                Ok(chunk) => self.seen.push_str(&String::from_utf8_lossy(&chunk)),
                Err(_) => panic!("`{text}` was not shown: {}\n{}", self.shown, self.seen),
            }
        }
    }

    /// Reads on to the end of the line.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let begun = self.read;
        self.expect("\n");
        self.seen[begun..self.read].trim().to_owned()
    }

    /// Types a line.
    pub fn type_line(&mut self, text: &str) -> &mut Self {
        writeln!(self.screen, "{text}").expect("typed");
        self
    }

    /// Types a line once nothing that is typed shows any more.
    #[track_caller]
    pub fn type_hidden(&mut self, text: &str) -> &mut Self {
        self.wait_hidden();
        self.type_line(text)
    }

    /// Waits until nothing that is typed shows any more.
    #[track_caller]
    pub fn wait_hidden(&mut self) {
        assert!(
            self.comes_to_echo(false),
            "what is typed shows: {}",
            self.seen
        );
    }

    /// Whether what is typed comes to show.
    pub fn shows_again(&mut self) -> bool {
        self.comes_to_echo(true)
    }

    fn comes_to_echo(&self, wanted: bool) -> bool {
        let echoes = |modes: LocalModes| modes.contains(LocalModes::ECHO);
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            let now = tcgetattr(&self.screen).expect("the terminal's state");
            if echoes(now.local_modes) == wanted {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// Types ^C.
    pub fn interrupt(&mut self) -> &mut Self {
        self.screen.write_all(b"\x03").expect("typed");
        self
    }

    /// Sends the program a signal.
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("sent");
        self
    }

    /// All that it showed, and how it ended: with 128 and the number for a signal.
    pub fn end(mut self) -> Output {
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            match self.heard.recv_timeout(LIMIT) {
                Ok(chunk) => self.seen.push_str(&String::from_utf8_lossy(&chunk)),
                Err(_) => break,
            }
        }
        let status = self.child.wait().expect("its end");
        let signal = status.signal().map_or(-1, |signal| 128 + signal);
        Output {
            code: status.code().unwrap_or(signal),
            stdout: self.seen.replace('\r', ""),
            stderr: String::new(),
            shown: self.shown.clone(),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
