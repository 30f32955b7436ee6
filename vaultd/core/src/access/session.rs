//! Sessions: from a token to the one who calls.
//!
//! A session is looked up by a labelled hash of its token, so the store holds no token and a look-up
//! tells nothing by its timing. Unknown, expired and ended tokens are one answer. A restore from a backup ends
//! every session that the backup holds: one that was ended since must not come back.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder, bytes::ByteArray, decode, encode};

use super::{ActionGlob, KeyHash, StoredPolicy, limits::Places, policy::Tags, totp::Elevation};
use crate::{
    crypto::{envelope::Class, secret::TokenSecret, token},
    name::FolderPath,
    record::{Document, Key, Kind, Tx},
};

/// The hash of a token: what transactions carry in place of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Of a token.
    pub fn of(token: &TokenSecret) -> Self {
        Self(token::lookup_hash(token))
    }

    pub(super) fn key(&self) -> Key {
        Key::new(Kind::Session, &[&self.0])
    }

    /// Where the session is listed as its principal's.
    pub(super) fn owned_by(&self, principal: u64) -> Key {
        Key::new(Kind::Owned, &[&principal.to_be_bytes(), &self.0])
    }

    /// Of a session that no record is kept of: nothing lies under it.
    pub(super) fn of_signed(accessor: &str) -> Self {
        Self(blake3::derive_key(
            "vault signed session v1",
            accessor.as_bytes(),
        ))
    }

    /// From bytes that [`TokenHash::as_bytes`] gave.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A name for the session that opens nothing.
    pub(super) fn accessor(&self) -> String {
        let derived = blake3::derive_key("vault session accessor v1", &self.0);
        let half = derived
            .first_chunk()
            .map_or(0, |half| u128::from_be_bytes(*half));
        format!("{:020x}", half >> 48)
    }
}

impl<C> Encode<C> for TokenHash {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for TokenHash {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, decode::Error> {
        ByteArray::decode(d, context).map(|hash| Self(hash.into()))
    }
}

/// Tokens stay out of logs, and so do their hashes.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

/// A session, as stored.
#[derive(Clone, Debug, Encode, Decode)]
pub struct Session {
    #[n(0)]
    pub(super) principal: u64,
    #[n(1)]
    pub(super) accessor: String,
    #[n(2)]
    pub(super) created_at: u64,
    /// `None`: never.
    #[n(3)]
    pub(super) expires_at: Option<u64>,
    /// `None`: all; an empty list would be none.
    #[n(4)]
    pub(super) actions: Option<Vec<ActionGlob>>,
    /// `None`: everywhere.
    #[n(5)]
    pub(super) under: Option<FolderPath>,
    /// In which life of the cluster it was made.
    #[n(6)]
    pub(super) incarnation: u64,
    /// The principal's number when it was made: another one ends it.
    #[n(7)]
    #[cbor(default)]
    pub(super) epoch: u64,
    /// The session that it was exchanged from, and ends with.
    #[n(8)]
    pub(super) parent: Option<TokenHash>,
    /// When a second factor was shown, and which.
    #[n(9)]
    #[cbor(default)]
    pub(super) elevation: Elevation,
    /// Whose rights it has in place of the principal's.
    #[n(10)]
    pub(super) role: Option<Assumed>,
    /// The most that this session may do, beside its principal's policies.
    #[n(11)]
    pub(super) policies: Option<Vec<StoredPolicy>>,
    /// Of one that ends early unless it is renewed.
    #[n(12)]
    pub(super) renewal: Option<Renewal>,
    /// How often it can be used yet. `None`: as often as one likes.
    #[n(13)]
    pub(super) uses: Option<u64>,
    /// From where it can be used. `None`: from everywhere.
    #[n(14)]
    pub(super) places: Option<Places>,
    /// Good for enrolling a second factor only, until one was shown.
    #[n(15)]
    #[cbor(default)]
    pub(super) enrols: bool,
    /// Who alone can use it. `None`: whoever has its token.
    #[n(16)]
    pub(super) holder: Option<Holder>,
    /// By what a program was known: [`credential`].
    #[n(17)]
    pub(super) credential: Option<u64>,
    /// It lies nowhere: its token says all of this. Never of one that was read from a record.
    #[cbor(skip)]
    pub(super) signed: bool,
}

/// With which key a session was made, and can be used: its token alone opens nothing (RFC 8705 section 3, by key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Holder {
    #[n(0)]
    pub(super) key: KeyHash,
    /// The number of the pin, without which it ends.
    #[n(1)]
    pub(super) pin: u64,
}

/// A number for what proved a program to be a service: no principal has one like it, so that sessions can be listed by
/// it as by their owners.
pub(super) fn credential(service: u64, by: &str) -> u64 {
    let derived = blake3::Hasher::new_derive_key("vault session credential v1")
        .update(&service.to_be_bytes())
        .update(by.as_bytes())
        .finalize();
    let half = derived.as_bytes().first_chunk();
    half.map_or(0, |half| u64::from_be_bytes(*half)) | NOBODYS
}

