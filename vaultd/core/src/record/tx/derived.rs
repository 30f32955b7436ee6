//! Reading guarded collections: whoever is bound to a collection need not be bound to its records.

use std::sync::Arc;

use super::{Document, RecordError, Tx};
use crate::record::{Key, Revision};

/// What a worked-out fact costs a cache, beside what it was worked out from.
const DERIVED_BYTES: usize = 512;

impl Tx<'_> {
    /// A document of a guarded collection, for looking at it: from the cache of opened documents where it can. The
    /// transaction is bound to the collection, and so not to the record. Sees this transaction's own writes.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn see<D: Document>(&mut self, key: &Key) -> Result<Option<Arc<D>>, RecordError> {
        match key.collection() {
            Some(collection) => self.guard(collection)?,
            None => return self.read(key),
        }
        if self.writes.contains_key(key) {
            return Ok(self.look(key)?.map(Arc::new));
        }
        let Some(record) = self.view.get(key)? else {
            return Ok(None);
        };
        self.opened_before(key, &record).map(Some)
    }

    /// Keys and documents of a guarded collection under a prefix, all of them, in key order. Sees this
    /// transaction's own writes.
    ///
    /// # Errors
    /// As [`Tx::get`].
    pub fn see_all<D: Document>(
        &mut self,
        prefix: &Key,
    ) -> Result<Vec<(Key, Arc<D>)>, RecordError> {
        const PAGE: usize = 512;
        if let Some(collection) = prefix.collection() {
            self.guard(collection)?;
        }
        let mut found = std::collections::BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.view.scan(prefix.as_bytes(), after.as_ref(), PAGE)?;
            let full = page.len() == PAGE;
            after = page.last().map(|(key, _)| key.clone());
            for (key, record) in page {
                if !self.writes.contains_key(&key) {
                    let document = self.opened_before(&key, &record)?;
                    found.insert(key, document);
                }
            }
            if !full {
                break;
            }
        }
        let own: Vec<Key> = self.writes.keys().cloned().collect();
        for key in own {
            if key.as_bytes().starts_with(prefix.as_bytes())
                && let Some(document) = self.look(&key)?
            {
                found.insert(key, Arc::new(document));
            }
        }
        Ok(found.into_iter().collect())
    }

    /// What follows from a guarded collection as a whole, worked out once for each state of it. `key` names the
    /// fact; it is of the collection, and no record's.
    ///
    /// # Errors
    /// What `make` fails with.
    pub fn derived<T: Send + Sync + 'static>(
        &mut self,
        key: &Key,
        make: impl FnOnce(&mut Self) -> Result<T, RecordError>,
    ) -> Result<Arc<T>, RecordError> {
        let own = |written: &Key| written.collection() == key.collection();
        let opened = self.opened.filter(|_| !self.writes.keys().any(own));
        let (Some(collection), Some(opened)) = (key.collection(), opened) else {
            return make(self).map(Arc::new);
        };
        self.guard(collection)?;
        let guarded = self.reads.collections.iter();
        let generation = guarded
            .filter(|(id, _)| *id == collection)
            .map(|(_, generation)| *generation)
            .next()
            .unwrap_or_default();
        let known = opened.get(key, generation);
        if let Some(known) = known.and_then(|known| known.downcast::<T>().ok()) {
            return Ok(known);
        }
        // What is read from here on may be of a later state: then this transaction's own check fails, and
        // everyone after it asks for a later generation.
        let fact = Arc::new(make(self)?);
        opened.put(key, generation, Arc::<T>::clone(&fact), DERIVED_BYTES);
        Ok(fact)
    }

    /// What follows from nothing but what `key` is made of a hash of: worked out once, while there is room to keep it.
    /// No record lies under such a key.
    pub fn remembered<T: Send + Sync + 'static>(
        &self,
        key: &Key,
        make: impl FnOnce() -> Option<T>,
    ) -> Option<Arc<T>> {
        let known = self
            .opened
            .and_then(|opened| opened.get(key, Revision::ZERO));
        if let Some(known) = known.and_then(|known| known.downcast::<T>().ok()) {
            return Some(known);
        }
        let fact = Arc::new(make()?);
        if let Some(opened) = self.opened {
            opened.put(key, Revision::ZERO, Arc::<T>::clone(&fact), DERIVED_BYTES);
        }
        Some(fact)
    }

    /// A document, opened now or before.
    pub(super) fn opened_before<D: Document>(
        &self,
        key: &Key,
        record: &crate::record::Record,
    ) -> Result<Arc<D>, RecordError> {
        let cached = self
            .opened
            .and_then(|opened| opened.get(key, record.revision));
        if let Some(document) = cached.and_then(|document| document.downcast::<D>().ok()) {
            return Ok(document);
        }
        let document = Arc::new(self.open::<D>(key, record)?);
        if let Some(opened) = self.opened {
            opened.put(
                key,
                record.revision,
                Arc::<D>::clone(&document),
                record.sealed.len(),
            );
        }
        Ok(document)
    }
}
