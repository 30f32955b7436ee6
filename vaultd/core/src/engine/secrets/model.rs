//! The records of this engine, and their keys. Numbers of fields are on disk: never reuse one.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};

use crate::{
    crypto::envelope::Class,
    name::{Description, FieldName, Label, MetaKey, MetaValue, Note, TagKey, TagValue},
    record::{Document, Key, Kind, once::Remembered},
};

/// The root folder, which has no record.
pub(super) const ROOT: u64 = 0;

/// Unlabelled versions that a secret keeps unless told otherwise.
pub(super) const DEFAULT_KEEP: u32 = 100;

/// A name in a folder.
#[derive(Clone, Encode, Decode)]
pub(super) struct Entry {
    #[cbor(n(0), with = "crate::crypto::pad")]
    pub(super) name: String,
    #[n(1)]
    pub(super) folder: Option<u64>,
    #[n(2)]
    pub(super) secret: Option<u64>,
}

/// A folder's head. INVARIANT: `links` is the number of folders and secrets in it, one more where it has a policy, and
/// never 0.
#[derive(Encode, Decode)]
pub(super) struct Folder {
    #[n(0)]
    pub(super) parent: u64,
    #[cbor(n(1), with = "crate::crypto::pad")]
    pub(super) name: String,
    #[n(2)]
    pub(super) links: u64,
}

/// A secret's head.
#[derive(Encode, Decode)]
pub(super) struct Head {
    #[n(0)]
    pub(super) parent: u64,
    #[cbor(n(1), with = "crate::crypto::pad")]
    pub(super) name: String,
    #[n(2)]
    pub(super) description: Description,
    #[n(3)]
    pub(super) tags: BTreeMap<TagKey, TagValue>,
    #[n(4)]
    pub(super) metadata: BTreeMap<MetaKey, MetaValue>,
    #[n(5)]
    pub(super) created_at: u64,
    #[n(6)]
    pub(super) updated_at: u64,
    #[n(7)]
    pub(super) latest: u64,
    #[n(8)]
    pub(super) labels: BTreeMap<Label, u64>,
    /// Unlabelled versions to keep; 0: all.
    #[n(9)]
    pub(super) keep: u32,
    /// Versions before this one are gone, but for those in `kept`.
    #[n(10)]
    pub(super) pruned_to: u64,
    #[n(11)]
    pub(super) kept: BTreeSet<u64>,
    #[n(12)]
    pub(super) deletion: Option<Deletion>,
    #[n(13)]
    pub(super) outcomes: Vec<Remembered>,
}

/// What is known of a deleted secret.
#[derive(Clone, Encode, Decode)]
pub(super) struct Deletion {
    #[cbor(n(0), with = "crate::crypto::pad")]
    pub(super) path: String,
    #[n(1)]
    pub(super) deleted_at: u64,
    #[n(2)]
    pub(super) destroy_at: u64,
    /// Versions are being destroyed: it cannot be restored any more.
    #[n(3)]
    pub(super) ending: bool,
}

impl Deletion {
    /// Its window has not ended, nor was it ended.
    pub(super) fn can_be_undone(&self, now: u64) -> bool {
        !self.ending && now < self.destroy_at
    }
}

/// A version without its value.
#[derive(Encode, Decode)]
pub(super) struct Version {
    #[n(0)]
    pub(super) created_at: u64,
    #[n(1)]
    pub(super) created_by: String,
    #[n(2)]
    pub(super) note: Note,
    #[n(3)]
    pub(super) field_names: Vec<FieldName>,
    #[n(4)]
    pub(super) size: u64,
    #[n(5)]
    pub(super) destroyed: bool,
    #[n(6)]
    pub(super) operation: Operation,
}

/// How a version came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Operation {
    /// By an ordinary put.
    #[default]
    #[n(0)]
    Put,
    /// By a put that brought an older value back.
    #[n(1)]
    Rollback,
    /// By a copy.
    #[n(2)]
    Copy,
    /// By an import.
    #[n(3)]
    Import,
    /// By a restore.
    #[n(4)]
    Restore,
}

impl Operation {
    /// The name that listings use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Rollback => "rollback",
            Self::Copy => "copy",
            Self::Import => "import",
            Self::Restore => "restore",
        }
    }
}

impl Document for Entry {
    const CLASS: Class = Class::Shared;
}
impl Document for Folder {
    const CLASS: Class = Class::Shared;
}
impl Document for Head {
    const CLASS: Class = Class::Shared;
}
impl Document for Version {
    const CLASS: Class = Class::Shared;
}

impl Folder {
    pub(super) fn key(id: u64) -> Key {
        Key::new(Kind::Folder, &[&id.to_be_bytes()])
    }
}

impl Head {
    pub(super) fn key(id: u64) -> Key {
        Key::new(Kind::Secret, &[&id.to_be_bytes()])
    }

    /// A secret without versions.
    pub(super) fn new(parent: u64, name: &str, now: u64) -> Self {
        Self {
            parent,
            name: name.to_owned(),
            description: Description::default(),
            tags: BTreeMap::new(),
            metadata: BTreeMap::new(),
            created_at: now,
            updated_at: now,
            latest: 0,
            labels: BTreeMap::new(),
            keep: DEFAULT_KEEP,
            pruned_to: 1,
            kept: BTreeSet::new(),
            deletion: None,
            outcomes: Vec::new(),
        }
    }

    /// Versions that were not pruned, oldest first.
    pub(super) fn versions(&self) -> impl DoubleEndedIterator<Item = u64> + use<'_> {
        self.kept
            .iter()
            .copied()
            .chain(self.pruned_to..=self.latest)
    }

    pub(super) fn has_version(&self, version: u64) -> bool {
        (self.pruned_to..=self.latest).contains(&version) || self.kept.contains(&version)
    }

    /// Labels of a version, in order.
    pub(super) fn labels_of(&self, version: u64) -> Vec<Label> {
        self.labels
            .iter()
            .filter(|(_, at)| **at == version)
            .map(|(label, _)| label.clone())
            .collect()
    }
}

impl Version {
    pub(super) fn key(id: u64, version: u64) -> Key {
        Key::new(Kind::Version, &[&id.to_be_bytes(), &version.to_be_bytes()])
    }
}
