//! `vaultctl policy put-inline|rm-inline`

use serde_json::json;
use vault_sdk::wire::PutInlinePolicyRequest;

use super::attach::Holder;
use super::document::read;
use super::manage::{as_json, of_file, warn};
use crate::cmd::Outcome;
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;

/// Give somebody a policy that is nobody else's, or another text in its place
#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    /// What it is called among his own
    #[arg(value_name = "NAME")]
    name: String,

    /// The document; `-` for stdin
    #[arg(value_name = "FILE")]
    file: String,

    #[command(flatten)]
    holder: Holder,
}

/// Take such a policy away; its text is kept nowhere
#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    /// What it is called among his own
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    holder: Holder,
}

impl Put {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let (who, name) = (self.holder.who(), self.name);
        let request = PutInlinePolicyRequest {
            who: who.clone(),
            name: name.clone(),
            document: read(&self.file)?,
        };
        let put = ctl.vault()?.identity().put_inline(request).await;
        let warnings = put.map_err(|error| of_file(error, &self.file))?;
        warn(ctl, &self.file, &warnings);
        let value = json!({ "who": who, "name": name, "warnings": as_json(&warnings) });
        ctl.output
            .done(&format!("{who} has a policy {name} of its own"), || value)?;
        Ok(Exit::Ok)
    }
}

impl Rm {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let (who, name) = (self.holder.who(), self.name);
        type_word(ctl, &format!("delete policy {name} of {who}"), "", &name)?;
        ctl.vault()?.identity().delete_inline(&who, &name).await?;
        let value = json!({ "who": who, "name": name });
        ctl.output
            .done(&format!("policy {name} of {who} is deleted"), || value)?;
        Ok(Exit::Ok)
    }
}
