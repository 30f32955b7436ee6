//! What a node holds while it is unsealed, and only then: the keyring and what was opened with it.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use vault_core::crypto::keyring::{HOME_REGION, Keyring, KeyringError, record_generation};
use vault_core::record::{Key, Opened, Revision, View};

use super::seals::keyring_key;

/// Bytes of opened documents (entries, heads, sessions; never values) that are kept.
const OPENED_BYTES: u64 = 8 << 20;
/// What a cached document costs beside its bytes.
const OVERHEAD: u64 = 256;

/// The keys and everything that was opened with them; dropped as one when the node is sealed.
pub(super) struct Unsealed {
    keyring: Keyring,
    opened: Documents,
    since: u64,
}

impl Unsealed {
    /// Unsealed at `now`, in milliseconds since the epoch.
    pub(super) fn new(keyring: Keyring, now: u64) -> Self {
        Self {
            keyring,
            opened: Documents::new(),
            since: now,
        }
    }

    pub(super) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    pub(super) fn opened(&self) -> &dyn Opened {
        &self.opened
    }

    /// Forgets opened documents: revisions that were in flight may be given again.
    pub(super) fn forget(&self) {
        self.opened.0.clear();
    }

    /// When the node was unsealed.
    pub(super) fn since(&self) -> u64 {
        self.since
    }
}

impl std::fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unsealed")
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// The one place where the keys are, shared by all requests. Empty: sealed.
#[derive(Clone, Default)]
pub(super) struct Keys(Arc<Shared>);

#[derive(Default)]
struct Shared {
    current: ArcSwapOption<Unsealed>,
    /// The next generation while it is being stored; kept while it is not known whether it was.
    offered: Mutex<Option<Offered>>,
    /// Why the node sealed itself, and whether that was told.
    fell: Mutex<Option<(KeyringError, bool)>>,
}

struct Offered {
    record: Bytes,
    keyring: Keyring,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// The keys, for the time of one request.
    pub(super) fn load(&self) -> Option<Arc<Unsealed>> {
        self.0.current.load_full()
    }

    /// Unseals.
    pub(super) fn set(&self, unsealed: Unsealed) {
        self.share(Arc::new(unsealed));
    }

    /// Unseals with keys that are in use already.
    pub(super) fn share(&self, unsealed: Arc<Unsealed>) {
        *lock(&self.0.fell) = None;
        self.0.current.store(Some(unsealed));
    }

    /// Seals: hands out the last keys, which are wiped when the requests that still use them end.
    pub(super) fn clear(&self) -> Option<Arc<Unsealed>> {
        let last = self.0.current.swap(None);
        *lock(&self.0.offered) = None;
        last
    }

    /// Holds the next generation ready, under the record that is about to be stored.
    pub(super) fn offer(&self, record: Bytes, keyring: Keyring) {
        *lock(&self.0.offered) = Some(Offered { record, keyring });
    }

    /// What was offered was surely not stored.
    pub(super) fn withdraw(&self) {
        *lock(&self.0.offered) = None;
    }

    /// Takes up the stored keyring where it is newer than the one in memory: that it was stored may not have been
    /// known, or another node did it. A node that cannot open it seals itself, because it would go on under
    /// keys that are no longer those of the cluster.
    pub(super) fn follow(&self, state: &dyn View) {
        let Some(region) = self.load().map(|now| now.keyring().region()) else {
            return;
        };
        match state.get(&keyring_key(region)) {
            Ok(Some(record)) => self.follow_record(&record.sealed),
            Ok(None) if region != HOME_REGION => {
                let _offered = lock(&self.0.offered);
                if let Some(now) = self.load() {
                    self.fall(&now, KeyringError::Revoked);
                }
            }
            Ok(None) | Err(_) => {}
        }
    }

    /// The same with the record in hand.
    pub(super) fn follow_record(&self, stored: &Bytes) {
        // INVARIANT: generations change under this lock only, so that two who follow do not mistake one another.
        let mut offered = lock(&self.0.offered);
        let Some(now) = self.load() else {
            return;
        };
        let newer = record_generation(stored)
            .is_ok_and(|generation| generation > now.keyring().generation());
        if !newer {
            return;
        }
        let ready = offered.take_if(|offered| offered.record == *stored);
        let next = match ready {
            Some(offered) => Ok(offered.keyring),
            None => now.keyring().reload(stored),
        };
        match next {
            Ok(next) => {
                let next = Arc::new(Unsealed::new(next, now.since()));
                // One that was sealed meanwhile stays sealed.
                self.0.current.compare_and_swap(&Some(now), Some(next));
            }
            Err(error) => self.fall(&now, error),
        }
    }

    /// The node seals itself, unless other keys are in use meanwhile.
    fn fall(&self, now: &Arc<Unsealed>, error: KeyringError) {
        let current = &self.0.current;
        let was = current.compare_and_swap(&Some(Arc::clone(now)), None);
        if was.as_ref().is_some_and(|was| Arc::ptr_eq(was, now)) {
            tracing::error!(%error, "the stored keyring cannot be taken up: the node seals itself");
            *lock(&self.0.fell) = Some((error, false));
        }
    }

    /// Why the node sealed itself, if it did.
    pub(super) fn fell(&self) -> Option<KeyringError> {
        lock(&self.0.fell).map(|(why, _)| why)
    }

    /// The same, to the first who asks.
    pub(super) fn fell_untold(&self) -> Option<KeyringError> {
        let mut fell = lock(&self.0.fell);
        let (why, told) = fell.as_mut().filter(|(_, told)| !told)?;
        *told = true;
        Some(*why)
    }
}

/// What these guard is whole whenever it can be seen.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
struct Document {
    revision: Revision,
    content: Arc<dyn Any + Send + Sync>,
    bytes: u64,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Document> for Weight {
    fn weight(&self, key: &Key, document: &Document) -> u64 {
        u64::try_from(key.as_bytes().len()).unwrap_or_default() + document.bytes + OVERHEAD
    }
}

struct Documents(Cache<Key, Document, Weight>);

impl Documents {
    fn new() -> Self {
        Self(Cache::with_weighter(8192, OPENED_BYTES, Weight))
    }
}

impl Opened for Documents {
    fn get(&self, key: &Key, revision: Revision) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0
            .get(key)
            .filter(|document| document.revision == revision)
            .map(|document| document.content)
    }

    fn put(
        &self,
        key: &Key,
        revision: Revision,
        document: Arc<dyn Any + Send + Sync>,
        bytes: usize,
    ) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.0.insert(
            key.clone(),
            Document {
                revision,
                content: document,
                bytes,
            },
        );
    }
}
