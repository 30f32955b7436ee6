//! The `dev` context of `vaultctl`: where the vault is, whom to trust, and the token beside it.
//!
//! Only the table of that name is touched, and `current` only if there is none. Files have mode 0600 and
//! are replaced whole.

use std::fs::{self, DirBuilder};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::config::Environment;

/// Why the context cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContextError {
    /// Nobody's home.
    #[error("neither HOME nor XDG_CONFIG_HOME and XDG_STATE_HOME are set")]
    NoHome,
    /// A file cannot be read or written.
    #[error("cannot use `{path}`: {source}")]
    File { path: PathBuf, source: io::Error },
    /// What is there is no context file.
    #[error("`{path}` is damaged: {why}")]
    Damaged { path: PathBuf, why: String },
}

/// One vault, as a client needs to know it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) endpoints: Vec<String>,
    pub(super) ca_fingerprint: String,
    pub(super) ca_pem: String,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Whether it is the context that commands use without a flag.
    pub(super) current: bool,
    /// Whether there is a token for it.
    pub(super) token: bool,
}

/// The files of `vaultctl` for this user.
#[derive(Debug)]
pub(super) struct Contexts {
    file: PathBuf,
    token: PathBuf,
}

impl Contexts {
    /// Where they lie for the user of this environment.
    pub(super) fn of(environment: &Environment) -> Result<Self, ContextError> {
        let home = |variable, below: &str| {
            let given = environment
                .get(variable)
                .map(PathBuf::from)
                .filter(|dir| dir.is_absolute());
            given.or_else(|| Some(Path::new(environment.get("HOME")?).join(below)))
        };
        let config = home("XDG_CONFIG_HOME", ".config").ok_or(ContextError::NoHome)?;
        let state = home("XDG_STATE_HOME", ".local/state").ok_or(ContextError::NoHome)?;
        Ok(Self {
            file: config.join("vault/contexts.toml"),
            token: state.join("vault/tokens").join(NAME),
        })
    }

    /// Writes the context, and its token if there is a new one.
    pub(super) fn write(
        &self,
        entry: &Entry,
        token: Option<&str>,
    ) -> Result<Written, ContextError> {
        let mut all = self.read()?;
        let mut own = Table::new();
        own.insert("endpoints".into(), entry.endpoints.clone().into());
        own.insert("ca_fingerprint".into(), entry.ca_fingerprint.clone().into());
        own.insert("ca_pem".into(), entry.ca_pem.clone().into());
        own.insert("server_name".into(), "localhost".into());
        self.table(&mut all)?.insert(NAME.into(), own.into());
        all.entry(CURRENT).or_insert_with(|| NAME.into());
        let current = all.get(CURRENT).and_then(Value::as_str) == Some(NAME);
        replace(&self.file, &all.to_string())?;
        if let Some(token) = token {
            write_token(&self.token, token)?;
        }
        Ok(Written {
            current,
            token: token.is_some(),
        })
    }

    /// Removes the context again, unless it leads elsewhere by now.
    pub(super) fn remove(&self, entry: &Entry) -> Result<(), ContextError> {
        let mut all = self.read()?;
        let contexts = self.table(&mut all)?;
        let ours = contexts.get(NAME).and_then(|own| own.get("ca_fingerprint"));
        if ours.and_then(Value::as_str) != Some(&entry.ca_fingerprint) {
            return Ok(());
        }
        contexts.remove(NAME);
        if all.get(CURRENT).and_then(Value::as_str) == Some(NAME) {
            all.remove(CURRENT);
        }
        replace(&self.file, &all.to_string())?;
        match fs::remove_file(&self.token) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(file(&self.token, source))
            }
            _ => Ok(()),
        }
    }

    fn read(&self) -> Result<Table, ContextError> {
        match fs::read_to_string(&self.file) {
            Ok(text) => text
                .parse()
                .map_err(|error: toml::de::Error| self.damaged(error.message())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Table::new()),
            Err(source) => Err(file(&self.file, source)),
        }
    }

    fn table<'a>(&self, all: &'a mut Table) -> Result<&'a mut Table, ContextError> {
        let contexts = all.entry("contexts").or_insert_with(|| Table::new().into());
        contexts
            .as_table_mut()
            .ok_or_else(|| self.damaged("`contexts` is no table"))
    }

    fn damaged(&self, why: &str) -> ContextError {
        ContextError::Damaged {
            path: self.file.clone(),
            why: why.to_owned(),
        }
    }
}

/// The token in a private file, if there is one.
pub(super) fn read_token(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = vault_sys::check_private_file(path).ok()?;
    file.take(1024).read_to_string(&mut text).ok()?;
    let token = text.trim();
    (!token.is_empty()).then(|| token.to_owned())
}

/// Writes a token into a private file, on a line of its own.
pub(super) fn write_token(path: &Path, token: &str) -> Result<(), ContextError> {
    replace(path, &format!("{token}\n"))
}

