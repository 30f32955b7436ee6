//! Secrets: paths with named fields, immutable numbered versions, labels.
//!
//! ```text
//! Entry    parent folder id ‖ tag(name)   → name, folder id, secret id: one name may be both
//! Folder   id                             → where it lies, how many names lie in it; gone when none do
//! Secret   id                             → the head: labels, tags, retention, latest version, deletion
//! Version  id ‖ version                   → what is known of a version
//! Value, Wrap                             → the fields, sealed for themselves
//! Tag      tag(key), tag(key, value) ‖ id → nothing
//! Deleted  tag(path) ‖ id                 → a deleted secret, which has no entry any more
//! ResourcePolicy  sort ‖ id               → the policy of a secret or folder, which goes with it
//! ```
//! Every operation takes its path from a [`crate::access::Grant`] and its request by reference, since
//! it may run again; every write takes the identity of its request, so that a retry has no second
//! effect. An ordinary put of an existing secret writes four records. Every change of anything of a
//! secret writes its head, so that the head's revision alone tells whether a read still holds.

mod copy;
mod delete;
mod deleted;
mod describe;
mod destroy;
mod fields;
mod find;
mod get;
mod label;
mod list;
mod model;
mod once;
mod page;
mod policy;
mod put;
mod refusal;
mod rename;
mod respite;
mod retention;
mod tags;
mod tree;
mod walk;

#[cfg(test)]
mod tests;

pub use copy::{CopyReply, copy};
pub use delete::{Delete, DeleteReply, Deleted, delete, delete_folder};
pub use deleted::{Restore, RestoreReply, RestoreTo, list_deleted, restore, tags_of_deleted};
pub use describe::{Meta, Update, VersionInfo, describe, list_versions, update};
pub use destroy::{Destroyed, destroy, destroy_version, sweep_deleted};
pub use fields::{
    Fields, MAX_FIELDS, MAX_VALUE_BYTES, decode as decode_fields, encode as encode_fields,
};
pub use find::{Find, find};
pub use get::{Get, Selector, Value, batch_get, get};
pub use label::{RemoveLabel, SetLabel, remove_label, set_label};
pub use list::{List, list};
pub use model::Operation;
pub use page::{Page, PageRequest, Position};
pub use policy::{Moved, ShownPolicy, carries, carry, delete_policy, describe_policy, put_policy};
pub use put::{Put, PutReply, put};
pub use refusal::Refusal;
pub use rename::{Moving, move_folder, move_secret};
pub use respite::hold_deletions;
pub use tree::tags_of;

pub use crate::record::once::{Once, sweep_outcomes};
pub use walk::{Listed, Listing, Sees};
