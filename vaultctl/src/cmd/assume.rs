//! `vaultctl assume`

use std::path::PathBuf;
use std::time::Duration;

use vault_sdk::RoleTerms;

use super::Outcome;
use super::login::Limits;
use super::whoami::session_json;
use crate::contexts::{Context, Contexts, parse_name, save_token};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::time::{self, parse_span};

/// Take a role's rights on, in a session of its own
///
/// The session is kept in a context of its own, CONTEXT.ROLE unless --as names another, so that the
/// one that it was made from stays as it is. It ends with that one's session.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The role
    role: String,

    /// What the session is called in policies and audit [default: as you are]
    #[arg(long, value_name = "NAME")]
    session_name: Option<String>,

    /// How long it lasts, 15m to what the role allows [default: 1h]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,

    /// A policy that is the most the session may do; may be given again
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,

    /// A tag of the session; may be given again
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    tags: Vec<(String, String)>,

    #[command(flatten)]
    limits: Limits,

    /// The context to keep the session in, a new one or one that was made so from the same context
    #[arg(long = "as", value_name = "NAME", value_parser = parse_name)]
    name: Option<String>,

    /// Print the session's token instead of keeping it
    #[arg(long, conflicts_with = "name")]
    print_token: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let target = ctl.target()?;
        let kept = match (&target.context, self.print_token) {
            (_, true) => None,
            (Some(context), false) => Some((context.clone(), self.context(context)?)),
            (None, false) => {
                return Err(Failure::usage("there is no context to keep the session in")
                    .hint("make one with `vaultctl context add`, or use --print-token"));
            }
        };
        if let Some((from, name)) = &kept {
            free(&Contexts::load(&ctl.paths)?, from, name)?;
        }
        let mut policies = Vec::new();
        for path in &self.policies {
            policies.push(policy(path)?);
        }
        let terms = RoleTerms {
            session_name: self.session_name.unwrap_or_default(),
            ttl: self.ttl,
            policies,
            tags: self.tags.into_iter().collect(),
            limits: self.limits.into_sdk(),
        };
        let client = target.client.clone();
        let vault = target.vault(ctl)?;
        let made = vault.sessions().assume_role(&self.role, terms).await?;
        let Some((from, name)) = kept else {
            // EXPOSE: stdout, because it was asked for
            ctl.output.line(made.token.expose())?;
            return Ok(Exit::Ok);
        };
        let mut contexts = Contexts::load(&ctl.paths)?;
        free(&contexts, &from, &name)?;
        let mut context = Context {
            assumed_from: Some(from.clone()),
            ..contexts.named(&from)?.clone()
        };
        let takes = !made.session.key_hash.is_empty();
        context.hold(client.filter(|_| takes).as_ref())?;
        contexts.contexts.insert(name.clone(), context);
        save_token(&ctl.paths, &name, &made.token)?;
        contexts.save(&ctl.paths)?;
        let until = time::local(made.session.expires_at.as_ref());
        let words = format!(
            "{} until {until}: use it with `vaultctl -c {name}`",
            made.session.principal
        );
        ctl.output.done(&words, || {
            let mut json = session_json(&made.session);
            if let Some(object) = json.as_object_mut() {
                object.insert("context".to_owned(), name.clone().into());
            }
            json
        })?;
        Ok(Exit::Ok)
    }

    /// The context to keep the session in.
    fn context(&self, from: &str) -> Result<String, Failure> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let role = self.role.strip_prefix("role:").unwrap_or(&self.role);
        parse_name(&format!("{from}.{role}"))
            .map_err(|error| Failure::usage(error).hint("name the context: --as NAME"))
    }
}

/// Refuses to put the session in the place of what was not made like this.
fn free(contexts: &Contexts, from: &str, name: &str) -> Result<(), Failure> {
    match contexts.contexts.get(name) {
        Some(there) if there.assumed_from.as_deref() != Some(from) => Err(Failure::usage(format!(
            "there is a context `{name}` already, which holds something else"
        ))
        .hint("choose another name: --as NAME")),
        Some(_) | None => Ok(()),
    }
}

fn policy(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::invalid(format!("{}: {error}", path.display())))
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("a tag is KEY=VALUE".to_owned()),
    }
}
