//! `vaultctl edit`
//!
//! INVARIANT: the file lies in a directory of its own in memory, which goes with every end of this
//! process but a kill -9.

mod editor;
mod memory;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use serde_json::json;
use vault_sdk::{Kind, Reference, Secret, Value, Vault, encode_path};
use zeroize::Zeroizing;

use self::editor::{Editor, Signals, interrupted};
use super::Outcome;
use super::diff::changes;
use super::paths::parse_path;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::{self, Fields};

/// Edit the fields of a secret in $VISUAL or $EDITOR
///
/// The file lies in memory only (swap that is on is warned of), and vim, nano, emacs and micro are told to keep no copies. It is
/// written back only if nobody else has written meanwhile. Binary fields are not shown, and stay as
/// they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// dir/name; it is created if there is none
    #[arg(value_name = "PATH", value_parser = parse_path)]
    path: String,

    /// Why, for people; kept with the version
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        if !ctl.prompt.is_allowed() {
            return Err(Failure::usage("an editor needs a terminal")
                .hint("in a script: vaultctl set PATH F=@FILE"));
        }
        let vault = ctl.vault()?;
        let (secret, latest) = self.read(ctl, &vault).await?;
        let (shown, hidden) = split(secret);
        // For good: what holds a signal once never lets it end the process again.
        let mut signals = Signals::hold()?;
        let edited = edit(ctl, &self.path, &shown.fields, &mut signals).await?;
        let after = Secret {
            fields: edited,
            path: self.path.clone(),
            labels: Vec::new(),
            ..shown
        };
        let before = Secret {
            fields: shown.fields,
            ..empty(&self.path)
        };
        let changed = changes(&before, &after);
        if changed.is_empty() {
            ctl.output.done(
                "nothing was changed",
                || json!({ "path": self.path, "changed": false }),
            )?;
            return Ok(Exit::Ok);
        }
        if after.fields.is_empty() && hidden.is_empty() {
            return Err(
                Failure::invalid("no field is left; nothing was written").hint(format!(
                    "to delete it: vaultctl rm {}",
                    encode_path(&self.path)
                )),
            );
        }
        for change in &changed {
            ctl.output
                .note(&format!("{} {}", change.sign(), change.field));
        }
        let fields = after.fields.iter().chain(&hidden);
        let version = tokio::select! {
            written = self.write(&vault, fields, latest) => written?,
            _ = signals.next() => return Err(self.cut_off()),
        };
        let words = format!("{} is at version {version}", encode_path(&self.path));
        let value = || json!({ "path": self.path, "changed": true, "version": version });
        ctl.output.done(&words, value)?;
        Ok(Exit::Ok)
    }

    /// A new version, if nobody else made one meanwhile.
    async fn write<'a>(
        &self,
        vault: &Vault,
        fields: impl Iterator<Item = (&'a String, &'a Value)>,
        latest: u64,
    ) -> Result<u64, Failure> {
        let mut put = vault.secrets().put(&self.path).replace().if_version(latest);
        for (field, value) in fields {
            put = put.field(field, value);
        }
        if let Some(note) = &self.note {
            put = put.note(note);
        }
        let reply = put.send().await.map_err(|error| {
            let definite = !matches!(
                error.kind(),
                Kind::Unknown | Kind::Unavailable | Kind::Limited | Kind::Internal
            );
            let failure = Failure::from(error).for_path(&encode_path(&self.path));
            if definite {
                failure.hint("nothing was written")
            } else {
                failure
            }
        })?;
        Ok(reply.version)
    }

    /// The failure that a signal is while the answer is awaited.
    fn cut_off(&self) -> Failure {
        let what = "interrupted before the vault answered; whether it was written is not known";
        let path = encode_path(&self.path);
        Failure::new("unknown", Exit::Unavailable, what)
            .hint(format!("look before you repeat it: vaultctl log {path}"))
    }

    /// The current fields, and the latest version's number to write over.
    async fn read(&self, ctl: &Ctl, vault: &Vault) -> Result<(Secret, u64), Failure> {
        let meta = match vault.secrets().describe(&self.path).await {
            Ok(meta) => meta,
            Err(error) if error.kind() == Kind::NotFound => return Ok((empty(&self.path), 0)),
            Err(error) => return Err(error.into()),
        };
        match vault
            .secrets()
            .get(&Reference::to_path(self.path.clone()))
            .await
        {
            Ok(secret) => Ok((secret, meta.latest_version)),
            Err(error) => Err(ctl.about(vault, &self.path, error).await),
        }
    }
}

