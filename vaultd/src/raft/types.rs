//! The types that openraft is instantiated with, and their bytes in the log.
//!
//! ```text
//! payload = 0 | 1 ‖ signed batch | 2 ‖ membership as JSON
//! ```
//! One leader per term: a log id is a term and an index, which is what the store knows.

use std::collections::BTreeMap;
use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use openraft::impls::InlineBatch;
use openraft::vote::RaftLeaderId;
use openraft::{EntryPayload, OptionalSend, RaftTypeConfig};
use serde::{Deserialize, Serialize};

use super::member::Member;
use crate::store::{Body, Position, Response};

/// The type configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Types;

pub(super) type LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>;
pub(super) type Committed = <LeaderId as RaftLeaderId>::Committed;
pub(super) type Vote = openraft::impls::Vote<LeaderId>;
pub(super) type LogId = openraft::LogId<Committed>;
pub(super) type Payload = EntryPayload<Data, u64, Member>;
pub(super) type LogEntry = openraft::Entry<Committed, Payload>;
pub(super) type Membership = openraft::Membership<u64, Member>;
pub(super) type StoredMembership = openraft::StoredMembership<Committed, u64, Member>;
pub(super) type SnapshotMeta = openraft::storage::SnapshotMeta<Committed, u64, Member>;

impl RaftTypeConfig for Types {
    type D = Data;
    type R = Answer;
    type NodeId = u64;
    type Node = Member;
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = Vote;
    type Payload = Payload;
    type Entry = LogEntry;
    type AsyncRuntime = openraft::TokioRuntime;
    type Responder<T>
        = Reply<T>
    where
        T: OptionalSend + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

/// A signed batch, opaque here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u8>", into = "Vec<u8>")]
pub(super) struct Data(pub(super) Bytes);

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<Data> for Vec<u8> {
    fn from(data: Data) -> Self {
        data.0.to_vec()
    }
}

impl std::fmt::Display for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "batch of {} bytes", self.0.len())
    }
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// What apply answers. It never leaves the node, so it has no form on the wire.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Answer {
    #[serde(skip)]
    pub(super) response: Response,
}

/// Where openraft delivers a result. Dropped unused, it drops what it would have told.
pub(super) struct Reply<T>(pub(super) Box<dyn FnOnce(T) + Send>);

impl<T: OptionalSend + 'static> openraft::raft::responder::Responder<Types, T> for Reply<T> {
    fn on_complete(self, result: T) {
        (self.0)(result);
    }
}

/// A log id of the store's.
pub(super) fn log_id(at: Position) -> LogId {
    LogId::new(Committed::new(at.term), at.index)
}

/// A position of openraft's.
pub(super) fn position(id: &LogId) -> Position {
    Position {
        term: id.committed_leader_id().term,
        index: id.index,
    }
}

/// A membership of one node.
pub(super) fn alone(id: u64, member: Member) -> BTreeMap<u64, Member> {
    BTreeMap::from([(id, member)])
}

/// The bytes of a log entry.
pub(super) fn encode(payload: &Payload) -> io::Result<Bytes> {
    let mut out = BytesMut::new();
    match payload {
        EntryPayload::Blank => out.put_u8(0),
        EntryPayload::Normal(Data(batch)) => {
            out.reserve(1 + batch.len());
            out.put_u8(1);
            out.put_slice(batch);
        }
        EntryPayload::Membership(membership) => {
            out.put_u8(2);
            out.put_slice(&serde_json::to_vec(membership)?);
        }
    }
    Ok(out.freeze())
}

/// Reads a log entry.
pub(super) fn decode(bytes: &Bytes) -> io::Result<Payload> {
    match bytes.first() {
        Some(0) if bytes.len() == 1 => Ok(EntryPayload::Blank),
        Some(1) => Ok(EntryPayload::Normal(Data(bytes.slice(1..)))),
        Some(2) => {
            let membership: Membership =
                serde_json::from_slice(bytes.get(1..).unwrap_or_default())?;
            Ok(EntryPayload::Membership(membership))
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a log entry holds an unknown operation; nothing is skipped: upgrade this node",
        )),
    }
}

/// What an entry asks of the state.
pub(super) fn body(id: &LogId, payload: Payload) -> io::Result<Body> {
    Ok(match payload {
        EntryPayload::Blank => Body::Blank,
        EntryPayload::Normal(Data(batch)) => Body::Batch(batch),
        EntryPayload::Membership(membership) => {
            let stored = StoredMembership::new(Some(*id), membership);
            Body::Membership(serde_json::to_vec(&stored)?.into())
        }
    })
}

/// The membership that the state remembers.
pub(super) fn stored_membership(bytes: &Bytes) -> io::Result<StoredMembership> {
    if bytes.is_empty() {
        Ok(StoredMembership::default())
    } else {
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_read_back() {
        let membership = Membership::new_with_defaults(vec![[1, 2].into()], []);
        for payload in [
            Payload::Blank,
            Payload::Normal(Data(Bytes::from_static(b"batch"))),
            Payload::Membership(membership),
        ] {
            assert_eq!(decode(&encode(&payload).unwrap()).unwrap(), payload);
        }
    }

    #[test]
    fn an_unknown_payload_is_refused() {
        for bytes in [&b""[..], b"\x03", b"\x00\x00", b"\x02", b"\x02{"] {
            assert!(decode(&Bytes::copy_from_slice(bytes)).is_err(), "{bytes:?}");
        }
    }
}
