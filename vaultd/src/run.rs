//! From the command line to an exit code. Builds first, runs then; a bad configuration ends with 64.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::app::Bootstrap;
use crate::cli::{Cli, Command, Settings};
use crate::clock::Clock;
use crate::config::keys::{FILE_VARIABLE, find};
use crate::config::{Config, ConfigError, Environment, Layers};
use crate::console::{complain, complain_of, say};
use crate::{daemon, dev, outbound, telemetry};

/// Does what the command line says.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are printed this way too. A closed pipe is nobody's trouble.
            drop(error.print());
            return if error.use_stderr() {
                USAGE.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let environment = Environment::of_process();
    match cli.command {
        Command::CheckConfig(settings) => match configure(&settings, &environment) {
            Ok(config) => {
                print(&config);
                ExitCode::SUCCESS
            }
            Err(error) => refuse(&error),
        },
        Command::CheckBootstrap { file } => check_bootstrap(&file),
        Command::Server(settings) => match configure(&settings, &environment) {
            Ok(config) => daemon::serve(config, &environment),
            Err(error) => refuse(&error),
        },
        Command::Recover { settings, yes } => match configure(&settings, &environment) {
            Ok(config) => daemon::recover(&config, yes),
            Err(error) => refuse(&error),
        },
        Command::Dev(options) => dev::dev(options.data, &environment),
        Command::Outbound => {
            telemetry::quiet_panics();
            match outbound::run() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error @ outbound::HelperError::NotOurs) => {
                    complain(&error);
                    USAGE.into()
                }
                Err(error) => {
                    complain(&error);
                    ExitCode::FAILURE
                }
            }
        }
        Command::Version => {
            say(format_args!("vaultd {}", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
    }
}

/// What a bootstrap file would make; or all that is wrong in it, on stderr.
fn check_bootstrap(file: &Path) -> ExitCode {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    match Bootstrap::read(&file, Clock::default().wall_ms()) {
        Ok(read) => {
            for line in read.summary() {
                say(line);
            }
            ExitCode::SUCCESS
        }
        Err(faults) => {
            for line in faults.to_string().lines() {
                complain_of(line);
            }
            USAGE.into()
        }
    }
}

fn refuse(error: &ConfigError) -> ExitCode {
    complain(error);
    USAGE.into()
}

/// File, then environment, then flags.
fn configure(settings: &Settings, environment: &Environment) -> Result<Config, ConfigError> {
    let mut layers = Layers::default();
    let named = environment.get(FILE_VARIABLE).map(std::path::PathBuf::from);
    if let Some(path) = settings.config.clone().or(named) {
        layers.file(&path)?;
    }
    layers.environment(environment)?;
    for (key, value) in settings.given() {
        layers.flag(key, value)?;
    }
    Config::build(&layers)
}

/// The values that hold, as a file that would say the same.
fn print(config: &Config) {
    let mut section = "";
    for line in config.effective() {
        let (of, name) = line.key.split_once('.').unwrap_or(("", line.key));
        if of != section {
            say(format_args!(
                "{}[{of}]",
                if section.is_empty() { "" } else { "\n" }
            ));
            section = of;
        }
        match &line.value {
            Some(value) => say(format_args!("{name} = {value}  # {}", line.origin)),
            None => say(format_args!(
                "# {name}: {}",
                find(line.key).map_or("", |key| key.about)
            )),
        }
    }
}

/// EX_USAGE of sysexits: the command line or the configuration is wrong.
pub(crate) const USAGE: u8 = 64;
