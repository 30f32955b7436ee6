//! A keyring as the payload of its record, and back.

use std::collections::btree_map;
use std::convert::Infallible;

use super::super::envelope::{self, Class, OVERHEAD, Place};
use super::super::secret::{KEY_BYTES, Plaintext, WrongLength};
use super::home::{Home, Kept};
use super::{
    Arc, AuditKey, BTreeMap, Entropy, HOME_REGION, IndexKey, Kek, Keyring, Keys, LogSigningKey,
    RecordKey, Ring, RootKey, Term, WrappingKey,
};

const FORMAT: u8 = 1;
/// Before there were regions but home.
const TERMS_OF_HOME: u8 = 1;
const TERMS: u8 = 2;
const WRAPPED: usize = OVERHEAD + KEY_BYTES;
const ENTRY: usize = 1 + 2 + 4 + 8 + KEY_BYTES;
const KEPT: usize = 2 + KEY_BYTES + WRAPPED;

/// Role numbers are on disk: never reuse or change one.
const VOTER: u8 = 1;
const SHARED: u8 = 2;
const INDEX: u8 = 3;
const KEK: u8 = 4;
const LOG_SIGNING: u8 = 5;
const AUDIT: u8 = 6;

/// Why a keyring record does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The record ends early.
    #[error("the keyring record is truncated")]
    Truncated,
    /// Written by a later release.
    #[error("keyring format {0} is unknown to this release")]
    Format(u8),
    /// The root key does not open the wrapping key.
    #[error("the keyring does not open with this root key")]
    WrongRoot,
    /// The wrapping key opened; the keyring under it did not, or makes no sense.
    #[error("the keyring record is damaged")]
    Damaged,
    /// The record is under another wrapping key than this node holds: it must be unsealed again.
    #[error("the root key was replaced: this node must be unsealed again")]
    Rekeyed,
    /// Home writes the keyring of this region no more.
    #[error("the region of this node was revoked")]
    Revoked,
}

/// A record cut into its parts, nothing verified.
struct Parts<'a> {
    generation: u64,
    wrapped: &'a [u8; WRAPPED],
    sealed: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, KeyringError> {
        let (format, rest) = bytes.split_first().ok_or(KeyringError::Truncated)?;
        if *format != FORMAT {
            return Err(KeyringError::Format(*format));
        }
        let (generation, rest) = rest.split_first_chunk().ok_or(KeyringError::Truncated)?;
        let (wrapped, sealed) = rest.split_first_chunk().ok_or(KeyringError::Truncated)?;
        if sealed.len() < OVERHEAD {
            return Err(KeyringError::Truncated);
        }
        Ok(Self {
            generation: u64::from_be_bytes(*generation),
            wrapped,
            sealed,
        })
    }
}

/// The generation that a record claims; it is verified when the record is opened.
///
/// # Errors
/// When the bytes are no keyring record of this release.
pub fn record_generation(bytes: &[u8]) -> Result<u64, KeyringError> {
    Ok(Parts::of(bytes)?.generation)
}

/// The wrapping key under the root key.
pub(super) fn wrap(
    root: &RootKey,
    wrapping: &WrappingKey,
    cluster: &[u8; 16],
    region: u16,
    entropy: &mut dyn Entropy,
) -> Vec<u8> {
    let key = wrapped_key(region);
    // EXPOSE: into an envelope under the root key
    let plain = wrapping.expose();
    envelope::seal(root, &place(cluster, Class::Root, &key), entropy, plain)
}

fn wrapped_key(region: u16) -> Vec<u8> {
    [b"wrapping key".as_slice(), &region.to_be_bytes()].concat()
}

fn sealed_key(region: u16, generation: u64) -> Vec<u8> {
    let (region, generation) = (region.to_be_bytes(), generation.to_be_bytes());
    [b"keyring".as_slice(), &region, &generation].concat()
}

fn place<'a>(cluster: &'a [u8; 16], class: Class, key: &'a [u8]) -> Place<'a> {
    Place {
        cluster,
        tenant: 0,
        class,
        scope: 0,
        term: 0,
        key,
    }
}

impl Keyring {
    /// The payload of the keyring's record; the format is above.
    pub fn to_record(&self, entropy: &mut dyn Entropy) -> Vec<u8> {
        // EXPOSE: into an envelope under the wrapping key
        self.seal_terms(self.keys.encode().expose(), entropy)
    }

    pub(super) fn seal_terms(&self, terms: &[u8], entropy: &mut dyn Entropy) -> Vec<u8> {
        let key = sealed_key(self.region, self.generation);
        let place = place(&self.cluster, Class::Keyring, &key);
        let sealed = envelope::seal(&*self.wrapping, &place, entropy, terms);
        let generation = self.generation.to_be_bytes();
        [&[FORMAT], generation.as_slice(), &self.wrapped, &sealed].concat()
    }

