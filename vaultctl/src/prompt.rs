//! Asking people, and reading what they pipe in.
//!
//! Questions are asked only when stdin and stderr are terminals and `--no-input` was not given;
//! otherwise what is missing is an error that names the flag to use. Nothing is asked on stdout.

mod hidden;

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use vault_sdk::Text;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Whether, and how, to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prompt {
    allowed: bool,
    stdin_terminal: bool,
}

impl Prompt {
    pub(crate) fn new(no_input: bool) -> Self {
        let stdin_terminal = io::stdin().is_terminal();
        let allowed = !no_input && stdin_terminal && io::stderr().is_terminal();
        Self {
            allowed,
            stdin_terminal,
        }
    }

    /// Someone is there to answer.
    pub(crate) fn is_allowed(self) -> bool {
        self.allowed
    }

    /// Something is piped in.
    pub(crate) fn is_piped(self) -> bool {
        !self.stdin_terminal
    }

    /// A line that is not shown; `instead` says what to do where nobody can be asked.
    pub(crate) fn hidden(self, question: &str, instead: &str) -> Result<Text, Failure> {
        if !self.allowed {
            return Err(Failure::usage(format!("{question} is missing")).hint(instead));
        }
        match hidden::ask(question) {
            Ok(answer) => Ok(Text::new(answer.as_str())),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(Failure::usage(format!("{question} is missing")).hint(instead))
            }
            Err(error) => Err(Failure::io("reading the answer", &error)),
        }
    }

    /// The same, asked twice.
    pub(crate) fn hidden_twice(self, question: &str, instead: &str) -> Result<Text, Failure> {
        let first = self.hidden(question, instead)?;
        let second = self.hidden("Once more", instead)?;
        if first.expose() == second.expose() {
            Ok(first)
        } else {
            Err(Failure::invalid(
                "the two answers differ; nothing was changed",
            ))
        }
    }

    /// A line that is shown.
    pub(crate) fn visible(self, question: &str, instead: &str) -> Result<String, Failure> {
        if !self.allowed {
            return Err(Failure::usage(format!("{question} is missing")).hint(instead));
        }
        let failed = |error: io::Error| Failure::io("reading the answer", &error);
        // Let go of before the answer: a signal may want to say something meanwhile.
        io::stderr()
            .write_all(format!("{question}: ").as_bytes())
            .map_err(failed)?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(failed)?;
        Ok(line.trim().to_owned())
    }
}

/// Answers that are typed, hidden, or piped in, each on a line of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answers(Prompt);

impl Answers {
    pub(crate) fn new(prompt: Prompt) -> Self {
        Self(prompt)
    }

    /// The next one.
    pub(crate) fn one(self, question: &str) -> Result<Text, Failure> {
        if self.0.is_piped() {
            return next_line(question);
        }
        self.0.hidden(question, INSTEAD)
    }

    /// The next one, typed twice.
    pub(crate) fn new_one(self, question: &str) -> Result<Text, Failure> {
        if self.0.is_piped() {
            return next_line(question);
        }
        self.0.hidden_twice(question, INSTEAD)
    }

    /// Whether someone may answer another time.
    pub(crate) fn may_ask_again(self) -> bool {
        self.0.is_allowed()
    }
}

const INSTEAD: &str = "pipe it in, each answer on a line of its own";

/// The next line as it is: spaces count.
fn next_line(question: &str) -> Result<Text, Failure> {
    let mut line = Zeroizing::new(String::with_capacity(8 << 10));
    let read = io::stdin().lock().take(LONGEST_LINE).read_line(&mut line);
    match read {
        Ok(0) => Err(Failure::usage(format!("{question} is missing")).hint(INSTEAD)),
        Ok(_) => {
            let line = line.strip_suffix('\n').unwrap_or(&line);
            Ok(Text::new(line.strip_suffix('\r').unwrap_or(line)))
        }
        Err(error) => Err(Failure::io("reading stdin", &error)),
    }
}

/// All of stdin, up to a limit.
pub(crate) fn read_stdin(limit: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bytes = read_up_to(limit.saturating_add(1))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(Failure::invalid(format!(
            "stdin holds more than {limit} bytes"
        )));
    }
    Ok(bytes)
}

/// The beginning of stdin.
pub(crate) fn read_up_to(length: u64) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = io::stdin().lock().take(length).read_to_end(&mut bytes);
    read.map_err(|error| Failure::io("reading stdin", &error))?;
    Ok(bytes)
}

/// One line of stdin, without its end.
pub(crate) fn read_line() -> Result<Text, Failure> {
    let mut line = Zeroizing::new(String::new());
    let read = io::stdin().lock().take(LONGEST_LINE).read_line(&mut line);
    match read {
        Ok(0) => Err(Failure::usage("stdin is empty")),
        Ok(_) => Ok(Text::new(line.trim())),
        Err(error) => Err(Failure::io("reading stdin", &error)),
    }
}

const LONGEST_LINE: u64 = 64 * 1024;