/// Ids of principals are far below it.
const NOBODYS: u64 = 1 << 63;

/// How a session is renewed. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Renewal {
    /// How long it goes on after it was renewed.
    #[n(0)]
    pub(super) idle: u64,
    /// When it ends, however often it is renewed.
    #[n(1)]
    pub(super) until: u64,
}

/// A role that a session has assumed.
#[derive(Clone, Debug, Encode, Decode)]
pub struct Assumed {
    #[n(0)]
    pub(super) role: u64,
    /// The role's number when it was assumed.
    #[n(1)]
    pub(super) epoch: u64,
    /// What whoever assumed it called the session.
    #[n(2)]
    pub(super) name: String,
    #[n(3)]
    pub(super) tags: Tags,
}

impl Renewal {
    /// When a session ends that is renewed now.
    pub(super) fn from(self, now: u64) -> u64 {
        now.saturating_add(self.idle).min(self.until)
    }
}

impl Assumed {
    /// The session's name, which whoever assumed the role gave it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Document for Session {
    const CLASS: Class = Class::Shared;
}

impl Session {
    /// Of a principal, with nothing taken away from what it may do, and no second factor shown.
    pub(super) fn of(
        tx: &Tx<'_>,
        token: &TokenHash,
        (principal, epoch): (u64, u64),
        expires_at: Option<u64>,
    ) -> Self {
        Self {
            principal,
            accessor: token.accessor(),
            created_at: tx.now(),
            expires_at,
            actions: None,
            under: None,
            incarnation: tx.incarnation(),
            epoch,
            parent: None,
            elevation: Elevation::NONE,
            role: None,
            policies: None,
            renewal: None,
            uses: None,
            places: None,
            enrols: false,
            holder: None,
            credential: None,
            signed: false,
        }
    }

    /// Whether no record of it is kept: it is in no list, and ends by its time or with all others of its principal.
    pub fn is_signed(&self) -> bool {
        self.signed
    }

    /// Names the session; opens nothing.
    pub fn accessor(&self) -> &str {
        &self.accessor
    }

    /// Milliseconds since the epoch.
    pub fn created_at(&self) -> u64 {
        self.created_at
    }

    /// Milliseconds since the epoch; `None`: the initial token, which does not expire.
    pub fn expires_at(&self) -> Option<u64> {
        self.expires_at
    }

    /// Milliseconds since the epoch: the end that no renewal moves.
    pub fn ends_at(&self) -> Option<u64> {
        self.renewal.map_or(self.expires_at, |how| Some(how.until))
    }

    /// How long it goes on without being renewed, in milliseconds; `None`: it is not to be renewed.
    pub fn idle(&self) -> Option<u64> {
        self.renewal.map(|how| how.idle)
    }

    /// How often it can be used yet; `None`: as often as one likes.
    pub fn uses(&self) -> Option<u64> {
        self.uses
    }

    /// From where it can be used; `None`: from everywhere.
    pub fn places(&self) -> Option<&Places> {
        self.places.as_ref()
    }

    /// The key without which it cannot be used; `None`: its token is enough.
    pub fn key(&self) -> Option<&KeyHash> {
        self.holder.as_ref().map(|holder| &holder.key)
    }

    /// The role that it has the rights of.
    pub fn role(&self) -> Option<&Assumed> {
        self.role.as_ref()
    }

    /// When a second factor was shown, and which.
    pub fn elevation(&self) -> Elevation {
        self.elevation
    }

    /// Whether policies of its own limit it.
    pub fn has_policies(&self) -> bool {
        self.policies.is_some()
    }

    /// Whether it is good for enrolling a second factor, and for nothing else until that is done.
    pub fn only_enrols(&self) -> bool {
        self.enrols && !self.elevation.present()
    }

    /// Whose it is: its principal's and its role's.
    pub(super) fn owners(&self) -> impl Iterator<Item = u64> + use<> {
        let role = self.role.as_ref().map(|assumed| assumed.role);
        std::iter::once(self.principal).chain(role)
    }

    /// In which lists it stands: its owners', and that of what it was made with.
    pub(super) fn lists(&self) -> impl Iterator<Item = u64> + use<> {
        self.owners().chain(self.credential)
    }

    /// Whether it can do less than its principal, or something else.
    pub(super) fn is_narrowed(&self) -> bool {
        self.role.is_some()
            || self.actions.is_some()
            || self.under.is_some()
            || self.policies.is_some()
    }

    /// Whether it has ended: by its time, or because the cluster was restored from a backup since it was
    /// made. The initial token is a credential and not a session: it ends by neither.
    pub(super) fn has_ended(&self, tx: &Tx<'_>) -> bool {
        self.expires_at
            .is_some_and(|end| tx.now() >= end || self.incarnation != tx.incarnation())
    }

    /// The actions that the session is narrowed to; `None`: all of its principal's.
    pub fn actions(&self) -> Option<&[ActionGlob]> {
        self.actions.as_deref()
    }

    /// The folder that the session is narrowed to.
    pub fn under(&self) -> Option<&FolderPath> {
        self.under.as_ref()
    }
}
