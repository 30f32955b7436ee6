//! Log lines on stderr, as text or JSON.
//!
//! INVARIANT: lines carry ids, counts and file names; never the name of a secret, a value, a token or
//! the payload of a panic.

use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Log, LogFormat};

/// The filter that a level or a list of directives stands for, if it is one.
pub fn filter(level: &str) -> Option<EnvFilter> {
    // A bare word that is no level would be a target, and silence everything else.
    let mut bare = level.split(',').filter(|part| !part.contains(['=', '[']));
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    if !bare.all(|word| is_level(word.trim())) {
        return None;
    }
    // It tells of every try to reach a peer; ours tell what an operator needs. A directive for it wins.
    EnvFilter::builder()
        .parse(format!("openraft=error,{level}"))
        .ok()
}

/// Sends log lines to stderr from here on. In a process that already has a log it changes nothing.
pub fn start(log: &Log) {
    let filter = filter(&log.level).unwrap_or_default();
    let lines = tracing_subscriber::fmt()
        .with_ansi(std::io::stderr().is_terminal())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raft_is_quiet_unless_it_is_asked_for() {
        assert!(
            filter("info")
                .expect("level")
                .to_string()
                .contains("openraft=error")
        );
        let asked = filter("info,openraft=debug").expect("filter").to_string();
        assert!(
            asked.contains("openraft=debug") && !asked.contains("openraft=error"),
            "{asked}"
        );
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for bad in ["loud=very", "info,=", "a=b=c", "warnn", "info,vaultd", ""] {
            assert!(filter(bad).is_none(), "{bad}");
        }
    }
}
