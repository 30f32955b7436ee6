//! Contexts: the vaults this user works with, in one file of mode 0600.
//!
//! The token of a context lies in a file of its own, so that logging in as somebody else in one
//! context disturbs no other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vault_sdk::Token;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::files::{read_private, remove, write_private};
use crate::paths::Paths;

/// The file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// Used without `--context`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// By name.
    #[serde(default)]
    pub(crate) contexts: BTreeMap<String, Context>,
}

/// One vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    /// `https://…` and `unix:…`, tried in order.
    pub(crate) endpoints: Vec<String>,
    /// The name to verify instead of an endpoint's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_name: Option<String>,
    /// SHA-256 of the CA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_fingerprint: Option<String>,
    /// The CA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_pem: Option<String>,
    /// The context whose session assumed a role for this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assumed_from: Option<String>,
    /// Where the client certificate lies that the context's session takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_cert: Option<String>,
    /// And its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_key: Option<String>,
}

impl Contexts {
    /// Reads the file; none is as good as an empty one.
    pub(crate) fn load(paths: &Paths) -> Result<Self, Failure> {
        let Some(path) = paths.contexts() else {
            return Ok(Self::default());
        };
        let Some(text) = read_private(&path)? else {
            return Ok(Self::default());
        };
        toml::from_str(&text).map_err(|error| {
            let place = format!("{}: {}", path.display(), error.message());
            Failure::invalid(place).hint("mend or remove the file; `vaultctl context add` makes it")
        })
    }

    /// Writes the file.
    pub(crate) fn save(&self, paths: &Paths) -> Result<(), Failure> {
        let path = paths.contexts().ok_or_else(no_home)?;
        let text = toml::to_string(self)
            .map_err(|error| Failure::internal(format!("writing contexts: {error}")))?;
        write_private(&path, text.as_bytes())
    }

    /// Changes a context, and writes the file if that changed it.
    pub(crate) fn change(
        paths: &Paths,
        name: &str,
        change: impl FnOnce(&mut Context) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut contexts = Self::load(paths)?;
        let Some(there) = contexts.contexts.get_mut(name) else {
            return Ok(());
        };
        let before = there.clone();
        change(there)?;
        if *there == before {
            return Ok(());
        }
        contexts.save(paths)
    }

    /// A context by name.
    pub(crate) fn named(&self, name: &str) -> Result<&Context, Failure> {
        self.contexts.get(name).ok_or_else(|| {
            let missing = Failure::new(
                "not_found",
                crate::exit::Exit::NotFound,
                format!("no context `{name}`"),
            );
            let names: Vec<_> = self.contexts.keys().map(String::as_str).collect();
            match names.as_slice() {
                [] => missing.hint("make one: vaultctl context add NAME --addr A"),
                names => missing.hint(format!("there are: {}", names.join(", "))),
            }
        })
    }
}

/// A name that is safe as a file name.
pub(crate) fn parse_name(text: &str) -> Result<String, String> {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if first && rest && text.len() <= 64 {
        Ok(text.to_owned())
    } else {
        Err("a context's name is 1 to 64 letters, digits, `_`, `.` or `-`".to_owned())
    }
}

/// The stored token of a context.
pub(crate) fn load_token(paths: &Paths, context: &str) -> Result<Option<Token>, Failure> {
    match paths.token(context) {
        Some(path) => Ok(read_private(&path)?.as_deref().and_then(|text| token(text))),
        None => Ok(None),
    }
}

/// Stores it.
pub(crate) fn save_token(paths: &Paths, context: &str, token: &Token) -> Result<(), Failure> {
    let path = paths.token(context).ok_or_else(no_home)?;
    // EXPOSE: the token file of the context, mode 0600
    let line = Zeroizing::new(format!("{}\n", token.expose()));
    write_private(&path, line.as_bytes())
}

/// Forgets it.
pub(crate) fn remove_token(paths: &Paths, context: &str) -> Result<(), Failure> {
    paths.token(context).map_or(Ok(()), |path| remove(&path))
}

/// The token in a text, without the line's end.
pub(crate) fn token(text: &str) -> Option<Token> {
    let text = text.trim();
    (!text.is_empty()).then(|| Token::new(text))
}

fn no_home() -> Failure {
    Failure::invalid("there is no home directory to keep contexts in")
        .hint("set XDG_CONFIG_HOME and XDG_STATE_HOME, or use --addr and --token-file")
}

#[cfg(test)]
mod tests {
    use super::{Context, Contexts, parse_name, token};

    const SAMPLE: &str = r#"current = "dev"

[contexts.dev]
endpoints = ["https://127.0.0.1:8200", "unix:/run/v.sock"]
server_name = "localhost"
ca_fingerprint = "sha256:00"
ca_pem = "pem"
client_cert = "/etc/till.pem"
client_key = "/etc/till.key"
"#;

    #[test]
    fn the_format_is_as_documented() {
        let read: Contexts = toml::from_str(SAMPLE).unwrap();
        assert_eq!(read.current.as_deref(), Some("dev"));
        assert_eq!(toml::to_string(&read).unwrap(), SAMPLE);
    }

    #[test]
    fn unknown_keys_are_refused() {
        for text in [
            "colour = 1",
            "[contexts.a]\nendpoints = []\ntoken = \"x\"",
            "[contexts.a]",
        ] {
            assert!(toml::from_str::<Contexts>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_cannot_leave_their_directory() {
        for good in ["dev", "eu-admin", "a.b_c", "9"] {
            assert!(parse_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "-a", "a b", "ü", &"a".repeat(65)] {
            assert!(parse_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_missing_context_names_those_that_exist() {
        let mut contexts = Contexts::default();
        assert!(
            contexts
                .named("x")
                .unwrap_err()
                .tail()
                .contains("context add")
        );
        contexts.contexts.insert("dev".into(), Context::default());
        assert!(
            contexts
                .named("x")
                .unwrap_err()
                .tail()
                .contains("there are: dev")
        );
    }

    #[test]
    fn an_empty_token_file_holds_no_token() {
        assert!(token(" \n").is_none());
        assert_eq!(token("vlt_x\n").unwrap().expose(), "vlt_x");
    }
}
