//! A known answer for the envelope, which is the vault's own construction.

use vault_core::crypto::entropy::Entropy;
use vault_core::crypto::envelope::{self, Class, Place};
use vault_core::crypto::secret::RecordKey;

/// Hex, spaces allowed; what is no hex becomes nothing, which is not expected.
fn unhex(listing: &str) -> Vec<u8> {
    hex::decode(listing.replace([' ', '\n'], "")).unwrap_or_default()
}

/// Gives the nonce that it holds.
struct Nonce(Vec<u8>);

impl Entropy for Nonce {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

/// Computed by a Python script of its own: hashlib and hmac for RFC 5869, the cipher written out from RFC 8439
/// and the XChaCha draft, the associated data put together as the head of `envelope.rs` says.
#[test]
fn an_envelope_commits_and_seals_as_another_implementation_does() {
    let key = RecordKey::from_slice(&(0..32).collect::<Vec<u8>>()).unwrap();
    let place = Place {
        cluster: &[0xc1; 16],
        tenant: 7,
        class: Class::Shared,
        scope: 3,
        term: 9,
        key: b"record key",
    };
    let expected = unhex(
        "010102000300000009
         404142434445464748494a4b4c4d4e4f5051525354555657
         ec099604c9cfb69abde3d5f64fb602de69c5478a2c5e5ffa91bdbdd762e88d47
         cc90985b7864239ccae22fd1c3531e23e4a5c193fc19304791e53425
         e8ccb3a3846a2ffec788cf783ecaa2cf",
    );
    let plain = b"correct horse battery staple";
    let nonce = &mut Nonce((0x40..0x58).collect());
    assert_eq!(envelope::seal(&key, &place, nonce, plain), expected);
    let opened = envelope::open(&key, &place, &expected).unwrap();
    assert_eq!(opened.expose(), plain);
    // No byte of the commitment may be another, though cipher and tag are as they were.
    for at in 33..65 {
        let mut other = expected.clone();
        other[at] ^= 1;
        assert!(envelope::open(&key, &place, &other).is_err(), "byte {at}");
    }
}
