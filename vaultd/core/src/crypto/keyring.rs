//! A region's keyring: every long-lived key, random, with terms of its own.
//!
//! ```text
//! record   = format u8 ‖ generation u64 ‖ wrapped [113] ‖ sealed
//! wrapped  = envelope (root key, class Root, key "wrapping key" ‖ region u16, plain = wrapping key)
//! sealed   = envelope (wrapping key, class Keyring, key "keyring" ‖ region u16 ‖ generation u64, plain = terms)
//! terms    = 2 ‖ count u16 ‖ (region u16 ‖ wrapping key [32] ‖ wrapped [113])…
//!              ‖ (role u8 ‖ region u16 ‖ term u32 ‖ created u64 ‖ key [32])…
//!          | 1 ‖ (role …)…                                          before there were regions but home
//! ```
//! Integers are big-endian; envelopes have scope and term 0. The root key wraps the wrapping key only: a
//! new generation is sealed without it, so the root key is wiped once the keyring is open. Nothing here
//! is derived from the root key, or it could not rotate.
//!
//! Home's keyring holds every key there is ([`home`]). Another region's holds what a node there needs to answer:
//! the shared record key, the index and the audit key, and its own KEK. It is written by home, under that region's
//! wrapping key, whenever home's own changes. What it does not hold, it cannot open, sign or hand out: a record that
//! says otherwise is damaged.
//!
//! A keyring is a value: rotation returns the next generation, which shares the old terms' memory and
//! counters, so readers of the old one are not disturbed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use self::home::Home;
use super::entropy::Entropy;
use super::ring::{Ring, Term};
use super::secret::{AuditKey, IndexKey, Kek, LogSigningKey, RecordKey, RootKey, WrappingKey};

mod home;
mod record;
#[cfg(test)]
mod tests;

pub use record::{KeyringError, record_generation};

/// The region that holds every region's KEK.
pub const HOME_REGION: u16 = 1;

/// A region's keys. See the module for how it is stored.
#[derive(Debug)]
pub struct Keyring {
    generation: u64,
    cluster: [u8; 16],
    region: u16,
    wrapping: Arc<WrappingKey>,
    /// The wrapping key under the root key, kept so that the record is written without the root key.
    wrapped: Vec<u8>,
    keys: Keys,
    /// Of values, whose data keys have no term.
    failed_values: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Keys {
    shared: Ring<RecordKey>,
    index: Ring<IndexKey>,
    keks: BTreeMap<u16, Ring<Kek>>,
    audit: Ring<AuditKey>,
    /// In home's keyring, and in no other.
    home: Option<Home>,
}

/// Names one key of a keyring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Seals voter-class records.
    Voter,
    /// Seals shared-class records of scope 0.
    Shared,
    /// Keys directory and index tags.
    Index,
    /// Wraps the data keys of a region.
    Kek(u16),
    /// Signs log entries.
    LogSigning,
    /// Keys the HMACs of the audit log.
    Audit,
}

/// What a rotation gives a new term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    /// Every key but the index key: its tags are looked up, so it rotates with a re-index only.
    All,
    /// One key.
    One(Role),
}

/// Why a term was not made or destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// No such key, or no such term of it.
    #[error("the keyring has no such key or term")]
    Unknown,
    /// The active term seals; rotate first.
    #[error("the active term of a key cannot be destroyed")]
    Active,
    /// Term numbers are used up.
    #[error("a key has no more terms")]
    Exhausted,
    /// The number is home's, or one that a region has or had.
    #[error("the keyring has a key of that region already")]
    Taken,
    /// A region's keyring is written by home.
    #[error("only the home region's keyring is changed")]
    NotHome,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Voter => "voter",
            Self::Shared => "shared",
            Self::Index => "index",
            Self::Kek(_) => "kek",
            Self::LogSigning => "log-signing",
            Self::Audit => "audit",
        })
    }
}

/// The first term of a ring.
macro_rules! fresh {
    ($key:ident, $entropy:expr, $now:expr) => {
        Ring::first(Term::new(1, $now, $key::make($entropy)))
    };
}

