//! What a node holds while it is unsealed, and only then: the keyring and what was opened with it.

use std::any::Any;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use vault_core::crypto::keyring::Keyring;
use vault_core::record::{Key, Opened, Revision};

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
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(Arc<ArcSwapOption<Unsealed>>);

impl Keys {
    /// The keys, for the time of one request.
    pub(super) fn load(&self) -> Option<Arc<Unsealed>> {
        self.0.load_full()
    }

    /// Unseals, or moves on to a new generation.
    pub(super) fn set(&self, unsealed: Unsealed) {
        self.0.store(Some(Arc::new(unsealed)));
    }

    /// Unseals with keys that are in use already.
    pub(super) fn share(&self, unsealed: Arc<Unsealed>) {
        self.0.store(Some(unsealed));
    }

    /// Moves on from one generation to the next. A node that was sealed meanwhile stays sealed.
    pub(super) fn advance(&self, from: &Arc<Unsealed>, next: Unsealed) {
        self.0
            .compare_and_swap(&Some(Arc::clone(from)), Some(Arc::new(next)));
    }

    /// Seals: hands out the last keys, which are wiped when the requests that still use them end.
    pub(super) fn clear(&self) -> Option<Arc<Unsealed>> {
        self.0.swap(None)
    }
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
