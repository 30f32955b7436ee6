//! Deleting: a secret leaves its name at once, and its values after a window in which it can be restored.

use minicbor::{Decode, Encode};

use super::{
    Once, Refusal,
    destroy::{self, Rows},
    model::{Deletion, Head},
    once, policy, put, tree,
    walk::Walk,
};
use crate::{
    access::{Action, Grant},
    crypto::tag,
    name::{FolderPath, MAX_SEGMENTS, SecretPath},
    record::{Calendar, Key, Kind, Marker, RecordError, Tx},
};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;
const DEFAULT_WINDOW: u64 = 7 * DAY;
const LONGEST_WINDOW: u64 = 30 * DAY;

/// Secrets of a folder that one call deletes.
const AT_ONCE: usize = 64;

/// When deleted secrets are destroyed, by the hour.
pub(super) const DUE: Calendar = Calendar::new(2, HOUR);

/// How to delete.
#[derive(Clone, Debug, Default)]
pub struct Delete {
    /// Milliseconds in which it can be restored: 0 to 30 days, by default 7; 0 destroys at once.
    pub window: Option<u64>,
    /// The latest version must be this one. Not of a folder.
    pub if_version: Option<u64>,
}

impl Delete {
    /// Whether less time to restore is left than is by default: whoever asks for that ends values sooner than a deletion
    /// does, so it takes the right to destroy as well.
    pub fn hastens(&self) -> bool {
        self.window.is_some_and(|window| window < DEFAULT_WINDOW)
    }
}

/// What was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct DeleteReply {
    /// Each secret.
    #[n(0)]
    pub deleted: Vec<Deleted>,
    /// There is more in the folder: call again.
    #[n(1)]
    pub more: bool,
}

/// A deleted secret.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Deleted {
    /// Tells it from others that had the same path.
    #[n(0)]
    pub id: u64,
    /// Where it was.
    #[n(1)]
    pub path: String,
    /// Milliseconds since the epoch.
    #[n(2)]
    pub deleted_at: u64,
    /// Milliseconds since the epoch.
    #[n(3)]
    pub destroy_at: u64,
    /// Its newest version.
    #[n(4)]
    pub latest_version: u64,
}

/// Deletes a secret.
///
/// # Errors
/// When it does not exist, is not at the version, or the window is out of bounds.
pub fn delete(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    request: &Delete,
) -> Result<DeleteReply, Refusal> {
    let path = grant.secret(Action::DELETE)?;
    let window = window(request)?;
    if let Some(reply) = once::replay(tx, grant, once, None)? {
        return Ok(reply);
    }
    let (id, head) = tree::head(tx, path)?.ok_or(Refusal::SecretNotFound)?;
    put::expect_version(request.if_version, head.latest)?;
    let deleted = remove(tx, path, id, head, window, &mut Rows::of_one_transaction())?;
    let reply = DeleteReply {
        deleted: vec![deleted],
        more: false,
    };
    once::remember_apart(tx, grant, once, &reply)?;
    Ok(reply)
}

/// Deletes the secrets below a folder, as many as one transaction takes.
///
/// # Errors
/// When the folder does not exist, or the window is out of bounds.
pub fn delete_folder(
    tx: &mut Tx<'_>,
    grant: &Grant,
    once: Option<&Once>,
    request: &Delete,
) -> Result<DeleteReply, Refusal> {
    let folder = grant.folder(Action::DELETE)?;
    let window = window(request)?;
    if request.if_version.is_some() {
        return Err(Refusal::Invalid("a folder has no version"));
    }
    if let Some(reply) = once::replay(tx, grant, once, None)? {
        return Ok(reply);
    }
    let (paths, mut more) = secrets_below(tx, folder)?;
    let mut reply = DeleteReply::default();
    let mut rows = Rows::of_one_transaction();
    for path in &paths {
        let Some((id, head)) = tree::head(tx, path)? else {
            continue;
        };
        if !rows.have_room_for(&head) {
            more = true;
            break;
        }
        reply
            .deleted
            .push(remove(tx, path, id, head, window, &mut rows)?);
    }
    reply.more = more;
    once::remember_apart(tx, grant, once, &reply)?;
    Ok(reply)
}

