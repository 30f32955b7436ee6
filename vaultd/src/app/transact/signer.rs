//! Which key signs the log.

use bytes::Bytes;
use vault_core::crypto::keyring::Keyring;
use vault_core::crypto::ring::Term;
use vault_core::crypto::secret::LogSigningKey;
use vault_core::crypto::sign;
use vault_core::record::{Key, Kind, View as _};

use crate::app::error::Result;
use crate::app::refusal;
use crate::store::Store;

/// The key whose public half the state names: during a rotation that is the old one until the
/// batch that brings the new one is applied.
///
/// `None` of a keyring that has no such key: another region's.
pub(super) fn key<'k>(store: &Store, keyring: &'k Keyring) -> Option<&'k LogSigningKey> {
    let ring = keyring.log_signing()?;
    if ring.iter().count() == 1 {
        return Some(ring.active().key());
    }
    let named = store.get(&signer_key()).ok().flatten();
    let key = named
        .and_then(|record| {
            ring.iter()
                .find(|term| sign::public(term.key()).as_slice() == record.sealed.as_ref())
                .map(Term::key)
        })
        .unwrap_or_else(|| ring.active().key());
    Some(key)
}

/// The public half of the key that is to sign the log, for the record that names it.
///
/// # Errors
/// `HOME_REGION_ONLY` for another region's keyring.
pub(in crate::app) fn public_half(keyring: &Keyring) -> Result<Bytes> {
    let ring = keyring.log_signing().ok_or_else(refusal::at_home_only)?;
    Ok(Bytes::copy_from_slice(&sign::public(ring.active().key())))
}

/// The clear record that names the key which signs the log.
pub(in crate::app) fn signer_key() -> Key {
    Key::new(Kind::Header, &[b"log-signer"])
}
