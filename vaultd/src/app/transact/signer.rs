//! Which key signs the log, and its signature.

use vault_core::crypto::keyring::Keyring;
use vault_core::crypto::ring::Term;
use vault_core::crypto::sign;
use vault_core::record::{Key, Kind, View as _};

use crate::store::Store;

/// Signs with the key whose public half the state names: during a rotation that is the old one until the
/// batch that brings the new one is applied.
pub(super) fn sign(store: &Store, keyring: &Keyring, digest: &[u8; 32]) -> [u8; 64] {
    let ring = keyring.log_signing();
    if ring.iter().count() == 1 {
        return sign::sign(ring.active().key(), digest);
    }
    let named = store.get(&signer_key()).ok().flatten();
    let key = named
        .and_then(|record| {
            ring.iter()
                .find(|term| sign::public(term.key()).as_slice() == record.sealed.as_ref())
                .map(Term::key)
        })
        .unwrap_or_else(|| ring.active().key());
    sign::sign(key, digest)
}

/// The clear record that names the key which signs the log.
pub(in crate::app) fn signer_key() -> Key {
    Key::new(Kind::Header, &[b"log-signer"])
}
