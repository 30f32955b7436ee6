//! Ids that a leader reserves: the record that says which is next.
//!
//! Each leader takes a block and never gives the rest of it back, so no id is ever used twice.

use minicbor::{Decode, Encode};
use vault_core::crypto::envelope::Class;
use vault_core::record::{Document, Key, Kind};

/// Ids that are reserved at a time.
pub(in crate::app) const ID_BLOCK: u64 = 4096;
/// The most that one job takes: 32 folders of a path, and a secret.
pub(super) const IDS_PER_JOB: u64 = 64;

/// The next id that no leader has reserved.
#[derive(Debug, Encode, Decode)]
pub(super) struct NextId {
    #[n(0)]
    pub(super) next: u64,
}

impl Document for NextId {
    const CLASS: Class = Class::Shared;
}

/// Where it lies.
pub(super) fn ids_key() -> Key {
    Key::new(Kind::Ids, &[])
}
