//! Seal slots: the ways in which a region's root key is kept while nobody holds it.
//!
//! ```text
//! record  = format u8 ‖ cluster [16] ‖ region u16 ‖ slot… ‖ root check [32] ‖ checksum [32]
//! slot    = u16 length ‖ parameters ‖ envelope [113]
//! parameters = 1 ‖ set [8] ‖ threshold u8 ‖ shares u8 ‖ hash [32] of each share         Shamir, first
//!            | 2 ‖ salt [16] ‖ memory u32 (KiB) ‖ passes u32 ‖ lanes u32                Passphrase
//!            | 3                                                                        Key file
//!            | 4                                                                        Credential
//! envelope   = (slot's key, class Root, key = "seal slot" ‖ region u16 ‖ SHA-256 (parameters),
//!               plain = root key)
//! slot's key = shared out | Argon2id of the passphrase | 32 bytes of the file or credential
//! root check = HKDF-SHA-256 (root key, no salt, "vault seal header v1" ‖ SHA-256 (all before))
//! checksum   = SHA-256 ("vault seal header checksum v1" ‖ all before)
//! ```
//! The record is in clear: it is read before any key is there. The checksum finds damage, the root check
//! finds a forger: whoever opens a slot learns whether the header is the one that was made with this
//! root key. There are always Shamir shares; beside another seal they are the offline recovery.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::entropy::Entropy;
use super::envelope::{self, Class, OVERHEAD, Place};
use super::passphrase::{self, Cost, SALT_BYTES};
use super::secret::{Passphrase, RootKey, SealKey, Share};
use super::shamir::{self, Split};
use super::share::{self, Owner, Parsed, SET_BYTES, ShareError};
use super::unseal::{Step, Unsealing};

mod record;
#[cfg(test)]
mod tests;

pub use record::HeaderError;

/// A region's seal: which slots there are. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealHeader {
    cluster: [u8; 16],
    region: u16,
    shamir: ShamirSlot,
    /// All but the Shamir slot.
    beside: Vec<Slot>,
    root_check: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ShamirSlot {
    set: [u8; SET_BYTES],
    threshold: u8,
    /// One per share, in the order of indices from 1.
    hashes: Vec<[u8; 32]>,
    sealed: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    kind: Kind,
    sealed: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Passphrase([u8; SALT_BYTES], Cost),
    KeyFile,
    Credential,
}

/// What a slot is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SealKind {
    /// Shares of several holders.
    Shamir,
    /// What one human knows.
    Passphrase,
    /// A file of 32 bytes.
    KeyFile,
    /// A systemd credential of 32 bytes.
    Credential,
}

