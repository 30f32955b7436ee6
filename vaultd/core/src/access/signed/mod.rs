//! Sessions that no record is kept of: the token says what the session is, and the vault signed it.
//!
//! ```text
//! login       proof → claims, signed by the active log-signing key        reads only
//! request     signature → claims → time, incarnation, places, the principal and its number, its rights
//! ```
//! What ends a stored session of a service ends a signed one at once, for it is read of the principal at every request:
//! that it is gone or disabled, that its sessions were ended (its number grew), that the vault was restored; and of one
//! that is bound to a key, of that key's pin. One alone
//! is not ended: it lasts a quarter of an hour at most. Nothing is made from it, it is not renewed, and its uses are
//! not counted, because each would need a record.
//!
//! That a signature is good is remembered while the node is open, by a hash of the key and of all that was signed; all
//! else is looked at anew.
//!
//! Whoever can read the store makes none: the private half of the key is in the keyring, and the public half of it in a
//! sealed record ([`signers`]).

mod signers;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use minicbor::{Decode, Encode};

pub use signers::{Signing, publish_signers};

use super::{
    ActionGlob, LoginRefusal, Session, TokenHash, Unauthenticated, limits::Places, session::Holder,
    totp::Elevation,
};
use crate::{
    crypto::{
        entropy::Entropy,
        secret::TokenText,
        signed::{self, Signed, SignedError},
    },
    name::FolderPath,
    record::{Key, Kind, RecordError, Tx},
};

const MINUTE: u64 = 60_000;
const SHORTEST: u64 = MINUTE;
/// Longest life, and the one unless another is asked for.
pub(super) const LONGEST: u64 = 15 * MINUTE;
/// How far a node that signed may have been ahead of one that is asked.
const AHEAD: u64 = MINUTE;
/// What the accessors of these sessions begin with, and of no others.
const ACCESSOR: &str = "signed-";
const ID: usize = 10;

/// What a caller claims to be by.
#[derive(Clone, Debug)]
pub enum Bearer {
    /// A session that a record is kept of, under the hash of its token.
    Stored(TokenHash),
    /// One that is all in its token.
    Signed(Arc<Presented>),
}

/// A signed token that came with a request.
pub struct Presented {
    token: Signed,
    /// What it says, if anything, by the key that was tried: worked out once for a request, however often it is
    /// decided about.
    known: OnceLock<([u8; 32], Option<Arc<Session>>)>,
}

/// Tokens stay out of logs, and so does what they say.
impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(..)")
    }
}

impl From<TokenHash> for Bearer {
    fn from(token: TokenHash) -> Self {
        Self::Stored(token)
    }
}

impl Bearer {
    /// A text that begins as signed tokens do.
    ///
    /// # Errors
    /// When it is none, or has a typo. Whether it is signed is another question.
    pub fn signed(text: &str) -> Result<Self, SignedError> {
        let token = Signed::parse(text)?;
        let known = OnceLock::new();
        Ok(Self::Signed(Arc::new(Presented { token, known })))
    }
}

/// What names a signed session and opens nothing.
#[derive(Clone, Copy, Debug)]
pub struct SignedId([u8; ID]);

impl SignedId {
    /// Draws one.
    pub fn make(entropy: &mut dyn Entropy) -> Self {
        let mut id = [0; ID];
        entropy.fill(&mut id);
        Self(id)
    }

    pub(super) fn accessor(&self) -> String {
        let digits = self.0.iter().map(|byte| format!("{byte:02x}"));
        std::iter::once(ACCESSOR.to_owned()).chain(digits).collect()
    }
}

