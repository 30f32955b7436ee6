//! `vaultctl policy`: policies that the vault keeps, whom they are attached to, and documents in files.

mod attach;
mod cases;
mod check;
mod diff;
pub(super) mod document;
mod format;
mod inline;
mod manage;
mod resource;
mod test;
mod validate;

use clap::Subcommand;

pub(super) use document::read_text;

use super::Outcome;
use crate::ctl::Ctl;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Create(manage::Create),
    Show(manage::Show),
    /// Show which policies there are
    Ls,
    Update(manage::Update),
    Rollback(manage::Rollback),
    Rm(manage::Rm),
    Attach(attach::Attach),
    Detach(attach::Detach),
    Boundary(attach::Boundary),
    PutInline(inline::Put),
    RmInline(inline::Rm),
    GetResource(resource::Get),
    PutResource(resource::Put),
    RmResource(resource::Rm),
    Validate(validate::Args),
    Test(test::Args),
    Diff(diff::Args),
    CheckNoNewAccess(check::Args),
    Format(format::Args),
}

impl Command {
    /// Whether it changes what the vault keeps.
    pub(super) fn changes(&self) -> bool {
        match self {
            Self::Create(_)
            | Self::Update(_)
            | Self::Rollback(_)
            | Self::Rm(_)
            | Self::Attach(_)
            | Self::Detach(_)
            | Self::Boundary(_)
            | Self::PutInline(_)
            | Self::RmInline(_)
            | Self::PutResource(_)
            | Self::RmResource(_) => true,
            Self::Show(_)
            | Self::GetResource(_)
            | Self::Ls
            | Self::Validate(_)
            | Self::Test(_)
            | Self::Diff(_)
            | Self::CheckNoNewAccess(_)
            | Self::Format(_) => false,
        }
    }

    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Create(args) => args.run(ctl).await,
            Self::Show(args) => args.run(ctl).await,
            Self::Ls => manage::list(ctl).await,
            Self::Update(args) => args.run(ctl).await,
            Self::Rollback(args) => args.run(ctl).await,
            Self::Rm(args) => args.run(ctl).await,
            Self::Attach(args) => args.run(ctl).await,
            Self::Detach(args) => args.run(ctl).await,
            Self::Boundary(args) => args.run(ctl).await,
            Self::PutInline(args) => args.run(ctl).await,
            Self::RmInline(args) => args.run(ctl).await,
            Self::GetResource(args) => args.run(ctl).await,
            Self::PutResource(args) => args.run(ctl).await,
            Self::RmResource(args) => args.run(ctl).await,
            Self::Validate(args) => args.run(ctl).await,
            Self::Test(args) => args.run(ctl).await,
            Self::Diff(args) => args.run(ctl).await,
            Self::CheckNoNewAccess(args) => args.run(ctl).await,
            Self::Format(args) => args.run(ctl).await,
        }
    }
}