/// Writes a private file beside, and moves it over what was there.
fn replace(path: &Path, text: &str) -> Result<(), ContextError> {
    let dir = path.parent().unwrap_or_else(|| Path::new("/"));
    let write = || {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        // Made with mode 0600.
        let mut beside = tempfile::NamedTempFile::new_in(dir)?;
        beside.write_all(text.as_bytes())?;
        beside.as_file().sync_all()?;
        beside.persist(path).map_err(|error| error.error)
    };
    write().map(drop).map_err(|source| file(path, source))
}

fn file(path: &Path, source: io::Error) -> ContextError {
    ContextError::File {
        path: path.into(),
        source,
    }
}

/// Of the context.
const NAME: &str = "dev";
/// The key that names the context in use.
const CURRENT: &str = "current";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn contexts(dir: &Path) -> Contexts {
        let home = dir.display().to_string();
        Contexts::of(&Environment::from([("HOME", home.as_str())])).expect("home")
    }

    fn entry(fingerprint: &str) -> Entry {
        Entry {
            endpoints: vec![
                "https://127.0.0.1:8200".into(),
                "unix:/x/vaultd.sock".into(),
            ],
            ca_fingerprint: fingerprint.into(),
            ca_pem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".into(),
        }
    }

    #[test]
    fn the_first_context_becomes_current_and_its_files_are_private() {
        let dir = tempfile::tempdir().expect("dir");
        let contexts = contexts(dir.path());
        let written = contexts
            .write(&entry("sha256:aa"), Some("vlt_x"))
            .expect("write");
        assert_eq!(
            written,
            Written {
                current: true,
                token: true
            }
        );
        let token = dir.path().join(".local/state/vault/tokens/dev");
        assert_eq!(fs::read_to_string(&token).expect("token"), "vlt_x\n");
        for (path, mode) in [(&contexts.file, 0o600), (&token, 0o600)] {
            let found = fs::metadata(path).expect("file").permissions().mode();
            assert_eq!(found & 0o7777, mode, "{}", path.display());
            let above = fs::metadata(path.parent().expect("dir"))
                .expect("dir")
                .permissions()
                .mode();
            assert_eq!(above & 0o7777, 0o700);
        }
    }

    #[test]
    fn other_contexts_and_the_current_one_are_left_alone() {
        let dir = tempfile::tempdir().expect("dir");
        let contexts = contexts(dir.path());
        fs::create_dir_all(contexts.file.parent().expect("dir")).expect("dir");
        let theirs = "current = \"prod\"\n\n[contexts.prod]\nendpoints = [\"https://v:8200\"]\n";
        fs::write(&contexts.file, theirs).expect("write");
        let written = contexts.write(&entry("sha256:aa"), None).expect("write");
        assert_eq!(
            written,
            Written {
                current: false,
                token: false
            }
        );
        contexts.remove(&entry("sha256:aa")).expect("remove");
        let left: Table = fs::read_to_string(&contexts.file)
            .expect("file")
            .parse()
            .expect("toml");
        assert_eq!(left, theirs.parse::<Table>().expect("toml"));
    }

    #[test]
    fn a_context_that_leads_elsewhere_by_now_is_not_removed() {
        let dir = tempfile::tempdir().expect("dir");
        let contexts = contexts(dir.path());
        contexts
            .write(&entry("sha256:new"), Some("vlt_x"))
            .expect("write");
        contexts.remove(&entry("sha256:old")).expect("remove");
        assert!(
            fs::read_to_string(&contexts.file)
                .expect("file")
                .contains("sha256:new")
        );
        contexts.remove(&entry("sha256:new")).expect("remove");
        assert!(
            !fs::read_to_string(&contexts.file)
                .expect("file")
                .contains("dev")
        );
        assert!(!contexts.token.exists());
    }

    #[test]
    fn a_damaged_file_is_named_and_not_replaced() {
        let dir = tempfile::tempdir().expect("dir");
        let contexts = contexts(dir.path());
        fs::create_dir_all(contexts.file.parent().expect("dir")).expect("dir");
        for text in ["contexts = 1", "[contexts", "= x"] {
            fs::write(&contexts.file, text).expect("write");
            let error = contexts
                .write(&entry("sha256:aa"), None)
                .expect_err(text)
                .to_string();
            assert!(error.contains("contexts.toml"), "{error}");
            assert_eq!(fs::read_to_string(&contexts.file).expect("file"), text);
        }
    }

    #[test]
    fn directories_of_the_environment_are_used_if_absolute() {
        let of = |pairs: [(&str, &str); 3]| Contexts::of(&Environment::from(pairs));
        let found = of([
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_STATE_HOME", "relative"),
            ("HOME", "/h"),
        ]);
        let found = found.expect("home");
        assert_eq!(found.file, Path::new("/c/vault/contexts.toml"));
        assert_eq!(found.token, Path::new("/h/.local/state/vault/tokens/dev"));
        assert!(matches!(
            of([("HOME", ""), ("A", ""), ("B", "")]),
            Err(ContextError::NoHome)
        ));
    }
}