    /// Opens a record with the root key, which is not needed again until the next restart.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub fn from_record(
        root: &RootKey,
        cluster: &[u8; 16],
        region: u16,
        bytes: &[u8],
    ) -> Result<Self, KeyringError> {
        let parts = Parts::of(bytes)?;
        let key = wrapped_key(region);
        let place = place(cluster, Class::Root, &key);
        let plain =
            envelope::open(root, &place, parts.wrapped).map_err(|_| KeyringError::WrongRoot)?;
        // EXPOSE: into the wrapping key's own type
        let wrapping =
            WrappingKey::from_slice(plain.expose()).map_err(|_| KeyringError::Damaged)?;
        Self::open(Arc::new(wrapping), *cluster, region, &parts)
    }

    /// Opens a newer record of the same wrapping key: how an unsealed node follows a rotation.
    ///
    /// # Errors
    /// See [`KeyringError`].
    pub fn reload(&self, bytes: &[u8]) -> Result<Self, KeyringError> {
        let parts = Parts::of(bytes)?;
        if parts.wrapped.as_slice() != self.wrapped.as_slice() {
            return Err(KeyringError::Rekeyed);
        }
        Self::open(
            Arc::clone(&self.wrapping),
            self.cluster,
            self.region,
            &parts,
        )
    }

    fn open(
        wrapping: Arc<WrappingKey>,
        cluster: [u8; 16],
        region: u16,
        parts: &Parts<'_>,
    ) -> Result<Self, KeyringError> {
        let key = sealed_key(region, parts.generation);
        let place = place(&cluster, Class::Keyring, &key);
        let terms =
            envelope::open(&*wrapping, &place, parts.sealed).map_err(|_| KeyringError::Damaged)?;
        // EXPOSE: into the keys' own types
        let keys = Keys::decode(region, terms.expose()).ok_or(KeyringError::Damaged)?;
        Ok(Self {
            generation: parts.generation,
            cluster,
            region,
            wrapping,
            wrapped: parts.wrapped.to_vec(),
            keys,
            failed_values: Arc::default(),
        })
    }
}

/// One term as it is stored.
struct Entry<'a> {
    role: u8,
    region: u16,
    number: u32,
    created_at: u64,
    key: &'a [u8; KEY_BYTES],
}

impl Keys {
    pub(super) fn encode(&self) -> Plaintext {
        let entries = self.entries();
        let kept = self.home.as_ref().map(|home| &home.regions);
        let count = kept.map_or(0, BTreeMap::len);
        let room = 1 + 2 + KEPT * count + ENTRY * entries.len();
        let Ok(plain) = Plaintext::fill_with(room, |out| {
            // INVARIANT: region numbers are u16, so there are no more of them.
            let count = u16::try_from(count).unwrap_or(u16::MAX);
            let head = [TERMS].into_iter().chain(count.to_be_bytes());
            let kept = kept.into_iter().flatten().flat_map(kept_bytes);
            let bytes = head
                .chain(kept)
                .chain(entries.iter().flat_map(Entry::bytes));
            out.iter_mut()
                .zip(bytes)
                .for_each(|(out, byte)| *out = byte);
            Ok::<_, Infallible>(())
        });
        plain
    }

    /// The keys of a region, no more and no fewer.
    fn decode(region: u16, bytes: &[u8]) -> Option<Self> {
        let (kept, bytes) = match bytes.split_first()? {
            (&TERMS_OF_HOME, rest) => (BTreeMap::new(), rest),
            (&TERMS, rest) => kept_regions(rest)?,
            _ => return None,
        };
        let entries: Vec<Entry<'_>> = bytes
            .chunks(ENTRY)
            .map(Entry::decode)
            .collect::<Option<_>>()?;
        let home = region == HOME_REGION;
        let known = entries.iter().all(|entry| match entry.role {
            KEK => home || entry.region == region,
            VOTER | LOG_SIGNING => home && entry.region == 0,
            SHARED | INDEX | AUDIT => entry.region == 0,
            _ => false,
        });
        if !known || !(home || kept.is_empty()) {
            return None;
        }
        let mut keks = BTreeMap::new();
        for region in entries.iter().filter(|e| e.role == KEK).map(|e| e.region) {
            if let btree_map::Entry::Vacant(slot) = keks.entry(region) {
                slot.insert(ring(&entries, KEK, region, Kek::from_slice)?);
            }
        }
        // Whose record home writes has a KEK there, and so has the region itself.
        if !keks.contains_key(&region) || !kept.keys().all(|region| keks.contains_key(region)) {
            return None;
        }
        let home = if home {
            Some(Home {
                voter: ring(&entries, VOTER, 0, RecordKey::from_slice)?,
                log_signing: ring(&entries, LOG_SIGNING, 0, LogSigningKey::from_slice)?,
                regions: kept,
            })
        } else {
            None
        };
        Some(Self {
            shared: ring(&entries, SHARED, 0, RecordKey::from_slice)?,
            index: ring(&entries, INDEX, 0, IndexKey::from_slice)?,
            keks,
            audit: ring(&entries, AUDIT, 0, AuditKey::from_slice)?,
            home,
        })
    }

