//! One file per command.

use clap::Subcommand;

use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

mod context;
mod get;
mod init;
mod login;
mod logout;
mod ls;
mod paths;
mod seal;
mod set;
mod status;
mod unseal;
mod version;
mod whoami;

/// How a command ends.
pub(crate) type Outcome = Result<Exit, Failure>;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read secrets
    Get(get::Args),
    /// Write a new version of a secret
    Set(set::Args),
    /// List a folder
    Ls(ls::Args),
    /// Exchange a token for a session and keep it in the context
    Login(login::Args),
    /// End the session of the context
    Logout(logout::Args),
    /// Show who you are to the vault
    Whoami,
    /// The vaults you work with
    #[command(subcommand)]
    Context(context::Command),
    /// Show the state of the vault
    Status,
    /// Create a new vault: its keys and the first administrator's token
    Init(init::Args),
    /// Enter a key share or the passphrase
    Unseal(unseal::Args),
    /// Close the vault: wipe its keys from memory
    Seal,
    /// Show versions
    Version(version::Args),
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Get(args) => args.run(ctl).await,
            Self::Set(args) => args.run(ctl).await,
            Self::Ls(args) => args.run(ctl).await,
            Self::Login(args) => args.run(ctl).await,
            Self::Logout(args) => args.run(ctl).await,
            Self::Whoami => whoami::run(ctl).await,
            Self::Context(command) => command.run(ctl).await,
            Self::Status => status::run(ctl).await,
            Self::Init(args) => args.run(ctl).await,
            Self::Unseal(args) => args.run(ctl).await,
            Self::Seal => seal::run(ctl).await,
            Self::Version(args) => args.run(ctl).await,
        }
    }
}
