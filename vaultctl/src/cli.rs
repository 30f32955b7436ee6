//! The arguments that every command takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser};
use vault_sdk::{Endpoint, Fingerprint};

use crate::cmd::Command;
use crate::output::Format;
use crate::time::parse_span;

/// Secrets, from the command line.
///
/// A secret is a path with named fields: dir/name[#field][@version|@label]. The labels `current`,
/// `previous` and `pending` are always there. In a reference, `%`, `#`, `@` and `:` of a name are
/// percent-encoded.
#[derive(Debug, Parser)]
#[command(name = "vaultctl", version)]
#[command(arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct Globals {
    /// The context to use
    #[arg(
        short,
        long,
        global = true,
        value_name = "NAME",
        env = "VAULTCTL_CONTEXT",
        hide_env_values = true
    )]
    #[arg(value_parser = crate::contexts::parse_name)]
    pub(crate) context: Option<String>,

    /// Addresses to use instead: https://host:8200 or unix:/path, with commas between
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "VAULTCTL_ADDR",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) addr: Vec<Endpoint>,

    /// File that holds the token
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "VAULTCTL_TOKEN_FILE",
        hide_env_values = true
    )]
    #[arg(hide_short_help = true)]
    pub(crate) token_file: Option<PathBuf>,

    /// File that holds the vault's CA certificate
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "VAULTCTL_CA_CERT",
        hide_env_values = true
    )]
    #[arg(hide_short_help = true)]
    pub(crate) ca_cert: Option<PathBuf>,

    /// SHA-256 of the vault's CA certificate
    #[arg(
        long,
        global = true,
        value_name = "F",
        env = "VAULTCTL_CA_FINGERPRINT",
        hide_env_values = true
    )]
    #[arg(hide_short_help = true)]
    pub(crate) ca_fingerprint: Option<Fingerprint>,

    /// Name to expect in the server's certificate
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "VAULTCTL_TLS_SERVER_NAME",
        hide_env_values = true
    )]
    #[arg(hide_short_help = true)]
    pub(crate) tls_server_name: Option<String>,

    /// File that holds a client certificate, in PEM, for the vault to know the key by
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "VAULTCTL_CLIENT_CERT",
        hide_env_values = true
    )]
    #[arg(hide_short_help = true)]
    pub(crate) client_cert: Option<PathBuf>,

    /// File that holds its key, which nobody else can read; without it, that of the certificate
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "VAULTCTL_CLIENT_KEY",
        hide_env_values = true
    )]
    #[arg(hide_short_help = true)]
    pub(crate) client_key: Option<PathBuf>,

    /// How to show results [env: VAULTCTL_OUTPUT]
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    #[arg(
        help = "How to show results: auto, table, json, ndjson, tsv, env, raw, none \
                  [env: VAULTCTL_OUTPUT]"
    )]
    pub(crate) output: Option<Format>,

    /// No colours
    #[arg(long, global = true)]
    #[arg(hide_short_help = true)]
    pub(crate) no_color: bool,

    /// No notes on stderr
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Say more on stderr
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Never ask; what is missing is an error
    #[arg(long, global = true)]
    #[arg(hide_short_help = true)]
    pub(crate) no_input: bool,

    /// Answer yes to confirmations
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,

    /// Longest wait for an answer, retries included [default: 10s]
    #[arg(long, global = true, value_name = "SPAN", value_parser = parse_span)]
    #[arg(env = "VAULTCTL_TIMEOUT", hide_env_values = true)]
    #[arg(hide_short_help = true)]
    pub(crate) timeout: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }
}
