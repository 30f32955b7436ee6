//! The tree of names: from paths to ids and back, with folders that come and go by what lies in them.
//!
//! A name is found by its tag under the active term of the index key, or an older one. Folders are made
//! by the first thing put into them and go with the last; one that has a policy stays until that is taken from it, so
//! that nobody is rid of a policy by emptying its folder.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Refusal,
    model::{Entry, Folder, Head, ROOT},
};
use crate::{
    crypto::tag,
    name::{FolderPath, SecretPath, TagKey, TagValue},
    record::{Key, Kind, RecordError, Tx},
};

/// What an entry links to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Folder,
    Secret,
}

impl Entry {
    fn slot(&mut self, link: Link) -> &mut Option<u64> {
        match link {
            Link::Folder => &mut self.folder,
            Link::Secret => &mut self.secret,
        }
    }
}

/// Keys of all names in a folder begin with this.
pub(super) fn entries_of(folder: u64) -> Key {
    Key::new(Kind::Entry, &[&folder.to_be_bytes()])
}

/// A name in a folder: the key where it is, or would be.
pub(super) fn entry(
    tx: &mut Tx<'_>,
    parent: u64,
    name: &str,
) -> Result<(Key, Option<Arc<Entry>>), RecordError> {
    let index = tx.keys().index();
    let key = |term| {
        Key::new(
            Kind::Entry,
            &[&parent.to_be_bytes(), &tag::entry_tag(term, parent, name)],
        )
    };
    let active = key(index.active());
    let older = index
        .iter()
        .filter(|term| term.number() != index.active().number())
        .map(key);
    for key in [active.clone()].into_iter().chain(older) {
        if let Some(entry) = tx.read::<Entry>(&key)? {
            return if entry.name == name {
                Ok((key, Some(entry)))
            } else {
                Err(RecordError::Damaged(key))
            };
        }
    }
    Ok((active, None))
}

/// A folder's id.
pub(super) fn folder(tx: &mut Tx<'_>, path: &FolderPath) -> Result<Option<u64>, RecordError> {
    walk(tx, path.segments())
}

/// A living secret's folder and id.
fn secret(tx: &mut Tx<'_>, path: &SecretPath) -> Result<Option<(u64, u64)>, RecordError> {
    let mut folders = path.segments();
    let name = folders.next_back().unwrap_or_default();
    let Some(parent) = walk(tx, folders)? else {
        return Ok(None);
    };
    let entry = entry(tx, parent, name)?.1;
    Ok(entry.and_then(|entry| Some((parent, entry.secret?))))
}

/// A living secret's head, to be looked at. It says where it lies: an entry of before a move that somebody put back
/// leads to nothing.
pub(super) fn seen(
    tx: &mut Tx<'_>,
    path: &SecretPath,
) -> Result<Option<(u64, Arc<Head>)>, RecordError> {
    let Some((parent, id)) = secret(tx, path)? else {
        return Ok(None);
    };
    let key = Head::key(id);
    let head = tx.read::<Head>(&key)?;
    let head = head.filter(|head| head.parent == parent && head.name == path.name());
    Ok(Some((id, head.ok_or(RecordError::Damaged(key))?)))
}

fn walk<'p>(
    tx: &mut Tx<'_>,
    segments: impl Iterator<Item = &'p str>,
) -> Result<Option<u64>, RecordError> {
    let mut id = ROOT;
    for segment in segments {
        match entry(tx, id, segment)?.1.and_then(|entry| entry.folder) {
            Some(child) => id = child,
            None => return Ok(None),
        }
    }
    Ok(Some(id))
}

/// A living secret's tags; none of one that does not exist. For decisions about it.
///
/// # Errors
/// When the store fails.
pub fn tags_of(
    tx: &mut Tx<'_>,
    path: &SecretPath,
) -> Result<BTreeMap<TagKey, TagValue>, RecordError> {
    let head = seen(tx, path)?;
    Ok(head.map_or_else(BTreeMap::new, |(_, head)| head.tags.clone()))
}

/// A living secret's head, to be changed.
pub(super) fn head(tx: &mut Tx<'_>, path: &SecretPath) -> Result<Option<(u64, Head)>, RecordError> {
    let Some((parent, id)) = secret(tx, path)? else {
        return Ok(None);
    };
    let key = Head::key(id);
    let head = tx.get::<Head>(&key)?;
    let head = head.filter(|head| head.parent == parent && head.name == path.name());
    Ok(Some((id, head.ok_or(RecordError::Damaged(key))?)))
}

/// The head of a secret that is being made. That it does not exist becomes a check: an id that was given before,
/// by a record of reserved ids that somebody put back, gives no second name to a secret that has one.
pub(super) fn vacant(tx: &mut Tx<'_>, id: u64) -> Result<(), RecordError> {
    let key = Head::key(id);
    match tx.read::<Head>(&key)? {
        Some(_) => Err(RecordError::Damaged(key)),
        None => Ok(()),
    }
}

