//! Reading a TOML tree with its places: what is not as it should be is noted, and reading goes on.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use vault_core::access::{Resource, Sort};
use vault_core::name::{GroupName, RoleName, ServiceName, UserName};

use crate::app::bootstrap::read::{Files, beside};
use crate::app::bootstrap::{Document, Fault, Place};

/// A key, as it stands in the file.
pub(super) type Entry<'a> = Spanned<Cow<'a, str>>;
/// A value, as it stands in the file.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;
/// What a table has of what it may have.
pub(super) type Table<'r, 'a> = BTreeMap<&'r str, &'r Value<'a>>;

/// Most of an unknown key that is quoted.
const QUOTED: usize = 60;

pub(super) struct Reader {
    path: Arc<Path>,
    text: Arc<str>,
    files: Files,
    faults: Vec<Fault>,
}

impl Reader {
    /// The tree of a text.
    ///
    /// # Errors
    /// When it is no TOML: from there on nothing in it would be understood.
    pub(super) fn open<'a>(
        path: &Path,
        text: &'a str,
        files: Files,
    ) -> Result<(Value<'a>, Self), Fault> {
        let reader = Self {
            path: path.into(),
            text: text.into(),
            files,
            faults: Vec::new(),
        };
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            reader.place(at).fault(error.message().replace('\n', ", "))
        })?;
        let span = table.span();
        let root = Spanned::new(span, DeValue::Table(table.into_inner()));
        Ok((root, reader))
    }

    /// Everything that was wrong, and the digest of all that was read.
    pub(super) fn close(self) -> (Vec<Fault>, [u8; 32]) {
        (self.faults, self.files.digest())
    }

    /// Line and column of a byte.
    pub(super) fn place(&self, at: usize) -> Place {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default();
        Place {
            file: Arc::clone(&self.path),
            line,
            column: column.chars().count() + 1,
        }
    }

    pub(super) fn wrong(&mut self, at: usize, what: impl Into<String>) {
        let fault = self.place(at).fault(what);
        self.faults.push(fault);
    }

    /// What a table has; what it must not have is a fault.
    pub(super) fn table<'r, 'a>(
        &mut self,
        value: &'r Value<'a>,
        what: &str,
        known: &[&str],
    ) -> Table<'r, 'a> {
        let mut found = BTreeMap::new();
        for (key, value) in self.entries(value, what) {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                found.insert(name, value);
            } else {
                let text = unknown(name, what, known);
                self.wrong(key.span().start, text);
            }
        }
        found
    }

    /// All entries of a table.
    pub(super) fn entries<'r, 'a>(
        &mut self,
        value: &'r Value<'a>,
        what: &str,
    ) -> Vec<(&'r Entry<'a>, &'r Value<'a>)> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(value.span().start, format!("{what} is a table"));
        }
        table.into_iter().flatten().collect()
    }

    /// The text of a key, with its place.
    pub(super) fn text(&mut self, table: &Table<'_, '_>, key: &str) -> Option<(String, usize)> {
        let value = table.get(key)?;
        let at = value.span().start;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(at, format!("`{key}` is a text"));
        }
        text.map(|text| (text.to_owned(), at))
    }

    /// A list of texts, each with its place.
    pub(super) fn texts(&mut self, table: &Table<'_, '_>, key: &str) -> Vec<(String, usize)> {
        let what = format!("`{key}` is a list of names");
        let items = self.list(table, key, &what);
        let mut found: Vec<(String, usize)> = Vec::new();
        for (value, at) in items {
            match value.as_str() {
                Some(text) if found.iter().any(|(other, _)| other == text) => {
                    self.wrong(at, "it is named twice");
                }
                Some(text) => found.push((text.to_owned(), at)),
                None => self.wrong(at, what.clone()),
            }
        }
        found
    }

    /// A list of uids, each with its place.
    pub(super) fn uids(&mut self, table: &Table<'_, '_>, key: &str) -> Vec<(u32, usize)> {
        let what = format!("`{key}` is a list of numbers");
        let items = self.list(table, key, &what);
        let mut found = Vec::new();
        for (value, at) in items {
            let number = value.as_integer().filter(|number| number.radix() == 10);
            match number.and_then(|number| number.as_str().parse().ok()) {
                Some(uid) => found.push((uid, at)),
                None => self.wrong(at, what.clone()),
            }
        }
        found
    }

    fn list<'r, 'a>(
        &mut self,
        table: &Table<'r, 'a>,
        key: &str,
        what: &str,
    ) -> Vec<(&'r DeValue<'a>, usize)> {
        let Some(value) = table.get(key) else {
            return Vec::new();
        };
        let items = value.get_ref().as_array();
        if items.is_none() {
            self.wrong(value.span().start, what);
        }
        let items = items.into_iter().flatten();
        items
            .map(|item| (item.get_ref(), item.span().start))
            .collect()
    }

    /// A name that stands for what is made.
    pub(super) fn name<T>(&mut self, entry: &Entry<'_>) -> Option<T>
    where
        T: for<'t> TryFrom<&'t str, Error: fmt::Display>,
    {
        self.called(entry.get_ref(), entry.span().start)
    }

    /// The name of something.
    pub(super) fn called<T>(&mut self, text: &str, at: usize) -> Option<T>
    where
        T: for<'t> TryFrom<&'t str, Error: fmt::Display>,
    {
        match T::try_from(text) {
            Ok(name) => Some(name),
            Err(error) => {
                self.wrong(at, format!("the name is refused: {error}"));
                None
            }
        }
    }

    /// Somebody of a sort.
    pub(super) fn who(&mut self, sort: Sort, entry: &Entry<'_>) -> Option<Resource> {
        Some(match sort {
            Sort::User => Resource::User(self.name::<UserName>(entry)?),
            Sort::Service => Resource::Service(self.name::<ServiceName>(entry)?),
            Sort::Role => Resource::Role(self.name::<RoleName>(entry)?),
            Sort::Group => Resource::Group(self.name::<GroupName>(entry)?),
            Sort::Policy => return None,
        })
    }

    /// A document that stands in the file.
    pub(super) fn document(&mut self, table: &Table<'_, '_>, key: &str) -> Option<Document> {
        let (text, _) = self.text(table, key)?;
        let span = table.get(key)?.span();
        // A text without escapes stands there as it is.
        let within = self.text.get(span.clone()).unwrap_or_default();
        let found = within.find(text.as_str()).filter(|_| !text.is_empty());
        Some(Document {
            place: self.place(span.start + found.unwrap_or_default()),
            verbatim: found.is_some(),
            text,
        })
    }

    /// A document that stands in a file of its own.
    pub(super) fn file(&mut self, table: &Table<'_, '_>, key: &str) -> Option<Document> {
        let (name, at) = self.text(table, key)?;
        let Some(path) = beside(&self.path, &name) else {
            let what = format!("`{key}` names a file beside this one, or in a folder beside it");
            self.wrong(at, what);
            return None;
        };
        match self.files.read(&path) {
            Ok(text) => Some(Document {
                text,
                place: Place::start(&path),
                verbatim: true,
            }),
            Err(why) => {
                self.wrong(at, why);
                None
            }
        }
    }

    /// A value as JSON has it.
    pub(super) fn json(&mut self, value: &Value<'_>) -> Option<serde_json::Value> {
        let found = json(value.get_ref());
        if found.is_none() {
            let what = "expected a text, a whole number, true, false or a list of them";
            self.wrong(value.span().start, what);
        }
        found
    }
}

fn json(value: &DeValue<'_>) -> Option<serde_json::Value> {
    if let Some(text) = value.as_str() {
        return Some(text.into());
    }
    if let Some(flag) = value.as_bool() {
        return Some(flag.into());
    }
    if let Some(number) = value.as_integer() {
        let number = Some(number).filter(|number| number.radix() == 10)?;
        return number.as_str().parse::<u64>().ok().map(Into::into);
    }
    let items = value.as_array()?.iter();
    items.map(|item| json(item.get_ref())).collect()
}

fn unknown(name: &str, what: &str, known: &[&str]) -> String {
    if SECRETS.contains(&name) {
        return format!(
            "`{name}`: a bootstrap file holds no secrets; afterwards users get one-time passwords (`vaultctl password \
             reset`) and services their secret ids (`vaultctl service secret-id`)"
        );
    }
    let shown: String = name.chars().take(QUOTED).collect();
    format!(
        "{what} has no `{}`, but: {}",
        shown.escape_debug(),
        known.join(", ")
    )
}

/// Keys that show that someone means to put a secret into the file.
const SECRETS: [&str; 9] = [
    "password",
    "password_hash",
    "passphrase",
    "secret",
    "secret_id",
    "secret_ids",
    "token",
    "totp",
    "key",
];
