//! Deleted secrets: listing them, and bringing them back.

use minicbor::{Decode, Encode};

use super::{
    Once, Page, PageRequest, Position, Refusal, Sees,
    delete::{self, Deleted},
    model::{Deletion, Head},
    once,
    page::At,
    policy, respite, tags, tree,
    walk::peek_head,
};
use crate::{
    access::{Action, Grant, policy::Tags},
    name::SecretPath,
    record::{Key, Kind, Marker, RecordError, Tx},
};

/// Deleted secrets that one call looks at.
const BUDGET: usize = 5000;
/// Deletions of one path among which the newest is sought.
const OF_ONE_PATH: usize = 1000;

/// What to bring back.
#[derive(Debug, Default)]
pub struct Restore {
    /// Which; `None`: the newest deletion of the path.
    pub id: Option<u64>,
    /// Under another path.
    pub to: Option<RestoreTo>,
}

/// The rights that another path takes: it shows the value to whoever may read there.
#[derive(Debug)]
pub struct RestoreTo {
    /// To read the value at the old path.
    pub read: Grant,
    /// To put it at the new one.
    pub write: Grant,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RestoreReply {
    /// Where it is now.
    #[n(0)]
    pub path: String,
    /// Its newest version.
    #[n(1)]
    pub latest_version: u64,
}

/// Deleted secrets that lay below a folder, in no particular but a stable order.
///
/// # Errors
/// When the position is of another listing.
pub fn list_deleted(
    tx: &mut Tx<'_>,
    grant: &Grant,
    sees: Sees<'_>,
    page: &PageRequest,
) -> Result<Page<Deleted>, Refusal> {
    let folder = grant.folder(Action::LIST)?;
    let come = respite::come(tx)?;
    let limit = page.limit()?;
    let after = match page.after.as_ref().map(|position| &position.0) {
        None => None,
        Some(At::Key(bytes)) => {
            Some(Key::from_bytes(bytes.clone().into()).map_err(|_| Refusal::PositionInvalid)?)
        }
        Some(At::Name { .. } | At::Id(_) | At::Version(_)) => return Err(Refusal::PositionInvalid),
    };
    let prefix = Key::new(Kind::Deleted, &[]);
    let found = tx.peek::<Marker>(prefix.as_bytes(), after.as_ref(), BUDGET)?;
    let exhausted = found.len() < BUDGET;
    let mut items = Vec::new();
    let mut last = None;
    for (key, _) in found {
        if items.len() == limit {
            return Ok(Page { items, next: last });
        }
        last = Some(Position(At::Key(key.as_bytes().to_vec())));
        let Some(id) = tags::last_id(&key) else {
            continue;
        };
        let Some(head) = peek_head(tx, id)? else {
            continue;
        };
        let Some(deletion) = head
            .deletion
            .as_ref()
            .filter(|deletion| deletion.can_be_undone(come))
        else {
            continue;
        };
        let visible = |path: SecretPath| folder.contains(&path) && sees(&path.parent());
        if SecretPath::try_from(deletion.path.as_str()).is_ok_and(visible) {
            items.push(delete::describe(id, &head, deletion));
        }
    }
    Ok(Page {
        items,
        next: last.filter(|_| !exhausted),
    })
}

/// Brings a deleted secret back, with all its versions and labels.
///
/// # Errors
/// When no deleted secret had the path, its window has ended, or the path is taken.
pub fn restore(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    request: &Restore,
) -> Result<RestoreReply, Refusal> {
    let old = grant.secret(Action::RESTORE)?;
    let new = destination(old, request)?;
    if let Some(reply) = once::replay(tx, grant, once, None)? {
        return Ok(reply);
    }
    let come = respite::come(tx)?;
    let id = match request.id {
        Some(id) => id,
        None => newest(tx, come, old)?.ok_or(Refusal::SecretNotFound)?,
    };
    let mut head = tx
        .get::<Head>(&Head::key(id))?
        .ok_or(Refusal::SecretNotFound)?;
    let restorable =
        |deletion: &Deletion| deletion.path == old.as_str() && deletion.can_be_undone(come);
    let deletion = head
        .deletion
        .take()
        .filter(restorable)
        .ok_or(Refusal::SecretNotFound)?;
    delete::unindex(tx, id, &deletion);
    head.parent = tree::link(tx, &new.parent(), new.name(), tree::Link::Secret, id)?;
    new.name().clone_into(&mut head.name);
    policy::revive(tx, id, new)?;
    head.updated_at = tx.now();
    let reply = RestoreReply {
        path: new.as_str().to_owned(),
        latest_version: head.latest,
    };
    once::remember_apart(tx, grant, once, &reply)?;
    tx.put(Head::key(id), &head)?;
    Ok(reply)
}

/// The path to restore to. Another one than the old takes the right to read the value.
fn destination<'r>(old: &'r SecretPath, request: &'r Restore) -> Result<&'r SecretPath, Refusal> {
    let Some(to) = &request.to else {
        return Ok(old);
    };
    if to.read.secret(Action::GET_VALUE)? != old {
        return Err(Refusal::Invalid("the right to read is for another secret"));
    }
    Ok(to.write.secret(Action::PUT_VALUE)?)
}

/// A listing: the restore reads the head it chose again, as a check.
fn newest(tx: &Tx<'_>, come: u64, path: &SecretPath) -> Result<Option<u64>, RecordError> {
    let mut newest: Option<(u64, u64)> = None;
    for id in delete::ids_of(tx, path.as_str(), OF_ONE_PATH)? {
        let deletion = peek_head(tx, id)?.and_then(|head| head.deletion);
        let candidate = deletion
            .filter(|deletion| deletion.can_be_undone(come))
            .map(|deletion| (deletion.deleted_at, id));
        newest = newest.max(candidate);
    }
    Ok(newest.map(|(_, id)| id))
}

/// The tags by which it is decided about a deleted secret of a path: of that with the id, without one of that which a
/// restore would choose. Those of the living secret where there is none such: nothing is done to it then, or it was
/// done before.
///
/// # Errors
/// When the store fails.
pub fn tags_of_deleted(
    tx: &mut Tx<'_>,
    path: &SecretPath,
    id: Option<u64>,
) -> Result<Tags, RecordError> {
    let come = respite::come(tx)?;
    let id = match id {
        Some(id) => Some(id),
        None => newest(tx, come, path)?,
    };
    let head = match id {
        Some(id) => tx.read::<Head>(&Head::key(id))?,
        None => None,
    };
    let of_path = |deletion: &Deletion| deletion.path == path.as_str();
    match head.filter(|head| head.deletion.as_ref().is_some_and(of_path)) {
        Some(head) => Ok(head.tags.clone()),
        None => tree::tags_of(tx, path),
    }
}
