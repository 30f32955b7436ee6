//! Wrapped data keys: the record that lets each region open one version of one value.
//!
//! ```text
//! record = CBOR [format, [[region, term, envelope (KEK of region and term, class Wrap,
//!                                                  key = record key ‖ region u16, plain = data key)]…]]
//! ```
//! Regions rise. Rotating a KEK re-wraps data keys and touches no value.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Decoder, Encode};

use super::entropy::Entropy;
use super::envelope::{self, Class, Place};
use super::keyring::Keyring;
use super::secret::Dek;

const FORMAT: u8 = 1;

/// Where a wrap record belongs.
#[derive(Clone, Copy, Debug)]
pub struct WrapPlace<'a> {
    /// The tenant; 0 today.
    pub tenant: u32,
    /// The scope of the value; 0 is all regions.
    pub scope: u16,
    /// The wrap record's key.
    pub key: &'a [u8],
}

/// Why a data key was not wrapped or unwrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrapError {
    /// The record is not what this release writes.
    #[error("a wrap record is damaged")]
    Damaged,
    /// The data key is not wrapped for this region, or there is no KEK of it here.
    #[error("no wrap or no key of region {0}")]
    NoRegion(u16),
    /// A wrap does not open.
    #[error("a wrapped data key does not open")]
    Open,
}

/// One region's wrap, as stored.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Wrap<'b> {
    #[n(0)]
    region: u16,
    #[n(1)]
    term: u32,
    #[cbor(b(2), with = "minicbor::bytes")]
    sealed: &'b [u8],
}

