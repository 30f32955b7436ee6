//! Bearer tokens: 256 random bits, printed with a prefix and a checksum.
//!
//! ```text
//! text        = "vlt_" ‖ base64url (secret [32] ‖ checksum [4])                          bearer
//! checksum    = first 4 bytes of SHA-256 ("vault token checksum v1" ‖ secret)
//! lookup hash = SHA-256 ("vault token v1" ‖ secret)
//! ```
//! The store knows the lookup hash only.

use super::bearer::{self, Bearer, Flaw};
use super::secret::{TokenSecret, TokenText};

/// What every token begins with.
pub const PREFIX: &str = TEXT.prefix;

const TEXT: Bearer = Bearer {
    prefix: "vlt_",
    checksum: b"vault token checksum v1",
};

/// Why a text is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Another prefix, length or alphabet.
    #[error("a token is `vlt_` and 48 characters of base64url")]
    Shape,
    /// It was mistyped or cut and pasted badly.
    #[error("the token has a typo: its checksum does not match")]
    Checksum,
}

/// The text to show its holder, once.
pub fn to_text(token: &TokenSecret) -> TokenText {
    // EXPOSE: into the text, which is a secret of its own
    TokenText::from(TEXT.write(token.expose()))
}

/// Reads a token's text.
///
/// # Errors
/// When it is none, or has a typo. Whether the token is known is another question.
pub fn parse(text: &str) -> Result<TokenSecret, TokenError> {
    let secret = TEXT.read(text).map_err(|flaw| match flaw {
        Flaw::Shape => TokenError::Shape,
        Flaw::Checksum => TokenError::Checksum,
    })?;
    TokenSecret::from_slice(secret.as_slice()).map_err(|_| TokenError::Shape)
}

/// What a session is looked up by; the token cannot be computed from it.
pub fn lookup_hash(token: &TokenSecret) -> [u8; 32] {
    // EXPOSE: into SHA-256, which wipes its state
    bearer::hash(b"vault token v1", token.expose())
}

#[cfg(test)]
mod tests {
    use super::super::entropy::Seeded;
    use super::*;

    fn token() -> TokenSecret {
        TokenSecret::make(&mut Seeded::new(1))
    }

    fn refused(text: &str) -> TokenError {
        parse(text).unwrap_err()
    }

    #[test]
    fn a_token_reads_back() {
        for seed in 0..50 {
            let token = TokenSecret::make(&mut Seeded::new(seed));
            assert!(parse(to_text(&token).expose()).unwrap().ct_eq(&token));
        }
    }

    #[test]
    fn text_and_hash_are_golden() {
        assert_eq!(
            to_text(&token()).expose(),
            "vlt_eDglgipvnmLaIZDoKOTJ0lduWXfjoLNiCwkt-56ZlvrRGFk7"
        );
        assert_eq!(
            hex::encode(lookup_hash(&token())),
            "f5c863546416203b2a2e8bf0d168a7a1d67a5380de5509f8fb67c38fa1325136"
        );
    }

    #[test]
    fn every_typo_is_refused() {
        let text = to_text(&token());
        let text = text.expose();
        for at in 0..text.len() {
            for typed in ['A', 'b', '7', '-', '_', ' ', '+', '/', '='] {
                let mut chars: Vec<char> = text.chars().collect();
                if chars[at] != typed {
                    chars[at] = typed;
                    let typo: String = chars.into_iter().collect();
                    assert!(parse(&typo).is_err(), "{at} {typed}");
                }
            }
        }
    }

    #[test]
    fn swapped_characters_are_refused() {
        let text = to_text(&token());
        for at in 4..text.expose().len() - 1 {
            let mut bytes = text.expose().as_bytes().to_vec();
            bytes.swap(at, at + 1);
            let swapped = String::from_utf8(bytes).unwrap();
            if swapped != text.expose() {
                assert_eq!(refused(&swapped), TokenError::Checksum, "{at}");
            }
        }
    }

    #[test]
    fn every_other_length_prefix_and_alphabet_is_refused() {
        let text = to_text(&token());
        let text = text.expose();
        for end in 0..text.len() {
            assert_eq!(
                refused(text.get(..end).unwrap()),
                TokenError::Shape,
                "{end}"
            );
        }
        assert_eq!(refused(&format!("{text}A")), TokenError::Shape);
        assert_eq!(refused(&format!(" {text}")), TokenError::Shape);
        assert_eq!(refused(&text.replace("vlt_", "VLT_")), TokenError::Shape);
        assert_eq!(refused(&text.replace("vlt_", "hvs.")), TokenError::Shape);
        assert_eq!(
            refused(&format!("vlt_{}", "é".repeat(24))),
            TokenError::Shape
        );
        assert_eq!(
            refused(&format!("vlt_{}", "*".repeat(48))),
            TokenError::Shape
        );
        assert_eq!(
            refused(&format!("vlt_{}", "A".repeat(48))),
            TokenError::Checksum
        );
    }
}
