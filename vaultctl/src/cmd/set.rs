//! `vaultctl set`

use serde_json::json;
use vault_sdk::wire::{PutSecretResponse, RandomPolicy, UpdateSecretRequest};
use vault_sdk::{Put, Reference, Value, Vault, encode_path};

use super::Outcome;
use crate::assign::{self, Argument, Assignment, Source};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::random::parse_policy;
use crate::time;

/// Write a new version of a secret
///
/// Without F, --file or --from-env, the value of PATH#field (or of the field `value`) is asked for, or read from stdin
/// where something is piped in. Other fields stay as they are, unless --replace.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(crate) struct Args {
    /// dir/name[#field]
    #[arg(value_name = "PATH")]
    reference: Reference,

    /// F=VALUE (others can see it), F=@FILE, F=- for stdin; F=\@x for a value that begins with @
    #[arg(value_name = "F=…")]
    fields: Vec<Argument>,

    /// Take the value from this file, as it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fields", "from_env"])]
    file: Option<String>,

    /// Take the value from this variable of the environment
    #[arg(long, value_name = "VAR", conflicts_with = "fields")]
    from_env: Option<String>,

    /// Have the vault make the value: LENGTH, hex:BYTES, uuid, … (see `vaultctl generate --help`)
    #[arg(long, value_name = "POLICY", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_parser = parse_policy)]
    generate: Option<RandomPolicy>,

    /// Only if the latest version is this one; 0: only if there is none
    #[arg(long, value_name = "N")]
    if_version: Option<u64>,

    /// Drop the fields that are not named
    #[arg(long)]
    replace: bool,

    /// Drop a field
    #[arg(long, value_name = "F", value_parser = assign::parse_field)]
    remove: Vec<String>,

    /// Label for the new version, instead of `current`
    #[arg(long, value_name = "L")]
    label: Vec<String>,

    /// Why, for people; kept with the version
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,

    /// What the secret is
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// Tag of the secret
    #[arg(long, value_name = "K=V", value_parser = parse_tag)]
    tag: Vec<(String, String)>,

    /// Change description and tags only; make no version
    #[arg(long, conflicts_with_all = ["fields", "file", "from_env", "generate", "if_version", "replace", "remove", "label", "note"])]
    no_value: bool,

    /// Keep a newline at the end of stdin
    #[arg(long)]
    raw_stdin: bool,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        if self.reference.selector.is_some() {
            return Err(Failure::usage("a new version is written; leave @ out")
                .hint("to write only over the version you saw: --if-version N"));
        }
        let vault = ctl.vault()?;
        if self.no_value {
            return self.describe(ctl, &vault).await;
        }
        let fields = self.values(ctl)?;
        assign::fit(&fields)?;
        let mut put = vault.secrets().put(&self.reference.path);
        for (name, value) in &fields {
            put = put.field(name, value);
        }
        let reply = match self.options(put).send().await {
            Ok(reply) => reply,
            Err(error) => {
                return Err(Failure::from(error).for_path(&encode_path(&self.reference.path)));
            }
        };
        ctl.output
            .done(&self.words(&reply), || self.to_json(&reply))?;
        Ok(Exit::Ok)
    }

    fn options<'a>(&self, mut put: Put<'a>) -> Put<'a> {
        if let Some(policy) = &self.generate {
            put = put.generate(self.field(), policy.clone());
        }
        if let Some(version) = self.if_version {
            put = put.if_version(version);
        }
        if self.replace {
            put = put.replace();
        }
        if self.dry_run {
            put = put.dry_run();
        }
        if let Some(note) = &self.note {
            put = put.note(note);
        }
        if let Some(text) = &self.description {
            put = put.description(text);
        }
        put = self.remove.iter().fold(put, Put::remove);
        put = self.label.iter().fold(put, Put::label);
        self.tag
            .iter()
            .fold(put, |put, (key, value)| put.tag(key, value))
    }

    /// The field that is meant where none is named.
    fn field(&self) -> &str {
        self.reference.field.as_deref().unwrap_or("value")
    }

    fn values(&self, ctl: &Ctl) -> Result<Vec<(String, Value)>, Failure> {
        let fields = assign::parse_all(&self.fields)?;
        if fields.is_empty() {
            let elsewhere = self.file.is_some() || self.from_env.is_some();
            if !elsewhere && (self.generate.is_some() || !self.remove.is_empty()) {
                return Ok(Vec::new());
            }
            let value = if let Some(path) = &self.file {
                assign::read_file(path)?
            } else if let Some(name) = &self.from_env {
                assign::read_variable(name)?
            } else if ctl.prompt.is_piped() {
                self.stdin(ctl)?
            } else {
                self.ask(ctl)?
            };
            return Ok(vec![(self.field().to_owned(), value)]);
        }
        if self.reference.field.is_some() {
            return Err(Failure::usage("name the field once: PATH#field, or F=…"));
        }
        let literal =
            |a: &Assignment| matches!(&a.source, Source::Literal(text) if !text.is_empty());
        if fields.iter().any(literal) {
            ctl.output.warn(
                "values on the command line show in `ps` and in the shell's history; \
                 use F=@FILE, F=- or the prompt",
            );
        }
        let stdin = fields.iter().filter(|a| a.source == Source::Stdin).count();
        if stdin > 1 {
            return Err(Failure::usage("only one field can be read from stdin"));
        }
        let value = |assignment: &Assignment| {
            let value = match &assignment.source {
                Source::Literal(text) => Value::new(text.as_bytes()),
                Source::File(path) => assign::read_file(path)?,
                Source::Stdin => self.stdin(ctl)?,
            };
            Ok((assignment.field.clone(), value))
        };
        fields.iter().map(value).collect()
    }

    fn stdin(&self, ctl: &Ctl) -> Result<Value, Failure> {
        let (value, stripped) = assign::piped(self.raw_stdin)?;
        if value.is_empty() && !stripped {
            return Err(Failure::usage("stdin is empty").hint(format!(
                "to store an empty value on purpose: {}=",
                self.field()
            )));
        }
        if stripped {
            ctl.output
                .note("left out the newline at the end of stdin (--raw-stdin keeps it)");
        }
        Ok(value)
    }

    fn ask(&self, ctl: &Ctl) -> Result<Value, Failure> {
        let question = format!("{} of {}", self.field(), encode_path(&self.reference.path));
        let text = ctl
            .prompt
            .hidden_twice(&question, "pipe it in, or use F=@FILE or --generate")?;
        if text.is_empty() {
            return Err(Failure::usage("nothing was entered"));
        }
        Ok(Value::new(text.expose().as_bytes()))
    }

    async fn describe(&self, ctl: &Ctl, vault: &Vault) -> Outcome {
        let path = &self.reference.path;
        let change = UpdateSecretRequest {
            path: path.clone(),
            description: self.description.clone(),
            set_tags: self.tag.iter().cloned().collect(),
            ..Default::default()
        };
        if change.description.is_none() && change.set_tags.is_empty() {
            return Err(Failure::usage(
                "--no-value goes with --description or --tag",
            ));
        }
        if self.dry_run {
            return Err(Failure::usage("--dry-run does not go with --no-value"));
        }
        match vault.secrets().update(change).await {
            Ok(meta) => {
                let value = || json!({ "path": meta.path, "tags": meta.tags, "description": meta.description });
                ctl.output
                    .done(&format!("{} is described", encode_path(path)), value)?;
                Ok(Exit::Ok)
            }
            Err(error) => Err(ctl.about(vault, path, error).await),
        }
    }

    fn words(&self, reply: &PutSecretResponse) -> String {
        let path = encode_path(&reply.path);
        let version = reply.version;
        match (self.dry_run, reply.created) {
            (true, true) => format!("{path} would be created"),
            (true, false) => format!("{path} would get version {version}"),
            (false, true) => format!("{path} is created, version {version}"),
            (false, false) => format!("{path} is at version {version} (was {})", reply.previous),
        }
    }

    fn to_json(&self, reply: &PutSecretResponse) -> serde_json::Value {
        json!({
            "path": reply.path,
            "version": reply.version,
            "created": reply.created,
            "previous": reply.previous,
            "created_at": time::rfc3339(reply.created_at.as_ref()),
            "dry_run": self.dry_run,
        })
    }
}

/// `K=V`, or `K` for a tag without a value.
pub(crate) fn parse_tag(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        return Err("a tag is written K=V".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}
