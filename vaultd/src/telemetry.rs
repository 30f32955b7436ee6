//! Log lines on stderr, as text or JSON.
//!
//! INVARIANT: lines carry ids, counts and file names; never the name of a secret, a value, a token or
//! the payload of a panic.

use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{Log, LogFormat};

/// The filter that a level or a list of directives stands for.
///
/// # Errors
/// If the text is no filter.
pub fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(level)
}

/// Sends log lines to stderr from here on. In a process that already has a log it changes nothing.
pub fn start(log: &Log) {
    let filter = filter(&log.level).unwrap_or_default();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    // A test harness that runs several daemons in one process keeps the log of the first.
    drop(started);
}

/// Makes a panic say where it happened and never what it said: a message may quote a request.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        let (file, line) = place(info);
        tracing::error!(file, line, "a bug was met; the message is withheld");
    }));
}

fn place<'a>(info: &'a PanicHookInfo<'_>) -> (&'a str, u32) {
    info.location()
        .map_or(("unknown", 0), |at| (at.file(), at.line()))
}
