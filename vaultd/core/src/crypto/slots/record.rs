//! A seal header as its record, and back.

use super::{
    Cost, Digest, Hkdf, Kind, OVERHEAD, RootKey, SALT_BYTES, SET_BYTES, SealHeader, SealKind,
    Sha256, ShamirSlot, Slot, Split,
};
use crate::crypto::secret::KEY_BYTES;

const FORMAT: u8 = 1;
const CHECK: usize = 32;
const SUM: usize = 32;
const HASH: usize = 32;
const SEALED: usize = OVERHEAD + KEY_BYTES;

/// Kind numbers are on disk: never reuse or change one.
const SHAMIR: u8 = 1;
const PASSPHRASE: u8 = 2;
const KEY_FILE: u8 = 3;
const CREDENTIAL: u8 = 4;

/// Why a seal header is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The record ends early.
    #[error("the seal header is truncated")]
    Truncated,
    /// Written by a later release.
    #[error("seal header format {0} is unknown to this release")]
    Format(u8),
    /// The checksum does not match, or the parts make no sense.
    #[error("the seal header is damaged")]
    Damaged,
}

impl SealHeader {
    /// The bytes of the header's record.
    pub fn to_record(&self) -> Vec<u8> {
        let mut record = self.body();
        record.extend_from_slice(&self.root_check);
        let sum = checksum(&record);
        record.extend_from_slice(&sum);
        record
    }

    /// Reads a header's record.
    ///
    /// # Errors
    /// When it is cut, damaged, or of a later release. Forgery shows when a slot is opened.
    pub fn from_record(record: &[u8]) -> Result<Self, HeaderError> {
        let format = *record.first().ok_or(HeaderError::Truncated)?;
        if format != FORMAT {
            return Err(HeaderError::Format(format));
        }
        let (summed, sum) = record.split_last_chunk().ok_or(HeaderError::Truncated)?;
        let (body, check) = summed.split_last_chunk().ok_or(HeaderError::Truncated)?;
        if checksum(summed) != *sum {
            return Err(HeaderError::Damaged);
        }
        Self::read(body, *check).ok_or(HeaderError::Damaged)
    }

    fn read(body: &[u8], root_check: [u8; CHECK]) -> Option<Self> {
        let (_format, rest) = body.split_first()?;
        let (cluster, rest) = rest.split_first_chunk()?;
        let (region, rest) = rest.split_first_chunk()?;
        let (parameters, sealed, mut rest) = next_slot(rest)?;
        let shamir = ShamirSlot::read(parameters, sealed)?;
        let mut beside = Vec::new();
        while !rest.is_empty() {
            let (parameters, sealed, after) = next_slot(rest)?;
            beside.push(Slot {
                kind: Kind::read(parameters)?,
                sealed: sealed.to_vec(),
            });
            rest = after;
        }
        Some(Self {
            cluster: *cluster,
            region: u16::from_be_bytes(*region),
            shamir,
            beside,
            root_check,
        })
    }

    /// What only the maker of the header, who had the root key, can compute.
    #[expect(
        clippy::expect_used,
        reason = "RFC 5869 §2.3: one block of output is never refused"
    )]
    pub(super) fn check_of(&self, root: &RootKey) -> [u8; CHECK] {
        let body = Sha256::digest(self.body());
        let mut check = [0; CHECK];
        // EXPOSE: into HKDF, which wipes its state
        Hkdf::<Sha256>::new(None, root.expose())
            .expand_multi_info(&[b"vault seal header v1", &body], &mut check)
            .expect("one block of output");
        check
    }

    /// All but root check and checksum.
    fn body(&self) -> Vec<u8> {
        let mut body = vec![FORMAT];
        body.extend_from_slice(&self.cluster);
        body.extend_from_slice(&self.region.to_be_bytes());
        put_slot(&mut body, &self.shamir.parameters(), &self.shamir.sealed);
        for slot in &self.beside {
            put_slot(&mut body, &slot.kind.parameters(), &slot.sealed);
        }
        body
    }
}

