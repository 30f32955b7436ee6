//! Regions: which there are, by number and by name.
//!
//! ```text
//! record = Regions → (number, name, made at, revoked at)…                                      shared class
//! copy   = Header ‖ "regions" → the same                                                       in clear
//! ```
//! A region's number is in what is sealed for it and in its shares, and no other region ever has it: a region that is
//! revoked keeps number and name. Home has the number 1. All of them are in one record, so that two who add or rename
//! at once do not both succeed.
//!
//! Whatever is decided by a region's number is decided by the sealed record: who writes to a disk could otherwise say
//! that values for one region are for another. The copy is for a node that is sealed, which has to know whose shares
//! it waits for, and is compared with the record as soon as the node is open.

use bytes::Bytes;
use minicbor::{Decode, Encode};

use crate::{
    crypto::{envelope::Class, keyring::HOME_REGION},
    name::RegionName,
    record::{Document, Key, Kind, RecordError, Tx, View},
};

#[cfg(test)]
mod tests;

/// Most regions that there are ever, those that were revoked with them.
pub const MAX_REGIONS: usize = 128;

/// One region.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Region {
    #[n(0)]
    number: u16,
    #[n(1)]
    name: RegionName,
    #[n(2)]
    created_at: u64,
    #[n(3)]
    revoked_at: Option<u64>,
}

impl Region {
    /// Never another region's.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// What it is called now.
    pub fn name(&self) -> &RegionName {
        &self.name
    }

    /// In milliseconds since the epoch.
    pub fn created_at(&self) -> u64 {
        self.created_at
    }

    /// Since when nothing is sealed for it any more, in milliseconds since the epoch.
    pub fn revoked_at(&self) -> Option<u64> {
        self.revoked_at
    }

    /// The region whose nodes vote and hold every key.
    pub fn is_home(&self) -> bool {
        self.number == HOME_REGION
    }
}

/// All regions. Empty in a vault that was made before there were any, until its leader is unsealed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Regions {
    /// In the order of their numbers, which is that in which they were made.
    #[n(0)]
    known: Vec<Region>,
}

impl Document for Regions {
    const CLASS: Class = Class::Shared;
}

/// Why regions are not changed.
#[derive(Debug, thiserror::Error)]
pub enum RegionRefusal {
    /// There is, or was, another of that name.
    #[error(
        "there is a region `{0}` already, or was one that is revoked; names are not used again"
    )]
    Exists(RegionName),
    /// There is none of that name.
    #[error("there is no region `{0}`")]
    Unknown(RegionName),
    /// It was revoked before.
    #[error("the region `{0}` is revoked")]
    Revoked(RegionName),
    /// Home holds every key, and keeps every value.
    #[error("`{0}` is the home region, which cannot be revoked")]
    Home(RegionName),
    /// Of a vault that is older than regions, before its leader has named home.
    #[error(
        "the home region has no name yet, which the vault's leader gives it; try again in a moment"
    )]
    Unnamed,
    /// See [`MAX_REGIONS`].
    #[error("a vault has {MAX_REGIONS} regions at most, those that are revoked with them")]
    TooMany,
    /// The store or the keyring failed.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Regions {
    /// The regions, for looking at them. A write that is decided by them is bound to them.
    ///
    /// # Errors
    /// When the record does not open.
    pub fn of(tx: &mut Tx<'_>) -> Result<Self, RecordError> {
        let known = tx.read::<Self>(&record_key())?;
        Ok(known.map(|known| Self::clone(&known)).unwrap_or_default())
    }

    /// What a sealed node believes until it is open.
    ///
    /// # Errors
    /// When the copy is damaged.
    pub fn in_clear(state: &dyn View) -> Result<Self, RecordError> {
        let key = copy_key();
        let Some(record) = state.get(&key)? else {
            return Ok(Self::default());
        };
        let read = minicbor::decode::<Self>(&record.sealed).ok();
        let read = read.filter(Self::is_sound);
        read.ok_or(RecordError::Damaged(key))
    }

    /// Every region there is or was, in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = &Region> {
        self.known.iter()
    }

    /// A region by its name; it may be revoked.
    pub fn by_name(&self, name: &RegionName) -> Option<&Region> {
        self.known.iter().find(|region| region.name == *name)
    }

    /// A region by its number; it may be revoked.
    pub fn by_number(&self, number: u16) -> Option<&Region> {
        self.known.iter().find(|region| region.number == number)
    }

    /// A region that values may be kept in, by its name.
    ///
    /// # Errors
    /// [`RegionRefusal::Unknown`], [`RegionRefusal::Revoked`].
    pub fn live(&self, name: &RegionName) -> Result<&Region, RegionRefusal> {
        let found = self.by_name(name);
        let region = found.ok_or_else(|| RegionRefusal::Unknown(name.clone()))?;
        if region.revoked_at.is_some() {
            return Err(RegionRefusal::Revoked(name.clone()));
        }
        Ok(region)
    }

    /// Of what nobody vouches for: names in their one form, each once, and numbers that rise from home's.
    fn is_sound(&self) -> bool {
        let names: std::collections::BTreeSet<_> =
            self.known.iter().map(|region| &region.name).collect();
        let valid = |region: &Region| RegionName::try_from(region.name.as_str()).is_ok();
        (1..=MAX_REGIONS).contains(&self.known.len())
            && self.known.first().is_some_and(Region::is_home)
            && self.known.is_sorted_by(|a, b| a.number < b.number)
            && names.len() == self.known.len()
            && self.known.iter().all(valid)
    }

    fn free(&self, name: &RegionName) -> Result<(), RegionRefusal> {
        match self.by_name(name) {
            Some(_) => Err(RegionRefusal::Exists(name.clone())),
            None => Ok(()),
        }
    }

    fn next(&self, name: &RegionName) -> Result<u16, RegionRefusal> {
        self.free(name)?;
        if self.known.len() >= MAX_REGIONS {
            return Err(RegionRefusal::TooMany);
        }
        // INVARIANT: home is the first
        let last = self.known.last().ok_or(RegionRefusal::Unnamed)?.number;
        last.checked_add(1).ok_or(RegionRefusal::TooMany)
    }

    fn put(&self, tx: &mut Tx<'_>) -> Result<(), RecordError> {
        tx.put_stored(copy_key(), self.copy()?);
        tx.put(record_key(), self)
    }

    fn copy(&self) -> Result<Bytes, RecordError> {
        let copy = minicbor::to_vec(self).map_err(|_| RecordError::Damaged(copy_key()))?;
        Ok(copy.into())
    }

    /// Writes the copy where it is not what it should be, or cannot be read; whether it was.
    fn mend(&self, tx: &mut Tx<'_>) -> Result<bool, RecordError> {
        let copy = self.copy()?;
        let there = tx.get_stored(&copy_key());
        let good = matches!(&there, Ok(Some(there)) if there.sealed == copy);
        if !good {
            tx.put_stored(copy_key(), copy);
        }
        Ok(!good)
    }
}

