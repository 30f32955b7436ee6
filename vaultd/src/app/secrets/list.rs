//! Listings of the Secrets service, a page at a time.

use std::collections::BTreeMap;

use vault_core::access::{Action, Resource};
use vault_core::engine::secrets::{self as engine};
use vault_core::name::{FolderPath, Glob, SecretPath, TagKey, TagValue};
use vault_core::record::Tx;

use crate::app::App;
use crate::app::call::{Answer, Call};
use crate::app::cursor::{Cursors, Paging};
use crate::app::error::Result;
use crate::app::pipeline::Visit;

/// One page, with the cursor of the next; empty after the last.
#[derive(Debug)]
pub struct Paged<T> {
    /// The page.
    pub page: T,
    /// Sealed; bound to caller and query.
    pub next: String,
}

impl App {
    /// What a folder holds.
    ///
    /// # Errors
    /// As the engine refuses, `CURSOR_INVALID`, or as of any read.
    pub async fn list_secrets(
        &self,
        call: &Call,
        folder: &FolderPath,
        (recursive, depth): (bool, usize),
        paging: &Paging,
    ) -> Result<Answer<Paged<engine::Listing>>> {
        self.list(call, folder, paging, |tx, grant, sees, page| {
            let listing = engine::list(
                tx,
                grant,
                sees,
                &engine::List {
                    recursive,
                    depth,
                    page,
                },
            )?;
            Ok((listing.next.clone(), listing))
        })
        .await
    }

    /// Secrets by glob and tags.
    ///
    /// # Errors
    /// As the engine refuses, `CURSOR_INVALID`, or as of any read.
    pub async fn find_secrets(
        &self,
        call: &Call,
        folder: &FolderPath,
        glob: Option<&Glob>,
        tags: &BTreeMap<TagKey, Option<TagValue>>,
        paging: &Paging,
    ) -> Result<Answer<Paged<engine::Listing>>> {
        self.list(call, folder, paging, |tx, grant, sees, page| {
            let find = engine::Find {
                glob: glob.cloned(),
                tags: tags.clone(),
                page,
            };
            let listing = engine::find(tx, grant, sees, &find)?;
            Ok((listing.next.clone(), listing))
        })
        .await
    }

    /// Deleted secrets that can still be restored.
    ///
    /// # Errors
    /// As the engine refuses, `CURSOR_INVALID`, or as of any read.
    pub async fn list_deleted(
        &self,
        call: &Call,
        folder: &FolderPath,
        paging: &Paging,
    ) -> Result<Answer<Paged<Vec<engine::Deleted>>>> {
        self.list(call, folder, paging, |tx, grant, sees, page| {
            let listed = engine::list_deleted(tx, grant, sees, &page)?;
            Ok((listed.next, listed.items))
        })
        .await
    }

    /// A secret's versions, newest first.
    ///
    /// # Errors
    /// As the engine refuses, `CURSOR_INVALID`, or as of any read.
    pub async fn list_versions(
        &self,
        call: &Call,
        path: &SecretPath,
        paging: &Paging,
    ) -> Result<Answer<Paged<Vec<engine::VersionInfo>>>> {
        let incarnation = self.store.applied().incarnation;
        self.read(call, |visit, tx| {
            let grant = visit.grant(tx, Action::DESCRIBE, Resource::Secret(path.clone()))?;
            let cursors = Cursors::of(visit.caller(), incarnation, paging);
            let page = cursors.page(tx, paging)?;
            let listed = engine::list_versions(tx, &grant, &page)
                .map_err(|refusal| visit.refuse(refusal, Action::DESCRIBE, path))?;
            Ok(Paged {
                next: cursors.next(tx, listed.next.as_ref()),
                page: listed.items,
            })
        })
        .await
    }

    async fn list<T>(
        &self,
        call: &Call,
        folder: &FolderPath,
        paging: &Paging,
        act: impl Fn(
            &mut Tx<'_>,
            &vault_core::access::Grant,
            engine::Sees<'_>,
            engine::PageRequest,
        ) -> std::result::Result<(Option<engine::Position>, T), engine::Refusal>,
    ) -> Result<Answer<Paged<T>>> {
        let incarnation = self.store.applied().incarnation;
        self.read(call, |visit: &mut Visit<'_>, tx| {
            let grant = visit.grant(tx, Action::LIST, Resource::Folder(folder.clone()))?;
            let cursors = Cursors::of(visit.caller(), incarnation, paging);
            let page = cursors.page(tx, paging)?;
            let (next, page) = act(tx, &grant, &|folder| visit.may_list(folder), page)
                .map_err(|refused| visit.refuse_folder(refused, Action::LIST, folder))?;
            Ok(Paged {
                next: cursors.next(tx, next.as_ref()),
                page,
            })
        })
        .await
    }
}
