//! Moving: a secret or a folder changes its entry and its head; nothing is sealed anew but those.

use minicbor::{Decode, Encode};

use super::{
    Once, Refusal,
    model::{Entry, Folder, Head},
    once, policy, tree,
};
use crate::{
    access::{Action, Grant},
    name::{FolderPath, MAX_PATH_BYTES, MAX_SEGMENTS},
    record::{RecordError, Tx},
};

/// Names below a folder that are looked at before it is moved to where paths become longer.
const MAX_LOOKED_AT: usize = 10_000;

/// The rights that a move takes: it shows values to whoever may read at the destination.
#[derive(Debug)]
pub struct Moving {
    /// To take it away: a secret or a folder.
    pub from: Grant,
    /// To read it there.
    pub read: Grant,
    /// To put it at the destination.
    pub to: Grant,
}

/// The outcome of a move.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Moved {}

/// Moves a secret, with its history, to a path that is free.
///
/// # Errors
/// When the source does not exist, or the destination does.
pub fn move_secret(tx: &mut Tx<'_>, moving: &Moving, once: Option<&Once>) -> Result<(), Refusal> {
    let from = moving.from.secret(Action::MOVE)?;
    let to = moving.to.secret(Action::PUT_VALUE)?;
    if moving.read.secret(Action::GET_VALUE)? != from {
        return Err(Refusal::Invalid("the right to read is for another secret"));
    }
    if once::replay::<Moved>(tx, &moving.from, once, None)?.is_some() {
        return Ok(());
    }
    let (id, mut head) = tree::head(tx, from)?.ok_or(Refusal::SecretNotFound)?;
    // ORDER: the new name first, so that a folder that both lie in is not emptied in between.
    let parent = tree::link(tx, &to.parent(), to.name(), tree::Link::Secret, id)?;
    tree::unlink(tx, head.parent, &head.name, tree::Link::Secret)?;
    once::spill_all(tx, &mut head)?;
    (head.parent, head.name) = (parent, to.name().to_owned());
    policy::move_of_secret(tx, id, to)?;
    tx.put(Head::key(id), &head)?;
    Ok(once::remember_apart(tx, &moving.from, once, &Moved {})?)
}

/// Moves a folder, with all below it, to a path where no folder is.
///
/// # Errors
/// When the source does not exist, the destination does or lies in the source, or paths would be too long.
pub fn move_folder(tx: &mut Tx<'_>, moving: &Moving, once: Option<&Once>) -> Result<(), Refusal> {
    let from = moving.from.folder(Action::MOVE)?;
    let to = moving.to.folder(Action::PUT_VALUE)?;
    if moving.read.folder(Action::GET_VALUE)? != from {
        return Err(Refusal::Invalid("the right to read is for another folder"));
    }
    let (Some(above), Some(name), false) = (to.parent(), to.name(), from.is_root()) else {
        return Err(Refusal::Invalid("the root folder stays where it is"));
    };
    if from.covers(to) {
        return Err(Refusal::Invalid("a folder does not move into itself"));
    }
    if once::replay::<Moved>(tx, &moving.from, once, None)?.is_some() {
        return Ok(());
    }
    let id = tree::folder(tx, from)?.ok_or(Refusal::FolderNotFound)?;
    check_lengths(tx, id, from, to)?;
    policy::move_below(tx, from, to)?;
    let key = Folder::key(id);
    let parent = tree::link(tx, &above, name, tree::Link::Folder, id)?;
    let mut folder = tx
        .get::<Folder>(&key)?
        .ok_or_else(|| RecordError::Damaged(key.clone()))?;
    tree::unlink(tx, folder.parent, &folder.name, tree::Link::Folder)?;
    (folder.parent, folder.name) = (parent, name.to_owned());
    tx.put(key, &folder)?;
    Ok(once::remember_apart(tx, &moving.from, once, &Moved {})?)
}

/// Refuses a move after which a path below the folder would break the rules of paths.
fn check_lengths(tx: &Tx<'_>, id: u64, from: &FolderPath, to: &FolderPath) -> Result<(), Refusal> {
    let depth = to.segments().count();
    let longer = depth > from.segments().count() || to.as_str().len() > from.as_str().len();
    let mut left = MAX_LOOKED_AT;
    let mut open = if longer {
        vec![(id, depth, to.as_str().len())]
    } else {
        Vec::new()
    };
    while let Some((folder, depth, length)) = open.pop() {
        let entries = tx.peek::<Entry>(tree::entries_of(folder).as_bytes(), None, left + 1)?;
        left = left.checked_sub(entries.len()).ok_or(Refusal::TooLarge(
            "a folder of more than 10,000 names does not move to a longer path",
        ))?;
        for (_, entry) in entries {
            let (depth, length) = (depth + 1, length + 1 + entry.name.len());
            if depth > MAX_SEGMENTS || length > MAX_PATH_BYTES {
                return Err(Refusal::TooLarge(
                    "a path below the folder would be too long",
                ));
            }
            open.extend(entry.folder.map(|folder| (folder, depth, length)));
        }
    }
    Ok(())
}