/// Puts a secret or a folder under a name; returns the folder that it lies in then.
pub(super) fn link(
    tx: &mut Tx<'_>,
    folder: &FolderPath,
    name: &str,
    link: Link,
    id: u64,
) -> Result<u64, Refusal> {
    let mut parent = ROOT;
    for segment in folder.segments() {
        parent = descend(tx, parent, segment)?;
    }
    let (key, found) = entry(tx, parent, name)?;
    let mut found = found.map_or_else(|| blank(name), Arc::unwrap_or_clone);
    let slot = found.slot(link);
    if slot.is_some() {
        return Err(Refusal::Exists);
    }
    *slot = Some(id);
    tx.put(key, &found)?;
    count(tx, parent, 1)?;
    Ok(parent)
}

/// Takes a secret or a folder away from its name, and the folders that this leaves empty; how many records
/// that writes.
pub(super) fn unlink(
    tx: &mut Tx<'_>,
    parent: u64,
    name: &str,
    link: Link,
) -> Result<usize, RecordError> {
    let (mut parent, mut name, mut link) = (parent, name.to_owned(), link);
    let mut rows = 0;
    loop {
        let (key, found) = entry(tx, parent, &name)?;
        let Some(found) = found else {
            return Err(RecordError::Damaged(key));
        };
        let mut found = Arc::unwrap_or_clone(found);
        rows += 2;
        *found.slot(link) = None;
        if found.folder.is_none() && found.secret.is_none() {
            tx.delete(key);
        } else {
            tx.put(key, &found)?;
        }
        match count(tx, parent, -1)? {
            Some(emptied) => {
                tx.delete(Folder::key(parent));
                (parent, name, link) = (emptied.parent, emptied.name, Link::Folder);
            }
            None => return Ok(rows),
        }
    }
}

/// Keeps a folder, though nothing may lie in it: it has a policy.
pub(super) fn hold(tx: &mut Tx<'_>, folder: u64) -> Result<(), RecordError> {
    count(tx, folder, 1).map(drop)
}

/// Lets go of a folder that had a policy; without anything in it, it goes, and the folders that this leaves empty.
pub(super) fn release(tx: &mut Tx<'_>, folder: u64) -> Result<(), RecordError> {
    if let Some(emptied) = count(tx, folder, -1)? {
        tx.delete(Folder::key(folder));
        unlink(tx, emptied.parent, &emptied.name, Link::Folder)?;
    }
    Ok(())
}

/// The folder of that name in a folder, made if it is not there.
fn descend(tx: &mut Tx<'_>, parent: u64, name: &str) -> Result<u64, RecordError> {
    let (key, found) = entry(tx, parent, name)?;
    let mut found = found.map_or_else(|| blank(name), Arc::unwrap_or_clone);
    if let Some(folder) = found.folder {
        return Ok(folder);
    }
    let id = tx.next_id()?;
    found.folder = Some(id);
    tx.put(key, &found)?;
    tx.put(
        Folder::key(id),
        &Folder {
            parent,
            name: name.to_owned(),
            links: 0,
        },
    )?;
    count(tx, parent, 1)?;
    Ok(id)
}

fn blank(name: &str) -> Entry {
    Entry {
        name: name.to_owned(),
        folder: None,
        secret: None,
    }
}

/// Counts what lies in a folder; the folder, if nothing does any more. The root is not counted.
fn count(tx: &mut Tx<'_>, id: u64, by: i64) -> Result<Option<Folder>, RecordError> {
    if id == ROOT {
        return Ok(None);
    }
    let key = Folder::key(id);
    let mut folder = tx
        .get::<Folder>(&key)?
        .ok_or_else(|| RecordError::Damaged(key.clone()))?;
    folder.links = folder
        .links
        .checked_add_signed(by)
        .ok_or_else(|| RecordError::Damaged(key.clone()))?;
    if folder.links == 0 {
        return Ok(Some(folder));
    }
    tx.put(key, &folder)?;
    Ok(None)
}

/// Full paths of folders by id, remembered within one operation.
#[derive(Default)]
pub(super) struct Paths(BTreeMap<u64, Option<String>>);

impl Paths {
    /// The path of a name in a folder; `None` when the folder is gone.
    pub(super) fn of(
        &mut self,
        tx: &mut Tx<'_>,
        parent: u64,
        name: &str,
    ) -> Result<Option<String>, RecordError> {
        Ok(self.folder(tx, parent)?.map(|folder| join(&folder, name)))
    }

    fn folder(&mut self, tx: &mut Tx<'_>, id: u64) -> Result<Option<String>, RecordError> {
        if id == ROOT {
            return Ok(Some(String::new()));
        }
        if let Some(known) = self.0.get(&id) {
            return Ok(known.clone());
        }
        let path = match tx.read::<Folder>(&Folder::key(id))? {
            // Depth is bounded by the longest path.
            Some(folder) => self
                .folder(tx, folder.parent)?
                .map(|above| join(&above, &folder.name)),
            None => None,
        };
        self.0.insert(id, path.clone());
        Ok(path)
    }
}

/// `folder/name`, or `name` in the root.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}
