//! Walking the tree of names in a stable order, from any position, under a budget.
//!
//! Depth first; within a folder by name, a name's secret before its folder. A folder of more than 10,000
//! names is walked in the order of their tags instead. A position is a path, so a walk goes on where it
//! was even when what it stopped at is gone.

use super::{
    Refusal,
    model::{Entry, Folder, Head, ROOT},
    page::{At, Position},
    tree,
};
use crate::{
    name::{FolderPath, Glob, Threads},
    record::{Key, RecordError, Tx},
};

/// Most names of a folder that are sorted.
const MAX_SORTED: usize = 10_000;
/// Names that one call looks at.
const BUDGET: usize = 10_000;
/// Names that are read at once in a folder that is not sorted.
const CHUNK: usize = 256;

/// A secret or a folder in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The full path; a folder's ends with `/`.
    pub path: String,
    /// A folder.
    pub folder: bool,
    /// Of a secret.
    pub latest_version: u64,
    /// Of a secret; milliseconds since the epoch.
    pub updated_at: u64,
}

/// A page of a listing. It may be empty and yet go on, when the budget ended first.
#[derive(Debug, Default)]
pub struct Listing {
    /// In order.
    pub entries: Vec<Listed>,
    /// Where to go on; `None` at the end.
    pub next: Option<Position>,
    /// A folder has too many names to be sorted.
    pub unsorted: bool,
}

/// Which folders the caller may look into. What he may not is passed over, and its name is all that shows.
pub type Sees<'s> = &'s dyn Fn(&FolderPath) -> bool;

/// One walk.
pub(super) struct Walk<'w, 'a> {
    pub(super) tx: &'w mut Tx<'a>,
    /// Entries to return.
    pub(super) limit: usize,
    sees: Sees<'w>,
    /// Return only secrets that match.
    pub(super) glob: Option<&'w Glob>,
    /// Return folders that are not walked into.
    pub(super) folders: bool,
    pub(super) budget: usize,
    pub(super) last: Option<At>,
    pub(super) listing: Listing,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Full,
}

/// Where a walk begins within a folder.
#[derive(Clone, Copy)]
struct Resume<'p> {
    /// Names that lead to the position, from this folder on.
    names: &'p [&'p str],
    /// The position is a folder, all within included.
    folder: bool,
}

impl<'w, 'a> Walk<'w, 'a> {
    pub(super) fn new(tx: &'w mut Tx<'a>, limit: usize, sees: Sees<'w>) -> Self {
        Self {
            tx,
            limit,
            sees,
            glob: None,
            folders: false,
            budget: BUDGET,
            last: None,
            listing: Listing::default(),
        }
    }

    /// Walks a folder down to `depth` levels, after a position.
    pub(super) fn run(
        mut self,
        folder: &FolderPath,
        depth: usize,
        after: Option<&Position>,
    ) -> Result<Listing, Refusal> {
        let Some(id) = tree::folder(self.tx, folder)? else {
            return Err(Refusal::FolderNotFound);
        };
        let (path, at_folder) = match after.map(|position| &position.0) {
            None => (None, false),
            Some(At::Name {
                path,
                folder: at_folder,
            }) => {
                let below = if folder.is_root() {
                    Some(path.as_str())
                } else {
                    path.strip_prefix(folder.as_str())
                        .and_then(|rest| rest.strip_prefix('/'))
                };
                (Some(below.ok_or(Refusal::PositionInvalid)?), *at_folder)
            }
            Some(At::Id(_) | At::Version(_) | At::Key(_)) => return Err(Refusal::PositionInvalid),
        };
        let names: Vec<&str> = path.iter().flat_map(|path| path.split('/')).collect();
        let resume = path.is_some().then_some(Resume {
            names: &names,
            folder: at_folder,
        });
        let prefix = if folder.is_root() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let threads = self.glob.map(|glob| glob.advance(&glob.start(), &prefix));
        if self.folder(id, &prefix, depth, threads.as_ref(), resume)? == Flow::Full {
            self.listing.next = self.last.take().map(Position);
        }
        Ok(self.listing)
    }

    fn folder(
        &mut self,
        id: u64,
        prefix: &str,
        depth: usize,
        threads: Option<&Threads>,
        resume: Option<Resume<'_>>,
    ) -> Result<Flow, Refusal> {
        // A folder knows how much is in it; the root does not, and is read to see.
        let known = self
            .tx
            .read::<Folder>(&Folder::key(id))?
            .map_or(0, |folder| folder.links);
        if known > MAX_SORTED as u64 {
            return self.unsorted(id, prefix, depth, threads, resume);
        }
        let keys = tree::entries_of(id);
        let mut entries = self.names(keys.as_bytes(), None, MAX_SORTED + 1)?;
        if entries.len() > MAX_SORTED {
            drop(entries);
            return self.unsorted(id, prefix, depth, threads, resume);
        }
        entries.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        let first = resume.and_then(|resume| resume.names.first().copied());
        for (_, entry) in entries {
            let here = match first {
                Some(first) if entry.name.as_str() < first => continue,
                Some(first) if entry.name == first => resume,
                Some(_) | None => None,
            };
            if self.entry(&entry, prefix, depth, threads, here)? == Flow::Full {
                return Ok(Flow::Full);
            }
        }
        Ok(Flow::On)
    }

