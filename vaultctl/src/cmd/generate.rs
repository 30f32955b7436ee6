//! `vaultctl generate`

use serde_json::json;
use vault_sdk::wire::RandomPolicy;

use super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::random::parse_policy;

/// Make a random value; nothing is stored
///
/// POLICY is LENGTH, chars:N, hex:BYTES, base64:BYTES, uuid or pronounceable:N; then, with commas
/// between, no-lower, no-upper, no-digits, no-punctuation, space, relax (not one of each class), and
/// last exclude=CHARACTERS. To store one: vaultctl set PATH --generate=POLICY
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// As in `24` or `chars:20,no-punctuation,exclude=lI1O0` [default: 32 characters]
    #[arg(value_name = "POLICY", default_value = "", hide_default_value = true)]
    #[arg(value_parser = parse_policy)]
    policy: RandomPolicy,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let value = ctl.vault()?.secrets().generate(self.policy).await?;
        // EXPOSE: stdout, because that is what the command is for
        if ctl.output.is_json() {
            ctl.output.json(&json!({ "value": value.expose() }))?;
        } else if ctl.output.is_terminal() {
            ctl.output.line(value.expose())?;
        } else {
            ctl.output.bytes(value.expose().as_bytes())?;
        }
        Ok(Exit::Ok)
    }
}