/// A seal to make beside the shares.
#[derive(Clone, Copy, Debug)]
pub enum Seal<'a> {
    /// A passphrase of at least [`passphrase::MIN_CHARACTERS`].
    Passphrase(&'a Passphrase, Cost),
    /// The bytes of a key file.
    KeyFile(&'a SealKey),
    /// The bytes of a systemd credential.
    Credential(&'a SealKey),
}

/// A seal that was just made. The shares are shown once.
#[derive(Debug)]
pub struct NewSeal {
    /// To be stored.
    pub header: SealHeader,
    /// To be wiped once the keyring is under it.
    pub root: RootKey,
    /// To be handed out: unseal shares, or recovery shares when there is another seal.
    pub shares: Vec<Share>,
}

/// Why a slot was not made or does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The seal has no slot of this kind.
    #[error("this vault has no such seal")]
    NoSuchSeal,
    /// The passphrase or key does not open its slot.
    #[error("this passphrase or key does not open the seal")]
    Wrong,
    /// Too short to protect a stolen disk, or too long.
    #[error("a seal's passphrase has 15 to 1024 characters")]
    Weak,
    /// No memory for Argon2.
    #[error("not enough memory to derive a key from the passphrase")]
    Memory,
    /// A slot opens, but the header was not made with this root key.
    #[error("the seal header is damaged")]
    Damaged,
}

/// Makes a fresh root key and its seal. The shares are tried before they are handed out.
///
/// # Errors
/// When a passphrase is weak or Argon2 finds no memory.
pub fn make(
    cluster: [u8; 16],
    region: u16,
    split: Split,
    beside: &[Seal<'_>],
    entropy: &mut dyn Entropy,
) -> Result<NewSeal, SealError> {
    let root = RootKey::make(entropy);
    let place = SlotPlace { cluster, region };
    let (shamir, shares) = place.deal(&root, split, entropy);
    let beside = beside.iter().map(|seal| place.slot(&root, seal, entropy));
    let mut header = SealHeader {
        cluster,
        region,
        shamir,
        beside: beside.collect::<Result<_, _>>()?,
        root_check: [0; 32],
    };
    header.root_check = header.check_of(&root);
    let seal = NewSeal {
        header,
        root,
        shares,
    };
    seal.rehearse()?;
    Ok(seal)
}

impl NewSeal {
    /// Opens the seal with as many of its printed shares as it takes, the last ones.
    fn rehearse(&self) -> Result<(), SealError> {
        let mut unsealing = Unsealing::new(self.header.clone());
        for share in self.shares.iter().rev() {
            match unsealing.enter(share) {
                Ok(Step::Open(root)) if root.ct_eq(&self.root) => return Ok(()),
                Ok(Step::More(_)) => {}
                Ok(Step::Open(_)) | Err(_) => return Err(SealError::Damaged),
            }
        }
        Err(SealError::Damaged)
    }
}

impl SealHeader {
    /// The cluster that the seal belongs to.
    pub fn cluster(&self) -> &[u8; 16] {
        &self.cluster
    }

    /// The region whose root key it keeps.
    pub fn region(&self) -> u16 {
        self.region
    }

    /// How many shares open the seal.
    pub fn threshold(&self) -> u8 {
        self.shamir.threshold
    }

    /// How many shares there are.
    pub fn shares(&self) -> usize {
        self.shamir.hashes.len()
    }

    /// Id of the set of shares; it changes with every rekey.
    pub fn set(&self) -> &[u8; SET_BYTES] {
        &self.shamir.set
    }

    /// The kinds of all slots; the shares come last when they are for recovery.
    pub fn kinds(&self) -> impl Iterator<Item = SealKind> {
        let beside = self.beside.iter().map(|slot| slot.kind.name());
        beside.chain([SealKind::Shamir])
    }

    /// The everyday way to unseal.
    pub fn main_kind(&self) -> SealKind {
        let first = self.beside.first();
        first.map_or(SealKind::Shamir, |slot| slot.kind.name())
    }

    /// Opens a passphrase slot. Slow: call it where hashing may block.
    ///
    /// # Errors
    /// When there is no such slot, or the passphrase is wrong.
    pub fn open_passphrase(&self, passphrase: &Passphrase) -> Result<RootKey, SealError> {
        self.try_slots(|kind| match kind {
            Kind::Passphrase(salt, cost) => Some(passphrase::derive(passphrase, salt, *cost)),
            Kind::KeyFile | Kind::Credential => None,
        })
    }

    /// Opens a key file's or credential's slot.
    ///
    /// # Errors
    /// When there is no such slot, or the key is wrong.
    pub fn open_key(&self, kind: SealKind, key: &SealKey) -> Result<RootKey, SealError> {
        let fits = |slot: &Kind| slot.name() == kind && !matches!(slot, Kind::Passphrase(..));
        // EXPOSE: into a copy that the slot is opened with, and wiped
        self.try_slots(|slot| {
            let copy = || SealKey::from_slice(key.expose()).map_err(|_| SealError::Wrong);
            fits(slot).then(copy)
        })
    }

    /// Tries every slot that `key_for` has a key for.
    fn try_slots(
        &self,
        key_for: impl Fn(&Kind) -> Option<Result<SealKey, SealError>>,
    ) -> Result<RootKey, SealError> {
        let mut error = SealError::NoSuchSeal;
        for slot in &self.beside {
            let Some(key) = key_for(&slot.kind) else {
                continue;
            };
            match self.open_slot(&key?, &slot.kind.parameters(), &slot.sealed) {
                Ok(root) => return Ok(root),
                Err(cause) => error = cause,
            }
        }
        Err(error)
    }

    /// Opens the Shamir slot with the combined key.
    pub(super) fn open_shamir(&self, key: &SealKey) -> Result<RootKey, SealError> {
        self.open_slot(key, &self.shamir.parameters(), &self.shamir.sealed)
    }

    fn open_slot(
        &self,
        key: &SealKey,
        parameters: &[u8],
        sealed: &[u8],
    ) -> Result<RootKey, SealError> {
        let place = SlotPlace {
            cluster: self.cluster,
            region: self.region,
        };
        let root = place.open(key, parameters, sealed)?;
        // a slot that opens proves the key; the check proves everything else in the header
        if self.check_of(&root).ct_eq(&self.root_check).into() {
            Ok(root)
        } else {
            Err(SealError::Damaged)
        }
    }

    /// Names what is wrong with a share, or returns it.
    pub(super) fn recognise(&self, share: &Share) -> Result<Parsed, ShareError> {
        let parsed = Parsed::of(share)?;
        let owner = Owner {
            cluster: self.cluster,
            region: self.region,
            set: self.shamir.set,
        };
        if parsed.owner.cluster == owner.cluster && parsed.owner.region != owner.region {
            return Err(ShareError::OtherRegion(parsed.owner.region));
        }
        if parsed.owner != owner {
            return Err(ShareError::Foreign);
        }
        let listed = usize::from(parsed.point.x).checked_sub(1);
        let listed = listed.and_then(|at| self.shamir.hashes.get(at));
        if parsed.threshold == self.shamir.threshold && listed == Some(&parsed.hash) {
            Ok(parsed)
        } else {
            Err(ShareError::Wrong)
        }
    }
}

/// Where slots of a region belong.
struct SlotPlace {
    cluster: [u8; 16],
    region: u16,
}

impl SlotPlace {
    fn deal(
        &self,
        root: &RootKey,
        split: Split,
        entropy: &mut dyn Entropy,
    ) -> (ShamirSlot, Vec<Share>) {
        let key = SealKey::make(entropy);
        let mut set = [0; SET_BYTES];
        entropy.fill(&mut set);
        let owner = Owner {
            cluster: self.cluster,
            region: self.region,
            set,
        };
        let threshold = split.threshold();
        let (shares, hashes) = shamir::split(&key, split, entropy)
            .iter()
            .map(|point| share::print(&owner, threshold, point))
            .unzip();
        let mut slot = ShamirSlot {
            set,
            threshold,
            hashes,
            sealed: Vec::new(),
        };
        slot.sealed = self.seal(&key, &slot.parameters(), root, entropy);
        (slot, shares)
    }

    fn slot(
        &self,
        root: &RootKey,
        seal: &Seal<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Slot, SealError> {
        let (kind, sealed) = match seal {
            Seal::Passphrase(passphrase, cost) => {
                passphrase::check(passphrase)?;
                let mut salt = [0; SALT_BYTES];
                entropy.fill(&mut salt);
                let key = passphrase::derive(passphrase, &salt, *cost)?;
                let kind = Kind::Passphrase(salt, *cost);
                (kind, self.seal(&key, &kind.parameters(), root, entropy))
            }
            Seal::KeyFile(key) => {
                let kind = Kind::KeyFile;
                (kind, self.seal(key, &kind.parameters(), root, entropy))
            }
            Seal::Credential(key) => {
                let kind = Kind::Credential;
                (kind, self.seal(key, &kind.parameters(), root, entropy))
            }
        };
        Ok(Slot { kind, sealed })
    }

    fn seal(
        &self,
        key: &SealKey,
        parameters: &[u8],
        root: &RootKey,
        entropy: &mut dyn Entropy,
    ) -> Vec<u8> {
        let place_key = self.key_of(parameters);
        // EXPOSE: into an envelope under the slot's key
        envelope::seal(key, &self.place(&place_key), entropy, root.expose())
    }

    fn open(&self, key: &SealKey, parameters: &[u8], sealed: &[u8]) -> Result<RootKey, SealError> {
        let place_key = self.key_of(parameters);
        let plain = envelope::open(key, &self.place(&place_key), sealed);
        let plain = plain.map_err(|_| SealError::Wrong)?;
        // EXPOSE: into the root key's own type
        RootKey::from_slice(plain.expose()).map_err(|_| SealError::Damaged)
    }

    fn key_of(&self, parameters: &[u8]) -> Vec<u8> {
        let region = self.region.to_be_bytes();
        [b"seal slot", region.as_slice(), &Sha256::digest(parameters)].concat()
    }

    fn place<'a>(&'a self, key: &'a [u8]) -> Place<'a> {
        Place {
            cluster: &self.cluster,
            tenant: 0,
            class: Class::Root,
            scope: 0,
            term: 0,
            key,
        }
    }
}
