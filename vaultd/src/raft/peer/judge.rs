//! What a peer answers is judged by who it is.
//!
//! raft takes every answer at its word: a higher vote deposes a leader, and is written down for good. So only a target
//! with a vote may tell of one, and nobody says more than what he was asked can have brought about.

use openraft::raft::{StreamAppendError, StreamAppendResult, VoteResponse};
use vault_core::access::KeyHash;

use super::trust::{Known, Trust};
use super::wire::{self, Malformed};
use crate::raft::types::{LogId, Types, Vote};

/// Further ahead no honest node is; so far, each leap leaves the terms of many lives.
const LEAP: u64 = 1 << 32;

/// Why an answer is not given to raft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Disbelieved {
    /// Nobody answers so.
    #[error("it answered what does not parse, or what nobody answers")]
    Malformed,
    /// It has no vote, and tells of a higher one.
    #[error("it has no vote and tells of a higher one")]
    NoVote,
}

impl From<Malformed> for Disbelieved {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Whether a term is so far ahead of one's own that none leads there.
pub(super) fn is_far(term: u64, own: u64) -> bool {
    term > own.saturating_add(LEAP)
}

/// Whose answers they are, as of now.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    pub(super) trust: Trust,
    pub(super) target: KeyHash,
}

/// Up to where entries were sent: what was before them, and their last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) vote: Vote,
    pub(super) before: Option<LogId>,
    pub(super) last: Option<LogId>,
}

impl Judge {
    /// A vote in an answer to what was said under that vote of one's own. What is told is not proved: it is taken as
    /// one that was not won.
    pub(super) fn vote(&self, asked: &Vote, told: Vote) -> Result<Vote, Disbelieved> {
        let (own, told) = (asked.leader_id(), told.leader_id());
        if is_far(told.term, own.term) || (told.voted_for == own.voted_for && told.term > own.term)
        {
            return Err(Disbelieved::Malformed);
        }
        let votes = matches!(
            self.trust.whose(&self.target),
            Some(Known { votes: true, .. })
        );
        if told.term > own.term && !votes {
            return Err(Disbelieved::NoVote);
        }
        Ok(Vote::new(told.term, told.voted_for))
    }

    /// What came of entries.
    pub(super) fn appended(
        &self,
        sent: &Sent,
        result: &StreamAppendResult<Types>,
    ) -> Result<StreamAppendResult<Types>, Disbelieved> {
        match *result {
            Ok(matched) => {
                let (matched_to, sent_to) =
                    (matched.map(|id| id.index), sent.last.map(|id| id.index));
                if matched > sent.last || matched_to > sent_to {
                    return Err(Disbelieved::Malformed);
                }
                Ok(Ok(matched))
            }
            Err(StreamAppendError::Conflict(at)) if Some(at) == sent.before => {
                Ok(Err(StreamAppendError::Conflict(at)))
            }
            Err(StreamAppendError::Conflict(_)) => Err(Disbelieved::Malformed),
            Err(StreamAppendError::HigherVote(told)) => {
                let told = self.vote(&sent.vote, told)?;
                if told.leader_id().term <= sent.vote.leader_id().term {
                    return Err(Disbelieved::Malformed);
                }
                Ok(Err(StreamAppendError::HigherVote(told)))
            }
        }
    }

    /// A vote given or not.
    pub(super) fn voted(
        &self,
        asked: &Vote,
        answer: &VoteResponse<Types>,
    ) -> Result<VoteResponse<Types>, Disbelieved> {
        let vote = self.vote(asked, answer.vote)?;
        let last = answer.last_log_id;
        Ok(VoteResponse::new(vote, last, answer.vote_granted))
    }
}

impl Sent {
    pub(super) fn of(request: &openraft::raft::AppendEntriesRequest<Types>) -> Self {
        Self {
            vote: request.vote,
            before: request.prev_log_id,
            last: wire::last_of(request),
        }
    }
}

#[cfg(test)]
mod tests;
