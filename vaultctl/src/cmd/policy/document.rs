//! Documents in files: reading them, and saying of an error in which file it is.

use std::fs::File;
use std::io::{self, Read as _};

use clap::ValueEnum;
use serde::Deserialize;
use vault_sdk::Error;
use vault_sdk::wire::PolicyKind;

use crate::failure::Failure;

/// Largest document.
const LARGEST: u64 = 1 << 20;

/// What a document is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Attached to a user, a group, a role or a service
    #[default]
    Identity,
    /// Attached to a secret or a folder
    Resource,
    /// Says who may assume a role
    Trust,
    /// The most that a principal may ever do
    Boundary,
    /// The most that a session may do
    Session,
}

impl From<Kind> for PolicyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Identity => Self::Identity,
            Kind::Resource => Self::Resource,
            Kind::Trust => Self::Trust,
            Kind::Boundary => Self::Boundary,
            Kind::Session => Self::Session,
        }
    }
}

/// The text of a policy's file; of stdin for `-`.
pub(crate) fn read(file: &str) -> Result<String, Failure> {
    read_text(file, LARGEST, "a policy")
}

/// Text of at most so many bytes.
pub(in crate::cmd) fn read_text(file: &str, largest: u64, what: &str) -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::io(&format!("reading {file}"), &error);
    let mut bytes = Vec::new();
    let limit = largest.saturating_add(1);
    if file == "-" {
        let read = io::stdin().lock().take(limit).read_to_end(&mut bytes);
        read.map_err(failed)?;
    } else {
        let opened = File::open(file).map_err(failed)?;
        let read = opened.take(limit).read_to_end(&mut bytes);
        read.map_err(failed)?;
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > largest) {
        let message = format!("{file}: {what} has at most {largest} bytes, this has more");
        return Err(Failure::bad_policy(message));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::bad_policy(format!("{file}: {what} is text in UTF-8")))
}

/// Two documents, of which one may come from stdin.
pub(super) fn read_both(old: &str, new: &str) -> Result<(String, String), Failure> {
    if old == "-" && new == "-" {
        return Err(Failure::usage(
            "stdin is one document: name a file for the other",
        ));
    }
    Ok((read(old)?, read(new)?))
}

/// The failure that an error about a document is, said of its file.
pub(super) fn failure(error: Error, file_of: impl Fn(&str) -> Option<String>) -> Failure {
    let named = error.detail("document").and_then(|name| {
        let said = error.message().strip_prefix(name)?;
        Some(format!("{}{said}", file_of(name)?))
    });
    let failure = Failure::from(error);
    match named {
        Some(said) => failure.saying(said),
        None => failure,
    }
}

/// The same of two documents.
pub(super) fn failure_of(error: Error, old: &str, new: &str) -> Failure {
    failure(error, |name| match name {
        "old" => Some(old.to_owned()),
        "new" => Some(new.to_owned()),
        _ => None,
    })
}
