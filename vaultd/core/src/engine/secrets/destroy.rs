//! Destroying: values go for good, as many in one transaction as it takes, the rest by the sweeper.

use minicbor::{Decode, Encode};

use super::{
    Once, Refusal,
    delete::{self, DUE},
    model::{Head, Version},
    once, respite, retention, tags, tree,
};
use crate::{
    access::{
        Action, Grant,
        resource_policy::{self, Holder},
    },
    name::{Label, MAX_SEGMENTS},
    record::{RecordError, Tx},
};

/// What was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Destroyed {
    /// Versions, in this call.
    #[n(0)]
    pub versions: u64,
    /// Nothing is left. Otherwise it cannot be restored, and the sweeper goes on, or another call.
    #[n(1)]
    pub done: bool,
}

/// Of the 512 that a transaction takes; the others are for indexes and outcomes.
const ROWS: usize = 400;

/// Room in a transaction, in records.
pub(super) struct Rows(usize);

impl Rows {
    /// All of it.
    pub(super) fn of_one_transaction() -> Self {
        Self(ROWS)
    }

    /// Whether a secret can be deleted, and begun to be destroyed, in what is left.
    pub(super) fn have_room_for(&self, head: &Head) -> bool {
        self.0 >= 2 * (MAX_SEGMENTS + head.outcomes.len()) + 8
    }

    /// Counts what a deletion writes: this, a head, two indexes.
    pub(super) fn take_removal(&mut self, written: usize) {
        self.0 = self.0.saturating_sub(written + 4);
    }

    fn take(&mut self, rows: usize) -> bool {
        match self.0.checked_sub(rows) {
            Some(left) => {
                self.0 = left;
                true
            }
            None => false,
        }
    }
}

/// Destroys one version of a living secret; its number stays known.
///
/// # Errors
/// When the version is current, not there, or destroyed already.
pub fn destroy_version(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    version: u64,
) -> Result<Destroyed, Refusal> {
    let path = grant.secret(Action::DESTROY)?;
    let (id, mut head) = tree::head(tx, path)?.ok_or(Refusal::SecretNotFound)?;
    if let Some(reply) = once::replay(tx, grant, once, Some(&head))? {
        return Ok(reply);
    }
    let key = Version::key(id, version);
    let mut meta = tx.get::<Version>(&key)?.ok_or(Refusal::VersionNotFound)?;
    if meta.destroyed {
        return Err(Refusal::VersionDestroyed);
    }
    if head.labels.get(&Label::current()) == Some(&version) {
        return Err(Refusal::CurrentVersionProtected);
    }
    meta.destroyed = true;
    tx.put(key, &meta)?;
    tx.delete_value(id, version);
    head.labels.retain(|_, at| *at != version);
    head.updated_at = tx.now();
    let reply = Destroyed {
        versions: 1,
        done: true,
    };
    once::remember(tx, grant, once, &mut head, &reply)?;
    tx.put(Head::key(id), &head)?;
    Ok(reply)
}

/// Destroys a deleted secret of the granted path, before its window ends.
///
/// # Errors
/// When no deleted secret with that id had the path.
pub fn destroy(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    id: u64,
) -> Result<Destroyed, Refusal> {
    let path = grant.secret(Action::DESTROY)?;
    if let Some(reply) = once::replay(tx, grant, once, None)? {
        return Ok(reply);
    }
    let mut head = tx
        .get::<Head>(&Head::key(id))?
        .ok_or(Refusal::SecretNotFound)?;
    let deletion = head
        .deletion
        .clone()
        .filter(|deletion| deletion.path == path.as_str());
    let mut deletion = deletion.ok_or(Refusal::SecretNotFound)?;
    let before = versions(&head);
    let done = step(tx, id, &mut head, &mut Rows::of_one_transaction())?;
    let reply = Destroyed {
        versions: before - if done { 0 } else { versions(&head) },
        done,
    };
    if !done {
        DUE.unfile(tx, deletion.destroy_at, &id.to_be_bytes());
        (deletion.ending, deletion.destroy_at) = (true, tx.now());
        DUE.file(tx, deletion.destroy_at, &id.to_be_bytes())?;
        head.deletion = Some(deletion);
        tx.put(Head::key(id), &head)?;
    }
    once::remember_apart(tx, grant, once, &reply)?;
    Ok(reply)
}

/// Destroys up to `limit` deleted secrets whose window has ended; whether there may be more. None in the respite after
/// a restore, of which it counts `ran`, the milliseconds that the vault has run since this was last called.
///
/// # Errors
/// When the store fails.
pub fn sweep_deleted(tx: &mut Tx<'_>, ran: u64, limit: usize) -> Result<bool, RecordError> {
    if respite::goes_on(tx, ran)? {
        return Ok(false);
    }
    let due = DUE.due(tx, limit)?;
    let mut rows = Rows::of_one_transaction();
    for item in due.items {
        if !rows.take(2) {
            return Ok(true);
        }
        let id = item
            .id
            .first_chunk()
            .map_or(0, |id| u64::from_be_bytes(*id));
        let head = tx.get::<Head>(&Head::key(id))?;
        let ending = head.filter(|head| {
            head.deletion
                .as_ref()
                .is_some_and(|d| d.destroy_at <= tx.now())
        });
        if let Some(mut head) = ending
            && !step(tx, id, &mut head, &mut rows)?
        {
            if let Some(deletion) = &mut head.deletion {
                deletion.ending = true;
            }
            tx.put(Head::key(id), &head)?;
            return Ok(true);
        }
        tx.delete(item.key);
    }
    Ok(due.more)
}

/// Destroys versions of a deleted secret, oldest first, and the secret after the last; whether nothing is
/// left. Otherwise the caller puts the head, which says how far it went.
pub(super) fn step(
    tx: &mut Tx<'_>,
    id: u64,
    head: &mut Head,
    rows: &mut Rows,
) -> Result<bool, RecordError> {
    loop {
        let oldest = head.versions().next();
        let Some(version) = oldest else { break };
        if !rows.take(3) {
            return Ok(false);
        }
        retention::remove(tx, id, version);
        if !head.kept.remove(&version) {
            head.pruned_to = version + 1;
        }
    }
    if !rows.take((9 + tags::rows(tx, head)).min(ROWS)) {
        return Ok(false);
    }
    tags::forget(tx, id, head);
    if let Some(deletion) = &head.deletion {
        delete::unindex(tx, id, deletion);
    }
    resource_policy::remove(tx, Holder::Secret(id))?;
    tx.delete(Head::key(id));
    Ok(true)
}

fn versions(head: &Head) -> u64 {
    head.versions().count() as u64
}
