//! What a request tells its audit record: words, ids and blinded names, never a value or a token.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::Serialize;

use super::budget::Payer;

/// The 16 bytes of a request's UUID.
pub type RequestId = [u8; 16];

/// What is known of a request before anybody has been authenticated.
#[derive(Clone, Debug)]
pub struct Event {
    /// The id that the reply carries too.
    pub request: RequestId,
    /// `/vault.v1.Secrets/GetSecret`.
    pub method: &'static str,
    /// `secret:GetValue`; empty where the method needs none.
    pub action: &'static str,
    /// Where it came from.
    pub source: Source,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A TLS connection from this address.
    Tcp(SocketAddr),
    /// The Unix socket, with the peer's credentials.
    Unix {
        /// User id of the peer.
        uid: u32,
        /// Its primary group; the kernel tells no other.
        gid: u32,
        /// Process id of the peer.
        pid: i32,
    },
    /// The daemon itself: a job of the leader.
    Inside,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix { uid, pid, .. } => write!(f, "unix:uid={uid},pid={pid}"),
            Self::Inside => f.write_str("inside"),
        }
    }
}

impl Source {
    /// The source without what changes from one connection to the next, or what one subscriber may choose
    /// freely: the key of flood counting.
    pub(super) fn origin(&self) -> String {
        match self {
            Self::Tcp(address) => match address.ip().to_canonical() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => {
                    let network = u128::from(ip) >> 64 << 64;
                    format!("{}/64", Ipv6Addr::from(network))
                }
            },
            Self::Unix { uid, .. } => format!("unix:uid={uid}"),
            Self::Inside => "inside".to_owned(),
        }
    }
}

/// Who the request acts as, once authentication has said so.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// Names the session and opens nothing; never the token.
    pub accessor: &'a str,
    /// The user's name; written like a path, blinded by default.
    pub principal: &'a str,
    /// Who assumed the role that it acts as, if one was; written like the name.
    pub assumed_by: Option<&'a str>,
}

impl<'a> Actor<'a> {
    /// Who pays for its lines: whoever acts, by whatever name and through whatever role.
    pub(super) fn payer(&self) -> Payer<'a> {
        Payer {
            accessor: self.accessor,
            principal: self.assumed_by.unwrap_or(self.principal),
        }
    }
}

/// Blinds a name with the audit key of the open keyring.
pub trait Blind {
    /// HMAC-SHA-256 under the audit key.
    fn blind(&self, name: &[u8]) -> [u8; 32];
}

impl<F: Fn(&[u8]) -> [u8; 32]> Blind for F {
    fn blind(&self, name: &[u8]) -> [u8; 32] {
        self(name)
    }
}

/// What authorisation decided, and by what. `by` holds policy ids, fixed words and actions, and a name
/// only as lines hold names.
#[derive(Clone, Debug, Default)]
pub enum Decision {
    /// The request ended before a decision, or needs none.
    #[default]
    Undecided,
    /// Allowed.
    Allowed {
        /// The rule that allowed it.
        by: Cow<'static, str>,
    },
    /// Denied.
    Denied {
        /// The rule that denied it; `default` where none matched.
        by: Cow<'static, str>,
    },
}

/// What became of one of the resources of a request about many.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum Part {
    /// This version was disclosed.
    Disclosed(u64),
    /// The stable reason why not.
    Refused(&'static str),
}

impl Part {
    /// How many bytes it takes in a line, at most.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Disclosed(_) => 21,
            Self::Refused(reason) => reason.len() + 3,
        }
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Its class.
    pub status: Status,
    /// The stable reason that the caller is told; empty on success.
    pub reason: &'static str,
}

impl Outcome {
    /// It was done.
    pub const fn ok() -> Self {
        Self {
            status: Status::Ok,
            reason: "",
        }
    }

    /// It was not.
    pub const fn failed(status: Status, reason: &'static str) -> Self {
        Self { status, reason }
    }
}

/// The class of an outcome: the kinds of an application error, and two more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the names say it; they are those of the error kinds"
)]
pub enum Status {
    Ok,
    Invalid,
    Unauthenticated,
    Denied,
    NotFound,
    Conflict,
    Exists,
    Precondition,
    Limited,
    Unavailable,
    Unknown,
    Internal,
    /// The record was dropped unfinished: the client went away, or the request died.
    Aborted,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::Invalid,
        Self::Unauthenticated,
        Self::Denied,
        Self::NotFound,
        Self::Conflict,
        Self::Exists,
        Self::Precondition,
        Self::Limited,
        Self::Unavailable,
        Self::Unknown,
        Self::Internal,
        Self::Aborted,
    ];

    /// The word that lines have.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Invalid => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Exists => "exists",
            Self::Precondition => "precondition",
            Self::Limited => "limited",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::Internal => "internal",
            Self::Aborted => "aborted",
        }
    }
}

impl Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}
