//! Copying a secret with its history: every value is sealed anew, under a data key of its own.

use minicbor::{Decode, Encode};

use super::{
    Fields, Once, Operation, Refusal, fields, get,
    model::{Head, Version},
    once, tags, tree,
};
use crate::{
    access::{Action, Grant},
    name::Label,
    record::{RecordError, Tx},
};

/// What one transaction takes, with room for the records around the values.
const MAX_BYTES: u64 = 1_800_000;
const MAX_VERSIONS: usize = 130;

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CopyReply {
    /// Of the copy.
    #[n(0)]
    pub latest_version: u64,
    /// How many.
    #[n(1)]
    pub versions: u64,
}

/// Copies a secret to a path that is free: with its history, numbers and labels, or only its current
/// version.
///
/// # Errors
/// When the source does not exist, the destination does, or the history is larger than one transaction.
pub fn copy(
    tx: &mut Tx<'_>,
    source: &Grant,
    destination: &Grant,
    once: Option<&Once>,
    drop_history: bool,
) -> Result<CopyReply, Refusal> {
    let from = source.secret(Action::GET_VALUE)?;
    let to = destination.secret(Action::PUT_VALUE)?;
    if let Some(reply) = once::replay(tx, destination, once, None)? {
        return Ok(reply);
    }
    let (old, head) = tree::head(tx, from)?.ok_or(Refusal::SecretNotFound)?;
    let id = tx.next_id()?;
    tree::vacant(tx, id)?;
    let parent = tree::link(tx, &to.parent(), to.name(), tree::Link::Secret, id)?;
    let mut copy = Head::new(parent, to.name(), tx.now());
    copy.description = head.description.clone();
    copy.metadata = head.metadata.clone();
    copy.keep = head.keep;
    tags::change(tx, id, &mut copy, &head.tags, &[])?;
    let versions = if drop_history {
        let current = get::select(&head, &get::Selector::default())?;
        copy.latest = 1;
        copy.labels.insert(Label::current(), 1);
        vec![(current, 1)]
    } else {
        copy.latest = head.latest;
        copy.pruned_to = head.pruned_to;
        copy.kept.clone_from(&head.kept);
        copy.labels = head.labels.clone();
        head.versions().map(|version| (version, version)).collect()
    };
    copy_versions(tx, old, &head, id, &versions)?;
    let reply = CopyReply {
        latest_version: copy.latest,
        versions: versions.len() as u64,
    };
    once::remember_apart(tx, destination, once, &reply)?;
    tx.put(Head::key(id), &copy)?;
    Ok(reply)
}

fn copy_versions(
    tx: &mut Tx<'_>,
    old: u64,
    head: &Head,
    id: u64,
    versions: &[(u64, u64)],
) -> Result<(), Refusal> {
    const TOO_LARGE: Refusal = Refusal::TooLarge(
        "the history is larger than one copy takes (130 versions, 1.8 MB): copy without history",
    );
    if versions.len() > MAX_VERSIONS {
        return Err(TOO_LARGE);
    }
    let mut bytes = 0;
    for (from, to) in versions {
        let key = Version::key(old, *from);
        let meta = tx.get::<Version>(&key)?.ok_or(RecordError::Damaged(key))?;
        bytes += meta.size + 1024;
        if bytes > MAX_BYTES {
            return Err(TOO_LARGE);
        }
        if !meta.destroyed {
            let (created_at, values): (u64, Fields) = get::open(tx, old, head, *from)?;
            tx.put_value(id, *to, fields::encode(created_at, &values));
        }
        tx.put(
            Version::key(id, *to),
            &Version {
                operation: Operation::Copy,
                ..meta
            },
        )?;
    }
    Ok(())
}
