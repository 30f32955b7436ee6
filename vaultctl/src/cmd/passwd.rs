//! `vaultctl passwd`

use serde_json::json;

use super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::prompt::Answers;

/// Change your password, and end your other sessions
///
/// Asks for the present password, twice for the new one, and for a code where you have a second factor; piped in, each
/// is a line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let Self {} = self;
        let vault = ctl.vault()?;
        let answers = Answers::new(ctl.prompt);
        let old = answers.one("Present password")?;
        let new = answers.new_one("New password")?;
        let (passwords, mut code) = ((&old, &new), None);
        for asked in 0.. {
            let changed = vault.auth().change_password(passwords, code.as_ref()).await;
            let Err(error) = changed else { break };
            let again = answers.may_ask_again() && asked < MOST_CODES;
            match error.reason() {
                "SECOND_FACTOR_NEEDED" if code.is_none() => {}
                "CODE_WRONG" | "CODE_USED" if again => ctl.output.warn(error.message()),
                _ => return Err(error.into()),
            }
            code = Some(answers.one("Code")?);
        }
        ctl.output.done(
            "the password is changed, and your other sessions have ended",
            || json!({ "changed": true }),
        )?;
        Ok(Exit::Ok)
    }
}

/// Codes that are asked for, wrong ones included.
const MOST_CODES: u32 = 3;
