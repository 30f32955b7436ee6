//! The signature that every batch carries: Ed25519, strict verification.

use ed25519_dalek::{Signature, VerifyingKey};

/// Whether `signature` is the signer's over `digest`.
pub(crate) fn verify(signer: &[u8; 32], digest: &[u8; 32], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(signer).is_ok_and(|key| {
        key.verify_strict(digest, &Signature::from_bytes(signature))
            .is_ok()
    })
}
