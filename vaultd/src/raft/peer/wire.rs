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
use crate::store::{PLAUSIBLE, Position};

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
pub(super) fn parse_id(id: pb::LogId) -> Parsed<LogId> {
    Ok(log_id(Position {
        term: plausible(id.term)?,
        index: plausible(id.index)?,
    }))
}

/// A number that another can follow.
fn plausible(number: u64) -> Parsed<u64> {
    (number < PLAUSIBLE).then_some(number).ok_or(Malformed)
}

/// A log id from the wire, where there may be none.
fn parse_some_id(id: Option<pb::LogId>) -> Parsed<Option<LogId>> {
    id.map(parse_id).transpose()
}

/// A log id that somebody names under that vote: of no later term.
fn parse_id_under(vote: &Vote, id: Option<pb::LogId>) -> Parsed<Option<LogId>> {
    let id = parse_some_id(id)?;
    let is_later = id.is_some_and(|id| position(&id).term > vote.leader_id().term);
    if is_later { Err(Malformed) } else { Ok(id) }
}

/// The last entry that a request brings its receiver to.
pub(super) fn last_of(request: &AppendEntriesRequest<Types>) -> Option<LogId> {
    let last = request.entries.last().map(|entry| entry.log_id);
    last.or(request.prev_log_id)
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
    plausible(ballot.term)?;
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
    let vote = parse_ballot(request.vote)?;
    let entry = |entry: pb::Entry| {
        Ok(LogEntry {
            log_id: parse_id_under(&vote, entry.id)?.ok_or(Malformed)?,
            payload: decode(&entry.payload).map_err(|_| Malformed)?,
        })
    };
    let prev_log_id = parse_id_under(&vote, request.previous)?;
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
        vote,
        prev_log_id,
        entries,
        leader_commit: parse_id_under(&vote, request.committed)?,
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
        Outcome::Matched(matched) => Ok(parse_some_id(matched.last)?),
        Outcome::Conflict(at) => Err(StreamAppendError::Conflict(parse_id(at)?)),
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
    let vote = parse_ballot(request.vote)?;
    let last = parse_id_under(&vote, request.last)?;
    let mut parsed = VoteRequest::new(vote, last);
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
    let last = parse_some_id(response.last)?;
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
    let vote = parse_ballot(header.vote)?;
    let last_log_id = parse_id_under(&vote, header.last)?;
    // What it is of, it has: also the membership's entry.
    let of = last_membership.log_id().as_ref().map(position);
    let upto = last_log_id.as_ref().map(position);
    if of.map(|at| (at.term, at.index)) > upto.map(|at| (at.term, at.index)) {
        return Err(Malformed);
    }
    let meta = SnapshotMeta {
        last_log_id,
        last_membership,
    };
    Ok((vote, meta))
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
    let from = parse_ballot(request.from)?;
    let last = parse_id_under(&from, request.last)?;
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
            actual: parse_some_id(flushed.last)?,
        }),
    })
}
