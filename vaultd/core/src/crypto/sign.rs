//! Signatures of log entries and of sessions: Ed25519 (RFC 8032), verified strictly.
//!
//! ```text
//! of an entry   = Ed25519 (log-signing key, "vault log signature v1" ‖ digest)
//! of a session  = Ed25519 (log-signing key, "vault session signature v1" ‖ what `session` says)
//! ```
//! Neither label begins with the other, so that no signature of the one is one of the other.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use super::secret::LogSigningKey;

const LABEL: &[u8; 22] = b"vault log signature v1";
const SESSION: &[u8] = b"vault session signature v1";

/// The public half, which the state publishes.
pub fn public(key: &LogSigningKey) -> [u8; 32] {
    expand(key).verifying_key().to_bytes()
}

/// Signs the digest of a log entry.
pub fn sign(key: &LogSigningKey, digest: &[u8; 32]) -> [u8; 64] {
    expand(key).sign(&message(digest)).to_bytes()
}

/// Whether `signature` is the holder's of `public` over `digest`.
///
/// Strict: small-order points and non-canonical encodings are refused, so that all nodes agree.
pub fn verify(public: &[u8; 32], digest: &[u8; 32], signature: &[u8; 64]) -> bool {
    is_of(public, &message(digest), signature)
}

/// Signs what a session is, in parts that the caller has made unambiguous.
pub(super) fn sign_session(key: &LogSigningKey, parts: &[&[u8]]) -> [u8; 64] {
    expand(key).sign(&session(parts)).to_bytes()
}

/// Whether `signature` is the holder's of `public` over what a session is; strict, as [`verify`] is.
pub(super) fn verify_session(public: &[u8; 32], parts: &[&[u8]], signature: &[u8; 64]) -> bool {
    is_of(public, &session(parts), signature)
}

fn is_of(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(public).is_ok_and(|key| {
        let signature = Signature::from_bytes(signature);
        key.verify_strict(message, &signature).is_ok()
    })
}

fn session(parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut message = Vec::with_capacity(SESSION.len() + length);
    message.extend_from_slice(SESSION);
    for part in parts {
        message.extend_from_slice(part);
    }
    message
}

fn expand(key: &LogSigningKey) -> SigningKey {
    // EXPOSE: into the signer, which wipes itself
    SigningKey::from_bytes(key.expose())
}

fn message(digest: &[u8; 32]) -> [u8; 54] {
    let mut message = [0; LABEL.len() + 32];
    let parts = LABEL.iter().chain(digest);
    message
        .iter_mut()
        .zip(parts)
        .for_each(|(out, byte)| *out = *byte);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: [u8; 32] = [0xdd; 32];

    fn key() -> LogSigningKey {
        LogSigningKey::from_slice(&[0x51; 32]).unwrap()
    }

    #[test]
    fn a_signature_verifies_under_the_public_half() {
        let signature = sign(&key(), &DIGEST);
        assert!(verify(&public(&key()), &DIGEST, &signature));
    }

    #[test]
    fn the_signature_is_golden() {
        assert_eq!(
            hex::encode(public(&key())),
            "c050c5637a44fa8629fff3cccce2300cb362a63d99d95fc54145266f4332445a"
        );
        let expected = [
            "c4e45ba728e299231176305f18e68632627f08ee52d7d8fdd78c669aada3faf7",
            "bf59d65560d500482312b698e916605845ac955d59d1900fb87c40f241ae5d0a",
        ];
        assert_eq!(hex::encode(sign(&key(), &DIGEST)), expected.concat());
    }

    #[test]
    fn every_flipped_bit_of_signature_digest_and_key_is_refused() {
        let (public, signature) = (public(&key()), sign(&key(), &DIGEST));
        for bit in 0..512 {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&public, &DIGEST, &changed), "signature bit {bit}");
        }
        for bit in 0..256 {
            let (mut digest, mut other) = (DIGEST, public);
            digest[bit / 8] ^= 1 << (bit % 8);
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify(&public, &digest, &signature), "digest bit {bit}");
            assert!(!verify(&other, &DIGEST, &signature), "key bit {bit}");
        }
    }

    #[test]
    fn a_bare_signature_of_the_digest_is_refused() {
        let bare = expand(&key()).sign(&DIGEST).to_bytes();
        assert!(!verify(&public(&key()), &DIGEST, &bare));
    }

    #[test]
    fn a_small_order_key_signs_nothing() {
        // RFC 8032 §5.1.7 without the cofactor: the identity would verify S = 0, R = identity for all
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!verify(&identity, &DIGEST, &signature));
    }
}
