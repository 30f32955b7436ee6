//! The roster, step by step and at random.

use proptest::prelude::*;

use super::{Card, CardError, Refusal, Roster};
use crate::access::KeyHash;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn key(n: u64) -> KeyHash {
    KeyHash::of(&n.to_be_bytes())
}

fn card(n: u64, region: &str) -> Card {
    let address = format!("10.0.0.{n}:8201");
    Card::new(key(n), &address, region, &format!("node-{n}")).unwrap()
}

fn alone() -> Roster {
    Roster::alone(1, card(1, "home"), None, (0, 1))
}

/// One more node, approved at once.
fn join(roster: &mut Roster, n: u64, now: u64) -> u64 {
    let hash = [u8::try_from(n).unwrap(); 32];
    roster.invite(hash, "home", HOUR, now).unwrap();
    let id = roster.ask(hash, card(n, "home"), now).unwrap();
    let node = roster.approve(key(n), now).unwrap();
    assert_eq!(node.id(), id);
    id
}

#[test]
fn a_node_is_invited_asks_is_approved_gets_a_vote_and_goes() {
    let mut roster = alone();
    let id = join(&mut roster, 2, 0);
    assert_eq!(id, 2);
    assert!(!roster.node(id).unwrap().votes());
    assert_eq!(roster.set_votes(id, true, "home"), Ok(true));
    assert_eq!(roster.set_votes(id, true, "home"), Ok(false));
    assert_eq!(roster.set_votes(1, false, "home"), Ok(true));
    assert_eq!(roster.remove(1).unwrap().id(), 1);
    assert_eq!(roster.nodes().len(), 1);
}

#[test]
fn an_invitation_is_good_for_one_key_of_its_region_for_a_while() {
    let mut roster = alone();
    let hash = [7; 32];
    roster.invite(hash, "home", HOUR, 0).unwrap();
    assert_eq!(
        roster.ask([8; 32], card(2, "home"), 1),
        Err(Refusal::Unknown)
    );
    let abroad = roster.ask(hash, card(2, "eu"), 1);
    assert!(matches!(abroad, Err(Refusal::Region { .. })), "{abroad:?}");
    assert_eq!(
        roster.ask(hash, card(1, "home"), 1),
        Err(Refusal::KeyTaken(1))
    );
    // What was refused spent nothing; whoever lost the answer asks again.
    let id = roster.ask(hash, card(2, "home"), 1).unwrap();
    assert_eq!(roster.ask(hash, card(2, "home"), 2), Ok(id));
    assert_eq!(roster.ask(hash, card(3, "home"), 2), Err(Refusal::Unknown));
    roster.approve(key(2), 3).unwrap();
    assert_eq!(roster.ask(hash, card(2, "home"), 4), Ok(id));
    assert_eq!(roster.ask(hash, card(3, "home"), 4), Err(Refusal::Unknown));
    roster.invite([9; 32], "home", HOUR, 2).unwrap();
    assert_eq!(
        roster.ask([9; 32], card(3, "home"), 2 + HOUR),
        Err(Refusal::Unknown)
    );
}

#[test]
fn a_candidate_that_nobody_approves_is_forgotten_and_its_id_is_not_given_again() {
    let mut roster = alone();
    roster.invite([1; 32], "home", HOUR, 0).unwrap();
    let first = roster.ask([1; 32], card(2, "home"), 0).unwrap();
    assert_eq!(roster.approve(key(2), 25 * HOUR), Err(Refusal::NoCandidate));
    roster.invite([2; 32], "home", HOUR, 0).unwrap();
    let second = roster.ask([2; 32], card(3, "home"), 0).unwrap();
    assert!(second > first);
    assert_eq!(roster.reject(key(3)).unwrap().id(), second);
    assert_eq!(roster.reject(key(3)), Err(Refusal::NoCandidate));
    roster.invite([3; 32], "home", HOUR, 0).unwrap();
    assert!(roster.ask([3; 32], card(3, "home"), 0).unwrap() > second);
}

#[test]
fn lives_of_invitations_are_bounded_and_so_is_their_number() {
    let mut roster = alone();
    for ttl in [0, MINUTE - 1, 24 * HOUR + 1, u64::MAX] {
        assert_eq!(roster.invite([0; 32], "home", ttl, 0), Err(Refusal::Ttl));
    }
    for region in ["", "eu west", &"a".repeat(65)] {
        assert_eq!(
            roster.invite([0; 32], region, HOUR, 0),
            Err(Refusal::Card(CardError::Name))
        );
    }
    for n in 0..32 {
        roster.invite([n; 32], "home", HOUR, 0).unwrap();
    }
    assert_eq!(roster.invite([99; 32], "home", HOUR, 0), Err(Refusal::Full));
    roster.invite([99; 32], "home", HOUR, HOUR).unwrap();
}

