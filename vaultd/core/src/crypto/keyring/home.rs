//! What home's keyring holds beside what every region's does, and the keyrings of other regions that are made of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::entropy::Entropy;
use super::super::ring::{Ring, Term};
use super::super::secret::{Kek, LogSigningKey, RecordKey, RootKey, WrappingKey};
use super::{HOME_REGION, Keyring, Keys, TermError, record};

/// Keys that no other region has.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) voter: Ring<RecordKey>,
    pub(super) log_signing: Ring<LogSigningKey>,
    /// The regions whose keyrings home writes.
    pub(super) regions: BTreeMap<u16, Kept>,
}

/// What it takes to write a region's keyring without that region's root key.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) wrapping: Arc<WrappingKey>,
    /// The same under the region's root key, as it stands in the region's record.
    pub(super) wrapped: Vec<u8>,
}

impl Home {
    pub(super) fn share(&self) -> Self {
        Self {
            voter: self.voter.share(),
            log_signing: self.log_signing.share(),
            regions: self.regions.clone(),
        }
    }
}

impl Keyring {
    /// The next generation, with a region more: a KEK of its own, and a wrapping key that its root key opens.
    ///
    /// # Errors
    /// [`TermError::Taken`] for home and for a number that a region has or had; [`TermError::NotHome`].
    pub fn add_region(
        &self,
        region: u16,
        root: &RootKey,
        entropy: &mut dyn Entropy,
        now_ms: u64,
    ) -> Result<Self, TermError> {
        let mut keys = self.changing()?;
        if region <= HOME_REGION || keys.keks.contains_key(&region) {
            return Err(TermError::Taken);
        }
        let kek = Ring::first(Term::new(1, now_ms, Kek::make(entropy)));
        keys.keks.insert(region, kek);
        let wrapping = Arc::new(WrappingKey::make(entropy));
        let wrapped = record::wrap(root, &wrapping, &self.cluster, region, entropy);
        keys.home()?
            .regions
            .insert(region, Kept { wrapping, wrapped });
        Ok(self.next(keys))
    }

    /// The next generation, which writes a region's keyring no more. Its KEK stays until nothing needs it.
    ///
    /// # Errors
    /// [`TermError::Unknown`] where home writes none of that region; [`TermError::NotHome`].
    pub fn forget_region(&self, region: u16) -> Result<Self, TermError> {
        let mut keys = self.changing()?;
        let forgotten = keys.home()?.regions.remove(&region);
        forgotten.ok_or(TermError::Unknown)?;
        Ok(self.next(keys))
    }

    /// The regions whose keyrings home writes, in order; none in another region's keyring.
    pub fn regions(&self) -> impl Iterator<Item = u16> {
        let home = self.keys.home.as_ref();
        home.into_iter()
            .flat_map(|home| home.regions.keys().copied())
    }

    /// A region's keyring of this generation: what a node there opens. `None` where home writes none of that region.
    pub fn of_region(&self, region: u16) -> Option<Self> {
        let kept = self.keys.home.as_ref()?.regions.get(&region)?;
        let own = self.keys.keks.get(&region)?;
        Some(Self {
            generation: self.generation,
            cluster: self.cluster,
            region,
            wrapping: Arc::clone(&kept.wrapping),
            wrapped: kept.wrapped.clone(),
            keys: Keys {
                shared: self.keys.shared.share(),
                index: self.keys.index.share(),
                keks: BTreeMap::from([(region, own.share())]),
                audit: self.keys.audit.share(),
                home: None,
            },
            failed_values: Arc::default(),
        })
    }
}