impl Keyring {
    /// Home's first keyring: one term of every key, and no other region.
    pub fn make(root: &RootKey, cluster: [u8; 16], entropy: &mut dyn Entropy, now_ms: u64) -> Self {
        let region = HOME_REGION;
        let wrapping = Arc::new(WrappingKey::make(entropy));
        let wrapped = record::wrap(root, &wrapping, &cluster, region, entropy);
        let voter = fresh!(RecordKey, entropy, now_ms);
        Self {
            generation: 1,
            cluster,
            region,
            wrapping,
            wrapped,
            keys: Keys {
                shared: fresh!(RecordKey, entropy, now_ms),
                index: fresh!(IndexKey, entropy, now_ms),
                keks: BTreeMap::from([(region, fresh!(Kek, entropy, now_ms))]),
                home: Some(Home {
                    voter,
                    log_signing: fresh!(LogSigningKey, entropy, now_ms),
                    regions: BTreeMap::new(),
                }),
                audit: fresh!(AuditKey, entropy, now_ms),
            },
            failed_values: Arc::default(),
        }
    }

    /// Grows by one with every change.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The cluster that the keys belong to.
    pub fn cluster(&self) -> &[u8; 16] {
        &self.cluster
    }

    /// The region that holds the keyring.
    pub fn region(&self) -> u16 {
        self.region
    }

    /// Whether it is home's, which holds every key.
    pub fn is_home(&self) -> bool {
        self.keys.home.is_some()
    }

    /// Seals voter-class records. In home's keyring only.
    pub fn voter(&self) -> Option<&Ring<RecordKey>> {
        self.keys.home.as_ref().map(|home| &home.voter)
    }

    /// Seals shared-class records of scope 0.
    pub fn shared(&self) -> &Ring<RecordKey> {
        &self.keys.shared
    }

    /// Keys directory and index tags.
    pub fn index(&self) -> &Ring<IndexKey> {
        &self.keys.index
    }

    /// Wraps the data keys of a region.
    pub fn kek(&self, region: u16) -> Option<&Ring<Kek>> {
        self.keys.keks.get(&region)
    }

    /// Every region whose KEK is here, in order.
    pub fn keks(&self) -> impl Iterator<Item = (u16, &Ring<Kek>)> {
        self.keys.keks.iter().map(|(region, ring)| (*region, ring))
    }

    /// Signs log entries, and sessions that no record is kept of. In home's keyring only. Whoever rotates it publishes
    /// the new public half in the state.
    pub fn log_signing(&self) -> Option<&Ring<LogSigningKey>> {
        self.keys.home.as_ref().map(|home| &home.log_signing)
    }

    /// How often something did not open, under the terms that are here or under a data key, since the process unsealed:
    /// damage, or tampering. Terms that were destroyed take their count along.
    pub fn failed_opens(&self) -> u64 {
        let Keys { shared, keks, .. } = &self.keys;
        let values = self.failed_values.load(Ordering::Relaxed);
        let wraps: u64 = keks.values().map(Ring::failed_opens).sum();
        let voter = self.voter().map_or(0, Ring::failed_opens);
        values + wraps + voter + shared.failed_opens()
    }

    /// A value did not open under its data key.
    pub(crate) fn count_failed_value(&self) {
        self.failed_values.fetch_add(1, Ordering::Relaxed);
    }

    /// Keys the HMACs of the audit log.
    pub fn audit(&self) -> &Ring<AuditKey> {
        &self.keys.audit
    }

    /// The next generation, with new terms.
    ///
    /// # Errors
    /// [`TermError::Unknown`] for the KEK of a region that is not here; [`TermError::NotHome`].
    pub fn rotate(
        &self,
        which: Rotate,
        entropy: &mut dyn Entropy,
        now_ms: u64,
    ) -> Result<Self, TermError> {
        let mut keys = self.changing()?;
        match which {
            Rotate::One(role) => keys.rotate(role, entropy, now_ms)?,
            Rotate::All => {
                let roles = [Role::Voter, Role::Shared, Role::LogSigning, Role::Audit];
                let regions = self.keys.keks.keys().map(|region| Role::Kek(*region));
                for role in roles.into_iter().chain(regions) {
                    keys.rotate(role, entropy, now_ms)?;
                }
            }
        }
        Ok(self.next(keys))
    }

