//! The command line of the daemon.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The vault's daemon: a self-hosted store of secrets, reached over TLS 1.3.
#[derive(Debug, Parser)]
#[command(
    name = "vaultd",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve, by one configuration file, `VAULTD_` variables and flags; the later wins.
    Server(Settings),
    /// Read the configuration, print the values that hold and where each came from, and end.
    CheckConfig(Settings),
    /// Read a bootstrap file, say everything that is wrong in it or what it would make of a new vault, and end.
    CheckBootstrap {
        /// The file, as `bootstrap.file` names it.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Go on with this node alone, where a majority of the nodes with a vote is lost for good; the daemon must be stopped.
    ///
    /// Without --yes it tells what would become of the vault, and changes nothing.
    Recover {
        #[command(flatten)]
        settings: Settings,
        /// Mean it.
        #[arg(long)]
        yes: bool,
    },
    /// Serve a vault for trying things out: loopback only, set up and open at once. Never for real secrets.
    Dev(Dev),
    /// What the daemon starts for connections to others; not for people.
    #[command(hide = true)]
    Outbound,
    /// Print the version.
    Version,
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// The file; `VAULTD_CONFIG` names it too.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where records, log, certificates and audit lie (node.data_dir).
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where clients connect (listen.address).
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// What is logged (log.level).
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// `text` or `json` (log.format).
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Run as root all the same (process.allow_root).
    #[arg(long)]
    allow_root: bool,
    /// Any key of the configuration; may be given again.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// Keep the data here; without it they lie in a temporary directory and go with the daemon.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

impl Settings {
    /// The keys that the flags set, with their values.
    pub(crate) fn given(&self) -> Vec<(&str, &str)> {
        let named = [
            ("node.data_dir", &self.data_dir),
            ("listen.address", &self.listen),
            ("log.level", &self.log_level),
            ("log.format", &self.log_format),
        ];
        let named = named
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.as_deref()?)));
        let root = self.allow_root.then_some(("process.allow_root", "true"));
        let free = self
            .set
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        named.chain(root).chain(free).collect()
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE, such as limits.drain=5s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(args: &[&str]) -> Result<Vec<(String, String)>, clap::Error> {
        let all = ["vaultd", "server"].iter().chain(args);
        let Cli {
            command: Command::Server(settings),
        } = Cli::try_parse_from(all)?
        else {
            panic!("not server")
        };
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Ok(settings.given().into_iter().map(owned).collect())
    }

    #[test]
    fn the_definition_holds_together() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn flags_become_keys_of_the_configuration() {
        let args = [
            "--listen",
            "[::1]:1",
            "--allow-root",
            "--set",
            "limits.drain=5s",
            "--set",
            "tls.names=a=b",
        ];
        let wanted = [
            ("listen.address", "[::1]:1"),
            ("process.allow_root", "true"),
            ("limits.drain", "5s"),
            ("tls.names", "a=b"),
        ];
        let wanted = wanted.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(given(&args).expect("flags"), wanted);
    }

    #[test]
    fn what_is_no_flag_is_refused() {
        for args in [
            &["--set", "x"][..],
            &["--set", "=x"],
            &["--token", "x"],
            &["extra"],
        ] {
            assert!(given(args).is_err(), "{args:?}");
        }
    }
}
