//! openraft's messages as bytes, and back. What does not parse is refused as a whole.

use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use vault_proto::peer::v1 as pb;

use crate::raft::machine::SnapshotOf;
use crate::raft::types::{
    LogEntry, LogId, SnapshotMeta, StoredMembership, Types, Vote, decode, encode, log_id, position,
    stored_membership,
};
use crate::store::Position;

/// A message that lacks what it must have, or has what nobody sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a peer's message is malformed")]
pub(super) struct Malformed;

type Parsed<T> = Result<T, Malformed>;

/// A log id on the wire.
pub(super) fn id(id: &LogId) -> pb::LogId {
    let Position { term, index } = position(id);
    pb::LogId { term, index }
}

/// A log id from the wire.
pub(super) fn parse_id(id: pb::LogId) -> LogId {
    log_id(Position {
        term: id.term,
        index: id.index,
    })
}

/// A vote on the wire.
pub(super) fn ballot(vote: &Vote) -> pb::Ballot {
    let leader = vote.leader_id();
    pb::Ballot {
        term: leader.term,
        node: leader.voted_for,
        committed: vote.is_committed(),
    }
}

/// A vote from the wire.
pub(super) fn parse_ballot(ballot: Option<pb::Ballot>) -> Parsed<Vote> {
    let ballot = ballot.ok_or(Malformed)?;
    Ok(if ballot.committed {
        Vote::new_committed(ballot.term, ballot.node)
    } else {
        Vote::new(ballot.term, ballot.node)
    })
}

/// Entries on the wire.
pub(super) fn append(request: &AppendEntriesRequest<Types>) -> std::io::Result<pb::AppendRequest> {
    let entry = |entry: &LogEntry| {
        Ok(pb::Entry {
            id: Some(id(&entry.log_id)),
            payload: encode(&entry.payload)?,
        })
    };
    let entries = request.entries.iter().map(entry);
    Ok(pb::AppendRequest {
        vote: Some(ballot(&request.vote)),
        previous: request.prev_log_id.as_ref().map(id),
        entries: entries.collect::<std::io::Result<_>>()?,
        committed: request.leader_commit.as_ref().map(id),
    })
}

/// Entries from the wire: numbered without gaps from the one before them.
pub(super) fn parse_append(request: pb::AppendRequest) -> Parsed<AppendEntriesRequest<Types>> {
    let entry = |entry: pb::Entry| {
        Ok(LogEntry {
            log_id: parse_id(entry.id.ok_or(Malformed)?),
            payload: decode(&entry.payload).map_err(|_| Malformed)?,
        })
    };
    let prev_log_id = request.previous.map(parse_id);
    let entries = request.entries.into_iter().map(entry);
    let entries: Vec<LogEntry> = entries.collect::<Parsed<_>>()?;
    let first = prev_log_id.as_ref().map_or(0, |id| id.index + 1);
    if !(first..)
        .zip(&entries)
        .all(|(index, entry)| entry.log_id.index == index)
    {
        return Err(Malformed);
    }
    Ok(AppendEntriesRequest {
        vote: parse_ballot(request.vote)?,
        prev_log_id,
        entries,
        leader_commit: request.committed.map(parse_id),
    })
}

/// What came of entries, on the wire.
pub(super) fn appended(result: &StreamAppendResult<Types>) -> pb::AppendResponse {
    use pb::append_response::Outcome;
    let outcome = match result {
        Ok(last) => Outcome::Matched(pb::Matched {
            last: last.as_ref().map(id),
        }),
        Err(StreamAppendError::Conflict(at)) => Outcome::Conflict(id(at)),
        Err(StreamAppendError::HigherVote(vote)) => Outcome::HigherVote(ballot(vote)),
    };
    pb::AppendResponse {
        outcome: Some(outcome),
    }
}

/// What came of entries, from the wire.
pub(super) fn parse_appended(response: pb::AppendResponse) -> Parsed<StreamAppendResult<Types>> {
    use pb::append_response::Outcome;
    Ok(match response.outcome.ok_or(Malformed)? {
        Outcome::Matched(matched) => Ok(matched.last.map(parse_id)),
        Outcome::Conflict(at) => Err(StreamAppendError::Conflict(parse_id(at))),
        Outcome::HigherVote(vote) => Err(StreamAppendError::HigherVote(parse_ballot(Some(vote))?)),
    })
}

