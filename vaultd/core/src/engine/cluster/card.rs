//! How nodes present themselves, and what they are to the cluster.

use minicbor::{Decode, Encode};

use crate::access::KeyHash;

const NAME: usize = 64;
const ADDRESS: usize = 262;

/// How a node presents itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Card {
    /// The key that it proves on every connection.
    #[n(0)]
    pub(super) key: KeyHash,
    /// Where peers reach it: `host:port`.
    #[n(1)]
    address: String,
    /// Where it is.
    #[n(2)]
    pub(super) region: String,
    /// What people call it.
    #[n(3)]
    name: String,
}

/// What is wrong with a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// It cannot be connected to.
    #[error("the peer address is not `host:port`: set node.peer_address on the new node")]
    Address,
    /// Names and regions are short words.
    #[error("names of nodes and regions are 1 to 64 letters, digits, `-`, `_` and `.`")]
    Name,
}

impl Card {
    /// Of what a node says of itself.
    ///
    /// # Errors
    /// [`CardError`].
    pub fn new(key: KeyHash, address: &str, region: &str, name: &str) -> Result<Self, CardError> {
        let (host, port) = address.rsplit_once(':').ok_or(CardError::Address)?;
        let may_stand =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']');
        let is_host = !host.is_empty() && host.chars().all(may_stand);
        let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
        if !is_host || !is_port || address.len() > ADDRESS {
            return Err(CardError::Address);
        }
        if !is_word(region) || !is_word(name) {
            return Err(CardError::Name);
        }
        Ok(Self {
            key,
            address: address.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The key that it proves.
    pub fn key(&self) -> KeyHash {
        self.key
    }

    /// Where peers reach it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it is.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

pub(super) fn is_word(text: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=NAME).contains(&text.len()) && text.bytes().all(fit)
}

/// A node that belongs.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Node {
    /// Given once.
    #[n(0)]
    pub(super) id: u64,
    #[n(1)]
    pub(super) card: Card,
    /// Whether it shall have a vote.
    #[n(2)]
    pub(super) votes: bool,
    /// Since when, in milliseconds since the epoch.
    #[n(3)]
    pub(super) since: u64,
    /// What it came by, if it did not make the cluster.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub(super) invitation: Option<[u8; 32]>,
}

impl Node {
    /// Given once.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How it presented itself.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Whether it shall have a vote. The membership follows.
    pub fn votes(&self) -> bool {
        self.votes
    }

    /// Since when it belongs, in milliseconds since the epoch.
    pub fn since(&self) -> u64 {
        self.since
    }
}

/// One that was invited, came, and waits to be approved.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Candidate {
    /// What it will be.
    #[n(0)]
    pub(super) id: u64,
    #[n(1)]
    pub(super) card: Card,
    /// When it came.
    #[n(2)]
    pub(super) since: u64,
    /// What it came by.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(super) invitation: [u8; 32],
}

impl Candidate {
    /// What it will be.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How it presented itself.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// When it came, in milliseconds since the epoch.
    pub fn since(&self) -> u64 {
        self.since
    }
}

/// A way in that somebody was given.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Invitation {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(super) hash: [u8; 32],
    /// For a node of this region.
    #[n(1)]
    pub(super) region: String,
    /// Milliseconds since the epoch.
    #[n(2)]
    pub(super) expires: u64,
}

impl Invitation {
    /// For a node of this region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// When it ends, in milliseconds since the epoch.
    pub fn expires(&self) -> u64 {
        self.expires
    }
}

/// The hash stays out of logs.
impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation")
            .field("region", &self.region)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