    fn unsorted(
        &mut self,
        id: u64,
        prefix: &str,
        depth: usize,
        threads: Option<&Threads>,
        resume: Option<Resume<'_>>,
    ) -> Result<Flow, Refusal> {
        self.listing.unsorted = true;
        let keys = tree::entries_of(id);
        let mut after = None;
        if let Some((first, resume)) =
            resume.and_then(|resume| Some((*resume.names.first()?, resume)))
        {
            let (key, entry) = tree::entry(self.tx, id, first)?;
            if let Some(entry) = entry
                && self.entry(&entry, prefix, depth, threads, Some(resume))? == Flow::Full
            {
                return Ok(Flow::Full);
            }
            after = Some(key);
        }
        loop {
            let chunk = self.names(keys.as_bytes(), after.as_ref(), CHUNK)?;
            let Some((last, _)) = chunk.last() else {
                return Ok(Flow::On);
            };
            after = Some(last.clone());
            for (_, entry) in chunk {
                if self.entry(&entry, prefix, depth, threads, None)? == Flow::Full {
                    return Ok(Flow::Full);
                }
            }
        }
    }

    /// One name: its secret, then its folder. `resume`: the position is this name, or below it.
    fn entry(
        &mut self,
        entry: &Entry,
        prefix: &str,
        depth: usize,
        threads: Option<&Threads>,
        resume: Option<Resume<'_>>,
    ) -> Result<Flow, Refusal> {
        let path = format!("{prefix}{}", entry.name);
        let threads = self
            .glob
            .zip(threads)
            .map(|(glob, threads)| glob.advance(threads, &entry.name));
        let below = match resume.map(|resume| (resume.names, resume.folder)) {
            None if self.budget == 0 => return Ok(Flow::Full),
            None => {
                self.budget -= 1;
                None
            }
            Some(([_], true)) => return Ok(Flow::On),
            Some(([_] | [], _)) => None,
            Some(([_, rest @ ..], folder)) => Some(Resume {
                names: rest,
                folder,
            }),
        };
        if let Some(id) = entry.secret.filter(|_| resume.is_none())
            && self.secret(id, &path, threads.as_ref())? == Flow::Full
        {
            return Ok(Flow::Full);
        }
        if let Some(id) = entry.folder
            && self.subfolder(id, &path, depth, threads.as_ref(), below)? == Flow::Full
        {
            return Ok(Flow::Full);
        }
        self.last = Some(At::Name { path, folder: true });
        Ok(Flow::On)
    }

    fn secret(&mut self, id: u64, path: &str, threads: Option<&Threads>) -> Result<Flow, Refusal> {
        let matches = self
            .glob
            .zip(threads)
            .is_none_or(|(glob, threads)| glob.accepts(threads));
        if let Some(head) = if matches {
            peek_head(self.tx, id)?
        } else {
            None
        } {
            let listed = Listed {
                path: path.to_owned(),
                folder: false,
                latest_version: head.latest,
                updated_at: head.updated_at,
            };
            if self.push(listed) == Flow::Full {
                return Ok(Flow::Full);
            }
        }
        self.last = Some(At::Name {
            path: path.to_owned(),
            folder: false,
        });
        Ok(Flow::On)
    }

    /// Walks into a folder, or lists it, or passes it.
    fn subfolder(
        &mut self,
        id: u64,
        path: &str,
        depth: usize,
        threads: Option<&Threads>,
        resume: Option<Resume<'_>>,
    ) -> Result<Flow, Refusal> {
        let inner = format!("{path}/");
        if depth > 1 {
            let inside =
                FolderPath::try_from(path).map_err(|_| RecordError::Damaged(Folder::key(id)))?;
            if !(self.sees)(&inside) {
                return Ok(Flow::On);
            }
            let threads = self
                .glob
                .zip(threads)
                .map(|(glob, threads)| glob.advance(threads, "/"));
            let alive = self
                .glob
                .zip(threads.as_ref())
                .is_none_or(|(glob, threads)| glob.may_go_on(threads));
            return if alive {
                self.folder(id, &inner, depth - 1, threads.as_ref(), resume)
            } else {
                Ok(Flow::On)
            };
        }
        if self.folders {
            return Ok(self.push(Listed {
                path: inner,
                folder: true,
                latest_version: 0,
                updated_at: 0,
            }));
        }
        Ok(Flow::On)
    }

    fn push(&mut self, listed: Listed) -> Flow {
        if self.listing.entries.len() >= self.limit {
            return Flow::Full;
        }
        self.listing.entries.push(listed);
        Flow::On
    }

    fn names(
        &self,
        prefix: &[u8],
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Entry)>, RecordError> {
        self.tx.peek::<Entry>(prefix, after, limit)
    }
}

/// A head for a listing, which nothing that is written depends on.
pub(super) fn peek_head(tx: &Tx<'_>, id: u64) -> Result<Option<Head>, RecordError> {
    debug_assert_ne!(id, ROOT, "ids of secrets begin at 1");
    Ok(tx
        .peek::<Head>(Head::key(id).as_bytes(), None, 1)?
        .pop()
        .map(|(_, head)| head))
}
