//! Listing a folder.

use super::{Listing, PageRequest, Refusal, Sees, walk::Walk};
use crate::{
    access::{Action, Grant},
    name::MAX_SEGMENTS,
    record::Tx,
};

/// How to list.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// All below, instead of the folder's own names.
    pub recursive: bool,
    /// With `recursive`: how many levels; 0: all. Folders below the last level are listed as such.
    pub depth: usize,
    /// Which part.
    pub page: PageRequest,
}

/// What lies in a folder. Never a value.
///
/// # Errors
/// When the folder does not exist, or the position is of another listing.
pub fn list(
    tx: &mut Tx<'_>,
    grant: &Grant,
    sees: Sees<'_>,
    request: &List,
) -> Result<Listing, Refusal> {
    let folder = grant.folder(Action::LIST)?;
    let depth = match (request.recursive, request.depth) {
        (false, 0) => 1,
        (false, _) => return Err(Refusal::Invalid("a depth goes with a recursive listing")),
        (true, 0) => MAX_SEGMENTS,
        (true, depth) => depth.min(MAX_SEGMENTS),
    };
    let mut walk = Walk::new(tx, request.page.limit()?, sees);
    walk.folders = true;
    walk.run(folder, depth, request.page.after.as_ref())
}
