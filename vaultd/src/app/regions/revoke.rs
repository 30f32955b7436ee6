//! The end of a region: home writes its keyring no more, and all that is written from then on is under keys that it has
//! not.
//!
//! What its nodes had, they have: the keys of before, and with them every value that was kept there. So new terms begin
//! in the same transaction, and records are moved to them; and whoever revokes is told how many values are disclosed.

use std::sync::Arc;

use vault_core::access::Action;
use vault_core::access::region::{self, Region, Regions};
use vault_core::crypto::keyring::{Keyring, Rotate, TermError};
use vault_core::name::RegionName;
use vault_core::record::{IdBlock, Key, Kind, Tx, View, kept_in};

use super::super::call::{Answer, Call};
use super::super::error::{Error, Result};
use super::super::operate::Unrecorded;
use super::super::rewrap::Job;
use super::super::seals::{keyring_key, seal_key};
use super::super::{App, refusal};
use super::{about, refused};
use crate::clock::OsEntropy;

/// Records that are looked at between two moments at which others run.
const PAGE: usize = 512;
/// Bytes of a wrap's key that name the secret: kind, tenant, scope, id.
const OF_SECRET: usize = 1 + 4 + 2 + 8;

/// A region that was revoked.
#[derive(Clone, Debug)]
pub struct Revoked {
    /// As it is listed from now on.
    pub region: Region,
    /// Secrets of which its nodes can open a version.
    pub secrets: u64,
    /// Those versions.
    pub versions: u64,
}

impl App {
    /// Writes a region's keyring no more, begins new terms of all keys but the index key, and moves records to them.
    ///
    /// # Errors
    /// `REGION_NOT_FOUND`, `REGION_REVOKED`, `REQUEST_INVALID` for home, `HOME_REGION_ONLY`; as of any write.
    pub async fn revoke_region(
        self: &Arc<Self>,
        call: &Call,
        name: RegionName,
    ) -> Result<Answer<Revoked>> {
        let what = (Action::REGION_REVOKE, Some(about(&name)));
        let revoke = self.end_region(name);
        self.operate_on(call, what, Unrecorded::Refuse, revoke)
            .await
    }

    async fn end_region(self: &Arc<Self>, name: RegionName) -> Result<Revoked> {
        let _ceremony = self.ceremony.lock().await;
        self.at_home()?;
        self.keys.follow(&self.store);
        let from = self.unsealed()?;
        let number = {
            let mut none = IdBlock::default();
            let mut tx = Tx::new(&self.store, from.keyring(), self.now(), &mut none);
            let regions = Regions::of(&mut tx).map_err(refusal::record)?;
            regions.live(&name).map_err(refused)?.number()
        };
        let next = without(from.keyring(), number, self.now()).map_err(Error::internal)?;
        let end = move |tx: &mut Tx<'_>| {
            let ended = region::revoke(tx, &name).map_err(refused)?;
            tx.delete(keyring_key(ended.number()));
            tx.delete(seal_key(ended.number()));
            // One that is under way begins again: what it has moved is under terms that are old now.
            Job::begin().put(tx)
        };
        self.put_keyring(&from, next, end).await?;
        drop(from);
        tracing::warn!(number, "a region was revoked");
        self.resume_rewrap();
        let (store, region) = (self.store.clone(), self.region_of(number)?);
        let counted = tokio::task::spawn_blocking(move || disclosed(&store, number));
        let (secrets, versions) = counted.await.map_err(Error::internal)??;
        Ok(Revoked {
            region,
            secrets,
            versions,
        })
    }
}

/// The next generation, under new terms, which the region is not given. Home is refused before anything is written: it
/// has no keyring that home writes for it.
fn without(from: &Keyring, region: u16, now: u64) -> std::result::Result<Keyring, TermError> {
    let next = match from.forget_region(region) {
        Ok(next) => next,
        // home itself: said by its name in the transaction
        Err(TermError::Unknown) => return from.rotate(Rotate::All, &mut OsEntropy, now),
        Err(error) => return Err(error),
    };
    next.rotate(Rotate::All, &mut OsEntropy, now)
}

/// How many secrets and versions the region unwraps.
fn disclosed(state: &dyn View, region: u16) -> Result<(u64, u64)> {
    let (mut secrets, mut versions) = (0, 0);
    let (mut after, mut last): (Option<Key>, Vec<u8>) = (None, Vec::new());
    loop {
        let page = state
            .scan(&[Kind::Wrap as u8], after.as_ref(), PAGE)
            .map_err(Error::internal)?;
        for (key, _) in page
            .iter()
            .filter(|(_, record)| kept_in(&record.sealed, region))
        {
            let secret = key.as_bytes().get(..OF_SECRET).unwrap_or_default();
            versions += 1;
            if secret != last {
                secrets += 1;
                last = secret.to_vec();
            }
        }
        match page.last() {
            Some((key, _)) if page.len() == PAGE => after = Some(key.clone()),
            _ => return Ok((secrets, versions)),
        }
    }
}