/// Wraps a data key for regions, under the active term of each one's KEK.
///
/// # Errors
/// [`WrapError::NoRegion`] when the keyring has no KEK of one of them, or `regions` is empty.
pub fn wrap(
    keyring: &Keyring,
    regions: &[u16],
    place: &WrapPlace<'_>,
    dek: &Dek,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, WrapError> {
    let mut regions = regions.to_vec();
    regions.sort_unstable();
    regions.dedup();
    if regions.is_empty() {
        return Err(WrapError::NoRegion(0));
    }
    let sealed = regions
        .iter()
        .map(|region| wrap_one(keyring, *region, place, dek, entropy))
        .collect::<Result<Vec<_>, _>>()?;
    encode(
        sealed
            .iter()
            .zip(&regions)
            .map(|((term, sealed), region)| Wrap {
                region: *region,
                term: *term,
                sealed,
            }),
    )
}

/// Unwraps a data key with the KEK of the keyring's own region.
///
/// # Errors
/// When the region is not among the record's, or its wrap does not open.
pub fn unwrap(keyring: &Keyring, place: &WrapPlace<'_>, record: &[u8]) -> Result<Dek, WrapError> {
    let region = keyring.region();
    let mut found = None;
    walk(record, |wrap| {
        if wrap.region == region {
            found = Some(wrap);
        }
    })?;
    unwrap_one(keyring, place, &found.ok_or(WrapError::NoRegion(region))?)
}

/// Re-wraps what is not under the active term of its region's KEK; `None` when all is.
///
/// # Errors
/// When a wrap has no KEK here, or does not open.
pub fn rewrap(
    keyring: &Keyring,
    place: &WrapPlace<'_>,
    record: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Option<Vec<u8>>, WrapError> {
    let (mut wraps, mut fresh) = (Vec::new(), Vec::new());
    walk(record, |wrap| wraps.push(wrap))?;
    for (at, wrap) in wraps.iter().enumerate() {
        let ring = keyring
            .kek(wrap.region)
            .ok_or(WrapError::NoRegion(wrap.region))?;
        if ring.active().number() != wrap.term {
            let dek = unwrap_one(keyring, place, wrap)?;
            fresh.push((at, wrap_one(keyring, wrap.region, place, &dek, entropy)?));
        }
    }
    for (at, (term, sealed)) in &fresh {
        if let Some(wrap) = wraps.get_mut(*at) {
            (wrap.term, wrap.sealed) = (*term, sealed);
        }
    }
    (!fresh.is_empty())
        .then(|| encode(wraps.into_iter()))
        .transpose()
}

/// Wraps a data key for exactly the keyring's own region and `regions`, whatever the record had: `None` when it has
/// just these, each under the active term of its KEK. A wrap that stays is not written anew, and one that goes need not
/// open.
///
/// # Errors
/// [`WrapError::NoRegion`] when the keyring has no KEK of one of them, or the record has no wrap of its own region; when
/// that wrap does not open.
pub fn wrap_for(
    keyring: &Keyring,
    regions: &[u16],
    place: &WrapPlace<'_>,
    record: &[u8],
    entropy: &mut dyn Entropy,
) -> Result<Option<Vec<u8>>, WrapError> {
    let mut stored = BTreeMap::new();
    walk(record, |wrap| {
        stored.insert(wrap.region, wrap);
    })?;
    let wanted: BTreeSet<u16> = regions.iter().copied().chain([keyring.region()]).collect();
    let (mut kept, mut missing) = (Vec::new(), Vec::new());
    for region in &wanted {
        let ring = keyring.kek(*region).ok_or(WrapError::NoRegion(*region))?;
        match stored.get(region) {
            Some(wrap) if wrap.term == ring.active().number() => kept.push(*region),
            Some(_) | None => missing.push(*region),
        }
    }
    if missing.is_empty() && kept.len() == stored.len() {
        return Ok(None);
    }
    let mut fresh = Vec::new();
    if !missing.is_empty() {
        let dek = unwrap(keyring, place, record)?;
        for region in missing {
            let (term, sealed) = wrap_one(keyring, region, place, &dek, entropy)?;
            fresh.push((region, term, sealed));
        }
    }
    stored.retain(|region, _| wanted.contains(region));
    stored.extend(fresh.iter().map(|(region, term, sealed)| {
        let wrap = Wrap {
            region: *region,
            term: *term,
            sealed,
        };
        (*region, wrap)
    }));
    encode(stored.into_values()).map(Some)
}

/// Which KEK terms a record needs: region and term of each wrap.
///
/// # Errors
/// When the record is damaged.
pub fn terms(record: &[u8]) -> Result<Vec<(u16, u32)>, WrapError> {
    let mut terms = Vec::new();
    walk(record, |wrap| terms.push((wrap.region, wrap.term)))?;
    Ok(terms)
}

fn wrap_one(
    keyring: &Keyring,
    region: u16,
    place: &WrapPlace<'_>,
    dek: &Dek,
    entropy: &mut dyn Entropy,
) -> Result<(u32, Vec<u8>), WrapError> {
    let kek = keyring
        .kek(region)
        .ok_or(WrapError::NoRegion(region))?
        .active();
    let place = place_of(keyring, place, kek.number());
    let suffix = region.to_be_bytes();
    // EXPOSE: into an envelope under the KEK
    let sealed = envelope::seal_at(kek.key(), &place, &suffix, entropy, dek.expose());
    Ok((kek.number(), sealed))
}

fn unwrap_one(keyring: &Keyring, place: &WrapPlace<'_>, wrap: &Wrap<'_>) -> Result<Dek, WrapError> {
    let ring = keyring
        .kek(wrap.region)
        .ok_or(WrapError::NoRegion(wrap.region))?;
    let kek = ring.get(wrap.term).ok_or(WrapError::Open)?;
    let place = place_of(keyring, place, wrap.term);
    let suffix = wrap.region.to_be_bytes();
    Dek::fill_with(|out| envelope::open_into(kek.key(), &place, &suffix, wrap.sealed, out))
        .inspect_err(|_| kek.count_failure())
        .map_err(|_| WrapError::Open)
}

fn place_of<'a>(keyring: &'a Keyring, place: &WrapPlace<'a>, term: u32) -> Place<'a> {
    Place {
        cluster: keyring.cluster(),
        tenant: place.tenant,
        class: Class::Wrap,
        scope: place.scope,
        term,
        key: place.key,
    }
}

fn encode<'b>(wraps: impl ExactSizeIterator<Item = Wrap<'b>>) -> Result<Vec<u8>, WrapError> {
    let wraps: Vec<_> = wraps.collect();
    minicbor::to_vec((FORMAT, wraps)).map_err(|_| WrapError::Damaged)
}

/// Visits the wraps without allocating; refuses disorder, repetition and trailing bytes.
fn walk<'b>(record: &'b [u8], mut visit: impl FnMut(Wrap<'b>)) -> Result<(), WrapError> {
    let mut decoder = Decoder::new(record);
    let mut step = || -> Result<bool, minicbor::decode::Error> {
        let format = decoder.array()? == Some(2) && decoder.u8()? == FORMAT;
        let count = decoder.array()?.unwrap_or(0);
        let mut last = None;
        for _ in 0..count {
            let wrap: Wrap<'b> = decoder.decode()?;
            if last >= Some(wrap.region) {
                return Ok(false);
            }
            last = Some(wrap.region);
            visit(wrap);
        }
        Ok(format && last.is_some() && decoder.position() == record.len())
    };
    match step() {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(WrapError::Damaged),
    }
}

#[cfg(test)]
mod tests;
