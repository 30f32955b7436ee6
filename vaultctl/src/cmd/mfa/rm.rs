//! `vaultctl mfa rm`

use serde_json::json;
use vault_sdk::Text;
use vault_sdk::wire::Authenticator;

use super::showing;
use crate::cmd::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

/// Remove one of several authenticators
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Its name, or its number in `vaultctl mfa ls`
    #[arg(value_name = "NAME")]
    which: String,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let listed = vault.mfa().list().await?.authenticators;
        let id = find(&listed, &self.which).ok_or_else(|| {
            Failure::new(
                "not_found",
                Exit::NotFound,
                format!("there is no authenticator `{}`", self.which),
            )
            .hint("see which there are: vaultctl mfa ls")
        })?;
        let remove = async |code: Option<&Text>| vault.mfa().remove(id, code).await;
        let left = showing(ctl, "Code, or recovery code", remove).await?;
        let words = format!("removed {}; {left} left", self.which);
        ctl.output
            .done(&words, || json!({ "id": id, "left": left }))?;
        Ok(Exit::Ok)
    }
}

/// By name first: a number may be somebody's name for it.
fn find(listed: &[Authenticator], which: &str) -> Option<u64> {
    let named = listed.iter().find(|one| one.name == which);
    let numbered = || listed.iter().find(|one| one.id.to_string() == which);
    named.or_else(numbered).map(|one| one.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_meant_before_a_number_is() {
        let one = |id, name: &str| Authenticator {
            id,
            name: name.to_owned(),
            ..Authenticator::default()
        };
        let listed = [one(7, "phone"), one(8, "7")];
        assert_eq!(find(&listed, "7"), Some(8));
        assert_eq!(find(&listed, "8"), Some(8));
        assert_eq!(find(&listed, "phone"), Some(7));
        assert_eq!(find(&listed, "Phone"), None);
    }
}
