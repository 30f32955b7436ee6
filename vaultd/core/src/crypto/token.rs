//! Bearer tokens: 256 random bits, printed with a prefix and a checksum.
//!
//! ```text
//! text        = "vlt_" ‖ base64url (secret [32] ‖ checksum [4])                      RFC 4648 §5
//! checksum    = first 4 bytes of SHA-256 ("vault token checksum v1" ‖ secret)
//! lookup hash = SHA-256 ("vault token v1" ‖ secret)
//! ```
//! The prefix lets leak scanners find a token, the checksum lets them be sure, and refuses a typo before
//! anything is looked up. The store knows the lookup hash only.

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::secret::{KEY_BYTES, TokenSecret, TokenText};

/// What every token begins with.
pub const PREFIX: &str = "vlt_";

const CHECKSUM: usize = 4;
const BODY: usize = KEY_BYTES + CHECKSUM;
/// Characters after the prefix: four for every three bytes.
const ENCODED: usize = BODY / 3 * 4;

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
    let mut body = Zeroizing::new([0; BODY]);
    let (secret, sum) = body.split_at_mut(KEY_BYTES);
    // EXPOSE: into the text, which is a secret of its own
    secret.copy_from_slice(token.expose());
    sum.copy_from_slice(&checksum(token));
    let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(&*body));
    // the capacity is exact, so that growth leaves no copy behind
    let mut text = String::with_capacity(PREFIX.len() + ENCODED);
    text.push_str(PREFIX);
    text.push_str(&encoded);
    TokenText::from(text)
}

/// Reads a token's text.
///
/// # Errors
/// When it is none, or has a typo. Whether the token is known is another question.
pub fn parse(text: &str) -> Result<TokenSecret, TokenError> {
    let encoded = text.strip_prefix(PREFIX).ok_or(TokenError::Shape)?;
    if encoded.len() != ENCODED {
        return Err(TokenError::Shape);
    }
    let mut body = Zeroizing::new([0; BODY]);
    Base64UrlUnpadded::decode(encoded, &mut *body).map_err(|_| TokenError::Shape)?;
    let (secret, sum) = body.split_at(KEY_BYTES);
    let token = TokenSecret::from_slice(secret).map_err(|_| TokenError::Shape)?;
    if bool::from(checksum(&token).ct_eq(sum)) {
        Ok(token)
    } else {
        Err(TokenError::Checksum)
    }
}

/// What a session is looked up by; the token cannot be computed from it.
pub fn lookup_hash(token: &TokenSecret) -> [u8; 32] {
    hash(b"vault token v1", token)
}

fn checksum(token: &TokenSecret) -> [u8; CHECKSUM] {
    let [a, b, c, d, ..] = hash(b"vault token checksum v1", token);
    [a, b, c, d]
}

fn hash(label: &[u8], token: &TokenSecret) -> [u8; 32] {
    // EXPOSE: into SHA-256, which wipes its state
    let secret = token.expose();
    Sha256::new()
        .chain_update(label)
        .chain_update(secret)
        .finalize()
        .into()
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
