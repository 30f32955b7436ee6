//! Whoever has the door look at a token leaves an audit line.
//!
//! The door asks whether a token is of a live session only where a limit is reached (no room, a long body, a
//! late one), and what it does then shows the answer to whoever sent it: enough to try stolen tokens by. A
//! request that goes on to the pipeline leaves its own line, with its caller. For one that does not, because it
//! breaks off or is no message, the door has the application write a line. Where a token was found good for
//! nothing there is nobody to name; the metrics count it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use vault_core::access::Bearer;
use vault_core::crypto::entropy::Entropy as _;
use vault_proto::Method;

use super::bearer::bearer;
use super::conn::Peer;
use super::intake::Sessions;
use crate::app::{Call, Counted};
use crate::clock::OsEntropy;

/// A request's token and what has come of it: an extension of the request.
#[derive(Clone)]
pub struct Trace(Arc<Marks>);

struct Marks {
    token: HeaderValue,
    /// It was found good, and what the door did showed it.
    shown: AtomicBool,
    /// The pipeline has the request.
    goes_on: AtomicBool,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace(..)")
    }
}

impl Trace {
    /// Of a request that came with a token.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let token = headers.get(AUTHORIZATION)?.clone();
        Some(Self(Arc::new(Marks {
            token,
            shown: AtomicBool::new(false),
            goes_on: AtomicBool::new(false),
        })))
    }

    /// Whether the token is of a live session; from then on a line is owed if it is.
    pub(super) fn look(&self, sessions: &dyn Sessions, peer: Option<&Peer>) -> bool {
        let from = (Peer::source(peer), Peer::certificate(peer));
        let live = self
            .token()
            .is_some_and(|token| sessions.live(&token, from));
        if live {
            self.0.shown.store(true, Ordering::Release);
        }
        live
    }

    /// Notes that the request leaves its own audit line.
    pub fn goes_on(&self) {
        self.0.goes_on.store(true, Ordering::Release);
    }

    fn token(&self) -> Option<Bearer> {
        bearer(&self.0.token)
    }
}

/// The line that a trace may owe, paid when the request has ended.
pub(super) struct Owed {
    pub(super) trace: Trace,
    pub(super) method: &'static Method,
    pub(super) peer: Option<Peer>,
    pub(super) sessions: Arc<dyn Sessions>,
}

impl fmt::Debug for Owed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owed(..)")
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        let marks = &self.trace.0;
        if !marks.shown.load(Ordering::Acquire) || marks.goes_on.load(Ordering::Acquire) {
            return;
        }
        self.sessions.broke_off(&Call {
            method: self.method,
            source: Peer::source(self.peer.as_ref()),
            certificate: Peer::certificate(self.peer.as_ref()),
            token: self.trace.token(),
            user_agent: None,
            request_id: draw(),
            repeatable: false,
            digest: None,
            seen: None,
            counted: Counted::default(),
            asked: None,
        });
    }
}

/// An id for a request that came without one.
pub(super) fn draw() -> [u8; 16] {
    let mut id = [0; 16];
    OsEntropy.fill(&mut id);
    id
}
