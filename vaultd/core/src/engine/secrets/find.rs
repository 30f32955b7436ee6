//! Finding secrets by glob and by tags.

use std::collections::BTreeMap;

use super::{
    Listed, Listing, PageRequest, Position, Refusal, Sees,
    page::At,
    tags, tree,
    walk::{Walk, peek_head},
};
use crate::{
    access::{Action, Grant},
    name::{FolderPath, Glob, MAX_SEGMENTS, SecretPath, TagKey, TagValue},
    record::Tx,
};

/// Secrets with a tag that one call looks at.
const BUDGET: usize = 2000;

/// What to find.
#[derive(Clone, Debug, Default)]
pub struct Find {
    /// Over the whole path; `None`: any.
    pub glob: Option<Glob>,
    /// All must match; `None`: any value of that key.
    pub tags: BTreeMap<TagKey, Option<TagValue>>,
    /// Which part.
    pub page: PageRequest,
}

/// Secrets below the granted folder that match. Never a value.
///
/// # Errors
/// When the folder does not exist, or the position is of another listing.
pub fn find(
    tx: &mut Tx<'_>,
    grant: &Grant,
    sees: Sees<'_>,
    request: &Find,
) -> Result<Listing, Refusal> {
    let folder = grant.folder(Action::LIST)?;
    if let Some((key, value)) = request.tags.iter().next() {
        return by_tag(tx, folder, sees, request, (key, value.as_ref()));
    }
    let mut walk = Walk::new(tx, request.page.limit()?, sees);
    walk.glob = request.glob.as_ref();
    walk.run(folder, MAX_SEGMENTS, request.page.after.as_ref())
}

/// In the order of their ids: as they were made.
fn by_tag(
    tx: &mut Tx<'_>,
    folder: &FolderPath,
    sees: Sees<'_>,
    request: &Find,
    tag: (&TagKey, Option<&TagValue>),
) -> Result<Listing, Refusal> {
    let limit = request.page.limit()?;
    let after = match request.page.after.as_ref().map(|position| &position.0) {
        None => None,
        Some(At::Id(id)) => Some(*id),
        Some(At::Name { .. } | At::Version(_) | At::Key(_)) => {
            return Err(Refusal::PositionInvalid);
        }
    };
    if tree::folder(tx, folder)?.is_none() {
        return Err(Refusal::FolderNotFound);
    }
    let mut listing = Listing::default();
    let mut paths = tree::Paths::default();
    let mut last = None;
    let ids = tags::secrets_with(tx, tag.0, tag.1, after, BUDGET)?;
    let exhausted = ids.len() < BUDGET;
    for id in ids {
        if listing.entries.len() == limit {
            listing.next = last;
            return Ok(listing);
        }
        last = Some(Position(At::Id(id)));
        let Some(head) = peek_head(tx, id)?.filter(|head| head.deletion.is_none()) else {
            continue;
        };
        let tagged = request.tags.iter().all(|(key, wanted)| {
            head.tags
                .get(key)
                .is_some_and(|value| wanted.as_ref().is_none_or(|wanted| wanted == value))
        });
        let path = if tagged {
            paths.of(tx, head.parent, &head.name)?
        } else {
            None
        };
        let path = path.and_then(|path| SecretPath::try_from(path.as_str()).ok());
        let matches = |path: &SecretPath| {
            folder.contains(path)
                && sees(&path.parent())
                && request
                    .glob
                    .as_ref()
                    .is_none_or(|glob| glob.matches(path.as_str()))
        };
        if let Some(path) = path.filter(matches) {
            let path = path.as_str().to_owned();
            listing.entries.push(Listed {
                path,
                folder: false,
                latest_version: head.latest,
                updated_at: head.updated_at,
            });
        }
    }
    listing.next = last.filter(|_| !exhausted);
    Ok(listing)
}
