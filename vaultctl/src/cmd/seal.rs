//! `vaultctl seal`

use serde_json::json;

use super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;

pub(crate) async fn run(ctl: &Ctl) -> Outcome {
    ctl.vault()?.system().seal().await?;
    ctl.output
        .done("the vault is sealed", || json!({ "state": "sealed" }))?;
    Ok(Exit::Ok)
}
