//! `vaultctl cluster node|ls|health|invite|join|approve|reject|promote|demote|move|transfer-leader|leave|remove`

mod invitation;
mod join;
mod plan;
mod show;

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use vault_sdk::wire::Node;
use vault_sdk::{Endpoint, Vault};

use self::invitation::Invitation;
use self::plan::Plan;
use super::Outcome;
use crate::confirm::type_word;
use crate::connect::{Target, Trust};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::time::{self, parse_span};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show how the node that answers presents itself to the others
    Node,
    /// Show the nodes, who waits to be approved, and invitations
    Ls,
    /// Show how many nodes may fail, and what is wrong
    Health,
    Invite(Invite),
    Join(join::Args),
    Approve(Key),
    /// Send a candidate away
    Reject(Key),
    Promote(Id),
    Demote(Id),
    Move(Move),
    TransferLeader(Id),
    /// Take the node that answers off the cluster
    Leave,
    Remove(Id),
}

/// Invite one node to ask to join
///
/// Prints a line to enter at the new machine: vaultctl cluster join. It opens nothing: the node waits until its key,
/// which it shows itself, is approved here.
#[derive(Debug, clap::Args)]
pub(crate) struct Invite {
    /// The region that the new node is in [default: that of the nodes with votes]
    #[arg(long, value_name = "REGION", default_value = "")]
    region: String,

    /// How long it may take to come, 1m to 24h [default: 1h]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,

    /// Where the new node reaches this cluster, as https://host:8200; may be given again [default: the
    /// addresses that you use]
    #[arg(long = "reach", value_name = "URL")]
    reach: Vec<Endpoint>,
}

/// Take in the candidate that has this key
///
/// Compare it with what the new machine itself shows: vaultctl cluster node. It follows, without a vote, and opens
/// nothing before the vault's seal is entered there.
#[derive(Debug, clap::Args)]
pub(crate) struct Key {
    /// `sha256:` and 64 digits; eight of them do where they name one candidate
    #[arg(value_name = "KEY")]
    key: String,
}

/// Say which node
#[derive(Debug, clap::Args)]
pub(crate) struct Id {
    /// As `cluster ls` shows it
    #[arg(value_name = "ID")]
    id: u64,
}

/// Say where the others reach a node that has moved
#[derive(Debug, clap::Args)]
pub(crate) struct Move {
    /// As `cluster ls` shows it
    #[arg(value_name = "ID")]
    id: u64,

    /// host:port
    #[arg(value_name = "ADDRESS")]
    address: String,
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Node => show::node(ctl).await?,
            Self::Ls => show::list(ctl).await?,
            Self::Health => return show::health(ctl).await,
            Self::Invite(args) => args.run(ctl).await?,
            Self::Join(args) => args.run(ctl).await?,
            Self::Approve(key) => key.approve(ctl).await?,
            Self::Reject(key) => key.reject(ctl).await?,
            Self::Promote(one) => one.promote(ctl).await?,
            Self::Demote(one) => one.demote(ctl).await?,
            Self::Move(args) => args.run(ctl).await?,
            Self::TransferLeader(one) => one.transfer(ctl).await?,
            Self::Leave => {
                let vault = ctl.vault()?;
                let id = vault.cluster().describe_node().await?.id;
                remove(ctl, &vault, id).await?;
            }
            Self::Remove(one) => remove(ctl, &ctl.vault()?, one.id).await?,
        }
        Ok(Exit::Ok)
    }
}

impl Invite {
    async fn run(self, ctl: &Ctl) -> Result<(), Failure> {
        let target = Target::find(ctl)?;
        let reach = if self.reach.is_empty() {
            target.endpoints.clone()
        } else {
            self.reach
        };
        let elsewhere = |endpoint: &Endpoint| matches!(endpoint, Endpoint::Https { .. });
        if !reach.iter().all(elsewhere) {
            return Err(
                Failure::usage("a new machine cannot reach the Unix socket of this one")
                    .hint("say how it does: --reach https://host:8200"),
            );
        }
        let pin = match &target.trust {
            Trust::Machine => None,
            Trust::Ca(ca) => Some(ca.fingerprint()),
            Trust::Pin(pin) => Some(*pin),
        };
        let vault = target.vault(ctl)?;
        let invited = vault.cluster().invite(&self.region, self.ttl).await?;
        let line = Invitation {
            reach,
            pin,
            secret: invited.invitation,
        };
        let until = invited.expires_at.as_ref();
        if ctl.output.is_json() {
            return ctl.output.json(&json!({
                "invitation": line.text(),
                "region": invited.region,
                "expires_at": time::rfc3339(until),
            }));
        }
        ctl.output.line(&line.text())?;
        ctl.output.note(&format!(
            "For one node of region {}, until {}. There: start vaultd with listen.peers, then: vaultctl cluster join",
            invited.region,
            time::local(until),
        ));
        Ok(())
    }
}