fn window(request: &Delete) -> Result<u64, Refusal> {
    match request.window.unwrap_or(DEFAULT_WINDOW) {
        window if window <= LONGEST_WINDOW => Ok(window),
        _ => Err(Refusal::Invalid("a recovery window has at most 30 days")),
    }
}

fn secrets_below(tx: &mut Tx<'_>, folder: &FolderPath) -> Result<(Vec<SecretPath>, bool), Refusal> {
    let listing = Walk::new(tx, AT_ONCE, &|_| true).run(folder, MAX_SEGMENTS, None)?;
    let secrets = listing
        .entries
        .iter()
        .filter_map(|entry| SecretPath::try_from(entry.path.as_str()).ok());
    Ok((secrets.collect(), listing.next.is_some()))
}

fn remove(
    tx: &mut Tx<'_>,
    path: &SecretPath,
    id: u64,
    mut head: Head,
    window: u64,
    rows: &mut Rows,
) -> Result<Deleted, Refusal> {
    let now = tx.now();
    let destroy_at = now.saturating_add(window);
    let unlinked = tree::unlink(tx, head.parent, &head.name, tree::Link::Secret)?;
    let buried = policy::bury(tx, id)?;
    rows.take_removal(unlinked + once::spill_all(tx, &mut head)? + buried);
    let deletion = Deletion {
        path: path.as_str().to_owned(),
        deleted_at: now,
        destroy_at,
        ending: window == 0,
    };
    let deleted = describe(id, &head, &deletion);
    head.deletion = Some(deletion);
    if window == 0 && destroy::step(tx, id, &mut head, rows)? {
        return Ok(deleted);
    }
    tx.put(by_path(tx, path.as_str(), id), &Marker {})?;
    DUE.file(tx, destroy_at, &id.to_be_bytes())?;
    tx.put(Head::key(id), &head)?;
    Ok(deleted)
}

/// A deleted secret as listings show it.
pub(super) fn describe(id: u64, head: &Head, deletion: &Deletion) -> Deleted {
    Deleted {
        id,
        path: deletion.path.clone(),
        deleted_at: deletion.deleted_at,
        destroy_at: deletion.destroy_at,
        latest_version: head.latest,
    }
}

/// Takes a deleted secret out of the indexes of deleted secrets.
pub(super) fn unindex(tx: &mut Tx<'_>, id: u64, deletion: &Deletion) {
    for prefix in prefixes(tx, &deletion.path) {
        tx.delete(Key::new(Kind::Deleted, &[prefix.ids(), &id.to_be_bytes()]));
    }
    DUE.unfile(tx, deletion.destroy_at, &id.to_be_bytes());
}

/// The deleted secrets that had a path, up to `limit`.
pub(super) fn ids_of(tx: &Tx<'_>, path: &str, limit: usize) -> Result<Vec<u64>, RecordError> {
    let mut ids = Vec::new();
    for prefix in prefixes(tx, path) {
        let found = tx.peek::<Marker>(prefix.as_bytes(), None, limit)?;
        ids.extend(
            found
                .iter()
                .filter_map(|(key, _)| super::tags::last_id(key)),
        );
    }
    Ok(ids)
}

fn by_path(tx: &Tx<'_>, path: &str, id: u64) -> Key {
    let tag = tag::index_tag(tx.keys().index().active(), "deleted", path.as_bytes());
    Key::new(Kind::Deleted, &[&tag, &id.to_be_bytes()])
}

/// One for each term of the index key.
fn prefixes(tx: &Tx<'_>, path: &str) -> Vec<Key> {
    let terms = tx.keys().index().iter();
    terms
        .map(|term| {
            Key::new(
                Kind::Deleted,
                &[&tag::index_tag(term, "deleted", path.as_bytes())],
            )
        })
        .collect()
}
