//! Handing a value out: to one claim, in one write.

use minicbor::{Decode, Encode};
use subtle::ConstantTimeEq;

use super::{
    Accessor, Info, Refusal,
    keep::{VERSION, Waiting},
    sealed,
};
use crate::{
    crypto::{
        code,
        secret::{Plaintext, UnwrapCode},
    },
    record::{RecordError, Tx},
};

/// For how long he who got a value gets it again.
const AGAIN: u64 = 60_000;
/// Bytes of a claim.
const CLAIM_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// Stands for the one to whom a value is handed out: the hash of what he drew.
#[derive(Clone, Copy)]
pub struct Claim([u8; 32]);

/// Bytes are not a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a claim is 16 to 64 random bytes, the same for each try")]
pub struct ClaimError;

impl Claim {
    /// Of the bytes that a client drew.
    ///
    /// # Errors
    /// When there are too few or too many.
    pub fn of(bytes: &[u8]) -> Result<Self, ClaimError> {
        if CLAIM_BYTES.contains(&bytes.len()) {
            Ok(Self(code::claim_hash(bytes)))
        } else {
            Err(ClaimError)
        }
    }
}

/// Claims stay out of logs, and so do their hashes.
impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Claim(..)")
    }
}

/// Whom a value was handed out to, and when.
#[derive(Encode, Decode)]
pub(super) struct Handed {
    #[cbor(n(0), with = "minicbor::bytes")]
    claim: [u8; 32],
    #[n(1)]
    pub(super) at: u64,
}

impl Handed {
    pub(super) fn until(&self) -> u64 {
        self.at.saturating_add(AGAIN)
    }

    fn is_to(&self, claim: &Claim, now: u64) -> bool {
        bool::from(self.claim.ct_eq(&claim.0)) && now < self.until()
    }
}

/// A value that was handed out.
#[derive(Debug)]
pub struct Unwrapped {
    /// What was wrapped.
    pub value: Plaintext,
    /// Who left it, and when.
    pub info: Info,
}

/// Hands a value out to a claim. Once that is applied, no other claim gets it.
///
/// # Errors
/// [`Refusal::Unknown`] for every code that opens nothing for this claim.
pub fn unwrap(tx: &mut Tx<'_>, code: &UnwrapCode, claim: &Claim) -> Result<Unwrapped, Refusal> {
    let accessor = Accessor::of(code);
    let waiting = tx.get::<Waiting>(&accessor.key())?;
    let mut waiting = waiting.ok_or(Refusal::Unknown)?;
    let open = match &waiting.handed {
        None => !waiting.has_ended(tx),
        Some(handed) => handed.is_to(claim, tx.now()) && waiting.is_of_this_life(tx),
    };
    let id = waiting.value.filter(|_| open).ok_or(Refusal::Unknown)?;
    let sealed = tx.open_value(id, VERSION)?;
    let sealed = sealed.ok_or_else(|| RecordError::Damaged(accessor.key()))?;
    let value = sealed::open(tx.keys(), code, &sealed)?;
    if waiting.handed.is_none() {
        waiting.unfile(tx, &accessor);
        waiting.handed = Some(Handed {
            claim: claim.0,
            at: tx.now(),
        });
        waiting.keep(tx, &accessor)?;
    }
    let info = waiting.info(accessor);
    Ok(Unwrapped { value, info })
}
