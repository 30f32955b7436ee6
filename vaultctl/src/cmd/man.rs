//! `vaultctl man`

use std::io;
use std::path::PathBuf;

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::Outcome;
use crate::cli::Cli;
use crate::ctl::Ctl;
use crate::exit::{Exit, TABLE};
use crate::failure::Failure;

/// Print the manual page, or write a page for every command
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write one page a command into this directory
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(&self, ctl: &Ctl) -> Outcome {
        let command = Cli::command()
            .mut_args(|arg| arg.hide_short_help(false))
            .after_long_help(format!("Exit codes: {TABLE}"));
        if let Some(dir) = &self.dir {
            let doing = format!("writing to {}", dir.display());
            let failed = |error: io::Error| Failure::io(&doing, &error);
            std::fs::create_dir_all(dir).map_err(failed)?;
            clap_mangen::generate_to(command, dir).map_err(failed)?;
            ctl.output
                .note(&format!("the pages are in {}", dir.display()));
        } else {
            let mut page = Vec::new();
            let rendered = Man::new(command).render(&mut page);
            rendered.map_err(|error| Failure::io("writing the page", &error))?;
            ctl.output.bytes(&page)?;
        }
        Ok(Exit::Ok)
    }
}
