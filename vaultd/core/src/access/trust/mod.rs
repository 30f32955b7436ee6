//! Issuers whose word is taken for who a program is, and what they must say for which service.
//!
//! ```text
//! Issuer   0 ‖ issuer id                → whom to believe, and for how long
//! Keys     1 ‖ issuer id                → the public keys that its tokens are signed with, if they are not fetched
//! Binding  issuer id ‖ service id       → what a token must say to be that service
//! ```
//! All of it is in the guarded collection of what decides who may do what. Whoever is meant is meant by id: a
//! service, or an issuer, that is made under a name of before is bound to nothing of before. Signatures are not
//! looked at here: [`arrive_by_token`] takes a [`Vouched`], and checks that it was verified by the keys that are in
//! force.

mod arrive;
mod claims;

use minicbor::{Decode, Encode};

pub(crate) use arrive::of_issuer as bindings_of;
pub use arrive::{TrustRefusal, Vouched, arrive_by_token};
pub use claims::{Claim, ClaimError, Wanted};

use crate::{
    crypto::envelope::Class,
    record::{Document, Key, Kind, RecordError, Tx},
};

/// Whose tokens are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Issuer {
    /// What administrators call it.
    #[n(0)]
    pub name: String,
    /// For people to read.
    #[n(1)]
    pub description: String,
    /// `iss`, to the letter.
    #[n(2)]
    pub issuer: String,
    /// One of them must be in `aud`, to the letter.
    #[n(3)]
    pub audiences: Vec<String>,
    /// Signature algorithms; empty: all that its keys are fit for.
    #[n(4)]
    pub algorithms: Vec<String>,
    /// Oldest token, in milliseconds.
    #[n(5)]
    pub max_age: u64,
    /// Another number: other keys, or other rules.
    #[n(6)]
    pub generation: u64,
    /// Milliseconds since the epoch.
    #[n(7)]
    pub created_at: u64,
    /// Milliseconds since the epoch.
    #[n(8)]
    pub updated_at: u64,
    /// Where its keys are fetched; `None`: they are stored.
    #[n(9)]
    pub jwks_url: Option<String>,
}

/// The keys of an issuer: a JWK set, as it was checked when it was stored.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct IssuerKeys {
    /// The text.
    #[n(0)]
    pub jwks: String,
}

/// What a token of an issuer must say to be a service: any one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Binding {
    #[n(0)]
    pub(crate) any_of: Vec<Wanted>,
}

impl Document for Issuer {
    const CLASS: Class = Class::Shared;
}

impl Document for IssuerKeys {
    const CLASS: Class = Class::Shared;
}

impl Document for Binding {
    const CLASS: Class = Class::Shared;
}

impl Issuer {
    pub(crate) fn all() -> Key {
        Key::new(Kind::Issuer, &[&[0]])
    }

    pub(crate) fn key(id: u64) -> Key {
        Key::new(Kind::Issuer, &[&[0], &id.to_be_bytes()])
    }
}

impl IssuerKeys {
    pub(crate) fn key(id: u64) -> Key {
        Key::new(Kind::Issuer, &[&[1], &id.to_be_bytes()])
    }
}

impl Binding {
    pub(crate) fn of(issuer: u64) -> Key {
        Key::new(Kind::Bound, &[&issuer.to_be_bytes()])
    }

    pub(crate) fn key(issuer: u64, service: u64) -> Key {
        Key::new(
            Kind::Bound,
            &[&issuer.to_be_bytes(), &service.to_be_bytes()],
        )
    }
}

/// The last id of a key.
pub(crate) fn last_id(key: &Key) -> Option<u64> {
    key.ids().last_chunk().map(|id| u64::from_be_bytes(*id))
}

/// All issuers that are believed.
///
/// # Errors
/// When the store fails.
pub fn issuers(tx: &mut Tx<'_>) -> Result<Vec<(u64, Issuer)>, RecordError> {
    let found = tx.see_all::<Issuer>(&Issuer::all())?;
    let found = found.into_iter();
    Ok(found
        .filter_map(|(key, issuer)| Some((last_id(&key)?, (*issuer).clone())))
        .collect())
}

/// The keys of one.
///
/// # Errors
/// When the store fails.
pub fn issuer_keys(tx: &mut Tx<'_>, id: u64) -> Result<Option<String>, RecordError> {
    let keys = tx.see::<IssuerKeys>(&IssuerKeys::key(id))?;
    Ok(keys.map(|keys| keys.jwks.clone()))
}

/// Ends every binding of a service: once it is deleted.
pub(crate) fn forget_service(tx: &mut Tx<'_>, service: u64) -> Result<(), RecordError> {
    for (issuer, _) in issuers(tx)? {
        let key = Binding::key(issuer, service);
        if tx.see::<Binding>(&key)?.is_some() {
            tx.delete(key);
        }
    }
    Ok(())
}
