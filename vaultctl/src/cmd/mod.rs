//! One file per command.

use clap::Subcommand;
use identity::Sort;

use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

mod assume;
mod audit;
mod backup;
mod can;
mod cluster;
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
mod identity;
mod import;
mod init;
mod keyring;
mod label;
mod log;
mod login;
mod logout;
mod look;
mod ls;
mod man;
mod mfa;
mod mv;
mod needs;
mod passwd;
mod password;
mod paths;
mod policy;
mod region;
mod rekey;
mod restore;
mod rm;
mod rollback;
mod root;
mod seal;
mod session;
mod set;
mod share;
mod status;
mod trash;
mod tree;
mod trust;
mod unseal;
mod unwrap;
mod version;
mod whoami;

/// How a command ends.
pub(crate) type Outcome = Result<Exit, Failure>;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Get(get::Args),
    Set(set::Args),
    Edit(edit::Args),
    Ls(ls::Args),
    Tree(tree::Args),
    Find(find::Args),
    Log(log::Args),
    Diff(diff::Args),
    Rollback(rollback::Args),
    Label(label::Args),
    Rm(rm::Args),
    Restore(restore::Args),
    Destroy(destroy::Args),
    /// Deleted secrets
    #[command(subcommand)]
    Trash(trash::Command),
    Cp(cp::Args),
    Mv(mv::Args),
    Import(import::Args),
    Export(export::Args),
    Generate(generate::Args),
    Share(share::Args),
    Unwrap(unwrap::Args),
    Login(login::Args),
    Logout(logout::Args),
    Assume(assume::Args),
    /// Sessions: see them, end them, put their end off
    #[command(subcommand)]
    Session(session::Command),
    Passwd(passwd::Args),
    /// Other people's passwords
    #[command(subcommand)]
    Password(password::Command),
    /// Show who you are to the vault
    Whoami,
    /// Second factors: yours, and other users'
    #[command(subcommand)]
    Mfa(mfa::Command),
    /// Issuers whose tokens programs log in with
    #[command(subcommand)]
    Trust(trust::Command),
    /// The vaults you work with
    #[command(subcommand)]
    Context(context::Command),
    /// Show the state of the vault
    Status,
    Doctor(doctor::Args),
    Init(init::Args),
    Unseal(unseal::Args),
    /// Close the vault: wipe its keys from memory
    Seal,
    Rekey(rekey::Args),
    /// The root identity: its end, and a new one by a quorum of shares
    #[command(subcommand)]
    Root(root::Command),
    /// The nodes of the cluster
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// Regions: which there are, and new ones
    #[command(subcommand)]
    Region(region::Command),
    /// The keys inside the keyring
    #[command(subcommand)]
    Keyring(keyring::Command),
    /// People
    #[command(subcommand)]
    User(identity::Users),
    /// Users who have policies together
    #[command(subcommand)]
    Group(identity::Groups),
    /// Rights that users and programs can assume for a while
    #[command(subcommand)]
    Role(identity::Roles),
    /// Programs
    #[command(subcommand)]
    Service(identity::Services),
    Can(can::Can),
    WhoCan(can::WhoCan),
    Needs(needs::Args),
    /// Policies: keep them, attach them; check them, try them, compare them
    #[command(subcommand)]
    Policy(policy::Command),
    /// Sealed snapshots
    #[command(subcommand)]
    Backup(backup::Command),
    /// Who asked for what, and what came of it
    #[command(subcommand)]
    Audit(audit::Command),
    Completion(completion::Args),
    Man(man::Args),
    Version(version::Args),
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let look = self.look();
        self.act(ctl).await.map_err(|failure| failure.look(look))
    }

    async fn act(self, ctl: &Ctl) -> Outcome {
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
            Self::Share(args) => args.run(ctl).await,
            Self::Unwrap(args) => args.run(ctl).await,
            Self::Login(args) => args.run(ctl).await,
            Self::Logout(args) => args.run(ctl).await,
            Self::Assume(args) => args.run(ctl).await,
            Self::Session(command) => command.run(ctl).await,
            Self::Passwd(args) => args.run(ctl).await,
            Self::Password(command) => command.run(ctl).await,
            Self::Whoami => whoami::run(ctl).await,
            Self::Mfa(command) => command.run(ctl).await,
            Self::Trust(command) => command.run(ctl).await,
            Self::Context(command) => command.run(ctl).await,
            Self::Status => status::run(ctl).await,
            Self::Doctor(args) => args.run(ctl).await,
            Self::Init(args) => args.run(ctl).await,
            Self::Unseal(args) => args.run(ctl).await,
            Self::Seal => seal::run(ctl).await,
            Self::Rekey(args) => args.run(ctl).await,
            Self::Root(command) => command.run(ctl).await,
            Self::Cluster(command) => command.run(ctl).await,
            Self::Region(command) => command.run(ctl).await,
            Self::Keyring(command) => command.run(ctl).await,
            Self::User(command) => command.run(Sort::User, ctl).await,
            Self::Group(command) => command.run(Sort::Group, ctl).await,
            Self::Role(command) => command.run(Sort::Role, ctl).await,
            Self::Service(command) => command.run(Sort::Service, ctl).await,
            Self::Can(args) => args.run(ctl).await,
            Self::WhoCan(args) => args.run(ctl).await,
            Self::Needs(args) => Box::pin(args.run(ctl)).await,
            Self::Policy(command) => command.run(ctl).await,
            Self::Backup(command) => command.run(ctl).await,
            Self::Audit(command) => command.run(ctl).await,
            Self::Completion(args) => args.run(ctl),
            Self::Man(args) => args.run(ctl),
            Self::Version(args) => args.run(ctl).await,
        }
    }
}
