//! Tokens of sessions that no record is kept of: what the session is, and a signature.
//!
//! ```text
//! text      = "vlg_" ‖ base64url (region u16 ‖ term u32 ‖ body ‖ signature [64] ‖ checksum [4])       RFC 4648 §5
//! signature = of a session (sign), over cluster [16] ‖ region u16 ‖ term u32 ‖ body
//! checksum  = first 4 bytes of SHA-256 ("vault signed token checksum v1" ‖ what stands before it)
//! ```
//! Region and term say which key signed. The body is for whoever signs to give a meaning to; it is not hidden from the
//! holder of the token. Nothing of it is read before the signature was found good.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::bearer::hash;
use super::secret::{LogSigningKey, TokenText};
use super::sign;

/// What every such token begins with.
pub const PREFIX: &str = "vlg_";
/// Longest body, in bytes.
pub const MAX_BODY: usize = 1024;

const LABEL: &[u8] = b"vault signed token checksum v1";
const HEAD: usize = 2 + 4;
const SIGNATURE: usize = 64;
const CHECKSUM: usize = 4;
/// Longest text: four characters for every three bytes.
const MAX_TEXT: usize = PREFIX.len() + (HEAD + MAX_BODY + SIGNATURE + CHECKSUM).div_ceil(3) * 4;

/// Why a text is not such a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// Another prefix, length or alphabet.
    #[error("a signed token is `vlg_` and base64url, of at most {MAX_TEXT} characters")]
    Shape,
    /// It was mistyped or cut and pasted badly.
    #[error("the token has a typo: its checksum does not match")]
    Checksum,
}

/// A token whose signature nobody has looked at.
pub struct Signed {
    region: u16,
    term: u32,
    body: Zeroizing<Vec<u8>>,
    signature: Zeroizing<[u8; SIGNATURE]>,
}

/// Tokens stay out of logs.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signed(..)")
    }
}

/// Signs a body with a term of a region's key. `None` for one that is too long.
pub fn to_text(
    key: &LogSigningKey,
    cluster: &[u8; 16],
    (region, term): (u16, u32),
    body: &[u8],
) -> Option<TokenText> {
    if body.len() > MAX_BODY {
        return None;
    }
    let (region, term) = (region.to_be_bytes(), term.to_be_bytes());
    let signature = sign::sign_session(key, &[cluster, &region, &term, body]);
    let length = HEAD + body.len() + SIGNATURE + CHECKSUM;
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    for part in [&region[..], &term, body, &signature] {
        bytes.extend_from_slice(part);
    }
    let sum = sum(&bytes);
    bytes.extend_from_slice(&sum);
    let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(&bytes));
    let mut text = String::with_capacity(PREFIX.len() + encoded.len());
    text.push_str(PREFIX);
    text.push_str(&encoded);
    Some(TokenText::from(text))
}

impl Signed {
    /// Reads a token's text. Nothing is verified but its checksum.
    ///
    /// # Errors
    /// When it is none, or has a typo.
    pub fn parse(text: &str) -> Result<Self, SignedError> {
        if text.len() > MAX_TEXT {
            return Err(SignedError::Shape);
        }
        let encoded = text.strip_prefix(PREFIX).ok_or(SignedError::Shape)?;
        let bytes = Base64UrlUnpadded::decode_vec(encoded).map_err(|_| SignedError::Shape)?;
        let bytes = Zeroizing::new(bytes);
        let (signed, given) = bytes
            .split_last_chunk::<CHECKSUM>()
            .ok_or(SignedError::Shape)?;
        let (head, rest) = signed
            .split_first_chunk::<HEAD>()
            .ok_or(SignedError::Shape)?;
        let (body, signature) = rest
            .split_last_chunk::<SIGNATURE>()
            .ok_or(SignedError::Shape)?;
        if !bool::from(sum(signed).ct_eq(given)) {
            return Err(SignedError::Checksum);
        }
        let [r0, r1, term @ ..] = *head;
        Ok(Self {
            region: u16::from_be_bytes([r0, r1]),
            term: u32::from_be_bytes(term),
            body: Zeroizing::new(body.to_vec()),
            signature: Zeroizing::new(*signature),
        })
    }

