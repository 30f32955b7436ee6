//! Keys that were read before: reading a set takes longer than most signatures do, and whoever sends garbage under the
//! name of an issuer shall not have it done each time.
//!
//! A set is known by its issuer and by a revision of it, which another set never has: who changes the keys changes that
//! number. Of each issuer the last one is kept, and of no more than [`MOST`] issuers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::keys::{Keys, KeysError};

/// Issuers of whom keys are kept: a set may take a hundred KiB.
const MOST: usize = 64;

/// Keys of issuers.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    sets: BTreeMap<u64, Set>,
    /// Grows with each look.
    looks: u64,
}

#[derive(Debug)]
struct Set {
    revision: u64,
    keys: Arc<Keys>,
    looked_at: u64,
}

impl Known {
    /// The keys of an issuer at that revision, read if they were not.
    ///
    /// # Errors
    /// When the text is no set of keys; that is found anew each time.
    pub(super) fn read(
        &self,
        (issuer, revision): (u64, u64),
        text: &str,
    ) -> Result<Arc<Keys>, KeysError> {
        if let Some(keys) = self.find(issuer, revision) {
            return Ok(keys);
        }
        let keys = Arc::new(Keys::parse(text)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever is slow does not put older keys in the place of newer ones: they are only never found again.
        let newer = kept
            .sets
            .get(&issuer)
            .is_some_and(|set| set.revision > revision);
        if !newer {
            kept.put(issuer, revision, Arc::clone(&keys));
        }
        Ok(keys)
    }

    fn find(&self, issuer: u64, revision: u64) -> Option<Arc<Keys>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.looks += 1;
        let now = kept.looks;
        let set = kept.sets.get_mut(&issuer)?;
        if set.revision != revision {
            return None;
        }
        set.looked_at = now;
        Some(Arc::clone(&set.keys))
    }
}

impl Kept {
    fn put(&mut self, issuer: u64, revision: u64, keys: Arc<Keys>) {
        if self.sets.len() >= MOST && !self.sets.contains_key(&issuer) {
            let oldest = self.sets.iter().min_by_key(|(_, set)| set.looked_at);
            if let Some(oldest) = oldest.map(|(issuer, _)| *issuer) {
                self.sets.remove(&oldest);
            }
        }
        let looked_at = self.looks;
        let set = Set {
            revision,
            keys,
            looked_at,
        };
        self.sets.insert(issuer, set);
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _};
    use serde_json::json;

    use super::*;

    fn set() -> String {
        use base64::Engine as _;
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let x = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(pair.der_bytes());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x}]}).to_string()
    }

    #[test]
    fn a_set_is_read_once_until_its_issuer_has_another() {
        let known = Known::default();
        let first = known.read((1, 1), &set()).unwrap();
        let again = known.read((1, 1), "not looked at").unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert!(known.read((1, 2), "no set").is_err());
        assert!(known.read((2, 1), "no set").is_err());
        let next = known.read((1, 2), &set()).unwrap();
        assert!(!Arc::ptr_eq(&first, &next));
        // One who still asks by the number of before gets what he brings, and puts it in nobody's way.
        let late = known.read((1, 1), &set()).unwrap();
        assert!(!Arc::ptr_eq(&first, &late));
        let still = known.read((1, 2), "not looked at").unwrap();
        assert!(Arc::ptr_eq(&next, &still));
    }

    #[test]
    fn so_many_sets_are_kept_and_the_one_that_was_asked_for_least_lately_goes() {
        let (known, text) = (Known::default(), set());
        let count = u64::try_from(MOST).unwrap();
        for issuer in 0..count {
            known.read((issuer, 1), &text).unwrap();
        }
        known.read((0, 1), "not looked at").unwrap();
        known.read((count, 1), &text).unwrap();
        assert_eq!(known.0.lock().unwrap().sets.len(), MOST);
        assert!(known.read((0, 1), "not looked at").is_ok());
        assert!(known.read((1, 1), "read again").is_err());
    }
}
