//! Which old versions go.
//!
//! Labelled versions stay; beside them the newest `keep` unlabelled ones, and up to an eighth more: the
//! oldest go in groups, because rows that lie side by side cost the database little more than one. Each put
//! removes a few, so that no write ever fails, or grows, by what lies behind it.

use std::collections::BTreeSet;

use super::model::{Head, Version};
use crate::record::Tx;

/// Versions that one write looks at.
const STEPS: usize = 16;
/// A group is this part of what is kept.
const GROUP: u64 = 8;
/// Labelled versions that the line may have left behind.
const MAX_KEPT: usize = 64;

/// Removes up to a few versions; the caller puts the head.
pub(super) fn prune(tx: &mut Tx<'_>, id: u64, head: &mut Head) {
    if head.keep == 0 {
        return;
    }
    let labelled: BTreeSet<u64> = head.labels.values().copied().collect();
    let ahead =
        (head.latest + 1 - head.pruned_to) - labelled.range(head.pruned_to..).count() as u64;
    let behind = head.kept.difference(&labelled).count() as u64;
    let keep = u64::from(head.keep);
    let mut too_many = (ahead + behind).saturating_sub(keep);
    if too_many < keep / GROUP {
        return;
    }
    for _ in 0..STEPS {
        if too_many == 0 {
            return;
        }
        let behind = head.kept.difference(&labelled).next().copied();
        let version = behind.unwrap_or(head.pruned_to);
        if behind.is_some() {
            head.kept.remove(&version);
        } else if labelled.contains(&version) {
            if head.kept.len() >= MAX_KEPT {
                return;
            }
            head.kept.insert(version);
            head.pruned_to += 1;
            continue;
        } else {
            head.pruned_to += 1;
        }
        remove(tx, id, version);
        too_many -= 1;
    }
}

/// Removes a version with its value.
pub(super) fn remove(tx: &mut Tx<'_>, id: u64, version: u64) {
    tx.delete(Version::key(id, version));
    tx.delete_value(id, version);
}
