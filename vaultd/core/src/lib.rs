//! The pure core of the vault: names, crypto, records, access, engines.
//!
//! Nothing here does I/O, awaits, reads a clock or draws randomness of its own: time and entropy are
//! parameters, state comes through [`record::View`], effects leave as a [`record::Transaction`].
//!
//! | rank | module | what lives there |
//! |---|---|---|
//! | 0 | [`name`] | paths, globs, fields, labels, names of users, ids, time: one canonical form each |
//! | 1 | [`crypto`] | envelope, keyring, seal slots, shares, signatures, secret types |
//! | 2 | [`record`] | keys, transactions, log batches, views, `Tx`, sealing |
//! | 3 | [`access`] | sessions, callers, policies, grants; passwords, lockout, second factors, one-time codes |
//! | 4 | [`engine`] | secrets, identity, sharing, random values; engines never import one another |

pub mod access;
pub mod crypto;
pub mod engine;
pub mod name;
pub mod record;
