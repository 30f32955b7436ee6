//! `vaultctl mfa recovery-codes`

use serde_json::json;
use vault_sdk::Text;

use super::{exposed, print_codes, showing};
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;

pub(super) async fn run(ctl: &Ctl) -> Outcome {
    let vault = ctl.vault()?;
    let draw = async |code: Option<&Text>| vault.mfa().new_recovery_codes(code).await;
    let codes = showing(ctl, "Code, or recovery code", draw).await?;
    if ctl.output.is_json() {
        ctl.output
            .json(&json!({ "recovery_codes": exposed(&codes) }))?;
    } else {
        print_codes(ctl, &codes)?;
    }
    Ok(Exit::Ok)
}
