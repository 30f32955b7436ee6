//! `vaultctl policy validate|test|diff|check-no-new-access|format`

mod cases;
mod check;
mod diff;
mod document;
mod format;
mod test;
mod validate;

use clap::Subcommand;

use super::Outcome;
use crate::ctl::Ctl;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Validate(validate::Args),
    Test(test::Args),
    Diff(diff::Args),
    CheckNoNewAccess(check::Args),
    Format(format::Args),
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Validate(args) => args.run(ctl).await,
            Self::Test(args) => args.run(ctl).await,
            Self::Diff(args) => args.run(ctl).await,
            Self::CheckNoNewAccess(args) => args.run(ctl).await,
            Self::Format(args) => args.run(ctl).await,
        }
    }
}