    /// The next generation, without some older terms. Whether anything still names them, the caller knows.
    ///
    /// # Errors
    /// When one of them is active, or not there; nothing is destroyed then. [`TermError::NotHome`].
    pub fn destroy_terms(&self, terms: &[(Role, u32)]) -> Result<Self, TermError> {
        let mut keys = self.changing()?;
        for (role, term) in terms {
            keys.destroy(*role, *term)?;
        }
        Ok(self.next(keys))
    }

    /// The next generation, under a new root key and a new wrapping key.
    ///
    /// The wrapping key changes too: the old root key and an old disk give away the old one.
    ///
    /// # Errors
    /// [`TermError::NotHome`].
    pub fn rekey(&self, root: &RootKey, entropy: &mut dyn Entropy) -> Result<Self, TermError> {
        let keys = self.changing()?;
        let wrapping = Arc::new(WrappingKey::make(entropy));
        let wrapped = record::wrap(root, &wrapping, &self.cluster, self.region, entropy);
        Ok(Self {
            wrapping,
            wrapped,
            ..self.next(keys)
        })
    }

    /// The keys, to be changed for the next generation.
    fn changing(&self) -> Result<Keys, TermError> {
        if self.is_home() {
            Ok(self.keys.share())
        } else {
            Err(TermError::NotHome)
        }
    }

    fn next(&self, keys: Keys) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            cluster: self.cluster,
            region: self.region,
            wrapping: Arc::clone(&self.wrapping),
            wrapped: self.wrapped.clone(),
            keys,
            failed_values: Arc::clone(&self.failed_values),
        }
    }
}

impl Keys {
    fn share(&self) -> Self {
        let keks = self
            .keks
            .iter()
            .map(|(region, ring)| (*region, ring.share()));
        Self {
            shared: self.shared.share(),
            index: self.index.share(),
            keks: keks.collect(),
            audit: self.audit.share(),
            home: self.home.as_ref().map(Home::share),
        }
    }

    fn rotate(
        &mut self,
        role: Role,
        entropy: &mut dyn Entropy,
        now_ms: u64,
    ) -> Result<(), TermError> {
        match role {
            Role::Voter => advance(&mut self.home()?.voter, now_ms, RecordKey::make(entropy)),
            Role::Shared => advance(&mut self.shared, now_ms, RecordKey::make(entropy)),
            Role::Index => advance(&mut self.index, now_ms, IndexKey::make(entropy)),
            Role::Kek(region) => {
                let ring = self.keks.get_mut(&region).ok_or(TermError::Unknown)?;
                advance(ring, now_ms, Kek::make(entropy))
            }
            Role::LogSigning => {
                let ring = &mut self.home()?.log_signing;
                advance(ring, now_ms, LogSigningKey::make(entropy))
            }
            Role::Audit => advance(&mut self.audit, now_ms, AuditKey::make(entropy)),
        }
    }

    fn home(&mut self) -> Result<&mut Home, TermError> {
        self.home.as_mut().ok_or(TermError::NotHome)
    }

    fn destroy(&mut self, role: Role, term: u32) -> Result<(), TermError> {
        match role {
            Role::Voter => drop_term(&mut self.home()?.voter, term),
            Role::Shared => drop_term(&mut self.shared, term),
            Role::Index => drop_term(&mut self.index, term),
            Role::Kek(region) => {
                drop_term(self.keks.get_mut(&region).ok_or(TermError::Unknown)?, term)
            }
            Role::LogSigning => drop_term(&mut self.home()?.log_signing, term),
            Role::Audit => drop_term(&mut self.audit, term),
        }
    }
}

fn advance<K>(ring: &mut Ring<K>, now_ms: u64, key: K) -> Result<(), TermError> {
    let number = ring.active().number();
    let number = number.checked_add(1).ok_or(TermError::Exhausted)?;
    *ring = ring.and(Term::new(number, now_ms, key));
    Ok(())
}

fn drop_term<K>(ring: &mut Ring<K>, number: u32) -> Result<(), TermError> {
    if ring.active().number() == number {
        return Err(TermError::Active);
    }
    ring.get(number).ok_or(TermError::Unknown)?;
    *ring = ring.without(number);
    Ok(())
}