#[test]
fn the_last_vote_stays_and_votes_are_at_home() {
    let mut roster = alone();
    assert_eq!(
        roster.set_votes(1, false, "home"),
        Err(Refusal::LastVote(1))
    );
    assert_eq!(roster.remove(1), Err(Refusal::LastVote(1)));
    assert_eq!(roster.remove(9), Err(Refusal::NoNode(9)));
    assert_eq!(roster.set_votes(9, true, "home"), Err(Refusal::NoNode(9)));
    roster.invite([1; 32], "eu", HOUR, 0).unwrap();
    let id = roster.ask([1; 32], card(2, "eu"), 0).unwrap();
    roster.approve(key(2), 0).unwrap();
    let abroad = roster.set_votes(id, true, "home");
    assert!(matches!(abroad, Err(Refusal::Abroad { .. })), "{abroad:?}");
}

#[test]
fn what_would_leave_no_majority_that_is_heard_is_refused() {
    let mut roster = alone();
    for n in [2, 3] {
        let id = join(&mut roster, n, 0);
        roster.set_votes(id, true, "home").unwrap();
    }
    let silent = Err(Refusal::NoMajority {
        id: 2,
        silent: vec![3],
    });
    assert_eq!(roster.decides_without(2, &[1, 2]), silent);
    // Who is away himself may go.
    assert_eq!(roster.decides_without(3, &[1, 2]), Ok(()));
    assert_eq!(roster.decides_without(2, &[1, 3]), Ok(()));
    roster.set_votes(3, false, "home").unwrap();
    // A replica decides nothing anyway.
    assert_eq!(roster.decides_without(3, &[]), Ok(()));
    assert_eq!(roster.decides_without(2, &[1]), Ok(()));
}

#[test]
fn a_node_moves_but_keeps_key_and_region() {
    let mut roster = alone();
    let moved = Card::new(key(1), "10.9.9.9:8201", "home", "node-1").unwrap();
    assert!(roster.present(1, &moved));
    assert!(!roster.present(1, &moved));
    assert!(!roster.present(1, &card(2, "home")));
    assert!(!roster.present(1, &card(1, "eu")));
    assert!(!roster.present(5, &moved));
    assert_eq!(roster.node(1).unwrap().card(), &moved);
}

#[test]
fn cards_that_nobody_could_reach_or_read_are_refused() {
    for address in [
        "",
        "host",
        "host:",
        ":8201",
        "host:0",
        "host:70000",
        "a b:1",
        "a/b:1",
        "ho\nst:1",
    ] {
        assert_eq!(
            Card::new(key(1), address, "home", "n"),
            Err(CardError::Address),
            "{address:?}"
        );
    }
    let long = format!("{}:8201", "a".repeat(260));
    assert_eq!(
        Card::new(key(1), &long, "home", "n"),
        Err(CardError::Address)
    );
    for name in ["", " ", "a b", "ä", &"a".repeat(65)] {
        assert_eq!(
            Card::new(key(1), "h:1", name, "n"),
            Err(CardError::Name),
            "{name:?}"
        );
        assert_eq!(
            Card::new(key(1), "h:1", "home", name),
            Err(CardError::Name),
            "{name:?}"
        );
    }
    for address in ["10.0.0.1:8201", "[::1]:8201", "node-1.example.com:8201"] {
        assert!(Card::new(key(1), address, "home", "n").is_ok(), "{address}");
    }
}

proptest! {
    /// Whatever is done in whatever order: ids and keys name one node or candidate, no id is given twice, and somebody
    /// has a vote.
    #[test]
    fn whatever_happens_ids_and_keys_are_ones_own(steps in proptest::collection::vec((0_u8..7, 0_u64..6, 0_u64..6), 0..60)) {
        let mut roster = alone();
        let mut given = vec![1];
        for (now, (step, a, b)) in (0_u64..).zip(steps) {
            let now = now * 10 * MINUTE;
            let hash = [u8::try_from(a).unwrap(); 32];
            match step {
                0 => drop(roster.invite(hash, "home", HOUR, now)),
                1 => {
                    let waits = roster.candidates().iter().map(super::Candidate::id);
                    // Who asks again is told again.
                    let known: Vec<u64> = waits.chain(roster.nodes().iter().map(super::Node::id)).collect();
                    if let Ok(id) = roster.ask(hash, card(b + 1, "home"), now)
                        && !known.contains(&id)
                    {
                        prop_assert!(!given.contains(&id));
                        given.push(id);
                    }
                }
                2 => drop(roster.approve(key(b + 1), now)),
                3 => drop(roster.reject(key(b + 1))),
                4 => drop(roster.set_votes(a, b % 2 == 0, "home")),
                5 => drop(roster.remove(a)),
                _ => roster.expire(now),
            }
            prop_assert!(roster.nodes().iter().any(super::Node::votes));
            let nodes = roster.nodes().iter().map(|node| (node.id(), node.card().key()));
            let waiting = roster.candidates().iter().map(|one| (one.id(), one.card().key()));
            let (mut ids, mut keys): (Vec<u64>, Vec<KeyHash>) = nodes.chain(waiting).unzip();
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!((ids.len(), keys.len()), (count, count));
            let bytes = minicbor::to_vec(&roster).unwrap();
            prop_assert_eq!(&minicbor::decode::<Roster>(&bytes).unwrap(), &roster);
        }
    }
}
