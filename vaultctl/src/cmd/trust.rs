//! `vaultctl trust create|update|show|ls|rm|bind|unbind`

use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};
use vault_sdk::WireDuration;
use vault_sdk::wire::{
    BindServiceRequest, BoundClaim, FetchedKeys, ServiceBinding, TrustDescription, TrustedIssuer,
};

use super::Outcome;
use super::identity::Sort;
use super::policy::read_text;
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::{Lister, record};
use crate::time::{self, parse_span};

/// Largest set of keys.
const LARGEST: u64 = 64 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Believe an issuer of tokens; nobody gets in by them until a service is bound
    Create(Rules),
    /// Believe it by other keys and rules, all of which are given; takes all rights
    Update(Rules),
    /// Show one, with the services that are bound to it
    Show(Name),
    /// Show which are believed
    Ls,
    /// Believe one no more
    Rm(Name),
    Bind(Bind),
    /// End all that binds a service to it
    Unbind(Unbind),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Name {
    /// What you call it
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Rules {
    /// What you call it: lower case
    #[arg(value_name = "NAME")]
    name: String,

    /// What its tokens have in `iss`, to the letter
    #[arg(long, value_name = "URL")]
    issuer: String,

    /// What tokens for this vault have in `aud`; may be given again
    #[arg(long = "audience", value_name = "TEXT", required = true)]
    audiences: Vec<String>,

    /// Its public keys: a JWK set; `-` for stdin
    #[arg(long, value_name = "FILE", required_unless_present = "jwks_url")]
    jwks_file: Option<String>,

    /// Or where each node fetches them, as logins need them; its configuration must allow it
    /// (outbound.allow)
    #[arg(long, value_name = "URL", conflicts_with = "jwks_file")]
    jwks_url: Option<String>,

    /// Take only tokens signed so, as ES256; may be given again [default: all that its keys fit]
    #[arg(long = "algorithm", value_name = "ALG")]
    algorithms: Vec<String>,

    /// Oldest token, 1m to 30d [default: 1d]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    max_age: Option<Duration>,

    /// For people to read
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
}

/// Let whoever has a token of the issuer that claims all of this be a service
///
/// In patterns `*` stands for anything but `/` and `:`, and `**` for anything. Bound again with other
/// claims, either will do. Kubernetes: --subject system:serviceaccount:NAMESPACE:NAME
#[derive(Debug, clap::Args)]
pub(crate) struct Bind {
    /// The issuer, as you call it
    #[arg(value_name = "NAME")]
    name: String,

    /// The service
    #[arg(long, value_name = "SERVICE")]
    service: String,

    /// What the token has in `sub`
    #[arg(long, value_name = "PATTERN", required_unless_present = "claims")]
    subject: Option<String>,

    /// What it has in another claim, named by its key or as /kubernetes.io/namespace; may be given
    /// again
    #[arg(long = "claim", value_name = "NAME=PATTERN", value_parser = parse_claim)]
    claims: Vec<(String, String)>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Unbind {
    /// The issuer, as you call it
    #[arg(value_name = "NAME")]
    name: String,

    /// The service
    #[arg(long, value_name = "SERVICE")]
    service: String,
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Create(args) => {
                let (name, issuer) = args.read()?;
                ctl.vault()?.trusts().create(&name, issuer).await?;
                let text = format!(
                    "{name} is believed; bind a service to it: vaultctl trust bind {name} --service S --subject PATTERN"
                );
                ctl.output.done(&text, || json!({ "trust": name }))?;
            }
            Self::Update(args) => {
                let (name, issuer) = args.read()?;
                ctl.vault()?.trusts().update(&name, issuer).await?;
                let text = format!("{name} is believed by these keys and rules now");
                ctl.output.done(&text, || json!({ "trust": name }))?;
            }
            Self::Show(one) => {
                let shown = ctl.vault()?.trusts().describe(&one.name).await?;
                show(ctl, &shown)?;
            }
            Self::Ls => list(ctl).await?,
            Self::Rm(one) => {
                let name = one.name;
                let vault = ctl.vault()?;
                if !ctl.yes {
                    vault.trusts().describe(&name).await?;
                }
                type_word(ctl, &format!("believe {name} no more"), "", &name)?;
                vault.trusts().delete(&name).await?;
                let text = format!(
                    "{name} is believed no more; sessions of before go on: vaultctl session revoke --all service:S"
                );
                ctl.output.done(&text, || json!({ "trust": name }))?;
            }
            Self::Bind(args) => args.run(ctl).await?,
            Self::Unbind(args) => args.run(ctl).await?,
        }
        Ok(Exit::Ok)
    }
}

impl Rules {
    fn read(self) -> Result<(String, TrustedIssuer), Failure> {
        let max_age = self.max_age.map(WireDuration::try_from).transpose();
        let max_age = max_age.map_err(|_| Failure::usage("--max-age is too long"))?;
        let jwks = match &self.jwks_file {
            Some(file) => read_text(file, LARGEST, "a set of keys")?,
            None => String::new(),
        };
        let issuer = TrustedIssuer {
            description: self.description,
            issuer: self.issuer,
            audiences: self.audiences,
            algorithms: self.algorithms,
            max_age,
            jwks,
            jwks_url: self.jwks_url.unwrap_or_default(),
        };
        Ok((self.name, issuer))
    }
}

