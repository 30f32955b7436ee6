//! Guesses are bounded whatever order they come in, and nobody is locked out for ever.

mod model;

use super::*;
use crate::access::{password::Policy, tests::World};

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const LIMITS: Limits = Limits {
    threshold: 5,
    first: 30 * SECOND,
    longest: HOUR,
    forget: 24 * HOUR,
};
const ALICE: Option<u64> = Some(7);

fn name(text: &str) -> UserName {
    UserName::try_from(text).unwrap()
}

fn source(text: &str) -> Source {
    Source::of_address(text.parse().unwrap())
}

fn begin_as(world: &mut World, who: &str, user: Option<u64>, from: Source) -> Result<Attempt, u64> {
    match world.run(|tx| begin(tx, &name(who), user, from, &LIMITS)) {
        Ok(attempt) => Ok(attempt),
        Err(Refusal::Locked { wait }) => Err(wait),
        Err(Refusal::Record(error)) => panic!("{error}"),
    }
}

fn begin_at(world: &mut World, from: Source) -> Result<Attempt, u64> {
    begin_as(world, "alice", ALICE, from)
}

/// Logs in, so that the place is known.
fn log_in(world: &mut World, from: Source) {
    let attempt = begin_at(world, from).unwrap();
    world.run(|tx| succeeded(tx, &attempt)).unwrap();
}

/// How many attempts are let through at once.
fn guesses(world: &mut World, who: &str, user: Option<u64>, from: Source, tries: usize) -> usize {
    (0..tries)
        .filter(|_| begin_as(world, who, user, from).is_ok())
        .count()
}

#[test]
fn fifty_guesses_at_once_get_as_far_as_five() {
    let mut world = World::new();
    let home = source("192.0.2.1");
    log_in(&mut world, home);
    for from in [home, source("198.51.100.1"), Source::of_uid(0)] {
        assert_eq!(guesses(&mut world, "alice", ALICE, from, 50), 5);
    }
    assert_eq!(guesses(&mut world, "nobody", None, home, 50), 5);
}

#[test]
fn two_attempts_evaluated_on_one_state_do_not_both_count_as_one() {
    let mut world = World::new();
    let from = source("192.0.2.1");
    let [(_, one), (_, two)] = [(), ()]
        .map(|()| world.evaluate(|tx| begin(tx, &name("alice"), ALICE, from, &LIMITS).unwrap()));
    assert!(world.apply(&one) && !world.apply(&two));
}

#[test]
fn each_further_failure_waits_twice_as_long_up_to_an_hour() {
    let mut world = World::new();
    let from = source("192.0.2.1");
    assert_eq!(guesses(&mut world, "alice", ALICE, from, 5), 5);
    for seconds in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600] {
        let wait = seconds * SECOND;
        assert_eq!(begin_at(&mut world, from).unwrap_err(), wait);
        world.now += wait - 1;
        assert_eq!(begin_at(&mut world, from).unwrap_err(), 1);
        world.now += 1;
        drop(begin_at(&mut world, from).unwrap());
    }
    world.now += 24 * HOUR - 1;
    drop(begin_at(&mut world, from).unwrap());
    assert!(
        begin_at(&mut world, from).is_err(),
        "a day without one is not over"
    );
    world.now += 24 * HOUR;
    assert_eq!(guesses(&mut world, "alice", ALICE, from, 50), 5);
}

#[test]
fn a_refused_attempt_writes_nothing_and_prolongs_nothing() {
    let mut world = World::new();
    let from = source("192.0.2.1");
    assert_eq!(guesses(&mut world, "alice", ALICE, from, 5), 5);
    for _ in 0..100 {
        let (refused, transaction) =
            world.evaluate(|tx| begin(tx, &name("alice"), ALICE, from, &LIMITS));
        assert!(matches!(refused, Err(Refusal::Locked { wait: 30_000 })));
        assert!(transaction.writes.is_empty());
    }
}

#[test]
fn success_resets_a_known_place() {
    let mut world = World::new();
    let home = source("192.0.2.1");
    log_in(&mut world, home);
    for _ in 0..20 {
        assert_eq!(guesses(&mut world, "alice", ALICE, home, 4), 4);
        log_in(&mut world, home);
    }
}

#[test]
fn the_last_free_attempt_may_be_right() {
    let mut world = World::new();
    let home = source("192.0.2.1");
    assert_eq!(guesses(&mut world, "alice", ALICE, home, 4), 4);
    log_in(&mut world, home);
    log_in(&mut world, home);
    assert_eq!(guesses(&mut world, "alice", ALICE, home, 50), 5);
}

