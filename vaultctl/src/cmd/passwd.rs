//! `vaultctl passwd`

use serde_json::json;

use super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::prompt::Answers;

/// Change your password, and end your other sessions
///
/// Asks for the present password and twice for the new one; piped in, each is a line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let Self {} = self;
        let vault = ctl.vault()?;
        let answers = Answers::new(ctl.prompt);
        let old = answers.one("Present password")?;
        let new = answers.new_one("New password")?;
        vault.auth().change_password(&old, &new).await?;
        ctl.output.done(
            "the password is changed, and your other sessions have ended",
            || json!({ "changed": true }),
        )?;
        Ok(Exit::Ok)
    }
}