impl Bind {
    async fn run(self, ctl: &Ctl) -> Result<(), Failure> {
        let service = Sort::Service.who(&self.service);
        let subject = self.subject.map(|pattern| ("sub".to_owned(), pattern));
        let claims = subject.into_iter().chain(self.claims);
        let binding = BindServiceRequest {
            trust: self.name.clone(),
            service: service.clone(),
            claims: claims
                .map(|(name, pattern)| BoundClaim { name, pattern })
                .collect(),
        };
        let changed = ctl.vault()?.trusts().bind(binding).await?;
        let text = if changed {
            format!("tokens of {} that claim this are {service} now", self.name)
        } else {
            format!("{service} was bound so already")
        };
        ctl.output
            .done(&text, || json!({ "service": service, "changed": changed }))
    }
}

impl Unbind {
    async fn run(self, ctl: &Ctl) -> Result<(), Failure> {
        let service = Sort::Service.who(&self.service);
        let vault = ctl.vault()?;
        let changed = vault.trusts().unbind(&self.name, &service).await?;
        let text = if changed {
            format!("no token of {} is {service} any more", self.name)
        } else {
            format!("{service} was not bound to {}", self.name)
        };
        ctl.output
            .done(&text, || json!({ "service": service, "changed": changed }))
    }
}

async fn list(ctl: &Ctl) -> Result<(), Failure> {
    let mut lister = Lister::new(&ctl.output, &["name", "issuer", "keys", "description"]);
    for one in ctl.vault()?.trusts().list().await? {
        let value = json!({
            "name": one.name, "issuer": one.issuer, "description": one.description,
            "jwks_url": one.jwks_url, "keys": one.keys.as_ref().map(fetched_json),
        });
        let keys = one
            .keys
            .as_ref()
            .map_or_else(|| "stored".to_owned(), fetched_text);
        lister.push(vec![one.name, one.issuer, keys, one.description], || value)?;
    }
    lister.finish("no issuer is believed yet")
}

fn show(ctl: &Ctl, shown: &TrustDescription) -> Result<(), Failure> {
    let issuer = shown.issuer.clone().unwrap_or_default();
    let bindings: Vec<String> = shown.bindings.iter().map(binding_text).collect();
    let max_age = issuer.max_age.as_ref().map_or(0, |age| age.seconds);
    let parts = [
        ("name", shown.name.clone()),
        ("description", issuer.description.clone()),
        ("issuer", issuer.issuer.clone()),
        ("audiences", issuer.audiences.join(", ")),
        ("algorithms", issuer.algorithms.join(", ")),
        ("max age", format!("{max_age}s")),
        ("keys", format!("{}{}", issuer.jwks, issuer.jwks_url)),
        (
            "fetched",
            shown.keys.as_ref().map(fetched_text).unwrap_or_default(),
        ),
        ("changed", time::local(shown.updated_at.as_ref())),
        ("bound", bindings.join("; ")),
    ];
    record(&ctl.output, &parts, || {
        json!({
            "name": shown.name,
            "description": issuer.description,
            "issuer": issuer.issuer,
            "audiences": issuer.audiences,
            "algorithms": issuer.algorithms,
            "max_age_seconds": max_age,
            "jwks": issuer.jwks,
            "jwks_url": issuer.jwks_url,
            "keys": shown.keys.as_ref().map(fetched_json),
            "created_at": time::rfc3339(shown.created_at.as_ref()),
            "updated_at": time::rfc3339(shown.updated_at.as_ref()),
            "bindings": shown.bindings.iter().map(binding_json).collect::<Vec<_>>(),
        })
    })
}

/// What the node that answered knows of keys that it fetches.
fn fetched_text(keys: &FetchedKeys) -> String {
    let known = match &keys.fetched_at {
        Some(at) => format!("{} keys, {}", keys.count, time::local(Some(at))),
        None => "not yet".to_owned(),
    };
    match &keys.failed_at {
        Some(at) => format!(
            "{known}; failed {}: {}",
            time::local(Some(at)),
            keys.failure
        ),
        None => known,
    }
}

fn fetched_json(keys: &FetchedKeys) -> Value {
    json!({
        "fetched_at": time::rfc3339(keys.fetched_at.as_ref()),
        "count": keys.count,
        "failed_at": time::rfc3339(keys.failed_at.as_ref()),
        "failure": keys.failure,
    })
}

fn binding_text(binding: &ServiceBinding) -> String {
    let claims = binding.claims.iter();
    let claims: Vec<String> = claims
        .map(|claim| format!("{}={}", claim.name, claim.pattern))
        .collect();
    format!("{} if {}", binding.service, claims.join(", "))
}

fn binding_json(binding: &ServiceBinding) -> Value {
    let claims = binding.claims.iter();
    let claims: serde_json::Map<String, Value> = claims
        .map(|claim| (claim.name.clone(), claim.pattern.clone().into()))
        .collect();
    json!({ "service": binding.service, "claims": claims })
}

fn parse_claim(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, pattern)) if !name.is_empty() && !pattern.is_empty() => {
            Ok((name.to_owned(), pattern.to_owned()))
        }
        Some(_) | None => Err("a claim is NAME=PATTERN".to_owned()),
    }
}
