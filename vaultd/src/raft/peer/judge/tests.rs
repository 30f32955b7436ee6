//! Answers that are none.

use std::collections::BTreeMap;

use super::*;
use crate::raft::member::Member;
use crate::raft::types::log_id;
use crate::store::Position;

/// A judge of node 2, with a vote or without; the asking node is 1, in term 5.
fn judge(votes: bool) -> Judge {
    let target = KeyHash::of(b"2");
    let member = Member {
        address: "10.0.0.2:8201".into(),
        key: Some(target),
    };
    let known = votes.then_some((2, member)).into_iter();
    let trust = Trust::introduced(KeyHash::of(b"1"), &known.collect::<BTreeMap<_, _>>());
    Judge { trust, target }
}

fn at(term: u64, index: u64) -> LogId {
    log_id(Position { term, index })
}

fn sent() -> Sent {
    Sent {
        vote: Vote::new_committed(5, 1),
        before: Some(at(4, 8)),
        last: Some(at(5, 9)),
    }
}

#[test]
fn only_who_has_a_vote_tells_of_a_higher_one() {
    let asked = Vote::new_committed(5, 1);
    for higher in [
        Vote::new(6, 2),
        Vote::new_committed(6, 3),
        Vote::new(1 << 30, 9),
    ] {
        assert_eq!(judge(false).vote(&asked, higher), Err(Disbelieved::NoVote));
        let told = judge(true).vote(&asked, higher).unwrap();
        assert!(!told.is_committed());
        assert_eq!(told.leader_id(), higher.leader_id());
        let higher = Err(StreamAppendError::HigherVote(higher));
        let appended = judge(false).appended(&sent(), &higher);
        assert_eq!(appended.unwrap_err(), Disbelieved::NoVote);
        assert!(judge(true).appended(&sent(), &higher).is_ok());
        let voted = VoteResponse::new(Vote::new(6, 3), None, false);
        assert_eq!(
            judge(false).voted(&asked, &voted).unwrap_err(),
            Disbelieved::NoVote
        );
    }
    // Its own view of the vote that it was asked under, or of an earlier one, is nobody's secret.
    for lower in [Vote::new_committed(5, 1), Vote::new(4, 2)] {
        assert!(judge(false).vote(&asked, lower).is_ok());
    }
}

#[test]
fn nobody_makes_a_node_leader_of_a_term_by_telling_it_so() {
    let asked = Vote::new_committed(5, 1);
    for told in [
        Vote::new_committed(6, 1),
        Vote::new(7, 1),
        Vote::new(5 + (1 << 32) + 1, 2),
    ] {
        for votes in [true, false] {
            assert_eq!(judge(votes).vote(&asked, told), Err(Disbelieved::Malformed));
        }
    }
    for same in [Vote::new_committed(5, 2), Vote::new(4, 1)] {
        let appended = judge(true).appended(&sent(), &Err(StreamAppendError::HigherVote(same)));
        assert_eq!(appended.unwrap_err(), Disbelieved::Malformed);
    }
}

#[test]
fn nobody_has_more_than_was_sent_to_him() {
    for matched in [at(5, 10), at(4, 10), at(6, 9), at(5, 1 << 52)] {
        let appended = judge(true).appended(&sent(), &Ok(Some(matched)));
        assert_eq!(appended.unwrap_err(), Disbelieved::Malformed, "{matched}");
        let conflict = Err(StreamAppendError::Conflict(matched));
        let appended = judge(true).appended(&sent(), &conflict);
        assert_eq!(appended.unwrap_err(), Disbelieved::Malformed, "{matched}");
    }
    for matched in [Some(at(5, 9)), Some(at(4, 8)), None] {
        assert!(judge(false).appended(&sent(), &Ok(matched)).is_ok());
    }
    let conflict = Err(StreamAppendError::Conflict(at(4, 8)));
    assert!(judge(false).appended(&sent(), &conflict).is_ok());
}