impl ShamirSlot {
    /// INVARIANT: made by a `Split` or read from a `u8`, so there are at most 64 hashes.
    pub(super) fn parameters(&self) -> Vec<u8> {
        let count = u8::try_from(self.hashes.len()).unwrap_or(u8::MAX);
        let mut out = vec![SHAMIR];
        out.extend_from_slice(&self.set);
        out.extend_from_slice(&[self.threshold, count]);
        out.extend_from_slice(self.hashes.as_flattened());
        out
    }

    fn read(parameters: &[u8], sealed: &[u8; SEALED]) -> Option<Self> {
        let (kind, rest) = parameters.split_first()?;
        let (set, rest) = rest.split_first_chunk::<SET_BYTES>()?;
        let ([threshold, count], hashes) = rest.split_first_chunk()?;
        let (hashes, trailing) = hashes.as_chunks::<HASH>();
        let split = Split::new(*threshold, *count).ok()?;
        let exact = trailing.is_empty() && hashes.len() == usize::from(split.shares());
        (*kind == SHAMIR && exact).then(|| Self {
            set: *set,
            threshold: *threshold,
            hashes: hashes.to_vec(),
            sealed: sealed.to_vec(),
        })
    }
}

impl Kind {
    pub(super) fn name(&self) -> SealKind {
        match self {
            Self::Passphrase(..) => SealKind::Passphrase,
            Self::KeyFile => SealKind::KeyFile,
            Self::Credential => SealKind::Credential,
        }
    }

    pub(super) fn parameters(&self) -> Vec<u8> {
        match self {
            Self::Passphrase(salt, cost) => {
                let costs = cost.parts().map(u32::to_be_bytes);
                [&[PASSPHRASE], salt.as_slice(), costs.as_flattened()].concat()
            }
            Self::KeyFile => vec![KEY_FILE],
            Self::Credential => vec![CREDENTIAL],
        }
    }

    fn read(parameters: &[u8]) -> Option<Self> {
        match parameters.split_first()? {
            (&PASSPHRASE, rest) => {
                let (salt, costs) = rest.split_first_chunk::<SALT_BYTES>()?;
                let costs: &[u8; 12] = costs.try_into().ok()?;
                let (costs, _) = costs.as_chunks::<4>();
                let [memory, passes, lanes] = costs else {
                    return None;
                };
                let number = |bytes: &[u8; 4]| u32::from_be_bytes(*bytes);
                let cost = Cost::new(number(memory), number(passes), number(lanes)).ok()?;
                Some(Self::Passphrase(*salt, cost))
            }
            (&KEY_FILE, []) => Some(Self::KeyFile),
            (&CREDENTIAL, []) => Some(Self::Credential),
            _ => None,
        }
    }
}

/// INVARIANT: the longest parameters, of 64 shares, have 2059 bytes.
fn put_slot(out: &mut Vec<u8>, parameters: &[u8], sealed: &[u8]) {
    let length = u16::try_from(parameters.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(parameters);
    out.extend_from_slice(sealed);
}

/// Parameters and envelope of the next slot, and what follows.
fn next_slot(bytes: &[u8]) -> Option<(&[u8], &[u8; SEALED], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (parameters, rest) = rest.split_at_checked(length)?;
    let (sealed, rest) = rest.split_first_chunk()?;
    Some((parameters, sealed, rest))
}

fn checksum(summed: &[u8]) -> [u8; SUM] {
    let labelled = Sha256::new().chain_update(b"vault seal header checksum v1");
    labelled.chain_update(summed).finalize().into()
}

/// Replaces what covers the body, as someone does who writes to the disk; for tests.
#[cfg(test)]
pub(super) fn resum(record: &mut [u8]) {
    let (summed, sum) = record.split_last_chunk_mut::<SUM>().unwrap();
    *sum = checksum(summed);
}