/// Whether a text is an accessor of a signed session.
pub(super) fn is_accessor(text: &str) -> bool {
    let digits = text.strip_prefix(ACCESSOR);
    digits.is_some_and(|digits| {
        digits.len() == 2 * ID && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// What a token says.
#[derive(Encode, Decode)]
struct Claims {
    #[cbor(n(0), with = "minicbor::bytes")]
    id: [u8; ID],
    #[n(1)]
    principal: u64,
    /// The principal's number when it was signed.
    #[n(2)]
    epoch: u64,
    /// In which life of the cluster.
    #[n(3)]
    incarnation: u64,
    /// Milliseconds since the epoch.
    #[n(4)]
    created_at: u64,
    /// Milliseconds since the epoch.
    #[n(5)]
    expires_at: u64,
    /// By what its service was proved: words and accessors, never a name or a secret.
    #[n(6)]
    by: String,
    #[n(7)]
    actions: Option<Vec<ActionGlob>>,
    #[n(8)]
    under: Option<FolderPath>,
    #[n(9)]
    places: Option<Places>,
    /// Who alone can use it: the key, and the number of its pin.
    #[n(10)]
    holder: Option<Holder>,
}

impl Claims {
    fn into_session(self) -> Session {
        Session {
            principal: self.principal,
            accessor: SignedId(self.id).accessor(),
            created_at: self.created_at,
            expires_at: Some(self.expires_at),
            actions: self.actions,
            under: self.under,
            incarnation: self.incarnation,
            epoch: self.epoch,
            parent: None,
            elevation: Elevation::NONE,
            role: None,
            policies: None,
            renewal: None,
            uses: None,
            places: self.places,
            enrols: false,
            holder: self.holder,
            credential: None,
            signed: true,
        }
    }
}

/// When a session ends that begins now, by what is asked for and by the end of what proved its service.
pub(super) fn end(now: u64, ttl: Option<u64>, until: Option<u64>) -> Result<u64, LoginRefusal> {
    let ttl = ttl.unwrap_or(LONGEST);
    if !(SHORTEST..=LONGEST).contains(&ttl) {
        return Err(LoginRefusal::SignedTtl);
    }
    let end = now.saturating_add(ttl);
    let end = until.map_or(end, |until| end.min(until));
    if end > now {
        Ok(end)
    } else {
        Err(LoginRefusal::ProofEnds)
    }
}

/// The token of a session that was just decided.
pub(super) fn sign(
    tx: &Tx<'_>,
    id: &SignedId,
    by: &str,
    session: &Session,
) -> Result<TokenText, LoginRefusal> {
    let claims = Claims {
        id: id.0,
        principal: session.principal,
        epoch: session.epoch,
        incarnation: session.incarnation,
        created_at: session.created_at,
        expires_at: session.expires_at.unwrap_or(session.created_at),
        by: by.to_owned(),
        actions: session.actions.clone(),
        under: session.under.clone(),
        places: session.places.clone(),
        holder: session.holder,
    };
    let body = minicbor::to_vec(&claims).map_err(|_| LoginRefusal::SignedSize)?;
    let (keys, region) = (tx.keys(), tx.keys().region());
    let term = keys.log_signing().ok_or(LoginRefusal::AtHomeOnly)?.active();
    let token = signed::to_text(term.key(), keys.cluster(), (region, term.number()), &body);
    token.ok_or(LoginRefusal::SignedSize)
}

impl Presented {
    /// The session that it is good for now, as far as the token says.
    pub(super) fn session(
        &self,
        tx: &mut Tx<'_>,
    ) -> Result<(TokenHash, Arc<Session>), Unauthenticated> {
        let session = self.said(tx)?.ok_or(Unauthenticated::Token)?;
        let (now, begun) = (tx.now(), session.created_at);
        let end = session.expires_at.unwrap_or(begun);
        // INVARIANT: none is good for longer, whatever signed it
        if begun > now.saturating_add(AHEAD) || end > begun.saturating_add(LONGEST) {
            return Err(Unauthenticated::Token);
        }
        Ok((TokenHash::of_signed(&session.accessor), session))
    }

    /// What it says, if that was signed.
    fn said(&self, tx: &mut Tx<'_>) -> Result<Option<Arc<Session>>, RecordError> {
        let Some(public) = signers::public(tx, self.token.key())? else {
            return Ok(None);
        };
        if let Some((by, session)) = self.known.get()
            && *by == public
        {
            return Ok(session.clone());
        }
        let cluster = tx.keys().cluster();
        let asked = self.token.question(&public, cluster);
        // Only what was found good is kept for other requests: what is not costs whoever sends it as much again.
        let session = tx.remembered(&Key::new(Kind::Signers, &[&asked]), || {
            // ORDER: nothing of it is read before
            let body = self.token.body(&public, cluster)?;
            let claims = minicbor::decode::<Claims>(body).ok()?;
            Some(claims.into_session())
        });
        // Of two that work it out at once both come to the same.
        drop(self.known.set((public, session.clone())));
        Ok(session)
    }
}