#[test]
fn strangers_cannot_lock_a_known_place() {
    let mut world = World::new();
    let (home, local) = (source("192.0.2.1"), Source::of_uid(1000));
    log_in(&mut world, home);
    log_in(&mut world, local);
    for network in 0..200_u32 {
        let from = Source::of_address(std::net::IpAddr::from([
            10,
            0,
            0,
            u8::try_from(network).unwrap(),
        ]));
        guesses(&mut world, "alice", ALICE, from, 6);
    }
    assert!(
        begin_at(&mut world, source("203.0.113.9")).is_err(),
        "new places are locked"
    );
    log_in(&mut world, home);
    log_in(&mut world, local);
}

#[test]
fn one_network_leaves_other_new_places_open() {
    let mut world = World::new();
    guesses(&mut world, "alice", ALICE, source("198.51.100.1"), 50);
    let open = (0..64_u8).filter(|at| {
        begin_at(
            &mut world,
            Source::of_address(std::net::IpAddr::from([10, 0, 0, *at])),
        )
        .is_ok()
    });
    assert!(open.count() >= 30);
}

#[test]
fn however_many_networks_guess_after_a_hundred_one_an_hour_is_let_through() {
    let mut world = World::new();
    let mut through = 0;
    // twelve hours, by as many networks as there are
    for step in 0..3000_u32 {
        world.now += 15 * SECOND;
        let [.., a, b, c] = step.to_be_bytes();
        let from = Source::of_address(std::net::IpAddr::from([10, a, b, c]));
        through += usize::from(begin_at(&mut world, from).is_ok());
    }
    assert!((80..=112).contains(&through), "{through}");
}

#[test]
fn no_policy_lets_more_than_one_an_hour_through_after_a_hundred() {
    let lax = Policy::from_json(
        r#"{"LockoutThreshold": 100, "LockoutDelaySeconds": 1, "LockoutDelayMaximumSeconds": 30, "LockoutForgetSeconds": 3600}"#,
    );
    let lax = lax.unwrap().limits();
    let (home, away) = (source("192.0.2.1"), source("198.51.100.1"));
    for (from, known) in [(home, true), (away, false)] {
        let mut world = World::new();
        if known {
            log_in(&mut world, from);
        }
        let begin = |world: &mut World| {
            let begun = world.run(|tx| begin(tx, &name("alice"), ALICE, from, &lax));
            begun.is_ok()
        };
        assert_eq!((0..200).filter(|_| begin(&mut world)).count(), 100);
        for _ in 0..5 {
            world.now += HOUR - 1;
            assert!(!begin(&mut world));
            world.now += 1;
            assert!(begin(&mut world) && !begin(&mut world));
        }
        world.now += 24 * HOUR - 1;
        assert!(begin(&mut world) && !begin(&mut world), "a day is not over");
        world.now += 24 * HOUR;
        assert!(begin(&mut world) && begin(&mut world), "it begins again");
    }
}

#[test]
fn a_stranger_behind_the_same_address_locks_a_known_place_and_no_other() {
    let mut world = World::new();
    let (home, local) = (source("192.0.2.1"), Source::of_uid(1000));
    log_in(&mut world, home);
    log_in(&mut world, local);
    guesses(&mut world, "alice", ALICE, home, 50);
    assert!(begin_at(&mut world, home).is_err());
    log_in(&mut world, local);
    world.run(|tx| unlock(tx, &name("alice"), ALICE)).unwrap();
    log_in(&mut world, home);
}

#[test]
fn names_that_nobody_has_behave_like_others() {
    let mut world = World::new();
    for step in 0..200_u64 {
        world.now += step % 7 * 11 * SECOND;
        let from = source(
            ["192.0.2.1", "198.51.100.1", "2001:db8::1"][usize::try_from(step % 3).unwrap()],
        );
        // the same name before and after somebody was given it, in two worlds that are otherwise the same
        let (mut other, now) = (World::new(), world.now);
        other.state = world.state.clone();
        other.now = now;
        let known = begin_as(&mut other, "bob", Some(9), from).err();
        let unknown = begin_as(&mut world, "bob", None, from).err();
        assert_eq!(known, unknown);
    }
}

#[test]
fn both_read_and_write_the_same_number_of_records() {
    let mut world = World::new();
    let from = source("192.0.2.1");
    let shapes = [ALICE, None].map(|user| {
        let (attempt, transaction) =
            world.evaluate(|tx| begin(tx, &name("alice"), user, from, &LIMITS));
        drop(attempt.unwrap());
        (
            transaction.checks.len(),
            transaction.writes.len(),
            transaction.size(),
        )
    });
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!((shapes[0].0, shapes[0].1), (2, 1));
}