    /// By which term of which region's key it says to be signed.
    pub fn key(&self) -> (u16, u32) {
        (self.region, self.term)
    }

    /// Stands for this token, as [`Signed::body`] is asked about it: equal for no other question.
    pub fn question(&self, public: &[u8; 32], cluster: &[u8; 16]) -> [u8; 32] {
        let (region, term) = (self.region.to_be_bytes(), self.term.to_be_bytes());
        let mut hasher = blake3::Hasher::new_derive_key("vault signed token question v1");
        // All but the last have one length.
        let parts: [&[u8]; 6] = [
            public,
            cluster,
            &region,
            &term,
            &*self.signature,
            &self.body,
        ];
        for part in parts {
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }

    /// The body, if the holder of `public` signed it for this cluster.
    pub fn body(&self, public: &[u8; 32], cluster: &[u8; 16]) -> Option<&[u8]> {
        let (region, term) = (self.region.to_be_bytes(), self.term.to_be_bytes());
        let parts: [&[u8]; 4] = [cluster, &region, &term, &self.body];
        sign::verify_session(public, &parts, &self.signature).then_some(&**self.body)
    }
}

fn sum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let [a, b, c, d, ..] = hash(LABEL, bytes);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::super::entropy::Seeded;
    use super::super::secret::TokenSecret;
    use super::super::token;
    use super::*;

    const CLUSTER: [u8; 16] = [0xc1; 16];

    fn key(byte: u8) -> LogSigningKey {
        LogSigningKey::from_slice(&[byte; 32]).unwrap()
    }

    fn text(body: &[u8]) -> TokenText {
        to_text(&key(0x51), &CLUSTER, (1, 7), body).unwrap()
    }

    fn public(byte: u8) -> [u8; 32] {
        sign::public(&key(byte))
    }

    /// The token of these bytes, with the checksum that goes with them.
    fn of_bytes(signed: &[u8]) -> String {
        let bytes = [signed, &sum(signed)].concat();
        format!("{PREFIX}{}", Base64UrlUnpadded::encode_string(&bytes))
    }

    fn bytes_of(text: &TokenText) -> Vec<u8> {
        let encoded = text.expose().strip_prefix(PREFIX).unwrap();
        let mut bytes = Base64UrlUnpadded::decode_vec(encoded).unwrap();
        bytes.truncate(bytes.len() - CHECKSUM);
        bytes
    }

    #[test]
    fn the_text_is_golden() {
        let expected = [
            "vlg_AAEAAAAHYm9keVHaD1w7fpDktAgfd0aCuw9vIG8MjT2z8-wbEimrc1r7L5_twuJ8tyeSpZNg",
            "-pyrVImI3ND15HUYI3tmg8_kQwFYWuPw",
        ];
        assert_eq!(text(b"body").expose(), expected.concat());
    }

    #[test]
    fn a_token_reads_back_for_the_cluster_and_the_key_that_it_was_signed_for() {
        for body in [&b""[..], b"body", &[0xa5; MAX_BODY]] {
            let signed = Signed::parse(text(body).expose()).unwrap();
            assert_eq!(signed.key(), (1, 7));
            assert_eq!(signed.body(&public(0x51), &CLUSTER), Some(body));
            assert_eq!(signed.body(&public(0x52), &CLUSTER), None);
            assert_eq!(signed.body(&public(0x51), &[0xc2; 16]), None);
        }
    }