    fn entries(&self) -> Vec<Entry<'_>> {
        // EXPOSE: all of these into the buffer that `to_record` seals
        let mut all = Vec::new();
        let home = self.home.as_ref();
        let voter = home.into_iter().flat_map(|home| home.voter.iter());
        all.extend(voter.map(|t| entry(VOTER, 0, t, t.key().expose())));
        all.extend(
            self.shared
                .iter()
                .map(|t| entry(SHARED, 0, t, t.key().expose())),
        );
        all.extend(
            self.index
                .iter()
                .map(|t| entry(INDEX, 0, t, t.key().expose())),
        );
        for (region, ring) in &self.keks {
            all.extend(
                ring.iter()
                    .map(|t| entry(KEK, *region, t, t.key().expose())),
            );
        }
        let log_signing = home.into_iter().flat_map(|home| home.log_signing.iter());
        all.extend(log_signing.map(|t| entry(LOG_SIGNING, 0, t, t.key().expose())));
        all.extend(
            self.audit
                .iter()
                .map(|t| entry(AUDIT, 0, t, t.key().expose())),
        );
        all
    }
}

fn entry<'a, K>(role: u8, region: u16, term: &Term<K>, key: &'a [u8; KEY_BYTES]) -> Entry<'a> {
    Entry {
        role,
        region,
        number: term.number(),
        created_at: term.created_at(),
        key,
    }
}

impl<'a> Entry<'a> {
    fn bytes(&self) -> impl Iterator<Item = u8> {
        let head = [self.role].into_iter().chain(self.region.to_be_bytes());
        head.chain(self.number.to_be_bytes())
            .chain(self.created_at.to_be_bytes())
            .chain(self.key.iter().copied())
    }

    fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (role, rest) = bytes.split_first()?;
        let (region, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (created_at, rest) = rest.split_first_chunk()?;
        Some(Self {
            role: *role,
            region: u16::from_be_bytes(*region),
            number: u32::from_be_bytes(*number),
            created_at: u64::from_be_bytes(*created_at),
            key: rest.try_into().ok()?,
        })
    }
}

fn kept_bytes((region, kept): (&u16, &Kept)) -> impl Iterator<Item = u8> {
    // EXPOSE: into the buffer that `to_record` seals
    let key = kept.wrapping.expose().iter().copied();
    let wrapped = kept.wrapped.iter().copied();
    region.to_be_bytes().into_iter().chain(key).chain(wrapped)
}

/// Whose records home writes, and what follows; regions rise, and home is none of them.
fn kept_regions(bytes: &[u8]) -> Option<(BTreeMap<u16, Kept>, &[u8])> {
    let (count, bytes) = bytes.split_first_chunk()?;
    let count = usize::from(u16::from_be_bytes(*count));
    let (listed, rest) = bytes.split_at_checked(count.checked_mul(KEPT)?)?;
    let mut regions = BTreeMap::new();
    let mut last = HOME_REGION;
    for one in listed.chunks(KEPT) {
        let (region, one) = one.split_first_chunk()?;
        let (key, wrapped) = one.split_first_chunk::<KEY_BYTES>()?;
        let region = u16::from_be_bytes(*region);
        if region <= last {
            return None;
        }
        last = region;
        let wrapping = Arc::new(WrappingKey::from_slice(key).ok()?);
        let wrapped = wrapped.to_vec();
        regions.insert(region, Kept { wrapping, wrapped });
    }
    Some((regions, rest))
}

/// The terms of one key; `None` when there are none, or their numbers do not rise.
fn ring<K>(
    entries: &[Entry<'_>],
    role: u8,
    region: u16,
    make: fn(&[u8]) -> Result<K, WrongLength>,
) -> Option<Ring<K>> {
    let terms = entries
        .iter()
        .filter(|entry| (entry.role, entry.region) == (role, region))
        .map(|entry| {
            Some(Term::new(
                entry.number,
                entry.created_at,
                make(entry.key).ok()?,
            ))
        });
    Ring::of(terms.collect::<Option<_>>()?)
}