/// Gives the home region its name, once: at the birth of a vault, or when one that is older is opened. Mends the copy
/// that is in clear. `false` when there is nothing to do.
///
/// # Errors
/// When the record does not open.
pub fn name_home(tx: &mut Tx<'_>, name: &RegionName) -> Result<bool, RecordError> {
    let mut regions = load(tx)?;
    if regions.by_number(HOME_REGION).is_some() {
        return regions.mend(tx);
    }
    regions.known.push(Region {
        number: HOME_REGION,
        name: name.clone(),
        created_at: tx.now(),
        revoked_at: None,
    });
    regions.put(tx)?;
    Ok(true)
}

/// The number that a region of this name would be added under now.
///
/// # Errors
/// As of [`add`].
pub fn next_number(tx: &mut Tx<'_>, name: &RegionName) -> Result<u16, RegionRefusal> {
    load(tx)?.next(name)
}

/// Adds a region, under a number that no region had.
///
/// # Errors
/// [`RegionRefusal::Exists`], [`RegionRefusal::TooMany`], [`RegionRefusal::Unnamed`].
pub fn add(tx: &mut Tx<'_>, name: &RegionName) -> Result<Region, RegionRefusal> {
    let mut regions = load(tx)?;
    let region = Region {
        number: regions.next(name)?,
        name: name.clone(),
        created_at: tx.now(),
        revoked_at: None,
    };
    regions.known.push(region.clone());
    regions.put(tx)?;
    Ok(region)
}

/// Calls a region something else, home too. Its nodes name it in their configuration: they follow.
///
/// # Errors
/// [`RegionRefusal::Unknown`], [`RegionRefusal::Exists`].
pub fn rename(
    tx: &mut Tx<'_>,
    name: &RegionName,
    new: &RegionName,
) -> Result<Region, RegionRefusal> {
    let mut regions = load(tx)?;
    regions.free(new)?;
    let region = find(&mut regions, name)?;
    region.name = new.clone();
    let renamed = region.clone();
    regions.put(tx)?;
    Ok(renamed)
}

/// Marks a region as one that nothing is sealed for any more.
///
/// # Errors
/// [`RegionRefusal::Unknown`], [`RegionRefusal::Revoked`], [`RegionRefusal::Home`].
pub fn revoke(tx: &mut Tx<'_>, name: &RegionName) -> Result<Region, RegionRefusal> {
    let (mut regions, now) = (load(tx)?, tx.now());
    regions.live(name)?;
    let region = find(&mut regions, name)?;
    if region.is_home() {
        return Err(RegionRefusal::Home(name.clone()));
    }
    region.revoked_at = Some(now);
    let revoked = region.clone();
    regions.put(tx)?;
    Ok(revoked)
}

fn load(tx: &mut Tx<'_>) -> Result<Regions, RecordError> {
    Ok(tx.get::<Regions>(&record_key())?.unwrap_or_default())
}

fn find<'r>(regions: &'r mut Regions, name: &RegionName) -> Result<&'r mut Region, RegionRefusal> {
    let found = regions.known.iter_mut().find(|region| region.name == *name);
    found.ok_or_else(|| RegionRefusal::Unknown(name.clone()))
}

fn record_key() -> Key {
    Key::new(Kind::Regions, &[])
}

fn copy_key() -> Key {
    Key::new(Kind::Header, &[b"regions"])
}