    #[test]
    fn every_flipped_bit_is_refused_even_under_a_right_checksum() {
        let whole = bytes_of(&text(b"body"));
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let signed = Signed::parse(&of_bytes(&changed)).unwrap();
            assert_eq!(signed.body(&public(0x51), &CLUSTER), None, "bit {bit}");
        }
    }

    #[test]
    fn a_signature_of_a_log_entry_signs_no_session() {
        // The longest body that, with what stands before it, is as long as an entry's digest.
        let body = [0xdd; 10];
        let mut digest = Vec::new();
        for part in [&CLUSTER[..], &[0, 1], &[0, 0, 0, 7], &body] {
            digest.extend_from_slice(part);
        }
        let digest: [u8; 32] = digest.try_into().unwrap();
        let signature = sign::sign(&key(0x51), &digest);
        let forged = [&[0, 1][..], &[0, 0, 0, 7], &body, &signature].concat();
        let signed = Signed::parse(&of_bytes(&forged)).unwrap();
        assert_eq!(signed.body(&public(0x51), &CLUSTER), None);
        let session = sign::sign_session(&key(0x51), &[&digest]);
        assert!(!sign::verify(&public(0x51), &digest, &session));
    }

    #[test]
    fn no_two_questions_about_tokens_are_the_same() {
        let signed = |body: &[u8]| Signed::parse(text(body).expose()).unwrap();
        let (one, other) = (signed(b"body"), signed(b"bodz"));
        let asked = one.question(&public(0x51), &CLUSTER);
        assert_eq!(asked, signed(b"body").question(&public(0x51), &CLUSTER));
        let mut changed = bytes_of(&text(b"body"));
        *changed.last_mut().unwrap() ^= 1;
        let forged = Signed::parse(&of_bytes(&changed)).unwrap();
        let others = [
            other.question(&public(0x51), &CLUSTER),
            one.question(&public(0x52), &CLUSTER),
            one.question(&public(0x51), &[0xc2; 16]),
            forged.question(&public(0x51), &CLUSTER),
        ];
        assert!(!others.contains(&asked));
    }

    #[test]
    fn typos_are_refused_and_so_is_every_other_length_prefix_and_alphabet() {
        let whole = text(b"body");
        let whole = whole.expose();
        for end in 0..whole.len() {
            assert!(Signed::parse(whole.get(..end).unwrap()).is_err(), "{end}");
        }
        for at in 0..whole.len() {
            for typed in ['A', 'b', '7', '-', '+', ' ', '=', 'é'] {
                let mut chars: Vec<char> = whole.chars().collect();
                if chars[at] != typed {
                    chars[at] = typed;
                    let typo: String = chars.into_iter().collect();
                    assert!(Signed::parse(&typo).is_err(), "{at} {typed}");
                }
            }
        }
        for other in [
            format!("{whole}A"),
            format!(" {whole}"),
            format!("{whole}\n"),
        ] {
            assert!(Signed::parse(&other).is_err(), "{other:?}");
        }
        assert!(Signed::parse(&whole.replace(PREFIX, "vlt_")).is_err());
    }

    #[test]
    fn what_is_too_long_is_neither_signed_nor_looked_at() {
        assert!(to_text(&key(0x51), &CLUSTER, (1, 7), &[0; MAX_BODY + 1]).is_none());
        let long = [[0; MAX_BODY + 1 + HEAD + SIGNATURE].as_slice()].concat();
        assert_eq!(
            Signed::parse(&of_bytes(&long)).unwrap_err(),
            SignedError::Shape
        );
        let short = [0; HEAD + SIGNATURE - 1];
        assert_eq!(
            Signed::parse(&of_bytes(&short)).unwrap_err(),
            SignedError::Shape
        );
        assert_eq!(text(&[0; MAX_BODY]).expose().len(), MAX_TEXT);
    }

    #[test]
    fn no_token_of_another_kind_is_one() {
        let token = token::to_text(&TokenSecret::make(&mut Seeded::new(1)));
        assert!(Signed::parse(token.expose()).is_err());
        assert!(Signed::parse(&token.expose().replace("vlt_", PREFIX)).is_err());
        assert!(token::parse(text(b"body").expose()).is_err());
    }
}
