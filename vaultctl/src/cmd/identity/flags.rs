//! What users, services, roles and groups each have of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use vault_sdk::WireDuration;
use vault_sdk::wire::{CreateIdentityRequest, UpdateIdentityRequest};

use super::{Sort, update};
use crate::cmd::Outcome;
use crate::cmd::policy::document::read;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::time::parse_span;

/// Flags of making one.
pub(crate) trait New {
    fn add(self, request: &mut CreateIdentityRequest) -> Result<(), Failure>;
}

/// Flags of changing one.
pub(crate) trait Change {
    fn add(self, request: &mut UpdateIdentityRequest) -> Result<(), Failure>;
}

/// Commands that not all sorts have.
pub(crate) trait Own {
    async fn run(self, sort: Sort, ctl: &Ctl) -> Outcome;
}

#[derive(Debug, Args)]
pub(crate) struct Nothing {}

#[derive(Debug, Args)]
pub(crate) struct Tags {
    /// A tag that policies can ask for; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    tags: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct TagChange {
    #[command(flatten)]
    set: Tags,

    /// Take a tag away; may be repeated
    #[arg(long, value_name = "KEY")]
    untag: Vec<String>,

    /// End all sessions
    #[arg(long)]
    end_sessions: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NewRole {
    /// A policy that says who may assume it; `-` for stdin
    #[arg(long, value_name = "FILE")]
    trust: String,

    /// The longest session, 15m to 12h [default: 1h]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    max_session: Option<Duration>,

    #[command(flatten)]
    tags: Tags,
}

#[derive(Debug, Args)]
pub(crate) struct RoleChange {
    /// Another policy that says who may assume it; `-` for stdin
    #[arg(long, value_name = "FILE")]
    trust: Option<String>,

    /// The longest session, 15m to 12h
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    max_session: Option<Duration>,

    #[command(flatten)]
    tags: TagChange,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceChange {
    /// How many secret ids may be good at once, 1 to 1000 [default: 50]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    most_secret_ids: Option<u32>,

    #[command(flatten)]
    tags: TagChange,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Switch {
    /// Let nobody call as it any more, and end its sessions
    Disable(super::Name),
    /// Let it be used again
    Enable(super::Name),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Members {
    /// Put a user into a group
    AddMember(Membership),
    /// Take a user out of a group
    RmMember(Membership),
}

#[derive(Debug, Args)]
pub(crate) struct Membership {
    /// The group
    #[arg(value_name = "GROUP")]
    group: String,

    /// The user
    #[arg(value_name = "USER")]
    user: String,
}

impl New for Nothing {
    fn add(self, _: &mut CreateIdentityRequest) -> Result<(), Failure> {
        Ok(())
    }
}

impl Change for Nothing {
    fn add(self, _: &mut UpdateIdentityRequest) -> Result<(), Failure> {
        Ok(())
    }
}

impl New for Tags {
    fn add(self, request: &mut CreateIdentityRequest) -> Result<(), Failure> {
        request.tags = self.map()?;
        Ok(())
    }
}

impl Change for TagChange {
    fn add(self, request: &mut UpdateIdentityRequest) -> Result<(), Failure> {
        request.set_tags = self.set.map()?;
        request.remove_tags = self.untag;
        request.end_sessions = self.end_sessions;
        Ok(())
    }
}

impl New for NewRole {
    fn add(self, request: &mut CreateIdentityRequest) -> Result<(), Failure> {
        request.trust_policy = read(&self.trust)?;
        request.longest_session = longest(self.max_session)?;
        self.tags.add(request)
    }
}

impl Change for RoleChange {
    fn add(self, request: &mut UpdateIdentityRequest) -> Result<(), Failure> {
        request.trust_policy = self.trust.as_deref().map(read).transpose()?;
        request.longest_session = longest(self.max_session)?;
        self.tags.add(request)
    }
}

impl Change for ServiceChange {
    fn add(self, request: &mut UpdateIdentityRequest) -> Result<(), Failure> {
        request.most_secret_ids = self.most_secret_ids;
        self.tags.add(request)
    }
}

impl Own for Switch {
    async fn run(self, sort: Sort, ctl: &Ctl) -> Outcome {
        let (one, disabled, done) = match self {
            Self::Disable(one) => (one, true, "is disabled; its sessions have ended"),
            Self::Enable(one) => (one, false, "is enabled"),
        };
        let request = UpdateIdentityRequest {
            who: sort.who(&one.name),
            disabled: Some(disabled),
            ..UpdateIdentityRequest::default()
        };
        update(request, done, ctl).await
    }
}

impl Own for Members {
    async fn run(self, sort: Sort, ctl: &Ctl) -> Outcome {
        let vault = ctl.vault()?;
        let names = |one: &Membership| (sort.who(&one.group), Sort::User.who(&one.user));
        let (group, user, changed, now) = match self {
            Self::AddMember(one) => {
                let (group, user) = names(&one);
                let changed = vault.identity().add_member(&group, &user).await?;
                (group, user, changed, "is in")
            }
            Self::RmMember(one) => {
                let (group, user) = names(&one);
                let changed = vault.identity().remove_member(&group, &user).await?;
                (group, user, changed, "is not in")
            }
        };
        let already = if changed { "" } else { ", as before" };
        let text = format!("{user} {now} {group}{already}");
        let value = json!({ "group": group, "user": user, "changed": changed });
        ctl.output.done(&text, || value)?;
        Ok(Exit::Ok)
    }
}

impl Tags {
    /// Each key once.
    fn map(self) -> Result<BTreeMap<String, String>, Failure> {
        let mut tags = BTreeMap::new();
        for (key, value) in self.tags {
            if tags.insert(key.clone(), value).is_some() {
                return Err(Failure::usage(format!("--tag {key} is given twice")));
            }
        }
        Ok(tags)
    }
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "a tag is KEY=VALUE".to_owned())
}

fn longest(span: Option<Duration>) -> Result<Option<WireDuration>, Failure> {
    let span = span.map(WireDuration::try_from).transpose();
    span.map_err(|_| Failure::usage("--max-session is too long"))
}
