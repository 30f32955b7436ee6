//! Policies of secrets and folders: whoever comes to them is bound by these beside his own.
//!
//! ```text
//! ResourcePolicy  sort u8 ‖ id of the secret or folder   → what is attached to it, and where that lies
//! ```
//! They are of the guarded collection of all that decides what anybody may do, so a request is bound to them as it is to
//! the policies of its caller; and what follows from all of them together is worked out once for each state of the
//! collection ([`ResourcePolicies`]). Keeping the records true of what lies where is the secrets engine's.

mod held;
mod table;

use std::sync::Arc;

use minicbor::{Decode, Encode};

pub(crate) use held::NotSet;
pub use table::ResourcePolicies;

use super::StoredPolicy;
use crate::{
    crypto::envelope::Class,
    record::{Document, Key, Kind, RecordError, Tx},
};

/// Most policies of secrets and folders in a vault, and most bytes of all of them together: each node that decides
/// holds them all.
pub(crate) const MAX_POLICIES: usize = 1_000;
pub(crate) const MAX_ALL_BYTES: usize = 2 << 20;
/// Most bytes of one, as it is stored.
pub(crate) const MAX_BYTES: usize = 20 << 10;

/// What is attached to a secret or a folder.
#[derive(Clone, Debug, Encode, Decode)]
pub(crate) struct ResourcePolicy {
    /// What it is attached to, as policies call it: `secret:db/password`, `secret:db/`.
    #[cbor(n(0), with = "crate::crypto::pad")]
    pub(crate) place: String,
    #[n(1)]
    pub(crate) policy: StoredPolicy,
    /// Milliseconds since the epoch.
    #[n(2)]
    pub(crate) updated_at: u64,
    /// The secret was deleted, and can be restored.
    #[n(3)]
    pub(crate) deleted: bool,
}

impl Document for ResourcePolicy {
    const CLASS: Class = Class::Shared;
}

/// What a policy can be attached to, by its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holder {
    Secret(u64),
    /// 0: the root.
    Folder(u64),
}

impl Holder {
    pub(crate) fn key(self) -> Key {
        let (sort, id) = match self {
            Self::Secret(id) => (1_u8, id),
            Self::Folder(id) => (2, id),
        };
        Key::new(Kind::ResourcePolicy, &[&[sort], &id.to_be_bytes()])
    }
}

/// The policy of a secret or folder.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    holder: Holder,
) -> Result<Option<Arc<ResourcePolicy>>, RecordError> {
    tx.see::<ResourcePolicy>(&holder.key())
}

/// Whether there is one, and whether it denies anything. One that cannot be read may: whoever has all rights puts
/// another in its place, or takes it away.
pub(crate) fn denies(tx: &mut Tx<'_>, holder: Holder) -> Result<Option<bool>, RecordError> {
    match find(tx, holder) {
        Err(RecordError::Open(_) | RecordError::Damaged(_)) => Ok(Some(true)),
        found => Ok(found?.map(|policy| policy.policy.document().denies())),
    }
}

/// Changes the record of a policy, if there is one; whether there is.
pub(crate) fn change(
    tx: &mut Tx<'_>,
    holder: Holder,
    change: impl FnOnce(&mut ResourcePolicy),
) -> Result<bool, RecordError> {
    let Some(found) = find(tx, holder)? else {
        return Ok(false);
    };
    let mut policy = (*found).clone();
    change(&mut policy);
    tx.put(holder.key(), &policy)?;
    Ok(true)
}

/// Takes away the policy of what is gone for good, if there is one, whether or not it can be read: it holds nothing off
/// any more. Without one nothing is written: whoever is bound to the collection stays so.
pub(crate) fn remove(tx: &mut Tx<'_>, holder: Holder) -> Result<(), RecordError> {
    if denies(tx, holder)?.is_some() {
        tx.delete(holder.key());
    }
    Ok(())
}
