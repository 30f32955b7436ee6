//! Sessions: from a token to the one who calls.
//!
//! A session is looked up by a labelled hash of its token, so the store holds no token and a look-up
//! tells nothing by its timing. Unknown, expired and ended tokens are one answer. A restore from a backup ends
//! every session that the backup holds: one that was ended since must not come back.

use std::{fmt, sync::Arc};

use minicbor::{Decode, Encode};

use super::{Action, ActionGlob, Resource};
use crate::{
    crypto::{envelope::Class, secret::TokenSecret, token},
    name::{FolderPath, SecretPath},
    record::{Document, Key, Kind, RecordError, Tx},
};

/// The guarded collection of principals and what they may do.
const PRINCIPALS: u8 = (Kind::Principal as u8) >> 4;

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
}

impl Document for Session {
    const CLASS: Class = Class::Shared;
}

impl Session {
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

/// Someone who can call.
#[derive(Debug, Encode, Decode)]
pub(super) struct Principal {
    #[n(0)]
    pub(super) name: String,
    /// May do everything.
    #[n(1)]
    pub(super) administrator: bool,
    #[n(2)]
    pub(super) created_at: u64,
}

impl Document for Principal {
    const CLASS: Class = Class::Shared;
}

impl Principal {
    pub(super) fn key(id: u64) -> Key {
        Key::new(Kind::Principal, &[&id.to_be_bytes()])
    }
}

/// Someone whose token was good, in the transaction that read it.
pub struct Caller {
    pub(super) token: TokenHash,
    pub(super) session: Arc<Session>,
    principal: Arc<Principal>,
}

/// Why nobody is calling.
#[derive(Debug, thiserror::Error)]
pub enum Unauthenticated {
    /// The token is unknown, has expired or was ended: one answer for all.
    #[error("the token is not valid")]
    Token,
    /// The store could not say.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// From a token to its caller. The session and the collection of principals become checks of the
/// transaction: run it in the one that acts.
///
/// # Errors
/// When there is no such session, or no more.
pub fn authenticate(tx: &mut Tx<'_>, token: &TokenHash) -> Result<Caller, Unauthenticated> {
    tx.guard(PRINCIPALS)?;
    let session = tx
        .read::<Session>(&token.key())?
        .ok_or(Unauthenticated::Token)?;
    if session.has_ended(tx) {
        return Err(Unauthenticated::Token);
    }
    let principal = tx
        .read(&Principal::key(session.principal))?
        .ok_or(Unauthenticated::Token)?;
    Ok(Caller {
        token: *token,
        session,
        principal,
    })
}

impl Caller {
    /// The principal's name.
    pub fn principal(&self) -> &str {
        &self.principal.name
    }

    /// The principal, stable over renames.
    pub fn principal_id(&self) -> u64 {
        self.session.principal
    }

    /// The session that he calls with.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether he may see that something lies in a folder, or that nothing does.
    pub fn may_list(&self, folder: &FolderPath) -> bool {
        self.may(Action::LIST, &Resource::Folder(folder.clone()))
    }

    /// Whether he may learn that a secret does not exist; otherwise "not found" is told as "denied".
    pub fn may_see(&self, secret: &SecretPath) -> bool {
        self.may_list(&secret.parent())
    }

    pub(super) fn may(&self, action: Action, resource: &Resource) -> bool {
        let session = &self.session;
        let acts = session
            .actions
            .as_ref()
            .is_none_or(|globs| globs.iter().any(|glob| glob.matches(action)));
        let there = session.under.as_ref().is_none_or(|under| match resource {
            Resource::Secret(path) => under.contains(path),
            Resource::Folder(path) => under.covers(path),
            Resource::Own => true,
            Resource::System => false,
        });
        self.principal.administrator && acts && there
    }
}

/// Names stay out of logs.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("accessor", &self.session.accessor)
            .finish_non_exhaustive()
    }
}
