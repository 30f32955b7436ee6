//! One request as the pipeline sees it: which method, from where, with which token, on what terms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vault_core::access::{Bearer, Certificate};

use super::asked::Asked;
use super::audit::Source;
use super::replies::Held;
use crate::store::Applied;

/// Parsed by a door; the door decides nothing.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method, as the proto declares it.
    pub method: &'static vault_proto::Method,
    /// Who is at the other end.
    pub source: Source,
    /// Whose key the connection has proved.
    pub certificate: Option<Certificate>,
    /// What the client calls itself.
    pub user_agent: Option<Box<str>>,
    /// The bearer token, if one of the right shape came with the request.
    pub token: Option<Bearer>,
    /// The client's id for this request, or one that the door drew.
    pub request_id: [u8; 16],
    /// Whether the client chose `request_id`, so that a repeat is to be recognised.
    pub repeatable: bool,
    /// Of method and body, where a repeat is known by them and the method is not told of it otherwise.
    pub digest: Option<[u8; 32]>,
    /// The state that the client has seen and must not fall behind.
    pub seen: Option<Applied>,
    /// Whether it has been counted, where the uses of its session are.
    pub counted: Counted,
    /// Nothing is to be done: it is asked what the request takes.
    pub asked: Option<Asked>,
}

/// Set once for a request.
#[derive(Clone, Debug, Default)]
pub struct Counted(Arc<AtomicBool>);

impl Counted {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A reply with the state that it was made from.
#[derive(Debug)]
pub struct Answer<R> {
    /// What was asked for.
    pub reply: R,
    /// The state it was read from or written to: the consistency token.
    pub applied: Applied,
    /// A proven bound on how old that state is, in milliseconds.
    pub staleness_ms: u64,
    /// The room that it takes, if it is large: to be held until it was sent.
    pub held: Option<Held>,
}

impl<R> Answer<R> {
    /// The same answer in another shape.
    pub fn map<T>(self, f: impl FnOnce(R) -> T) -> Answer<T> {
        Answer {
            reply: f(self.reply),
            applied: self.applied,
            staleness_ms: self.staleness_ms,
            held: self.held,
        }
    }
}
