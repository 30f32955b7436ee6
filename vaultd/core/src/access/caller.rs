//! From a token to the one who calls, and from where.

use std::{fmt, net::IpAddr, sync::Arc};

use super::{Principal, Rights, Session, TokenHash, principal::COLLECTION};
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
    /// `vault:NodeRegion`
    pub region: Arc<str>,
}

/// Someone whose token was good, in the transaction that read it.
pub struct Caller {
    pub(super) token: TokenHash,
    pub(super) session: Arc<Session>,
    pub(super) rights: Arc<Rights>,
    pub(super) origin: Arc<Origin>,
    pub(super) now: u64,
    shown: Box<str>,
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
pub fn authenticate(
    tx: &mut Tx<'_>,
    token: &TokenHash,
    origin: &Arc<Origin>,
) -> Result<Caller, Unauthenticated> {
    tx.guard(COLLECTION)?;
    let session = living(tx, token)?;
    let mut parent = session.parent;
    for _ in 0..MAX_DEPTH {
        let Some(token) = parent else { break };
        parent = living(tx, &token)?.parent;
    }
    let principal = active(tx, session.principal, session.epoch)?;
    let (acting, shown) = match &session.role {
        Some(assumed) => {
            let role = active(tx, assumed.role, assumed.epoch)?;
            (assumed.role, format!("{}/{}", role.shown(), assumed.name))
        }
        None => (session.principal, principal.shown()),
    };
    let rights = Rights::of(tx, acting)?.ok_or(Unauthenticated::Token)?;
    Ok(Caller {
        token: *token,
        rights,
        origin: Arc::clone(origin),
        now: tx.now(),
        shown: shown.into(),
        session,
    })
}

fn living(tx: &mut Tx<'_>, token: &TokenHash) -> Result<Arc<Session>, Unauthenticated> {
    let session = tx.read::<Session>(&token.key())?;
    session
        .filter(|session| !session.has_ended(tx))
        .ok_or(Unauthenticated::Token)
}

/// A principal that can call, if the number is still its own.
fn active(tx: &mut Tx<'_>, id: u64, epoch: u64) -> Result<Arc<Principal>, Unauthenticated> {
    tx.see::<Principal>(&Principal::key(id))?
        .filter(|principal| !principal.disabled && principal.epoch == epoch)
        .ok_or(Unauthenticated::Token)
}

impl Caller {
    /// Who calls, as people and audit name it: `user:alice`, `role:deploy/alice`; the root identity by its name.
    pub fn principal(&self) -> &str {
        &self.shown
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
            region: "home".into(),
        })
    }
}
