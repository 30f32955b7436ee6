//! From a token to the one who calls, and from where.

use std::{fmt, net::IpAddr, sync::Arc};

use super::{
    Bearer, Certificate, Principal, Rights, Session, TokenHash,
    policy::{PrincipalKind, Tags},
    principal::COLLECTION,
    program::pin,
};
use crate::record::{RecordError, Tx};

/// How many sessions may have been exchanged one from the other.
pub(super) const MAX_DEPTH: usize = 4;

/// What is known of a request beside its token: what conditions of policies may ask.
#[derive(Clone, Debug)]
pub struct Origin {
    /// `vault:SourceIp`; none over the Unix socket.
    pub source: Option<IpAddr>,
    /// `vault:SecureTransport`: TLS, or never on a network.
    pub secure: bool,
    /// `vault:UserAgent`, as far as the client gave one.
    pub user_agent: Option<Box<str>>,
    /// Whose key the connection has proved: for logging in by it, and for sessions that are good with it only.
    pub certificate: Option<Certificate>,
    /// `vault:NodeRegion`
    pub region: Arc<str>,
    /// Whether this request has been counted, where the uses of a session are.
    pub counted: bool,
}

/// Someone whose token was good, in the transaction that read it.
pub struct Caller {
    pub(super) token: TokenHash,
    pub(super) session: Arc<Session>,
    pub(super) rights: Arc<Rights>,
    pub(super) origin: Arc<Origin>,
    pub(super) now: u64,
    /// `vault:PrincipalTag/…`, where a role's session adds to its role's.
    pub(super) tags: Option<Tags>,
    pub(super) shown: Box<str>,
    pub(super) assumed_by: Option<Box<str>>,
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

/// From a token to its caller. The session, where a record is kept of it, and the collection of principals become
/// checks of the transaction: run it in the one that acts.
///
/// # Errors
/// When there is no such session, or no more.
pub fn authenticate(
    tx: &mut Tx<'_>,
    token: &(impl Clone + Into<Bearer>),
    origin: &Arc<Origin>,
) -> Result<Caller, Unauthenticated> {
    tx.guard(COLLECTION)?;
    let (token, session) = match token.clone().into() {
        Bearer::Stored(token) => {
            let session = tx.read::<Session>(&token.key())?;
            (token, session.ok_or(Unauthenticated::Token)?)
        }
        Bearer::Signed(presented) => presented.session(tx)?,
    };
    if session.uses == Some(0) && !origin.counted {
        return Err(Unauthenticated::Token);
    }
    of_session(tx, token, session, origin)
}

/// From a session to its caller, if it goes on and he may call from there.
pub(super) fn of_session(
    tx: &mut Tx<'_>,
    token: TokenHash,
    session: Arc<Session>,
    origin: &Arc<Origin>,
) -> Result<Caller, Unauthenticated> {
    stands(tx, &session, Some(origin))?;
    let principal = active(tx, session.principal, session.epoch)?;
    let (acting, shown, assumed_by) = match &session.role {
        Some(assumed) => {
            let role = active(tx, assumed.role, assumed.epoch)?;
            let shown = format!("{}/{}", role.shown(), assumed.name);
            (assumed.role, shown, Some(principal.shown().into()))
        }
        None => (session.principal, principal.shown(), None),
    };
    let rights = Rights::of(tx, acting)?.ok_or(Unauthenticated::Token)?;
    let own = session.role.as_ref().map(|assumed| &assumed.tags);
    let tags = own.filter(|own| !own.is_empty()).map(|own| {
        let mut tags = own.clone();
        // INVARIANT: no session changes a tag of its role
        tags.extend(rights.tags.clone());
        tags
    });
    Ok(Caller {
        token,
        rights,
        origin: Arc::clone(origin),
        now: tx.now(),
        tags,
        shown: shown.into(),
        assumed_by,
        session,
    })
}

/// Whether a session and all those that it was exchanged from go on, for a request from there or, without one, at
/// all. Whose they are is another question.
pub(super) fn stands(
    tx: &mut Tx<'_>,
    session: &Arc<Session>,
    origin: Option<&Origin>,
) -> Result<(), Unauthenticated> {
    let mut session = Arc::clone(session);
    for _ in 0..=MAX_DEPTH {
        let places = session.places.as_ref();
        let there =
            places.is_none_or(|places| origin.is_none_or(|from| places.contain(from.source)));
        if !there || session.has_ended(tx) || !is_held(tx, &session, origin)? {
            return Err(Unauthenticated::Token);
        }
        if let Some(assumed) = &session.role {
            active(tx, assumed.role, assumed.epoch)?;
        }
        let Some(parent) = session.parent else {
            return Ok(());
        };
        let above = tx.read::<Session>(&parent.key())?;
        session = above.ok_or(Unauthenticated::Token)?;
    }
    Err(Unauthenticated::Token)
}

/// Whether whoever asks holds the key that a session is bound to, and the pin that it was made by stands. What is
/// exchanged from it is bound like it.
fn is_held(
    tx: &mut Tx<'_>,
    session: &Session,
    origin: Option<&Origin>,
) -> Result<bool, RecordError> {
    let Some(holder) = &session.holder else {
        return Ok(true);
    };
    let shows = |from: &Origin| {
        from.certificate
            .is_some_and(|shown| shown.key == holder.key)
    };
    Ok(origin.is_none_or(shows) && pin::stands(tx, holder)?)
}

/// A principal that can call, if the number is still its own.
pub(super) fn active(
    tx: &mut Tx<'_>,
    id: u64,
    epoch: u64,
) -> Result<Arc<Principal>, Unauthenticated> {
    tx.see::<Principal>(&Principal::key(id))?
        .filter(|principal| !principal.disabled && principal.epoch == epoch)
        .ok_or(Unauthenticated::Token)
}

impl Caller {
    /// Who calls, as people and audit name it: `user:alice`, `role:deploy/alice`; the root identity by its name.
    pub fn principal(&self) -> &str {
        &self.shown
    }

    /// Who assumed the role, if one was.
    pub fn assumed_by(&self) -> Option<&str> {
        self.assumed_by.as_deref()
    }

    /// The principal, stable over renames; of an assumed role, who assumed it.
    pub fn principal_id(&self) -> u64 {
        self.session.principal
    }

    /// Whether his rights depend on the tags of what he asks for.
    pub fn asks_resource_tags(&self) -> bool {
        let session = self.session.policies.iter().flatten();
        let mut session = session.map(|policy| policy.compiled().asks_resource_tags());
        self.rights.asks_resource_tags || session.any(|asks| asks)
    }

    /// A user whose session has shown no second factor.
    pub fn is_user_without_factor(&self) -> bool {
        self.rights.kind == PrincipalKind::User && !self.session.elevation.present()
    }

    /// The session that he calls with.
    pub fn session(&self) -> &Session {
        &self.session
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

#[cfg(test)]
impl Origin {
    /// From this machine, for tests that are not about where requests come from.
    pub(crate) fn local() -> Arc<Self> {
        Arc::new(Self {
            source: None,
            secure: true,
            user_agent: None,
            certificate: None,
            region: "home".into(),
            counted: false,
        })
    }
}
