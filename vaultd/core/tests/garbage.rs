//! Bytes that nobody wrote: every reader of stored or typed bytes refuses them and returns.

use proptest::collection::vec;
use proptest::prelude::{any, prop_assert, proptest};
use vault_core::crypto::entropy::Entropy;
use vault_core::crypto::envelope::{self, Class, Place};
use vault_core::crypto::keyring::{HOME_REGION, Keyring, record_generation};
use vault_core::crypto::secret::{RecordKey, RootKey, Share};
use vault_core::crypto::shamir::Split;
use vault_core::crypto::slots::{SealHeader, make};
use vault_core::crypto::unseal::{ShareError, Unsealing};
use vault_core::crypto::wrap::{self, WrapPlace};
use vault_core::crypto::{sign, token};

const CLUSTER: [u8; 16] = [0xc1; 16];

/// Bytes that count up: reproducible, and good enough where nothing is kept secret.
struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 = self.0.wrapping_mul(5).wrapping_add(3);
            *byte = self.0;
        }
    }
}

proptest! {
    #[test]
    fn stored_garbage_is_refused(mut bytes in vec(any::<u8>(), 0..700), first in 0..3_u8) {
        // half the time past the format byte
        if let Some(byte) = bytes.first_mut() {
            *byte = first;
        }
        let key = RecordKey::make(&mut Counting(1));
        let root = RootKey::make(&mut Counting(2));
        let keyring = Keyring::make(&root, CLUSTER, &mut Counting(3), 0);
        let place = Place {
            cluster: &CLUSTER,
            tenant: 0,
            class: Class::Shared,
            scope: 0,
            term: 1,
            key: &bytes,
        };
        prop_assert!(envelope::open(&key, &place, &bytes).is_err());
        prop_assert!(keyring.shared().open(&place, &bytes).is_err());
        prop_assert!(Keyring::from_record(&root, &CLUSTER, HOME_REGION, &bytes).is_err());
        prop_assert!(keyring.reload(&bytes).is_err());
        prop_assert!(SealHeader::from_record(&bytes).is_err());
        let place = WrapPlace { tenant: 0, scope: 0, key: b"key" };
        prop_assert!(wrap::unwrap(&keyring, &place, &bytes).is_err());
        prop_assert!(wrap::rewrap(&keyring, &place, &bytes, &mut Counting(4)).is_err());
        // these read what is not verified yet: any answer will do, a panic will not
        drop((envelope::header(&bytes), record_generation(&bytes), wrap::terms(&bytes)));
    }

    #[test]
    fn typed_garbage_is_refused(text in ".{0,200}", symbols in "[0-9A-Za-z -]{90,150}") {
        let seal = make(CLUSTER, 1, Split::DEFAULT, &[], &mut Counting(5));
        let header = seal.map(|seal| seal.header);
        for typed in [text.clone(), format!("vault-share-{symbols}"), format!("vlt_{text}")] {
            prop_assert!(token::parse(&typed).is_err());
            if let Ok(header) = &header {
                let mut unsealing = Unsealing::new(header.clone());
                let entered = unsealing.enter(&Share::copy_of(&typed));
                prop_assert!(matches!(entered, Err(ShareError::Malformed)));
                prop_assert!(unsealing.cancel(&Share::from(typed)).is_err());
            }
        }
        prop_assert!(header.is_ok());
    }

    #[test]
    fn random_signatures_are_refused(
        public in any::<[u8; 32]>(),
        digest in any::<[u8; 32]>(),
        halves in any::<[[u8; 32]; 2]>(),
    ) {
        let mut signature = [0; 64];
        signature.copy_from_slice(halves.as_flattened());
        prop_assert!(!sign::verify(&public, &digest, &signature));
    }
}
