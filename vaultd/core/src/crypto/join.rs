//! Invitations to nodes: what lets one node ask to join, 256 random bits.
//!
//! ```text
//! text     = "vlj_" ‖ …, as a token's                                                   bearer
//! checksum = first 4 bytes of SHA-256 ("vault join checksum v1" ‖ secret)
//! hash     = SHA-256 ("vault join v1" ‖ secret)
//! ```
//! The store knows the hash only. It opens nothing: whoever is invited asks, and people approve the key that he shows.

use super::bearer::{self, Bearer, Flaw};
use super::secret::{JoinSecret, JoinText};

const TEXT: Bearer = Bearer {
    prefix: "vlj_",
    checksum: b"vault join checksum v1",
};

/// Why a text is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Another prefix, length or alphabet.
    #[error("an invitation ends in `vlj_` and 48 characters of base64url: it was cut, or is none")]
    Shape,
    /// It was mistyped or cut and pasted badly.
    #[error("the invitation has a typo: its checksum does not match")]
    Checksum,
}

/// The text to hand over, once.
pub fn to_text(invitation: &JoinSecret) -> JoinText {
    // EXPOSE: into the text, which is a secret of its own
    JoinText::from(TEXT.write(invitation.expose()))
}

/// Reads an invitation's text.
///
/// # Errors
/// When it is none, or has a typo. Whether it is known is another question.
pub fn parse(text: &str) -> Result<JoinSecret, JoinError> {
    let secret = TEXT.read(text).map_err(|flaw| match flaw {
        Flaw::Shape => JoinError::Shape,
        Flaw::Checksum => JoinError::Checksum,
    })?;
    JoinSecret::from_slice(secret.as_slice()).map_err(|_| JoinError::Shape)
}

/// What an invitation is known by.
pub fn hash(invitation: &JoinSecret) -> [u8; 32] {
    // EXPOSE: into SHA-256, which wipes its state
    bearer::hash(b"vault join v1", invitation.expose())
}

#[cfg(test)]
mod tests {
    use super::super::entropy::Seeded;
    use super::super::secret::TokenSecret;
    use super::super::token;
    use super::*;

    #[test]
    fn an_invitation_reads_back_and_one_that_was_cut_or_changed_is_refused() {
        let made = JoinSecret::make(&mut Seeded::new(1));
        let text = to_text(&made);
        let text = text.expose();
        assert!(parse(text).unwrap().ct_eq(&made));
        for end in 0..text.len() {
            assert_eq!(
                parse(text.get(..end).unwrap()).unwrap_err(),
                JoinError::Shape
            );
        }
        let last = if text.ends_with('A') { "B" } else { "A" };
        for at in 4..text.len() {
            let mut typo = text.to_owned();
            let put = if typo.get(at..=at) == Some(last) {
                "z"
            } else {
                last
            };
            typo.replace_range(at..=at, put);
            assert!(parse(&typo).is_err(), "{at}");
        }
    }

    #[test]
    fn a_token_is_no_invitation() {
        let token = token::to_text(&TokenSecret::make(&mut Seeded::new(1)));
        assert_eq!(parse(token.expose()).unwrap_err(), JoinError::Shape);
        let renamed = token.expose().replace("vlt_", "vlj_");
        assert_eq!(parse(&renamed).unwrap_err(), JoinError::Checksum);
    }
}
