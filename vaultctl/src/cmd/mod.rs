//! One file per command.

use clap::Subcommand;

use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

mod backup;
mod completion;
mod context;
mod cp;
mod destroy;
mod diff;
mod doctor;
mod edit;
mod export;
mod find;
mod generate;
mod get;
mod import;
mod init;
mod keyring;
mod label;
mod log;
mod login;
mod logout;
mod ls;
mod man;
mod mv;
mod paths;
mod rekey;
mod restore;
mod rm;
mod rollback;
mod seal;
mod set;
mod status;
mod trash;
mod tree;
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
    /// Edit a secret in your editor
    Edit(edit::Args),
    /// List a folder
    Ls(ls::Args),
    /// Show a folder and all below it as a tree
    Tree(tree::Args),
    /// Find secrets by pattern and tag
    Find(find::Args),
    /// Show the versions of a secret
    Log(log::Args),
    /// Compare two versions, or two secrets
    Diff(diff::Args),
    /// Make an earlier version the current one
    Rollback(rollback::Args),
    /// Put a label on a version, or take one away
    Label(label::Args),
    /// Delete secrets; they can be restored for a while
    Rm(rm::Args),
    /// Bring a deleted secret back
    Restore(restore::Args),
    /// End a version, or a deleted secret, beyond recovery
    Destroy(destroy::Args),
    /// Deleted secrets
    #[command(subcommand)]
    Trash(trash::Command),
    /// Copy a secret with its history
    Cp(cp::Args),
    /// Move a secret, or a folder
    Mv(mv::Args),
    /// Write the secrets of a file
    Import(import::Args),
    /// Write the secrets of a folder to a file or to stdout
    Export(export::Args),
    /// Make a random value
    Generate(generate::Args),
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
    /// Check the way to the vault, and its state
    Doctor(doctor::Args),
    /// Create a new vault: its keys and the first administrator's token
    Init(init::Args),
    /// Enter a key share or the passphrase
    Unseal(unseal::Args),
    /// Close the vault: wipe its keys from memory
    Seal,
    /// Replace the root key and what opens the vault
    Rekey(rekey::Args),
    /// The keys inside the keyring
    #[command(subcommand)]
    Keyring(keyring::Command),
    /// Sealed snapshots
    #[command(subcommand)]
    Backup(backup::Command),
    /// Print a script that completes commands in a shell
    Completion(completion::Args),
    /// Print the manual page
    Man(man::Args),
    /// Show versions
    Version(version::Args),
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Get(args) => args.run(ctl).await,
            Self::Set(args) => args.run(ctl).await,
            Self::Edit(args) => args.run(ctl).await,
            Self::Ls(args) => args.run(ctl).await,
            Self::Tree(args) => args.run(ctl).await,
            Self::Find(args) => args.run(ctl).await,
            Self::Log(args) => args.run(ctl).await,
            Self::Diff(args) => args.run(ctl).await,
            Self::Rollback(args) => args.run(ctl).await,
            Self::Label(args) => args.run(ctl).await,
            Self::Rm(args) => args.run(ctl).await,
            Self::Restore(args) => args.run(ctl).await,
            Self::Destroy(args) => args.run(ctl).await,
            Self::Trash(command) => command.run(ctl).await,
            Self::Cp(args) => args.run(ctl).await,
            Self::Mv(args) => args.run(ctl).await,
            Self::Import(args) => args.run(ctl).await,
            Self::Export(args) => args.run(ctl).await,
            Self::Generate(args) => args.run(ctl).await,
            Self::Login(args) => args.run(ctl).await,
            Self::Logout(args) => args.run(ctl).await,
            Self::Whoami => whoami::run(ctl).await,
            Self::Context(command) => command.run(ctl).await,
            Self::Status => status::run(ctl).await,
            Self::Doctor(args) => args.run(ctl).await,
            Self::Init(args) => args.run(ctl).await,
            Self::Unseal(args) => args.run(ctl).await,
            Self::Seal => seal::run(ctl).await,
            Self::Rekey(args) => args.run(ctl).await,
            Self::Keyring(command) => command.run(ctl).await,
            Self::Backup(command) => command.run(ctl).await,
            Self::Completion(args) => args.run(ctl),
            Self::Man(args) => args.run(ctl),
            Self::Version(args) => args.run(ctl).await,
        }
    }
}
