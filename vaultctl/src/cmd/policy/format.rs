//! `vaultctl policy format`

use super::document::{Kind, read};
use super::validate::is_error;
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

/// Print a policy in its one form: the same policy, laid out and spelled the same way
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The policy; `-` for stdin
    #[arg(value_name = "FILE")]
    file: String,

    /// What it is for
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let document = read(&self.file)?;
        let vault = ctl.vault()?;
        let reply = vault.policies();
        let reply = reply.validate(self.kind.into(), document, true).await?;
        if let Some(wrong) = reply.findings.iter().find(|finding| is_error(finding)) {
            return Err(Failure::bad_policy(format!(
                "{}: line {}, column {}: {}",
                self.file, wrong.line, wrong.column, wrong.message
            )));
        }
        ctl.output.bytes(reply.formatted.as_bytes())?;
        Ok(Exit::Ok)
    }
}
