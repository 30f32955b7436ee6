//! Cursors of listings: sealed, and bound to caller, query and incarnation.
//!
//! A position inside a listing may hold names; a client carries it without being able to read or change it,
//! and it opens only for the same question of the same caller.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vault_core::access::Caller;
use vault_core::crypto::envelope::{Class, Place};
use vault_core::engine::secrets::{PageRequest, Position};
use vault_core::record::Tx;
use vault_proto::v1::Reason;

use super::error::{Error, Result};
use crate::clock::OsEntropy;

/// Longest cursor that is looked at, in characters.
const MAX: usize = 4096;

/// Which page of which listing is wanted.
#[derive(Clone, Debug)]
pub struct Paging {
    /// Entries.
    pub size: usize,
    /// From the last page's answer; empty: the first page.
    pub cursor: String,
    /// Digest of everything that asks, but the page.
    pub query: [u8; 32],
}

/// Opens a cursor in one request, and seals the next.
pub(super) struct Cursors {
    place: Vec<u8>,
}

impl Cursors {
    pub(super) fn of(caller: &Caller, incarnation: u64, paging: &Paging) -> Self {
        let mut place = b"listing cursor".to_vec();
        place.extend_from_slice(&caller.principal_id().to_be_bytes());
        place.extend_from_slice(&incarnation.to_be_bytes());
        place.extend_from_slice(&paging.query);
        Self { place }
    }

    /// The engine's page request.
    pub(super) fn page(&self, tx: &Tx<'_>, paging: &Paging) -> Result<PageRequest> {
        let after = self.open(tx, paging, |plain| Position::from_bytes(plain).ok())?;
        Ok(PageRequest {
            size: paging.size,
            after,
        })
    }

    /// Where this node said that the last page ended; none for the first.
    pub(super) fn open<P>(
        &self,
        tx: &Tx<'_>,
        paging: &Paging,
        read: impl FnOnce(&[u8]) -> Option<P>,
    ) -> Result<Option<P>> {
        if paging.cursor.is_empty() {
            return Ok(None);
        }
        if paging.cursor.len() > MAX {
            return Err(invalid());
        }
        let sealed = URL_SAFE_NO_PAD
            .decode(&paging.cursor)
            .map_err(|_| invalid())?;
        let plain = tx
            .keys()
            .shared()
            .open(&self.at(tx), &sealed)
            .map_err(|_| invalid())?;
        // EXPOSE: decoded into the position that this node sealed
        read(plain.expose()).map(Some).ok_or_else(invalid)
    }

    /// What the client sends for the next page; empty after the last.
    pub(super) fn next(&self, tx: &Tx<'_>, next: Option<&Position>) -> String {
        next.map_or_else(String::new, |next| self.seal(tx, &next.to_bytes()))
    }

    /// Seals where a page ended.
    pub(super) fn seal(&self, tx: &Tx<'_>, position: &[u8]) -> String {
        let keys = tx.keys().shared();
        URL_SAFE_NO_PAD.encode(keys.seal(&self.at(tx), &mut OsEntropy, position))
    }

    fn at<'a>(&'a self, tx: &Tx<'a>) -> Place<'a> {
        Place {
            cluster: tx.keys().cluster(),
            tenant: 0,
            class: Class::Shared,
            scope: 0,
            term: 0,
            key: &self.place,
        }
    }
}

fn invalid() -> Error {
    Error::new(
        Reason::CursorInvalid,
        "the cursor is not one of this listing; start again without it",
    )
}