/// A request for a vote, on the wire.
pub(super) fn vote(request: &VoteRequest<Types>) -> pb::VoteRequest {
    pb::VoteRequest {
        vote: Some(ballot(&request.vote)),
        last: request.last_log_id.as_ref().map(id),
        transfer: request.leadership_transfer,
    }
}

/// A request for a vote, from the wire.
pub(super) fn parse_vote(request: pb::VoteRequest) -> Parsed<VoteRequest<Types>> {
    let last = request.last.map(parse_id);
    let mut parsed = VoteRequest::new(parse_ballot(request.vote)?, last);
    parsed.leadership_transfer = request.transfer;
    Ok(parsed)
}

/// A vote given or not, on the wire.
pub(super) fn voted(response: &VoteResponse<Types>) -> pb::VoteResponse {
    pb::VoteResponse {
        vote: Some(ballot(&response.vote)),
        granted: response.vote_granted,
        last: response.last_log_id.as_ref().map(id),
    }
}

/// A vote given or not, from the wire.
pub(super) fn parse_voted(response: pb::VoteResponse) -> Parsed<VoteResponse<Types>> {
    let last = response.last.map(parse_id);
    let vote = parse_ballot(response.vote)?;
    Ok(VoteResponse::new(vote, last, response.granted))
}

/// What a snapshot is of, on the wire.
pub(super) fn header(vote: &Vote, snapshot: &SnapshotOf) -> std::io::Result<pb::SnapshotHeader> {
    Ok(pb::SnapshotHeader {
        vote: Some(ballot(vote)),
        last: snapshot.meta.last_log_id.as_ref().map(id),
        membership: serde_json::to_vec(&snapshot.meta.last_membership)?.into(),
    })
}

/// What a snapshot is of, from the wire.
pub(super) fn parse_header(header: &pb::SnapshotHeader) -> Parsed<(Vote, SnapshotMeta)> {
    let last_membership: StoredMembership =
        stored_membership(&header.membership).map_err(|_| Malformed)?;
    let meta = SnapshotMeta {
        last_log_id: header.last.map(parse_id),
        last_membership,
    };
    Ok((parse_ballot(header.vote)?, meta))
}

/// A hand-over, on the wire.
pub(super) fn transfer(request: &TransferLeaderRequest<Types>) -> pb::TransferRequest {
    pb::TransferRequest {
        from: Some(ballot(request.from_leader())),
        to: *request.to_node_id(),
        last: request.last_log_id().map(id),
    }
}

/// A hand-over, from the wire.
pub(super) fn parse_transfer(request: pb::TransferRequest) -> Parsed<TransferLeaderRequest<Types>> {
    let last = request.last.map(parse_id);
    let from = parse_ballot(request.from)?;
    Ok(TransferLeaderRequest::new(from, request.to, last))
}

/// What the target of a hand-over says, on the wire.
pub(super) fn transferred(response: &TransferLeaderResponse<Types>) -> pb::TransferResponse {
    use pb::transfer_response::Outcome;
    let outcome = match response {
        Ok(()) => Outcome::Accepted(pb::Accepted {}),
        Err(TransferLeaderError::VoteChanged { actual, .. }) => {
            Outcome::VoteChanged(ballot(actual))
        }
        Err(TransferLeaderError::LogNotFlushed { actual, .. }) => {
            Outcome::NotFlushed(pb::NotFlushed {
                last: actual.as_ref().map(id),
            })
        }
    };
    pb::TransferResponse {
        outcome: Some(outcome),
    }
}

/// What the target of a hand-over says, from the wire.
pub(super) fn parse_transferred(
    request: &TransferLeaderRequest<Types>,
    response: pb::TransferResponse,
) -> Parsed<TransferLeaderResponse<Types>> {
    use pb::transfer_response::Outcome;
    Ok(match response.outcome.ok_or(Malformed)? {
        Outcome::Accepted(pb::Accepted {}) => Ok(()),
        Outcome::VoteChanged(actual) => Err(TransferLeaderError::VoteChanged {
            expected: *request.from_leader(),
            actual: parse_ballot(Some(actual))?,
        }),
        Outcome::NotFlushed(flushed) => Err(TransferLeaderError::LogNotFlushed {
            expected: request.last_log_id().copied(),
            actual: flushed.last.map(parse_id),
        }),
    })
}
