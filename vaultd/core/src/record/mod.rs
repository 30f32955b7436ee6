//! Sealed records: the one thing that is stored and replicated.
//!
//! A record is a [`Key`] of opaque ordered bytes, a [`Revision`], and sealed bytes. A
//! [`Transaction`] checks revisions and writes records; a [`Batch`] of them, signed by the leader, is
//! one log entry. What a record means is known to the engines only.

mod batch;
mod calendar;
mod key;
pub mod once;
mod sealing;
mod transaction;
mod tx;
mod view;

#[cfg(test)]
mod tests;

pub use batch::{Batch, BatchError, FORMAT as BATCH_FORMAT, Outcome};
pub(crate) use calendar::Marker;
pub use calendar::{Calendar, Due, DueItems};
pub use key::{Key, KeyError, Kind, MAX_KEY_BYTES};
pub use sealing::{Changes, kept_in, opens, reseal, rewrap, terms_of, wrap_for};
pub use transaction::{Check, Record, Revision, Transaction, Write};
pub use tx::{Document, IdBlock, Opened, ReadSet, RecordError, Tx};
pub use view::{Mem, Page, View, ViewError};
