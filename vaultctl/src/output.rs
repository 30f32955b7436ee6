//! The only place that writes to stdout and stderr.
//!
//! Data on stdout; notes, warnings and errors on stderr. What is shown depends on whether stdout is a
//! terminal and on `--output`, nothing else.

use std::io::{self, IsTerminal as _, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde_json::Value;

use crate::cli::Globals;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::paths::variable;

/// `--output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table on a terminal, TSV without a header elsewhere.
    #[default]
    Auto,
    /// Aligned columns.
    Table,
    /// One JSON document.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// `NAME=value` lines, for what has fields.
    Env,
    /// Columns with tabs between, no header.
    Tsv,
    /// Exact bytes, for one field.
    Raw,
    /// Nothing: the exit code says it.
    None,
}

/// How lists and records are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Table,
    Tsv,
    Json,
    Ndjson,
    Nothing,
}

/// Where things are written, and how.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    flag: Option<Format>,
    environment: Option<Format>,
    terminal: bool,
    colour: anstream::ColorChoice,
    quiet: bool,
    verbose: bool,
    sink: Sink,
}

/// Where data goes.
#[derive(Clone, Debug)]
enum Sink {
    Stdout,
    /// Nobody is to read anything, on stderr neither.
    Nowhere,
    #[cfg(test)]
    Memory(std::sync::Arc<std::sync::Mutex<Vec<u8>>>),
}

impl Sink {
    fn write(&self, parts: &[&[u8]]) -> io::Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                parts.iter().try_for_each(|part| stdout.write_all(part))?;
                stdout.flush()
            }
            #[cfg(test)]
            Self::Memory(memory) => {
                memory.lock().unwrap().extend(parts.concat());
                Ok(())
            }
        }
    }
}

impl Output {
    pub(crate) fn new(globals: &Globals) -> Self {
        Self {
            flag: globals.output,
            environment: environment().unwrap_or_default(),
            terminal: io::stdout().is_terminal(),
            colour: if globals.no_color {
                anstream::ColorChoice::Never
            } else {
                AutoStream::choice(&io::stderr())
            },
            quiet: globals.quiet,
            verbose: globals.verbose > 0,
            sink: Sink::Stdout,
        }
    }

    /// One that says nothing.
    pub(crate) fn silenced(&self) -> Self {
        Self {
            terminal: false,
            quiet: true,
            verbose: false,
            sink: Sink::Nowhere,
            ..self.clone()
        }
    }

    /// One that keeps what is written.
    #[cfg(test)]
    pub(crate) fn kept(terminal: bool, flag: Option<Format>) -> Self {
        Self {
            flag,
            environment: None,
            terminal,
            colour: anstream::ColorChoice::Never,
            quiet: true,
            verbose: false,
            sink: Sink::Memory(std::sync::Arc::default()),
        }
    }

    /// The same, with `VAULTCTL_OUTPUT`.
    #[cfg(test)]
    pub(crate) fn with_environment(self, format: Format) -> Self {
        Self {
            environment: Some(format),
            ..self
        }
    }

    /// What was written so far.
    #[cfg(test)]
    pub(crate) fn written(&self) -> String {
        match &self.sink {
            Sink::Stdout | Sink::Nowhere => String::new(),
            Sink::Memory(memory) => String::from_utf8_lossy(&memory.lock().unwrap()).into_owned(),
        }
    }

    /// A `VAULTCTL_OUTPUT` that names no format.
    pub(crate) fn misnamed() -> Option<Failure> {
        environment().err()
    }

    /// The format of everything but a single field.
    pub(crate) fn format(&self) -> Format {
        self.flag.or(self.environment).unwrap_or_default()
    }

    /// The format of a single field: the environment has no say in it.
    pub(crate) fn field_format(&self) -> Format {
        self.flag.unwrap_or_default()
    }

    /// Stdout is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Someone reads errors and progress as they come.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    pub(crate) fn is_json(&self) -> bool {
        matches!(self.format(), Format::Json | Format::Ndjson)
    }

    /// How to show a list or a record.
    pub(crate) fn shape(&self) -> Result<Shape, Failure> {
        Ok(match self.format() {
            Format::Auto if self.terminal => Shape::Table,
            Format::Auto | Format::Tsv => Shape::Tsv,
            Format::Table => Shape::Table,
            Format::Json => Shape::Json,
            Format::Ndjson => Shape::Ndjson,
            Format::None => Shape::Nothing,
            Format::Env | Format::Raw => {
                return Err(Failure::usage(
                    "this has no fields: --output env and raw are for `get`",
                ));
            }
        })
    }

    /// Columns of the terminal, if it is one.
    pub(crate) fn width(&self) -> Option<u16> {
        let size = self
            .terminal
            .then(|| rustix::termios::tcgetwinsize(io::stdout()).ok());
        size.flatten()
            .map(|size| size.ws_col)
            .filter(|columns| *columns > 0)
    }

    /// Exactly these bytes.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.sink
            .write(&[bytes])
            .map_err(|error| Failure::output(&error))
    }

    /// A line of text.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        self.sink
            .write(&[text.as_bytes(), b"\n"])
            .map_err(|error| Failure::output(&error))
    }

    /// A JSON document: laid out for a terminal, in one line elsewhere.
    pub(crate) fn json(&self, value: &Value) -> Result<(), Failure> {
        if self.terminal {
            self.line(&format!("{value:#}"))
        } else {
            self.line(&value.to_string())
        }
    }

    /// What a command did: a note for people, JSON on stdout where that was asked for.
    pub(crate) fn done(&self, text: &str, value: impl FnOnce() -> Value) -> Result<(), Failure> {
        if self.is_json() {
            return self.json(&value());
        }
        self.note(text);
        Ok(())
    }

    /// For people; `--quiet` silences it.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.say("", Style::new(), text);
        }
    }

    /// For people who asked for more.
    pub(crate) fn detail(&self, text: &str) {
        if self.verbose {
            self.say("", Style::new().dimmed(), text);
        }
    }

    /// Something that people should know; not silenced.
    pub(crate) fn warn(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        self.say("warning", style, text);
    }

    /// The failure, in the form that was asked for; returns the exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> Exit {
        if failure.is_silent() {
            return failure.exit();
        }
        if self.is_json() {
            self.say("", Style::new(), &failure.to_json().to_string());
        } else {
            let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
            self.say(&failure.label(), style, &failure.tail());
        }
        failure.exit()
    }

    /// Stderr may be closed; then nobody listens.
    fn say(&self, label: &str, style: Style, text: &str) {
        if matches!(self.sink, Sink::Nowhere) {
            return;
        }
        let mut stderr = AutoStream::new(io::stderr().lock(), self.colour);
        let text: String = text
            .chars()
            .filter(|c| !c.is_control() || *c == '\n')
            .collect();
        let said = if label.is_empty() {
            writeln!(stderr, "{style}{text}{style:#}")
        } else {
            writeln!(stderr, "{style}{label}{style:#}: {text}")
        };
        drop(said);
    }
}

/// `VAULTCTL_OUTPUT`.
fn environment() -> Result<Option<Format>, Failure> {
    let Some(text) = variable("VAULTCTL_OUTPUT") else {
        return Ok(None);
    };
    let text = text.to_string_lossy();
    let format = Format::from_str(&text, true);
    format
        .map(Some)
        .map_err(|_| Failure::usage(format!("VAULTCTL_OUTPUT: `{text}` is no format")))
}
