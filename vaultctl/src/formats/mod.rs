//! Files of secrets in other people's formats.
//!
//! Every format is read into, and written from, the same list: secrets by the path below the folder
//! that is imported to or exported from, each with its fields.

use std::collections::BTreeMap;

use clap::ValueEnum;
use vault_sdk::Value;

use crate::failure::Failure;

pub(crate) mod csv;
pub(crate) mod dotenv;
pub(crate) mod json;
pub(crate) mod k8s;
pub(crate) mod nested;
pub(crate) mod tfvars;
pub(crate) mod toml;
pub(crate) mod vault_kv;

/// The fields of a secret.
pub(crate) type Fields = BTreeMap<String, Value>;

/// Secrets by relative path; the empty path is the folder's own name.
pub(crate) type Secrets = BTreeMap<String, Fields>;

/// What `import` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// `NAME=value` lines: the fields of one secret
    Dotenv,
    /// What `export` and `get -o json` write, or nested objects whose leaves are fields
    Json,
    /// Nested tables whose leaves are fields
    Toml,
    /// Columns path, field and value, with a header
    Csv,
    /// What `vault kv get -format=json` prints
    VaultKv,
}

impl ImportFormat {
    /// By a file's name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let last = name.rsplit('/').next().unwrap_or(name);
        if last == ".env" || last.starts_with(".env.") {
            return Some(Self::Dotenv);
        }
        match last.rsplit_once('.')?.1 {
            "env" => Some(Self::Dotenv),
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    pub(crate) fn read(self, text: &str) -> Result<Secrets, Failure> {
        match self {
            Self::Dotenv => Ok(Secrets::from([(String::new(), dotenv::read(text)?)])),
            Self::Json => json::read(text),
            Self::Toml => toml::read(text),
            Self::Csv => csv::read(text),
            Self::VaultKv => vault_kv::read(text),
        }
    }
}

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// `PATH_FIELD="value"` lines
    Dotenv,
    /// Exact, also for binary values
    Json,
    /// One table a secret
    Toml,
    /// A Kubernetes list of Secrets, in JSON
    K8s,
    /// Terraform variables, in JSON: save as NAME.auto.tfvars.json
    Tfvars,
}

impl ExportFormat {
    pub(crate) fn write(self, folder: &str, secrets: &Secrets) -> Result<String, Failure> {
        match self {
            Self::Dotenv => dotenv::write(folder, secrets),
            Self::Json => json::write(secrets),
            Self::Toml => toml::write(secrets),
            Self::K8s => k8s::write(folder, secrets),
            Self::Tfvars => tfvars::write(folder, secrets),
        }
    }
}

/// A path below a folder.
pub(crate) fn join(folder: &str, relative: &str) -> String {
    match (folder, relative) {
        (folder, "") => folder.to_owned(),
        ("", relative) => relative.to_owned(),
        (folder, relative) => format!("{folder}/{relative}"),
    }
}

/// The path below the folder that is exported; the folder's own name for the secret that has it.
pub(crate) fn name_of<'a>(folder: &'a str, relative: &'a str) -> &'a str {
    if relative.is_empty() {
        folder.rsplit('/').next().unwrap_or(folder)
    } else {
        relative
    }
}

/// A value as text, where the format has nothing else.
pub(crate) fn text<'a>(path: &str, field: &str, value: &'a Value) -> Result<&'a str, Failure> {
    // EXPOSE: the export, which holds the values by intent
    value.expose_str().map_err(|_| {
        Failure::invalid(format!(
            "`{field}` of `{path}` is binary, and this format holds text"
        ))
        .hint("--format json holds binary values, too")
    })
}

/// Puts a field into a list; each only once.
pub(crate) fn insert(
    secrets: &mut Secrets,
    path: &str,
    field: &str,
    value: Value,
) -> Result<(), Failure> {
    crate::assign::parse_field(field)
        .map_err(|why| Failure::invalid(format!("`{field}` of `{path}`: {why}")))?;
    let fields = secrets.entry(path.to_owned()).or_default();
    match fields.insert(field.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(Failure::invalid(format!(
            "`{field}` of `{path}` is there twice"
        ))),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use vault_sdk::Value;

    use super::{ExportFormat, ImportFormat, Secrets, join, name_of};

    /// Paths, fields and values, to compare and to build with.
    pub(crate) type Plain<'a> = &'a [(&'a str, &'a str, &'a [u8])];

    pub(crate) fn secrets(plain: Plain<'_>) -> Secrets {
        let mut secrets = Secrets::new();
        for (path, field, value) in plain {
            super::insert(&mut secrets, path, field, Value::new(*value)).unwrap();
        }
        secrets
    }

    pub(crate) fn plain(secrets: &Secrets) -> Vec<(&str, &str, &[u8])> {
        let mut list = Vec::new();
        for (path, fields) in secrets {
            for (field, value) in fields {
                list.push((path.as_str(), field.as_str(), value.expose()));
            }
        }
        list
    }

    const TEXTS: Plain<'static> = &[
        ("", "value", b"root"),
        ("a", "x", b"1\n\"2\" ${3}"),
        ("a/b c", "y-z.w", "é".as_bytes()),
    ];

    #[test]
    fn json_and_toml_are_read_back_as_written() {
        let before = secrets(TEXTS);
        for (write, read) in [
            (ExportFormat::Json, ImportFormat::Json),
            (ExportFormat::Toml, ImportFormat::Toml),
        ] {
            let text = write.write("f", &before).unwrap();
            assert_eq!(
                plain(&read.read(&text).unwrap()),
                plain(&before),
                "{write:?}"
            );
        }
    }

    #[test]
    fn binary_values_survive_json_and_are_refused_by_texts() {
        let before = secrets(&[("a", "k", &[0xff, 0])]);
        let text = ExportFormat::Json.write("", &before).unwrap();
        assert_eq!(
            plain(&ImportFormat::Json.read(&text).unwrap()),
            plain(&before)
        );
        for format in [
            ExportFormat::Dotenv,
            ExportFormat::Toml,
            ExportFormat::Tfvars,
        ] {
            assert!(format.write("", &before).is_err(), "{format:?}");
        }
    }

    #[test]
    fn formats_are_known_by_name() {
        assert_eq!(ImportFormat::of_name("x/.env"), Some(ImportFormat::Dotenv));
        assert_eq!(
            ImportFormat::of_name(".env.local"),
            Some(ImportFormat::Dotenv)
        );
        assert_eq!(ImportFormat::of_name("a.toml"), Some(ImportFormat::Toml));
        assert_eq!(ImportFormat::of_name("a"), None);
        assert_eq!(ImportFormat::of_name("a.txt"), None);
    }

    #[test]
    fn relative_paths_join_their_folder() {
        assert_eq!(join("a/b", "c"), "a/b/c");
        assert_eq!(join("a/b", ""), "a/b");
        assert_eq!(join("", "c"), "c");
        assert_eq!(name_of("a/b", ""), "b");
        assert_eq!(name_of("a/b", "c/d"), "c/d");
    }
}
