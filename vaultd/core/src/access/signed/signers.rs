//! By whose keys signed sessions are verified: the public halves, where every node that may open them finds them.
//!
//! ```text
//! record = Signers ‖ region u16 → (term, public half, until when)…                             shared class
//! ```
//! It is sealed, unlike the public half that entries of the log are verified by: whoever could put a key of his own
//! here would be anybody. A term that was replaced is good for as long as what it signed last, also where its private
//! half was destroyed meanwhile.

use minicbor::{Decode, Encode};

use super::LONGEST;
use crate::{
    crypto::{envelope::Class, keyring::Keyring, ring::Ring, sign},
    record::{Document, Key, Kind, RecordError, Tx},
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
struct Signers {
    #[n(0)]
    known: Vec<Signer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Signer {
    #[n(0)]
    term: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    public: [u8; 32],
    /// Of one that was replaced: until when it is believed, in milliseconds since the epoch.
    #[n(2)]
    until: Option<u64>,
}

impl Document for Signers {
    const CLASS: Class = Class::Shared;
}

impl Signers {
    fn key(region: u16) -> Key {
        Key::new(Kind::Signers, &[&region.to_be_bytes()])
    }
}

/// The keys of a keyring that sign, without their private halves.
#[derive(Clone, Debug)]
pub struct Signing {
    region: u16,
    /// Terms and their public halves; the last is the active one.
    terms: Vec<(u32, [u8; 32])>,
    /// When the active one was made.
    since: u64,
}

impl Signing {
    /// Of a keyring that is about to be stored; none of one that signs nothing.
    pub fn of(keyring: &Keyring) -> Self {
        let ring = keyring.log_signing();
        let terms = ring.into_iter().flat_map(Ring::iter);
        Self {
            region: keyring.region(),
            terms: terms
                .map(|term| (term.number(), sign::public(term.key())))
                .collect(),
            since: ring.map_or(0, |ring| ring.active().created_at()),
        }
    }
}

/// Says by which keys sessions are verified from now on: in the transaction that stores the keyring.
///
/// # Errors
/// When the store fails.
pub fn publish_signers(tx: &mut Tx<'_>, signing: &Signing) -> Result<(), RecordError> {
    let key = Signers::key(signing.region);
    let stored = tx.get::<Signers>(&key)?.unwrap_or_default();
    let Some((active, older)) = signing.terms.split_last() else {
        return Ok(());
    };
    let now = tx.now();
    let mut known = stored.known.clone();
    for (term, public) in older {
        if known.iter().all(|signer| signer.term != *term) {
            known.push(Signer {
                term: *term,
                public: *public,
                until: Some(signing.since.saturating_add(LONGEST)),
            });
        }
    }
    known.retain(|signer| signer.term != active.0);
    let replaced = Some(now.saturating_add(LONGEST));
    for signer in &mut known {
        signer.until = signer.until.or(replaced);
    }
    known.retain(|signer| signer.until.is_some_and(|until| now < until));
    known.push(Signer {
        term: active.0,
        public: active.1,
        until: None,
    });
    let next = Signers { known };
    if next != stored {
        tx.put(key, &next)?;
    }
    Ok(())
}

/// The public half of a term of a region's key, while it is believed.
pub(super) fn public(
    tx: &mut Tx<'_>,
    (region, term): (u16, u32),
) -> Result<Option<[u8; 32]>, RecordError> {
    if let Some(signers) = tx.read::<Signers>(&Signers::key(region))? {
        let now = tx.now();
        let good =
            |signer: &&Signer| signer.term == term && signer.until.is_none_or(|until| now < until);
        return Ok(signers.known.iter().find(good).map(|signer| signer.public));
    }
    // Of a vault whose keys were not rotated since it was made by a release that published none.
    let keys = tx.keys();
    let active = keys.log_signing().map(Ring::active);
    let own = active.filter(|active| region == keys.region() && term == active.number());
    Ok(own.map(|active| sign::public(active.key())))
}
