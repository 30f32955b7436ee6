//! Labelled HMAC-SHA-256 (RFC 2104, RFC 4231): what stands for a value where the value must not.
//!
//! ```text
//! audit mac = HMAC-SHA-256 (audit key, "vault audit v1" ‖ u32 length ‖ label ‖ data)
//! body mac  = HMAC-SHA-256 (voter record key, "vault request body v1" ‖ digest of the body)
//! ```

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::secret::{AuditKey, RecordKey};

const LABEL: &[u8] = b"vault audit v1";
const BODY: &[u8] = b"vault request body v1";

/// A value's stand-in in the audit log: equal for equal values under one label and term of the key.
pub fn audit_mac(key: &AuditKey, label: &str, data: &[u8]) -> [u8; 32] {
    // EXPOSE: into HMAC, which wipes its state
    let key = key.expose();
    hmac(key, &[LABEL, &length(label.len()), label.as_bytes(), data])
}

/// What stands for a request's body where replicas read, of which some may not open the values in it: who has the
/// key could guess them.
pub fn body_mac(voter: &RecordKey, digest: &[u8; 32]) -> [u8; 32] {
    // EXPOSE: into HMAC, which wipes its state
    hmac(voter.expose(), &[BODY, digest])
}

/// HMAC over parts that the caller has made unambiguous.
#[expect(clippy::expect_used, reason = "RFC 2104 §2: a key may have any length")]
pub(super) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// A length prefix. INVARIANT: labels, segments and indexed values are far shorter than `u32::MAX`.
pub(super) fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(label: &str, data: &[u8]) -> String {
        let key = AuditKey::from_slice(&[0xaa; 32]).unwrap();
        hex::encode(audit_mac(&key, label, data))
    }

    #[test]
    fn the_stand_in_is_golden() {
        assert_eq!(
            mac("token", b"value"),
            "e050ef46fd1f18c019d95617a83923f9e6e27e780d6111ff016b9d5ea8a1306d"
        );
    }

    #[test]
    fn the_stand_in_of_a_body_is_golden_and_of_its_key_and_digest() {
        let body = |key: u8, digest: u8| {
            let key = RecordKey::from_slice(&[key; 32]).unwrap();
            hex::encode(body_mac(&key, &[digest; 32]))
        };
        assert_eq!(
            body(0xaa, 1),
            "25bc6c0dcce646bb5bc14e6c52adeaac0eb7f7c304b62ce14f87a57afe10725c"
        );
        assert_ne!(body(0xaa, 1), body(0xab, 1));
        assert_ne!(body(0xaa, 1), body(0xaa, 2));
    }

    #[test]
    fn label_data_and_key_all_count() {
        let base = mac("token", b"value");
        assert_ne!(base, mac("tokens", b"value"));
        assert_ne!(base, mac("token", b"valuf"));
        assert_ne!(
            mac("ab", b"c"),
            mac("a", b"bc"),
            "the label is length-prefixed"
        );
        let other = AuditKey::from_slice(&[0xab; 32]).unwrap();
        assert_ne!(base, hex::encode(audit_mac(&other, "token", b"value")));
    }
}