fn empty(path: &str) -> Secret {
    Secret {
        path: path.to_owned(),
        version: 0,
        fields: Fields::new(),
        created_at: None,
        labels: Vec::new(),
    }
}

/// What an editor can show, and what it cannot.
fn split(mut secret: Secret) -> (Secret, Fields) {
    let fields = std::mem::take(&mut secret.fields);
    let (shown, hidden) = fields
        .into_iter()
        .partition(|(_, value)| value.expose_str().is_ok());
    secret.fields = shown;
    (secret, hidden)
}

/// Lets people edit until what they leave can be read, or they give up.
async fn edit(
    ctl: &Ctl,
    path: &str,
    fields: &Fields,
    signals: &mut Signals,
) -> Result<Fields, Failure> {
    let editor = Editor::find()?;
    editor.warn(ctl);
    let dir = memory::directory(ctl)?;
    let file = dir.path().join("secret.toml");
    let mut text = Zeroizing::new(format!(
        "# {}: one `field = \"value\"` a line\n",
        encode_path(path)
    ));
    text.push_str(&formats::toml::write_fields(path, fields)?);
    let failed = |error: std::io::Error| Failure::io("writing the file to edit", &error);
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file);
    let mut handle = opened.map_err(failed)?;
    handle.write_all(text.as_bytes()).map_err(failed)?;
    drop(handle);
    loop {
        editor.run(&file, signals).await?;
        let text = std::fs::read_to_string(&file).map(Zeroizing::new);
        let text = text.map_err(|error| Failure::io("reading the edited file", &error))?;
        let failure = match formats::toml::read(&text).and_then(one_secret) {
            Ok(fields) => return Ok(fields),
            Err(failure) => failure,
        };
        ctl.output.fail(&failure);
        let answer = again(ctl, signals).await?;
        if answer.eq_ignore_ascii_case("n") || answer.eq_ignore_ascii_case("no") {
            return Err(Failure::invalid("nothing was written"));
        }
    }
}

fn one_secret(mut secrets: formats::Secrets) -> Result<Fields, Failure> {
    let fields: Fields = secrets.remove("").unwrap_or_default();
    if secrets.is_empty() {
        Ok(fields)
    } else {
        Err(Failure::invalid("a secret has fields only, and no tables"))
    }
}

/// Asks on a thread of its own, because a signal must not wait for an answer.
async fn again(ctl: &Ctl, signals: &mut Signals) -> Result<String, Failure> {
    let (prompt, (told, answer)) = (ctl.prompt, tokio::sync::oneshot::channel());
    std::thread::spawn(move || {
        // After a signal nobody waits for it.
        let _unheard = told.send(prompt.visible("Edit again? [Y/n]", "edit again"));
    });
    tokio::select! {
        answer = answer => answer.map_err(|_| interrupted())?,
        _ = signals.next() => Err(interrupted()),
    }
}

#[cfg(test)]
mod tests {
    use vault_sdk::Value;

    use super::{empty, one_secret, split};
    use crate::formats;

    #[test]
    fn binary_fields_are_kept_out_of_the_editor() {
        let mut secret = empty("p");
        secret.fields.insert("text".into(), Value::new(*b"x"));
        secret.fields.insert("key".into(), Value::new([0xff]));
        let (shown, hidden) = split(secret);
        assert_eq!(shown.fields.keys().collect::<Vec<_>>(), ["text"]);
        assert_eq!(hidden.keys().collect::<Vec<_>>(), ["key"]);
    }

    #[test]
    fn tables_are_no_fields() {
        let read = |text| formats::toml::read(text).and_then(one_secret);
        assert_eq!(read("a = 'x'").unwrap().len(), 1);
        assert_eq!(read("").unwrap().len(), 0);
        assert!(read("[a]\nb = 'x'").is_err());
    }
}
