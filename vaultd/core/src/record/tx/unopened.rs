//! Keys and numbers of records that nobody opens. Like what is peeked at they are not remembered as checks.

use super::{RecordError, Tx};
use crate::record::Key;

impl Tx<'_> {
    /// Keys under a prefix, in key order.
    ///
    /// # Errors
    /// When the store fails.
    pub fn peek_keys(
        &self,
        prefix: &[u8],
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Key>, RecordError> {
        let page = self.view.scan(prefix, after, limit)?;
        Ok(page.into_iter().map(|(key, _)| key).collect())
    }

    /// How many records lie under a prefix, `limit` at most.
    ///
    /// # Errors
    /// When the store fails.
    pub fn peek_count(&self, prefix: &[u8], limit: usize) -> Result<usize, RecordError> {
        Ok(self.view.count(prefix, limit)?)
    }
}
