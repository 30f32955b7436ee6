//! `vaultctl policy attach|detach|boundary`

use serde_json::json;

use crate::cmd::Outcome;
use crate::cmd::identity::Sort;
use crate::ctl::Ctl;
use crate::exit::Exit;

/// Give a policy to somebody; it binds from the next request on
#[derive(Debug, clap::Args)]
pub(crate) struct Attach {
    /// The policy
    #[arg(value_name = "POLICY")]
    policy: String,

    #[command(flatten)]
    holder: Holder,
}

/// Take a policy from somebody
#[derive(Debug, clap::Args)]
pub(crate) struct Detach {
    /// The policy
    #[arg(value_name = "POLICY")]
    policy: String,

    #[command(flatten)]
    holder: Holder,
}

/// Set the most that somebody may ever do, whatever other policies allow; or lift that
#[derive(Debug, clap::Args)]
pub(crate) struct Boundary {
    /// The policy
    #[arg(value_name = "POLICY", required_unless_present = "none")]
    policy: Option<String>,

    /// Lift it
    #[arg(long, conflicts_with = "policy")]
    none: bool,

    #[command(flatten)]
    holder: Principal,
}

/// Who has a policy.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Holder {
    /// A user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// A group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,

    /// A role
    #[arg(long, value_name = "NAME")]
    role: Option<String>,

    /// A service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
}

/// Who can call.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Principal {
    /// A user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// A role
    #[arg(long, value_name = "NAME")]
    role: Option<String>,

    /// A service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
}

impl Holder {
    /// As policies name him.
    pub(super) fn who(&self) -> String {
        let given = [
            (Sort::User, &self.user),
            (Sort::Group, &self.group),
            (Sort::Role, &self.role),
            (Sort::Service, &self.service),
        ];
        named(&given)
    }
}

impl Principal {
    fn who(&self) -> String {
        let given = [
            (Sort::User, &self.user),
            (Sort::Role, &self.role),
            (Sort::Service, &self.service),
        ];
        named(&given)
    }
}

/// The one that was given: the command line has exactly one.
fn named(given: &[(Sort, &Option<String>)]) -> String {
    let mut names = given
        .iter()
        .filter_map(|(sort, name)| name.as_deref().map(|name| sort.who(name)));
    names.next().unwrap_or_default()
}

impl Attach {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let (who, policy) = (self.holder.who(), self.policy);
        let changed = ctl.vault()?.identity().attach(&who, &policy).await?;
        said(ctl, (&who, &policy, changed), "has")
    }
}

impl Detach {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let (who, policy) = (self.holder.who(), self.policy);
        let changed = ctl.vault()?.identity().detach(&who, &policy).await?;
        said(ctl, (&who, &policy, changed), "does not have")
    }
}

impl Boundary {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let (who, policy) = (self.holder.who(), self.policy.as_deref());
        ctl.vault()?.identity().set_boundary(&who, policy).await?;
        let text = match policy {
            Some(policy) => format!("{who} may never do more than {policy} allows"),
            None => format!("{who} has no boundary"),
        };
        ctl.output
            .done(&text, || json!({ "who": who, "boundary": policy }))?;
        Ok(Exit::Ok)
    }
}

fn said(ctl: &Ctl, (who, policy, changed): (&str, &str, bool), now: &str) -> Outcome {
    let already = if changed { "" } else { ", as before" };
    let text = format!("{who} {now} policy {policy}{already}");
    let value = json!({ "who": who, "policy": policy, "changed": changed });
    ctl.output.done(&text, || value)?;
    Ok(Exit::Ok)
}
