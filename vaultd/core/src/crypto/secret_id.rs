//! Secret ids: what a program proves itself with, 256 random bits.
//!
//! ```text
//! text     = "vli_" ‖ …, as a token's                                                   bearer
//! checksum = first 4 bytes of SHA-256 ("vault secret id checksum v1" ‖ secret)
//! hash     = SHA-256 ("vault secret id v1" ‖ secret)
//! accessor = first 10 bytes of BLAKE3-derive-key ("vault secret id accessor v1", hash)
//! ```
//! The store knows the hash only, from which the secret id cannot be computed.

use super::bearer::{self, Bearer, Flaw};
use super::secret::{SecretId, SecretIdText};

/// Bytes of an accessor.
pub const ACCESSOR_BYTES: usize = 10;

const TEXT: Bearer = Bearer {
    prefix: "vli_",
    checksum: b"vault secret id checksum v1",
};

/// Why a text is not a secret id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretIdError {
    /// Another prefix, length or alphabet.
    #[error("a secret id is `vli_` and 48 characters of base64url")]
    Shape,
    /// It was mistyped or cut and pasted badly.
    #[error("the secret id has a typo: its checksum does not match")]
    Checksum,
}

/// The text to hand over, once.
pub fn to_text(id: &SecretId) -> SecretIdText {
    // EXPOSE: into the text, which is a secret of its own
    SecretIdText::from(TEXT.write(id.expose()))
}

/// Reads a secret id's text.
///
/// # Errors
/// When it is none, or has a typo. Whether it is known is another question.
pub fn parse(text: &str) -> Result<SecretId, SecretIdError> {
    let secret = TEXT.read(text).map_err(|flaw| match flaw {
        Flaw::Shape => SecretIdError::Shape,
        Flaw::Checksum => SecretIdError::Checksum,
    })?;
    SecretId::from_slice(secret.as_slice()).map_err(|_| SecretIdError::Shape)
}

/// What a secret id is known by.
pub fn hash(id: &SecretId) -> [u8; 32] {
    // EXPOSE: into SHA-256, which wipes its state
    bearer::hash(b"vault secret id v1", id.expose())
}

/// What a secret id is called by.
pub fn accessor(hash: &[u8; 32]) -> [u8; ACCESSOR_BYTES] {
    let derived = blake3::derive_key("vault secret id accessor v1", hash);
    let mut accessor = [0; ACCESSOR_BYTES];
    accessor
        .iter_mut()
        .zip(derived)
        .for_each(|(to, from)| *to = from);
    accessor
}

#[cfg(test)]
mod tests {
    use super::super::entropy::Seeded;
    use super::super::secret::{TokenSecret, UnwrapCode};
    use super::super::{code, token};
    use super::*;

    fn id(seed: u64) -> SecretId {
        SecretId::make(&mut Seeded::new(seed))
    }

    fn refused(text: &str) -> SecretIdError {
        parse(text).unwrap_err()
    }

    #[test]
    fn text_hash_and_accessor_are_golden() {
        let id = id(1);
        assert_eq!(
            to_text(&id).expose(),
            "vli_eDglgipvnmLaIZDoKOTJ0lduWXfjoLNiCwkt-56ZlvqRoxY6"
        );
        assert_eq!(
            hex::encode(hash(&id)),
            "cdea940468dfecf8c1157795433a4b0c830f3b22eae9035ea11d8725d1c2bfaa"
        );
        assert_eq!(hex::encode(accessor(&hash(&id))), "3272d7bb335dff19fe08");
    }

    #[test]
    fn a_secret_id_reads_back_and_no_two_share_a_hash_or_an_accessor() {
        for seed in 0..50 {
            let (one, other) = (id(seed), id(seed + 50));
            assert!(parse(to_text(&one).expose()).unwrap().ct_eq(&one));
            assert_ne!(hash(&one), hash(&other));
            assert_ne!(accessor(&hash(&one)), accessor(&hash(&other)));
        }
    }

    #[test]
    fn a_token_or_a_code_is_no_secret_id_under_whatever_prefix() {
        let token = token::to_text(&TokenSecret::make(&mut Seeded::new(1)));
        let code = code::to_text(&UnwrapCode::make(&mut Seeded::new(1)));
        for (text, prefix) in [(token.expose(), "vlt_"), (code.expose(), "vls_")] {
            assert_eq!(refused(text), SecretIdError::Shape);
            assert_eq!(
                refused(&text.replace(prefix, "vli_")),
                SecretIdError::Checksum
            );
        }
        let text = to_text(&id(1));
        assert!(token::parse(text.expose()).is_err());
        assert!(token::parse(&text.expose().replace("vli_", "vlt_")).is_err());
    }

    #[test]
    fn every_other_length_and_every_changed_character_is_refused() {
        let text = to_text(&id(2));
        let text = text.expose();
        for end in 0..text.len() {
            assert_eq!(refused(text.get(..end).unwrap()), SecretIdError::Shape);
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
            assert_eq!(refused(&other), SecretIdError::Shape, "{other:?}");
        }
    }
}
