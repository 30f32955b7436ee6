//! A line that does not show while it is typed.
//!
//! INVARIANT: however the question ends, with an answer, ^C, an error, TERM or HUP, the terminal shows
//! again what is typed. So ^C arrives here as a key, and a thread waits for the other two; each ends the
//! process only after that.

use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

/// Asks on stderr, and reads a line of the terminal that stdin is.
pub(super) fn ask(question: &str) -> io::Result<Zeroizing<String>> {
    let quiet = Quiet::begin()?;
    say(&format!("{question}: "))?;
    let answer = read_line();
    drop(quiet);
    say("\n")?;
    match answer {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            kill_process(getpid(), Signal::INT)?;
            // Whoever started it in the background had the signal ignored.
            end_by(Signal::INT);
            Err(error)
        }
        answer => answer,
    }
}

/// What the thread that waits for signals has to know.
struct Watched {
    /// It runs, and does so for good: a signal that was caught once never ends the process by itself again.
    running: bool,
    /// What the terminal was like, while it is quiet.
    before: Option<Termios>,
}

static WATCHED: Mutex<Watched> = Mutex::new(Watched {
    running: false,
    before: None,
});

fn watched() -> MutexGuard<'static, Watched> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While it lives, keys neither show nor send signals, and come one by one.
struct Quiet;

impl Quiet {
    fn begin() -> io::Result<Self> {
        let mut watched = watched();
        if !watched.running {
            watch()?;
            watched.running = true;
        }
        let before = tcgetattr(io::stdin())?;
        let mut now = before.clone();
        now.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        now.special_codes[SpecialCodeIndex::VMIN] = 1;
        now.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before the question is not an answer to it, and has shown.
        tcsetattr(io::stdin(), OptionalActions::Flush, &now)?;
        watched.before = Some(before);
        Ok(Self)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        give_back(&mut watched());
    }
}

fn give_back(watched: &mut Watched) {
    if let Some(before) = watched.before.take() {
        // A terminal that is gone needs nothing put right.
        let _gone = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// From now on TERM and HUP give the terminal back before they end the process.
fn watch() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let entered = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    drop(entered);
    let wait = move || {
        let number = runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => Signal::TERM,
                _ = hang_up.recv() => Signal::HUP,
            }
        });
        end_by(number);
    };
    std::thread::Builder::new().spawn(wait).map(drop)
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "nobody returns to main from a read of the terminal, and the signal would have ended it as abruptly"
)]
fn end_by(number: Signal) {
    // Held to the end: nothing is asked any more.
    let mut watched = watched();
    give_back(&mut watched);
    std::process::exit(128 + number.as_raw());
}

fn say(text: &str) -> io::Result<()> {
    let mut stderr = io::stderr().lock();
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
}

fn read_line() -> io::Result<Zeroizing<String>> {
    // Made large enough at once: a vector that grows leaves copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    // Past the buffer of stdin, which is never wiped.
    let mut byte = Zeroizing::new([0]);
    loop {
        match rustix::io::read(io::stdin(), &mut *byte) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        let [typed] = *byte;
        match key(typed, &mut line) {
            Key::More => {}
            Key::Done => break,
            Key::Interrupt => return Err(io::ErrorKind::Interrupted.into()),
            Key::End => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
    match std::str::from_utf8(&line) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it is not text")),
    }
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    More,
    Done,
    Interrupt,
    End,
}

fn key(byte: u8, line: &mut Vec<u8>) -> Key {
    match byte {
        b'\n' | b'\r' => return Key::Done,
        CTRL_C | CTRL_BACKSLASH => return Key::Interrupt,
        CTRL_D if line.is_empty() => return Key::End,
        DELETE | BACKSPACE => while line.pop().is_some_and(|last| last & 0xc0 == 0x80) {},
        CTRL_U => line.clear(),
        CTRL_W => {
            let word = line.trim_ascii_end();
            let start = word.iter().rposition(u8::is_ascii_whitespace);
            line.truncate(start.map_or(0, |space| space + 1));
        }
        CTRL_D | CTRL_Z => {}
        byte if line.len() < LONGEST => line.push(byte),
        _ => {}
    }
    Key::More
}

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CTRL_U: u8 = 0x15;
const CTRL_W: u8 = 0x17;
const CTRL_Z: u8 = 0x1a;
const CTRL_BACKSLASH: u8 = 0x1c;
const DELETE: u8 = 0x7f;

/// Bytes of an answer.
const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::{Key, key};

    fn typed(keys: &[u8]) -> (Vec<u8>, Key) {
        let mut line = Vec::with_capacity(64);
        for &byte in keys {
            let key = key(byte, &mut line);
            if key != Key::More {
                return (line, key);
            }
        }
        (line, Key::More)
    }

    #[test]
    fn keys_edit_the_line_as_a_terminal_would() {
        for (keys, line) in [
            ("abc\n", "abc"),
            ("abd\u{7f}c\r", "abc"),
            ("ü\u{8}ö\n", "ö"),
            ("\u{7f}a\n", "a"),
            ("all wrong\u{15}right\n", "right"),
            ("correct mule\u{17}horse\n", "correct horse"),
            ("correct mule  \u{17}\u{17}horse\n", "horse"),
            (" \u{17}\u{17}ü\u{17}a\n", "a"),
            ("a\u{1a}\u{4}b\n", "ab"),
        ] {
            assert_eq!(typed(keys.as_bytes()), (line.into(), Key::Done), "{keys:?}");
        }
    }

    #[test]
    fn an_interrupt_or_an_end_is_no_answer() {
        assert_eq!(typed(b"half\x03").1, Key::Interrupt);
        assert_eq!(typed(b"half\x1c").1, Key::Interrupt);
        assert_eq!(typed(b"\x04").1, Key::End);
        assert_eq!(typed(b"half").1, Key::More);
    }
}