impl Key {
    /// The whole key of the one candidate that this names.
    async fn find(&self, vault: &Vault) -> Result<String, Failure> {
        let digits = self.key.strip_prefix("sha256:").unwrap_or(&self.key);
        let digits = digits.to_ascii_lowercase();
        if digits.len() == 64 {
            return Ok(format!("sha256:{digits}"));
        }
        if digits.len() < SHORTEST {
            return Err(Failure::usage("give eight digits of the key at least"));
        }
        let all = vault.cluster().list().await?.candidates.into_iter();
        let named = |key: &String| {
            key.strip_prefix("sha256:")
                .is_some_and(|key| key.starts_with(&digits))
        };
        let mut found = all.map(|candidate| candidate.key).filter(named);
        match (found.next(), found.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(Failure::invalid(
                "several candidates have keys like that; give all of it",
            )),
            (None, _) => Err(Failure::invalid("no candidate has a key like that")
                .hint("who waits: vaultctl cluster ls")),
        }
    }

    async fn approve(self, ctl: &Ctl) -> Result<(), Failure> {
        let vault = ctl.vault()?;
        let node = vault.cluster().approve(&self.find(&vault).await?).await?;
        let id = node.id;
        let text = format!(
            "{} is node {id} now, without a vote. Enter the vault's seal there (vaultctl unseal), then: vaultctl cluster promote {id}",
            node.name
        );
        ctl.output.done(&text, || show::to_json(&node))
    }

    async fn reject(self, ctl: &Ctl) -> Result<(), Failure> {
        let vault = ctl.vault()?;
        let key = self.find(&vault).await?;
        vault.cluster().reject(&key).await?;
        ctl.output.done(
            "sent away; its id is not given again",
            || json!({ "key": key }),
        )
    }
}

const SHORTEST: usize = 8;

impl Id {
    /// Give a node a vote, as soon as it has caught up
    async fn promote(self, ctl: &Ctl) -> Result<(), Failure> {
        let vault = ctl.vault()?;
        let plan = Plan::of(vault.cluster().list().await?);
        plan.tell(ctl, &plan.with(self.id));
        let changed = vault.cluster().promote(self.id).await?;
        let id = self.id;
        let text = if changed {
            format!("node {id} gets a vote as soon as it has caught up; look: vaultctl cluster ls")
        } else {
            format!("node {id} had a vote already")
        };
        ctl.output
            .done(&text, || json!({ "id": id, "changed": changed }))
    }

    async fn demote(self, ctl: &Ctl) -> Result<(), Failure> {
        let vault = ctl.vault()?;
        let plan = Plan::of(vault.cluster().list().await?);
        let id = self.id;
        plan.confirm(ctl, &format!("take the vote of node {id}"), id)?;
        step_down(ctl, &vault, id, &plan).await?;
        let changed = vault.cluster().demote(id).await?;
        let text = if changed {
            format!("node {id} goes on without a vote")
        } else {
            format!("node {id} had no vote")
        };
        ctl.output
            .done(&text, || json!({ "id": id, "changed": changed }))
    }

    async fn transfer(self, ctl: &Ctl) -> Result<(), Failure> {
        let id = self.id;
        ctl.vault()?.cluster().transfer_leader(id).await?;
        ctl.output.done(
            &format!("node {id} leads, or is about to"),
            || json!({ "id": id }),
        )
    }
}

impl Move {
    async fn run(self, ctl: &Ctl) -> Result<(), Failure> {
        let Self { id, address } = self;
        let changed = ctl.vault()?.cluster().move_node(id, &address).await?;
        let text = if changed {
            format!("the others reach node {id} at {address} now")
        } else {
            format!("they reached node {id} there already")
        };
        ctl.output
            .done(&text, || json!({ "id": id, "changed": changed }))
    }
}

async fn remove(ctl: &Ctl, vault: &Vault, id: u64) -> Result<(), Failure> {
    let plan = Plan::of(vault.cluster().list().await?);
    let node: Option<&Node> = plan.node(id);
    let name = node.map(|node| node.name.clone()).unwrap_or_default();
    plan.confirm(
        ctl,
        &format!("take node {id} ({name}) off the cluster, for good"),
        id,
    )?;
    step_down(ctl, vault, id, &plan).await?;
    vault.cluster().remove(id).await?;
    ctl.output.done(
        &format!("node {id} is off; its key opens nothing any more. Stop it, and remove its data"),
        || json!({ "id": id }),
    )
}

/// A node that leads hands the lead over before it loses its place.
async fn step_down(ctl: &Ctl, vault: &Vault, id: u64, plan: &Plan) -> Result<(), Failure> {
    let Some(next) = plan.successor_of(id) else {
        return Ok(());
    };
    ctl.output
        .detail(&format!("node {id} leads: handing the lead to node {next}"));
    Ok(vault.cluster().transfer_leader(next).await?)
}

/// Asks, unless it is meant.
fn confirm(ctl: &Ctl, what: &str, list: &str, id: u64) -> Result<(), Failure> {
    type_word(ctl, what, list, &id.to_string())
}
