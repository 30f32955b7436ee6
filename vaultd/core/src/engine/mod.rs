//! Engines: what the vault does, as functions over a [`crate::record::Tx`]. They never import one another.

pub mod cluster;
pub mod identity;
pub mod random;
pub mod secrets;
pub mod sharing;
