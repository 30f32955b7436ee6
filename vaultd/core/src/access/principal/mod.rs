//! Who there is, what each is called, and which policies are attached to whom.
//!
//! ```text
//! Principal  id                         → a user, a service, a role or the root identity
//! Group      id                         → a group of users
//! Policy     id                         → a managed policy: its versions, without their texts
//! PolicyText id ‖ version               → a version's text
//! Name       sort u8 ‖ tag(name)        → whose name that is
//! Name       sort u8 + 128 ‖ tag(look)  → whose name looks so
//! Member     group id ‖ user id         → nothing
//! Attached   policy id ‖ use u8 ‖ id    → nothing
//! ```
//! All of it is one guarded collection: whoever is bound to the collection is bound to everything that decides
//! what anybody may do. Ids are never used again, so whoever is made under a name of before has no rights of
//! before. Keeping these records is the identity engine's; deciding by them is [`super::authorise`]'s.

mod bind;
mod name;
mod rights;
mod stored;

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};

pub(crate) use bind::{NotBound, bind, shown};
pub use name::Sort;
pub(crate) use name::{Named, NotGiven, named};
pub use rights::Rights;
pub(crate) use rights::documents_of;
pub(crate) use stored::PolicyText;
pub use stored::{ManagedPolicy, StoredPolicy};

use super::policy::{PrincipalKind, Tags};
use crate::{
    crypto::envelope::Class,
    record::{Document, Key, Kind},
};

/// The guarded collection of all that decides what anybody may do.
pub(crate) const COLLECTION: u8 = (Kind::Principal as u8) >> 4;

/// Somebody who can call: as stored.
#[derive(Clone, Debug, Default, Encode, Decode)]
pub struct Principal {
    /// In its canonical form.
    #[n(0)]
    pub(crate) name: String,
    // 1: in states of before there were others, whether it is the root identity
    /// Milliseconds since the epoch.
    #[n(2)]
    pub(crate) created_at: u64,
    #[n(3)]
    #[cbor(default)]
    pub(crate) kind: PrincipalKind,
    /// Nobody can call as it.
    #[n(4)]
    #[cbor(default)]
    pub(crate) disabled: bool,
    /// Sessions of another number have ended.
    #[n(5)]
    #[cbor(default)]
    pub(crate) epoch: u64,
    /// For people to read.
    #[n(6)]
    #[cbor(default)]
    pub(crate) description: String,
    #[n(7)]
    #[cbor(default)]
    pub(crate) tags: Tags,
    #[n(8)]
    #[cbor(default)]
    pub(crate) attached: Attachments,
    /// The managed policy that is the most it may ever do.
    #[n(9)]
    pub(crate) boundary: Option<u64>,
    /// Groups that a user is in.
    #[n(10)]
    #[cbor(default)]
    pub(crate) groups: BTreeSet<u64>,
    /// Who may assume a role.
    #[n(11)]
    pub(crate) trust: Option<StoredPolicy>,
    /// Longest session of a role, in milliseconds; 0: the default.
    #[n(12)]
    #[cbor(default)]
    pub(crate) longest_session: u64,
    /// Milliseconds since the epoch of the last change.
    #[n(13)]
    #[cbor(default)]
    pub(crate) updated_at: u64,
    /// Most secret ids of a service at once; 0: the default.
    #[n(14)]
    #[cbor(default)]
    pub(crate) most_secret_ids: u64,
}

/// Users who share policies.
#[derive(Clone, Debug, Default, Encode, Decode)]
pub struct Group {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) created_at: u64,
    #[n(2)]
    pub(crate) description: String,
    #[n(3)]
    pub(crate) attached: Attachments,
    #[n(4)]
    #[cbor(default)]
    pub(crate) updated_at: u64,
}

/// The policies of a principal or a group.
#[derive(Clone, Debug, Default, Encode, Decode)]
pub struct Attachments {
    /// Managed policies, by id.
    #[n(0)]
    pub(crate) managed: BTreeSet<u64>,
    /// Policies of nobody else, by name.
    #[n(1)]
    pub(crate) inline: BTreeMap<String, StoredPolicy>,
}

impl Document for Principal {
    const CLASS: Class = Class::Shared;
}

impl Document for Group {
    const CLASS: Class = Class::Shared;
}

impl Principal {
    pub(crate) fn key(id: u64) -> Key {
        Key::new(Kind::Principal, &[&id.to_be_bytes()])
    }

    /// As people and audit name it: `user:alice`; the root identity by its name alone.
    pub(crate) fn shown(&self) -> String {
        match Sort::of(self.kind) {
            Some(sort) => format!("{}:{}", sort.prefix(), self.name),
            None => self.name.clone(),
        }
    }
}

impl Group {
    pub(crate) fn key(id: u64) -> Key {
        Key::new(Kind::Group, &[&id.to_be_bytes()])
    }
}
