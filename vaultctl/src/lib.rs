//! The command line of the vault.
//!
//! Map: `cli` is the grammar of arguments, `cmd` one file per command, `ctl` what every command gets
//! (settings, output, prompts); `contexts`, `paths` and `files` are what is kept on disk; `connect`
//! turns settings into a client; `output` and `table` are the only way to stdout; `prompt` the only
//! way to ask; `failure`, `hints` and `exit` are how a command ends badly.
//!
//! Data goes to stdout, everything else to stderr.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser as _};

mod assign;
mod cli;
mod client_files;
mod cmd;
mod confirm;
mod connect;
mod contexts;
mod ctl;
mod decode;
mod exit;
mod failure;
mod files;
mod formats;
mod hints;
mod output;
mod paths;
mod progress;
mod prompt;
mod random;
mod suggest;
mod table;
mod time;
mod view;

use crate::cli::{Cli, Globals};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return misused(&usage).into(),
    };
    let (globals, command) = (cli.globals, cli.command);
    let output = Output::new(&globals);
    if let Some(misnamed) = Output::misnamed() {
        return output.fail(&misnamed).into();
    }
    let ctl = Ctl::new(globals, output.clone());
    let ended = runtime().and_then(|runtime| runtime.block_on(command.run(&ctl)));
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => output.fail(&failure).into(),
    }
}

/// The end of a command line that is not one, or of `--help`. JSON where that was asked for.
fn misused(usage: &clap::Error) -> Exit {
    let lenient = Cli::command().ignore_errors(true).try_get_matches();
    let globals = lenient.map(|matches| Globals::from_arg_matches(&matches));
    match globals {
        Ok(Ok(globals)) if usage.use_stderr() && Output::new(&globals).is_json() => {
            let text = usage.render().to_string();
            let (first, _) = text.split_once("\n\n").unwrap_or((&text, ""));
            let what = first.strip_prefix("error: ").unwrap_or(first);
            Output::new(&globals).fail(&Failure::usage(what))
        }
        _ if usage.print().is_err() => Exit::Internal,
        _ if usage.use_stderr() => Exit::Usage,
        _ => Exit::Ok,
    }
}

/// One thread: a command waits for one thing at a time, and starts faster.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    built.map_err(|error| Failure::internal(format!("starting the runtime: {error}")))
}
