//! Labels: names for versions that move.
//!
//! A label is on one version at most. When `current` moves, `previous` goes to the version that lost it.
//! `current` never leaves a secret; rolling back is setting it on an older version.

use std::collections::BTreeMap;

use super::{
    Once, Refusal,
    model::{Head, Version},
    once, tree,
};
use crate::{
    access::{Action, Grant},
    name::Label,
    record::Tx,
};

/// Most labels of a secret.
const MAX_LABELS: usize = 32;

/// Puts a label on a version.
#[derive(Clone, Debug)]
pub struct SetLabel {
    /// Which.
    pub label: Label,
    /// Where to.
    pub version: u64,
    /// Where it must be now; 0: nowhere.
    pub if_at: Option<u64>,
}

/// Takes a label off.
#[derive(Clone, Debug)]
pub struct RemoveLabel {
    /// Which.
    pub label: Label,
    /// Where it must be now.
    pub if_at: Option<u64>,
}

/// Moves a label to a version; the labels after that.
///
/// # Errors
/// When the version is not there or was destroyed, or the label is not where it must be.
pub fn set_label(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    request: &SetLabel,
) -> Result<BTreeMap<Label, u64>, Refusal> {
    change(tx, grant, once, |tx, id, head| {
        expect_at(head, &request.label, request.if_at)?;
        let meta = tx
            .get::<Version>(&Version::key(id, request.version))?
            .ok_or(Refusal::VersionNotFound)?;
        if meta.destroyed {
            return Err(Refusal::VersionDestroyed);
        }
        place(head, request.label.clone(), request.version)
    })
}

/// Takes a label off its version; the labels after that.
///
/// # Errors
/// When it is `current`, or on no version, or not where it must be.
pub fn remove_label(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    request: &RemoveLabel,
) -> Result<BTreeMap<Label, u64>, Refusal> {
    change(tx, grant, once, |_, _, head| {
        expect_at(head, &request.label, request.if_at)?;
        if request.label == Label::current() {
            return Err(Refusal::CurrentVersionProtected);
        }
        head.labels
            .remove(&request.label)
            .map(|_| ())
            .ok_or(Refusal::LabelNotFound)
    })
}

fn change(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    change: impl FnOnce(&mut Tx<'_>, u64, &mut Head) -> Result<(), Refusal>,
) -> Result<BTreeMap<Label, u64>, Refusal> {
    let path = grant.secret(Action::LABEL)?;
    let (id, mut head) = tree::head(tx, path)?.ok_or(Refusal::SecretNotFound)?;
    if let Some(reply) = once::replay(tx, grant, once, Some(&head))? {
        return Ok(reply);
    }
    change(tx, id, &mut head)?;
    head.updated_at = tx.now();
    let labels = head.labels.clone();
    once::remember(tx, grant, once, &mut head, &labels)?;
    tx.put(Head::key(id), &head)?;
    Ok(labels)
}

fn expect_at(head: &Head, label: &Label, expected: Option<u64>) -> Result<(), Refusal> {
    let found = head.labels.get(label).copied().unwrap_or(0);
    match expected {
        Some(version) if version != found => Err(Refusal::LabelMismatch { found }),
        Some(_) | None => Ok(()),
    }
}

/// Labels a version that was just made. None asked for: `current`; a first version always has `current`.
pub(super) fn place_on_new(head: &mut Head, labels: &[Label], version: u64) -> Result<(), Refusal> {
    let current = Label::current();
    // ORDER: `current` last, so that the version that loses it gets `previous` whatever was asked for.
    for label in labels.iter().filter(|label| **label != current) {
        place(head, label.clone(), version)?;
    }
    if labels.is_empty() || labels.contains(&current) || !head.labels.contains_key(&current) {
        place(head, current, version)?;
    }
    Ok(())
}

fn place(head: &mut Head, label: Label, version: u64) -> Result<(), Refusal> {
    let moves_current = label == Label::current();
    let before = head.labels.insert(label, version);
    if let Some(loser) = before.filter(|before| moves_current && *before != version) {
        head.labels.insert(Label::previous(), loser);
    }
    if head.labels.len() > MAX_LABELS {
        return Err(Refusal::TooLarge("a secret has at most 32 labels"));
    }
    Ok(())
}