#[test]
fn an_own_success_does_not_take_back_anothers_failures() {
    let mut world = World::new();
    // the same bucket and slot, as if the names' tags had collided
    let from = source("198.51.100.1");
    assert_eq!(guesses(&mut world, "alice", None, from, 4), 4);
    let colluding = world
        .run(|tx| begin(tx, &name("alice"), Some(66), from, &LIMITS))
        .unwrap();
    world.run(|tx| succeeded(tx, &colluding)).unwrap();
    assert_eq!(guesses(&mut world, "alice", None, from, 50), 1);
}

#[test]
fn variants_of_a_name_count_as_one() {
    let mut world = World::new();
    let from = source("192.0.2.1");
    let mut through = 0;
    for typed in [
        "rené",
        "RENÉ",
        "Rene\u{301}",
        "ｒｅｎé",
        "rENé",
        "René",
        "RENe\u{301}",
    ] {
        through += guesses(&mut world, typed, ALICE, from, 1);
    }
    assert_eq!(through, 5);
}

#[test]
fn the_state_does_not_grow_with_what_is_tried() {
    let mut world = World::new();
    log_in(&mut world, Source::of_uid(1));
    for at in 0..400_u32 {
        let [.., high, low] = at.to_be_bytes();
        let from = Source::of_address(std::net::IpAddr::from([10, 0, high, low]));
        drop(begin_as(&mut world, &format!("name{at}"), None, from));
        drop(begin_at(&mut world, from));
    }
    let failures = world
        .state
        .records()
        .filter(|(key, _)| key.kind_byte() == Kind::Failures as u8);
    for (key, record) in failures {
        let ([0, high, low] | [1, _, _, _, _, _, high, low, _]) = *key.ids() else {
            panic!("{key:?}")
        };
        assert!(u16::from_be_bytes([high, low]) < BUCKETS);
        assert!(record.sealed.len() < 400);
    }
}

#[test]
fn eight_places_are_known_for_ninety_days() {
    let mut world = World::new();
    for at in 0..9 {
        log_in(&mut world, Source::of_uid(at));
    }
    let places = |world: &mut World| world.run(|tx| Places::load(tx, 7)).unwrap().0;
    let known = places(&mut world);
    assert_eq!(known.len(), 8);
    assert!(
        known.iter().all(|place| place.source != Source::of_uid(0)),
        "the one used longest ago went"
    );
    world.now += KNOWN_FOR;
    let attempt = begin_at(&mut world, Source::of_uid(8)).unwrap();
    assert!(matches!(attempt.counted, Counted::Elsewhere { .. }));
    world.run(|tx| succeeded(tx, &attempt)).unwrap();
    assert_eq!(places(&mut world).len(), 1);
    world.run(|tx| forget_places(tx, 7));
    assert!(places(&mut world).is_empty());
}

#[test]
fn an_administrator_unlocks_a_name() {
    let mut world = World::new();
    let (home, away) = (source("192.0.2.1"), source("198.51.100.1"));
    log_in(&mut world, home);
    for from in [home, away] {
        guesses(&mut world, "alice", ALICE, from, 50);
        assert!(begin_at(&mut world, from).is_err());
    }
    world.run(|tx| unlock(tx, &name("alice"), ALICE)).unwrap();
    for from in [home, away] {
        assert_eq!(guesses(&mut world, "alice", ALICE, from, 50), 5);
    }
}

#[test]
fn an_administrator_lifts_the_ceiling_of_a_day_and_it_holds_again_from_then_on() {
    let lax = Policy::from_json(r#"{"LockoutThreshold": 100, "LockoutDelaySeconds": 1}"#);
    let lax = lax.unwrap().limits();
    let (home, away) = (source("192.0.2.1"), source("198.51.100.1"));
    for (from, known) in [(home, true), (away, false)] {
        let mut world = World::new();
        if known {
            log_in(&mut world, from);
        }
        let begin = |world: &mut World| {
            let begun = world.run(|tx| begin(tx, &name("alice"), ALICE, from, &lax));
            begun.is_ok()
        };
        for _ in 0..3 {
            assert_eq!((0..200).filter(|_| begin(&mut world)).count(), 100);
            world.now += HOUR - 1;
            assert!(!begin(&mut world), "known: {known}");
            world.run(|tx| unlock(tx, &name("alice"), ALICE)).unwrap();
        }
    }
}

#[test]
fn another_policy_binds_what_was_counted_before() {
    let mut world = World::new();
    let from = source("192.0.2.1");
    assert_eq!(guesses(&mut world, "alice", ALICE, from, 4), 4);
    let strict = Limits {
        threshold: 3,
        ..LIMITS
    };
    let refused = world.run(|tx| begin(tx, &name("alice"), ALICE, from, &strict));
    assert!(matches!(refused, Err(Refusal::Locked { wait: 60_000 })));
}
