//! A new region, in two steps: its seal is made in memory, and it exists once its shares have arrived.
//!
//! As with `init`: no region exists whose shares nobody has. Its keyring and the next generation of home's, its seal and
//! its name are written by one transaction. This node's own key file or credential is no part of its seal: where it is
//! to open by itself, a fresh key is shown with the shares, for that region's nodes.

use bytes::Bytes;
use vault_core::access::Action;
use vault_core::access::region::{self, Region};
use vault_core::crypto::keyring::TermError;
use vault_core::crypto::secret::{Passphrase, RootKey, SealKey, Share};
use vault_core::crypto::slots::SealHeader;
use vault_core::name::RegionName;
use vault_core::record::{IdBlock, Tx, View as _};
use vault_proto::v1::Reason;

use super::super::call::{Answer, Call};
use super::super::ceremony::{CeremonyId, Held, stale};
use super::super::error::{Error, Result};
use super::super::operate::Unrecorded;
use super::super::seals::{Made, Opener, SealChoice, seal_key};
use super::super::{App, refusal};
use super::{about, refused};
use crate::clock::OsEntropy;

/// What only whoever adds a region ever sees.
#[derive(Debug)]
pub struct Founded {
    /// Confirms it.
    pub ceremony: CeremonyId,
    /// The region's number; its shares say it.
    pub number: u16,
    /// Unseal shares (of a Shamir seal) or recovery shares (beside another).
    pub shares: Vec<Share>,
    /// Whether `shares` are recovery shares.
    pub recovery: bool,
    /// Where the node made it.
    pub passphrase: Option<Passphrase>,
    /// What the region's nodes open by themselves with.
    pub key: Option<RegionKey>,
}

/// A key for a key file or a credential, to be brought to the region's nodes.
#[derive(Debug)]
pub struct RegionKey(SealKey);

impl RegionKey {
    /// Its 32 bytes, for whoever brings them to the region's nodes.
    pub fn expose(&self) -> &[u8] {
        // EXPOSE: by the caller's word
        self.0.expose()
    }
}

/// A region that was prepared.
#[derive(Debug)]
pub(in crate::app) struct Founding {
    name: RegionName,
    header: SealHeader,
    root: RootKey,
}

impl App {
    /// Prepares a region, in memory only. What was prepared and not yet confirmed before is replaced.
    ///
    /// # Errors
    /// `REGION_EXISTS`, `LIMIT_REACHED`, `HOME_REGION_ONLY`, a seal that cannot be made; or as of any read.
    pub async fn create_region(
        &self,
        call: &Call,
        name: RegionName,
        choice: SealChoice,
    ) -> Result<Answer<Founded>> {
        let what = (Action::REGION_CREATE, Some(about(&name)));
        let prepare = self.prepare_region(name, choice);
        self.operate_on(call, what, Unrecorded::Refuse, prepare)
            .await
    }

    /// Makes the region that was prepared: its shares were received.
    ///
    /// # Errors
    /// `CEREMONY_STALE` for another id than the last that was given; as of preparing one, or of any write.
    pub async fn confirm_region(&self, call: &Call, ceremony: &str) -> Result<Answer<Region>> {
        let prepared = self.prepared_name();
        let what = (Action::REGION_CREATE, prepared.as_ref().map(about));
        let confirm = self.confirm_founding(ceremony);
        self.operate_on(call, what, Unrecorded::Refuse, confirm)
            .await
    }

    /// Of the region that waits to be confirmed, for the audit. Who has not shown yet that he may is kept waiting by no
    /// ceremony.
    fn prepared_name(&self) -> Option<RegionName> {
        let all = self.ceremony.try_lock().ok()?;
        all.founding.as_ref().map(|held| held.work.name.clone())
    }

    async fn prepare_region(&self, name: RegionName, choice: SealChoice) -> Result<Founded> {
        let mut all = self.ceremony.lock().await;
        self.at_home()?;
        all.founding = None;
        self.name_home().await;
        let (cluster, number) = {
            let keys = self.unsealed()?;
            let mut none = IdBlock::default();
            let mut tx = Tx::new(&self.store, keys.keyring(), self.now(), &mut none);
            let number = region::next_number(&mut tx, &name).map_err(refused)?;
            (*keys.keyring().cluster(), number)
        };
        let Made {
            seal,
            recovery,
            passphrase,
            opening,
        } = self.make_seal((cluster, number), choice).await?;
        let founding = Founding {
            name,
            header: seal.header,
            root: seal.root,
        };
        let held = Held::begin(founding, self.clock.boottime());
        let ceremony = held.id;
        // A node that was sealed meanwhile keeps nothing of it.
        self.unsealed()?;
        all.founding = Some(held);
        Ok(Founded {
            ceremony,
            number,
            shares: seal.shares,
            recovery,
            passphrase,
            key: match opening {
                Opener::NewKey(key) => Some(RegionKey(key)),
                Opener::People | Opener::Key => None,
            },
        })
    }

    /// It stays prepared when it could not be written, so that it can be confirmed again.
    async fn confirm_founding(&self, id: &str) -> Result<Region> {
        let mut all = self.ceremony.lock().await;
        let held = all.founding.as_mut().ok_or_else(stale)?;
        held.check(id)?;
        held.touch(self.clock.boottime());
        let made = self.found_region(&held.work).await?;
        all.founding = None;
        Ok(made)
    }

    async fn found_region(&self, founding: &Founding) -> Result<Region> {
        let (name, number) = (founding.name.clone(), founding.header.region());
        let header = Bytes::from(founding.header.to_record());
        let stored = self.store.get(&seal_key(number)).map_err(Error::internal)?;
        if stored.is_some_and(|stored| stored.sealed == header) {
            // the last attempt was applied after all
            return self.region_of(number);
        }
        self.keys.follow(&self.store);
        let from = self.unsealed()?;
        let (root, now) = (&founding.root, self.now());
        let next = from.keyring().add_region(number, root, &mut OsEntropy, now);
        let next = next.map_err(|error| match error {
            TermError::Taken => overtaken(),
            TermError::Unknown | TermError::Active | TermError::Exhausted | TermError::NotHome => {
                Error::internal(error)
            }
        })?;
        let put = move |tx: &mut Tx<'_>| {
            let region = region::add(tx, &name).map_err(refused)?;
            // INVARIANT: the number is in shares that were handed out
            if region.number() != number {
                return Err(overtaken());
            }
            tx.put_stored(seal_key(number), header.clone());
            Ok(())
        };
        self.put_keyring(&from, next, put).await?;
        tracing::info!(number, "a region was added");
        self.region_of(number)
    }

    pub(super) fn region_of(&self, number: u16) -> Result<Region> {
        let keys = self.unsealed()?;
        let mut none = IdBlock::default();
        let mut tx = Tx::new(&self.store, keys.keyring(), self.now(), &mut none);
        let regions = region::Regions::of(&mut tx).map_err(refusal::record)?;
        let region = regions.by_number(number).cloned();
        region.ok_or_else(|| Error::internal("a region that was added is not there"))
    }
}

fn overtaken() -> Error {
    Error::new(
        Reason::CeremonyStale,
        "another region was added meanwhile: these shares are worth nothing; begin again",
    )
}
