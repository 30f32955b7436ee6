//! Blinded names: tags that stand for a path segment or an indexed value in a record key.
//!
//! ```text
//! tag = generation u8 ‖ first 16 bytes of HMAC-SHA-256 (index key, message)               RFC 2104
//! entry message = "vault entry tag v1" ‖ parent id u64 ‖ u32 length ‖ segment
//! index message = "vault index tag v1" ‖ u32 length ‖ index ‖ u32 length ‖ value
//! ```
//! The generation is the index key's term, modulo 256: during a re-index both are looked up. Equal
//! values under one index have equal tags; that equality is what a stolen disk shows of them.

use super::mac::{hmac, length};
use super::ring::Term;
use super::secret::IndexKey;

/// Bytes of a tag.
pub const TAG_BYTES: usize = 17;

/// What goes into a record key.
pub type Tag = [u8; TAG_BYTES];

const ENTRY: &[u8] = b"vault entry tag v1";
const INDEX: &[u8] = b"vault index tag v1";

/// The tag of a segment below a folder.
pub fn entry_tag(term: &Term<IndexKey>, parent: u64, segment: &str) -> Tag {
    let (parent, long) = (parent.to_be_bytes(), length(segment.len()));
    tag(term, &[ENTRY, &parent, &long, segment.as_bytes()])
}

/// The tag of a value in an index, such as "secrets by tag".
pub fn index_tag(term: &Term<IndexKey>, index: &str, value: &[u8]) -> Tag {
    let (name, long) = (length(index.len()), length(value.len()));
    tag(term, &[INDEX, &name, index.as_bytes(), &long, value])
}

fn tag(term: &Term<IndexKey>, message: &[&[u8]]) -> Tag {
    // EXPOSE: into HMAC, which wipes its state
    let mac = hmac(term.key().expose(), message);
    let [generation, ..] = term.number().to_le_bytes();
    let mut tag = [generation; TAG_BYTES];
    tag.iter_mut()
        .skip(1)
        .zip(mac)
        .for_each(|(out, byte)| *out = byte);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(number: u32) -> Term<IndexKey> {
        Term::new(number, 0, IndexKey::from_slice(&[0x11; 32]).unwrap())
    }

    #[test]
    fn tags_are_golden() {
        assert_eq!(
            hex::encode(entry_tag(&term(1), 7, "password")),
            "012ec28cdf04a68c12354fe5fc0017eb67"
        );
        assert_eq!(
            hex::encode(index_tag(&term(258), "tag", b"team=db")),
            "027ad3740c65384abb99c0cb7f3c556e50"
        );
    }

    #[test]
    fn parent_segment_index_and_value_all_count() {
        let tags = [
            entry_tag(&term(1), 7, "password"),
            entry_tag(&term(1), 8, "password"),
            entry_tag(&term(1), 7, "passwore"),
            entry_tag(&term(1), 7, ""),
            index_tag(&term(1), "tag", b"password"),
            index_tag(&term(1), "ab", b"c"),
            index_tag(&term(1), "a", b"bc"),
        ];
        for (at, tag) in tags.iter().enumerate() {
            assert!(!tags[..at].contains(tag), "{at}");
        }
    }

    #[test]
    fn the_generation_leads_and_follows_the_term() {
        assert_eq!(entry_tag(&term(1), 7, "a")[0], 1);
        assert_eq!(entry_tag(&term(258), 7, "a")[0], 2);
        assert_eq!(
            entry_tag(&term(1), 7, "a")[1..],
            entry_tag(&term(2), 7, "a")[1..]
        );
        let other = Term::new(1, 0, IndexKey::from_slice(&[0x12; 32]).unwrap());
        assert_ne!(entry_tag(&term(1), 7, "a"), entry_tag(&other, 7, "a"));
    }
}
