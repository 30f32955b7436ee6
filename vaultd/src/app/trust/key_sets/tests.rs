//! When keys are fetched, by a clock that the test holds.

use super::*;

const BOUND: Duration = Duration::from_hours(24);
const OF: Of = (7, 1);

fn at(seconds: u64) -> Moment {
    Moment {
        boot: Duration::from_secs(seconds),
        wall: seconds * 1000,
    }
}

fn keys(id: &str) -> Keys {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let key =
        format!(r#"{{"keys": [{{"kty": "OKP", "crv": "Ed25519", "kid": "{id}", "x": "{x}"}}]}}"#);
    Keys::parse(&key).unwrap()
}

fn turn(sets: &KeySets, seconds: u64) -> Turn {
    sets.turn(OF, at(seconds).boot, Want::Keys, BOUND)
}

fn others(sets: &KeySets, since: u64, seconds: u64) -> Turn {
    let want = Want::Others(at(since).boot);
    sets.turn(OF, at(seconds).boot, want, BOUND)
}

/// Sets that were fetched at that second.
fn fetched(seconds: u64) -> KeySets {
    let sets = KeySets::default();
    let Turn::Fetch(flight) = turn(&sets, seconds) else {
        panic!("nothing was known")
    };
    sets.take(OF, keys("one"), at(seconds));
    drop(flight);
    sets
}

#[test]
fn all_who_need_keys_wait_for_one_fetch() {
    let sets = KeySets::default();
    let Turn::Fetch(flight) = turn(&sets, 100) else {
        panic!("the first fetches")
    };
    for second in 100..105 {
        assert!(matches!(turn(&sets, second), Turn::Wait(_)));
        assert!(matches!(others(&sets, 100, second), Turn::Wait(_)));
    }
    sets.take(OF, keys("one"), at(105));
    drop(flight);
    assert!(matches!(turn(&sets, 106), Turn::Use(_)));
    assert!(sets.after(OF, at(106).boot, BOUND).is_ok());
}

#[test]
fn a_fetch_that_is_dropped_unfinished_holds_nobody_up() {
    let sets = KeySets::default();
    let Turn::Fetch(flight) = turn(&sets, 100) else {
        panic!("the first fetches")
    };
    drop(flight);
    assert!(sets.after(OF, at(101).boot, BOUND).is_err());
    assert!(matches!(turn(&sets, 101), Turn::Fetch(_)));
}

#[test]
fn a_key_that_is_not_there_causes_one_fetch_a_minute() {
    let sets = fetched(100);
    // what was fetched since the request began is not asked for again
    assert!(matches!(others(&sets, 100, 101), Turn::Use(_)));
    let Turn::Fetch(flight) = others(&sets, 102, 102) else {
        panic!("the first is let ask")
    };
    assert!(matches!(others(&sets, 102, 102), Turn::Wait(_)));
    sets.take(OF, keys("one"), at(103));
    drop(flight);
    for second in 104..162 {
        assert!(
            matches!(others(&sets, second, second), Turn::Use(_)),
            "{second}"
        );
    }
    assert!(matches!(others(&sets, 162, 162), Turn::Fetch(_)));
}

#[test]
fn what_ages_is_fetched_beside_its_use_and_only_if_it_is_used() {
    let sets = fetched(100);
    assert!(sets.due(at(10_000).boot).is_empty(), "nobody used it");
    assert!(matches!(turn(&sets, 600), Turn::Use(_)));
    assert!(sets.due(at(699).boot).is_empty(), "it is young");
    let due = sets.due(at(700).boot);
    assert_eq!(due.iter().map(|(of, _)| *of).collect::<Vec<_>>(), [OF]);
    assert!(sets.due(at(700).boot).is_empty(), "it is under way");
    assert!(matches!(turn(&sets, 701), Turn::Use(_)));
    sets.fail(OF, Why::Failed(Failure::Connect), at(710));
    drop(due);
    assert!(sets.due(at(769).boot).is_empty(), "it rests");
    assert_eq!(sets.due(at(770).boot).len(), 1);
}

#[test]
fn old_keys_are_fetched_first_and_used_where_that_fails_until_their_bound() {
    let sets = fetched(100);
    assert!(matches!(turn(&sets, 3_699), Turn::Use(_)));
    let Turn::Fetch(flight) = turn(&sets, 3_700) else {
        panic!("they are old")
    };
    sets.fail(OF, Why::Failed(Failure::Connect), at(3_710));
    drop(flight);
    assert!(sets.after(OF, at(3_710).boot, BOUND).is_ok());
    assert!(matches!(turn(&sets, 3_711), Turn::Use(_)));
    let day = 24 * 3600;
    assert!(sets.after(OF, at(100 + day).boot, BOUND).is_ok());
    let over = at(101 + day);
    assert_eq!(
        sets.after(OF, over.boot, BOUND).err(),
        Some(Why::Failed(Failure::Connect))
    );
    sets.fail(OF, Why::Failed(Failure::TimedOut), over);
    assert!(matches!(
        turn(&sets, 102 + day),
        Turn::Refused(Why::Failed(Failure::TimedOut))
    ));
    assert!(matches!(turn(&sets, 111 + day), Turn::Fetch(_)));
}

#[test]
fn a_failure_rests_for_ten_seconds_but_for_one_of_this_machines_own() {
    let sets = KeySets::default();
    drop(turn(&sets, 100));
    assert!(
        sets.fail(OF, Why::Failed(Failure::Redirect), at(100)),
        "news"
    );
    assert!(
        !sets.fail(OF, Why::Failed(Failure::Redirect), at(100)),
        "told before"
    );
    assert!(matches!(
        turn(&sets, 109),
        Turn::Refused(Why::Failed(Failure::Redirect))
    ));
    assert!(matches!(turn(&sets, 110), Turn::Fetch(_)));
    for why in [Why::Failed(Failure::NoHelper), Why::NotAllowed] {
        sets.fail(OF, why, at(120));
        assert!(matches!(turn(&sets, 120), Turn::Fetch(_)), "{why}");
    }
    assert_eq!(sets.failures(), 4);
    // with keys to go on with, nobody waits for what has just not answered
    let aged = fetched(100);
    aged.fail(OF, Why::Failed(Failure::NoHelper), at(4_000));
    assert!(matches!(turn(&aged, 4_009), Turn::Use(_)));
    assert_eq!(aged.age(at(4_009).boot), Duration::from_secs(3_909));
    assert!(matches!(turn(&aged, 4_010), Turn::Fetch(_)));
    let state = sets.state(OF);
    assert_eq!(state.fetched, None);
    assert!(
        state
            .failed
            .is_some_and(|(when, why)| when == 120_000 && why.contains("allow"))
    );
}

#[test]
fn other_rules_of_an_issuer_begin_without_keys_and_older_ones_get_none() {
    let sets = fetched(100);
    let now = at(101).boot;
    let next = (7, 2);
    let Turn::Fetch(flight) = sets.turn(next, now, Want::Keys, BOUND) else {
        panic!("nothing is known of these rules")
    };
    assert!(matches!(turn(&sets, 101), Turn::Refused(Why::Overtaken)));
    // what was fetched for the rules of before is nobody's
    sets.take(OF, keys("one"), at(101));
    assert!(sets.after(next, now, BOUND).is_err());
    drop(flight);
    assert_eq!(sets.state(OF), KeySetState::default());
    sets.keep(&BTreeSet::new());
    assert_eq!(sets.age(now), Duration::ZERO);
}

#[test]
fn sets_are_the_same_by_their_keys_and_not_by_their_text() {
    let sets = fetched(100);
    assert_eq!(sets.compare(OF, &keys("one")), (true, true));
    assert_eq!(sets.compare(OF, &keys("two")), (false, true));
    assert_eq!(sets.compare((8, 1), &keys("one")), (false, false));
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let other = format!(
        r#"{{"more": 1, "keys": [{{"kty": "EC", "crv": "x"}},
             {{"x":"{x}", "kid":"one", "crv":"Ed25519", "kty":"OKP"}}]}}"#
    );
    assert_eq!(
        sets.compare(OF, &Keys::parse(&other).unwrap()),
        (true, true)
    );
}
