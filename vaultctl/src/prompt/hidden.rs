//! A line that does not show while it is typed.
//!
//! INVARIANT: however the question ends, with an answer, ^C or an error, the terminal shows again what
//! is typed. So ^C arrives here as a key, and ends the process only after that.

use std::io::{self, Write as _};

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
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
            Err(error)
        }
        answer => answer,
    }
}

/// While it lives, keys neither show nor send signals, and come one by one.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut now = before.clone();
        now.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        now.special_codes[SpecialCodeIndex::VMIN] = 1;
        now.special_codes[SpecialCodeIndex::VTIME] = 0;
        // What was typed before the question is not an answer to it, and has shown.
        tcsetattr(io::stdin(), OptionalActions::Flush, &now)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing put right.
        let _gone = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
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
        CTRL_U | CTRL_W => line.clear(),
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
            ("wrong\u{15}right\n", "right"),
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
