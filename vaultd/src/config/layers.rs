//! Where values come from: one file, then the environment, then flags. The later wins.
//!
//! Only names are judged here, so that a misspelt key is refused with the place where it stands,
//! whatever its value.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::keys::{FILE_VARIABLE, KEYS, PREFIX, find, nearest};

/// Where one value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere; it is the default.
    Default,
    /// In the file, at that line.
    File(PathBuf, usize),
    /// In that environment variable.
    Variable(String),
    /// On the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// Text, also every value of the environment and the command line.
    Text(String),
    /// A whole number.
    Number(String),
    /// `true` or `false`.
    Flag(bool),
    /// A list of texts.
    List(Vec<String>),
}

/// What was given, by the name of its key.
#[derive(Debug, Default)]
pub struct Layers {
    given: BTreeMap<&'static str, (Raw, Origin)>,
}

impl Layers {
    /// Lays a file over what there is.
    ///
    /// # Errors
    /// [`ConfigError`] if it cannot be read, is no TOML, or has a key that nobody knows.
    pub fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        self.text(path, &text)
    }

    /// Lays the text of a file over what there is.
    ///
    /// # Errors
    /// As [`Layers::file`].
    pub fn text(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let line = |at: usize| text.bytes().take(at).filter(|b| *b == b'\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.into(),
            line: line(error.span().map_or(0, |span| span.start)),
            message: error.message().replace('\n', ", "),
        })?;
        for (section, body) in table.get_ref() {
            let origin = Origin::File(path.into(), line(section.span().start));
            let DeValue::Table(body) = body.get_ref() else {
                return Err(unknown(section.get_ref(), origin));
            };
            if body.is_empty() && !known_section(section.get_ref()) {
                return Err(unknown(section.get_ref(), origin));
            }
            for (name, value) in body {
                let origin = Origin::File(path.into(), line(name.span().start));
                let full = format!("{}.{}", section.get_ref(), name.get_ref());
                let raw = raw(value.get_ref()).ok_or_else(|| ConfigError::Value {
                    key: full.clone(),
                    origin: origin.clone(),
                    why: "expected text, a number, true, false or a list of texts".into(),
                })?;
                self.put(&full, raw, origin)?;
            }
        }
        Ok(())
    }

    /// Lays the environment's variables that begin with `VAULTD_` over what there is.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] if one of them is no key's.
    pub fn environment(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        for (variable, value) in environment.iter() {
            if !variable.starts_with(PREFIX) || variable == FILE_VARIABLE {
                continue;
            }
            let origin = Origin::Variable(variable.to_owned());
            let Some(key) = KEYS.iter().find(|key| key.variable() == variable) else {
                let names: Vec<String> = KEYS.iter().map(super::keys::Key::variable).collect();
                let near = nearest(variable, names.iter().map(String::as_str)).map(str::to_owned);
                return Err(ConfigError::Unknown {
                    key: variable.to_owned(),
                    origin,
                    near,
                });
            };
            self.given
                .insert(key.name, (Raw::Text(value.to_owned()), origin));
        }
        Ok(())
    }

    /// Lays one value from the command line over what there is.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`] if nobody knows the key.
    pub fn flag(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        self.put(name, Raw::Text(value.to_owned()), Origin::Flag)
    }

    /// What was given last for a key, or its default; `None` if there is neither.
    pub fn get(&self, name: &'static str) -> Option<(Raw, Origin)> {
        self.given.get(name).cloned().or_else(|| {
            let default = find(name)?.default;
            (!default.is_empty()).then(|| (Raw::Text(default.to_owned()), Origin::Default))
        })
    }

    fn put(&mut self, name: &str, raw: Raw, origin: Origin) -> Result<(), ConfigError> {
        let Some(key) = find(name) else {
            return Err(unknown(name, origin));
        };
        self.given.insert(key.name, (raw, origin));
        Ok(())
    }
}

/// The variables of a process; read once, passed down.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Those of this process. Names and values that are no UTF-8 are none of ours.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The value of a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        )
    }
}

fn known_section(name: &str) -> bool {
    KEYS.iter()
        .any(|key| key.name.split('.').next() == Some(name))
}

fn unknown(name: &str, origin: Origin) -> ConfigError {
    let last = name.rsplit('.').next().unwrap_or(name);
    if SECRET_WORDS.contains(&last) {
        return ConfigError::SecretInFile {
            key: name.to_owned(),
            origin,
        };
    }
    let near = nearest(name, KEYS.iter().map(|key| key.name));
    // A key without its section, or in the wrong one, is meant by its last part.
    let near = near.or_else(|| {
        let same = |key: &&super::keys::Key| key.name.rsplit('.').next() == Some(last);
        KEYS.iter().find(same).map(|key| key.name)
    });
    ConfigError::Unknown {
        key: name.to_owned(),
        origin,
        near: near.map(str::to_owned),
    }
}

fn raw(value: &DeValue<'_>) -> Option<Raw> {
    if let Some(text) = value.as_str() {
        return Some(Raw::Text(text.to_owned()));
    }
    if let Some(number) = value.as_integer() {
        return (number.radix() == 10).then(|| Raw::Number(number.as_str().to_owned()));
    }
    if let Some(flag) = value.as_bool() {
        return Some(Raw::Flag(flag));
    }
    let texts = value
        .as_array()?
        .iter()
        .map(|item| item.get_ref().as_str().map(str::to_owned));
    texts.collect::<Option<Vec<_>>>().map(Raw::List)
}

/// Last parts of names that show that someone means to put a secret into the configuration.
const SECRET_WORDS: [&str; 7] = [
    "token",
    "password",
    "passphrase",
    "secret",
    "private_key",
    "root_key",
    "share",
];
