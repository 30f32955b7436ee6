//! `vaultctl completion`

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Outcome;
use crate::cli::Cli;
use crate::ctl::Ctl;
use crate::exit::Exit;

/// Print a script that completes commands in a shell
///
/// As in: vaultctl completion bash > ~/.local/share/bash-completion/completions/vaultctl
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Args {
    pub(crate) fn run(&self, ctl: &Ctl) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "vaultctl", &mut script);
        ctl.output.bytes(&script)?;
        Ok(Exit::Ok)
    }
}
