//! Codes that open one wrapped value, once: 256 random bits, and what is derived from them.
//!
//! ```text
//! text        = "vls_" ‖ …, as a token's                                                bearer
//! checksum    = first 4 bytes of SHA-256 ("vault unwrap code checksum v1" ‖ secret)
//! lookup hash = first 16 bytes of SHA-256 ("vault unwrap code v1" ‖ secret)
//! key         = HKDF-SHA-256 (ikm = secret, no salt, info = "vault unwrap key v1")      RFC 5869
//! claim hash  = SHA-256 ("vault unwrap claim v1" ‖ claim)
//! ```
//! The store knows the lookup hash only, from which neither code nor key can be computed: what is sealed under
//! the key is closed to everyone without the code, whatever else he holds.

use std::convert::Infallible;

use hkdf::Hkdf;
use sha2::Sha256;

use super::bearer::{self, Bearer, Flaw};
use super::secret::{KEY_BYTES, UnwrapCode, UnwrapCodeText, UnwrapKey};

/// Bytes of a lookup hash.
pub const LOOKUP_BYTES: usize = 16;

const TEXT: Bearer = Bearer {
    prefix: "vls_",
    checksum: b"vault unwrap code checksum v1",
};

/// Why a text is not a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Another prefix, length or alphabet.
    #[error("a code is `vls_` and 48 characters of base64url")]
    Shape,
    /// It was mistyped or cut and pasted badly.
    #[error("the code has a typo: its checksum does not match")]
    Checksum,
}

/// The text to hand over, once.
pub fn to_text(code: &UnwrapCode) -> UnwrapCodeText {
    // EXPOSE: into the text, which is a secret of its own
    UnwrapCodeText::from(TEXT.write(code.expose()))
}

/// Reads a code's text.
///
/// # Errors
/// When it is none, or has a typo. Whether anything lies under it is another question.
pub fn parse(text: &str) -> Result<UnwrapCode, CodeError> {
    let secret = TEXT.read(text).map_err(|flaw| match flaw {
        Flaw::Shape => CodeError::Shape,
        Flaw::Checksum => CodeError::Checksum,
    })?;
    UnwrapCode::from_slice(secret.as_slice()).map_err(|_| CodeError::Shape)
}

/// What a wrapped value lies under.
pub fn lookup_hash(code: &UnwrapCode) -> [u8; LOOKUP_BYTES] {
    // EXPOSE: into SHA-256, which wipes its state
    let hash = bearer::hash(b"vault unwrap code v1", code.expose());
    let mut half = [0; LOOKUP_BYTES];
    half.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    half
}

/// What the value is sealed under, beside the vault's own keys.
pub fn derive_key(code: &UnwrapCode) -> UnwrapKey {
    let Ok(key) = UnwrapKey::fill_with(|key| {
        expand(code, key);
        Ok::<_, Infallible>(())
    });
    key
}

#[expect(
    clippy::expect_used,
    reason = "RFC 5869 §2.3: only an output of over 255 hashes is refused, this is one"
)]
fn expand(code: &UnwrapCode, key: &mut [u8; KEY_BYTES]) {
    // EXPOSE: into HKDF, which wipes its state
    Hkdf::<Sha256>::new(None, code.expose())
        .expand(b"vault unwrap key v1", key)
        .expect("one block of output");
}

/// What is kept of the claim that a value was handed out to.
pub fn claim_hash(claim: &[u8]) -> [u8; 32] {
    bearer::hash(b"vault unwrap claim v1", claim)
}

#[cfg(test)]
mod tests {
    use super::super::entropy::Seeded;
    use super::super::{secret::TokenSecret, token};
    use super::*;

    fn code(seed: u64) -> UnwrapCode {
        UnwrapCode::make(&mut Seeded::new(seed))
    }

    #[test]
    fn text_hash_and_key_are_golden() {
        let code = code(1);
        assert_eq!(
            to_text(&code).expose(),
            "vls_eDglgipvnmLaIZDoKOTJ0lduWXfjoLNiCwkt-56ZlvqMRjiA"
        );
        assert_eq!(
            hex::encode(lookup_hash(&code)),
            "0c750988e0e1b0d5861da9b465b243c4"
        );
        assert_eq!(
            hex::encode(derive_key(&code).expose()),
            "70076277d3f76e39a93f1ba8dfd60b3f0798eb091df5460720b8d288dbe9b4fa"
        );
        assert_eq!(
            hex::encode(claim_hash(b"claim")),
            "ea8ff59dc987b5ed6a6ee02d4d0fe730c7784b52e25dad2f64a0bdb564297c79"
        );
    }

    #[test]
    fn a_code_reads_back_and_no_two_share_a_hash_or_a_key() {
        for seed in 0..50 {
            let (one, other) = (code(seed), code(seed + 50));
            assert!(parse(to_text(&one).expose()).unwrap().ct_eq(&one));
            assert_ne!(lookup_hash(&one), lookup_hash(&other));
            assert!(!derive_key(&one).ct_eq(&derive_key(&other)));
        }
    }

    #[test]
    fn a_token_is_no_code_under_whatever_prefix() {
        let text = token::to_text(&TokenSecret::make(&mut Seeded::new(1)));
        assert_eq!(parse(text.expose()).unwrap_err(), CodeError::Shape);
        let renamed = text.expose().replace("vlt_", "vls_");
        assert_eq!(parse(&renamed).unwrap_err(), CodeError::Checksum);
    }

    #[test]
    fn every_other_length_and_every_changed_character_is_refused() {
        let text = to_text(&code(2));
        let text = text.expose();
        for end in 0..text.len() {
            assert_eq!(
                parse(text.get(..end).unwrap()).unwrap_err(),
                CodeError::Shape
            );
        }
        for at in 0..text.len() {
            for typed in ['A', 'b', '7', '-', ' ', '/', '='] {
                let mut typo: Vec<char> = text.chars().collect();
                if typo[at] != typed {
                    typo[at] = typed;
                    let typo: String = typo.into_iter().collect();
                    assert!(parse(&typo).is_err(), "{at} {typed}");
                }
            }
        }
        for other in [format!("{text}A"), format!(" {text}"), format!("{text}\n")] {
            assert_eq!(parse(&other).unwrap_err(), CodeError::Shape, "{other:?}");
        }
    }
}
