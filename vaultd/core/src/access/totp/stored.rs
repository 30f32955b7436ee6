//! A user's authenticators, as stored.
//!
//! ```text
//! Factors ‖ user                         → names, states, what sort of codes          voter class
//! Authenticator ‖ user ‖ authenticator   → seed, last step, drift                     voter class
//! ```
//! The first is what keeps their number: reading it binds a transaction to it. Each seed has a record of its
//! own, bound to user and authenticator like every record to its place. No list opens it.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::{Parameters, track::Track};
use crate::{
    crypto::{envelope::Class, secret::Seed},
    record::{Document, Key, Kind, RecordError, Tx},
};

/// Whether an authenticator counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum State {
    /// Not before a first valid code, which is due until then (milliseconds since the epoch).
    #[n(0)]
    Pending {
        /// When it is over.
        #[n(0)]
        until: u64,
    },
    /// It counts.
    #[n(1)]
    Active {
        /// When its first code came.
        #[n(0)]
        since: u64,
    },
}

/// What may be known of an authenticator: no secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Listed {
    /// Grows; never used again.
    #[n(0)]
    pub id: u64,
    /// As its owner calls it.
    #[cbor(n(1), with = "crate::crypto::pad")]
    pub name: String,
    /// What sort of codes it shows.
    #[n(2)]
    pub parameters: Parameters,
    /// In milliseconds since the epoch.
    #[n(3)]
    pub created_at: u64,
    /// Whether it counts.
    #[n(4)]
    pub state: State,
}

impl Listed {
    pub(super) fn is_active(&self) -> bool {
        matches!(self.state, State::Active { .. })
    }

    pub(super) fn is_over(&self, now: u64) -> bool {
        matches!(self.state, State::Pending { until } if now >= until)
    }
}

/// All of one user.
#[derive(Debug, Default, Encode, Decode)]
pub(super) struct Factors {
    #[n(0)]
    pub(super) listed: Vec<Listed>,
    /// When an administrator took all of them away, or the user his last one.
    #[n(1)]
    pub(super) reset_at: Option<u64>,
}

impl Document for Factors {
    const CLASS: Class = Class::Voter;
}

impl Factors {
    pub(super) fn of(tx: &mut Tx<'_>, user: u64) -> Result<Self, RecordError> {
        Ok(tx.get(&Self::key(user))?.unwrap_or_default())
    }

    pub(super) fn key(user: u64) -> Key {
        Key::new(Kind::Factors, &[&user.to_be_bytes()])
    }

    pub(super) fn active(&self) -> impl Iterator<Item = &Listed> {
        self.listed.iter().filter(|listed| listed.is_active())
    }

    /// Takes out those that are meant, with their seeds; returns how many there were.
    pub(super) fn take_out(
        &mut self,
        tx: &mut Tx<'_>,
        user: u64,
        meant: impl Fn(&Listed) -> bool,
    ) -> usize {
        let before = self.listed.len();
        for gone in self.listed.iter().filter(|listed| meant(listed)) {
            tx.delete(Authenticator::key(user, gone.id));
        }
        self.listed.retain(|listed| !meant(listed));
        before - self.listed.len()
    }
}

/// What checks codes. Never read through the cache of opened documents, which lives long.
#[derive(Debug, Encode, Decode)]
pub(super) struct Authenticator {
    #[cbor(n(0), encode_with = "put_seed", decode_with = "take_seed")]
    pub(super) seed: Seed,
    #[n(1)]
    pub(super) track: Track,
}

impl Document for Authenticator {
    const CLASS: Class = Class::Voter;
}

impl Authenticator {
    pub(super) fn key(user: u64, id: u64) -> Key {
        Key::new(
            Kind::Authenticator,
            &[&user.to_be_bytes(), &id.to_be_bytes()],
        )
    }

    /// The one that the list names, whose seed must be there and fit.
    pub(super) fn of(tx: &mut Tx<'_>, user: u64, listed: &Listed) -> Result<Self, RecordError> {
        let key = Self::key(user, listed.id);
        tx.get::<Self>(&key)?
            .filter(|found| listed.parameters.fit(&found.seed))
            .ok_or(RecordError::Damaged(key))
    }

    pub(super) fn put(&self, tx: &mut Tx<'_>, user: u64, id: u64) -> Result<(), RecordError> {
        tx.put(Self::key(user, id), self)
    }
}

fn put_seed<C, W: encode::Write>(
    seed: &Seed,
    encoder: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), encode::Error<W::Error>> {
    // EXPOSE: into the document, which is sealed and wiped
    encoder.bytes(seed.expose())?.ok()
}

fn take_seed<C>(decoder: &mut Decoder<'_>, _: &mut C) -> Result<Seed, decode::Error> {
    decoder.bytes().map(Seed::copy_of)
}
