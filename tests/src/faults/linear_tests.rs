//! Histories that are known to be good or bad, and a search without any cleverness to compare with.

use proptest::prelude::*;

use super::{Verdict, after, check, counts, is_certain};
use crate::faults::history::{Action, Event, Outcome};

fn event(action: Action, outcome: Outcome, start: u64, end: u64) -> Event {
    Event {
        client: 0,
        key: 0,
        action,
        outcome,
        start,
        end,
    }
}

fn put(value: u64, version: u64, start: u64, end: u64) -> Event {
    event(Action::Put { value }, Outcome::Wrote(version), start, end)
}

fn lost(value: u64, start: u64, end: u64) -> Event {
    event(Action::Put { value }, Outcome::Unknown, start, end)
}

fn get(version: u64, value: u64, start: u64, end: u64) -> Event {
    let outcome = Outcome::Read { version, value };
    event(Action::Get { strict: true }, outcome, start, end)
}

fn swap(expected: u64, value: u64, outcome: Outcome, start: u64, end: u64) -> Event {
    event(Action::Swap { expected, value }, outcome, start, end)
}

#[track_caller]
fn good(events: &[Event]) {
    assert_eq!(check(events), Verdict::Linearizable, "{events:?}");
}

#[track_caller]
fn bad(events: &[Event]) {
    let verdict = check(events);
    assert!(matches!(verdict, Verdict::Not { .. }), "{events:?}");
}

#[test]
fn what_happened_in_turn_is_in_order() {
    good(&[]);
    good(&[get(0, 0, 0, 1), put(7, 1, 2, 3), get(1, 7, 4, 5)]);
    good(&[
        put(7, 1, 0, 1),
        swap(1, 8, Outcome::Wrote(2), 2, 3),
        swap(1, 9, Outcome::Mismatch, 4, 5),
        get(2, 8, 6, 7),
    ]);
}

#[test]
fn operations_at_the_same_time_may_be_in_either_order() {
    good(&[put(7, 2, 0, 9), put(8, 1, 0, 9), get(1, 8, 3, 5)]);
    good(&[put(7, 1, 0, 9), get(0, 0, 1, 8), get(1, 7, 1, 8)]);
}

#[test]
fn a_stale_read_is_found() {
    bad(&[put(7, 1, 0, 1), put(8, 2, 2, 3), get(1, 7, 4, 5)]);
    bad(&[put(7, 1, 0, 1), get(0, 0, 2, 3)]);
    // Two reads in turn that see a write come and go.
    bad(&[put(7, 1, 0, 9), get(1, 7, 1, 2), get(0, 0, 3, 4)]);
}

#[test]
fn a_lost_write_is_found() {
    bad(&[put(7, 1, 0, 1), put(8, 1, 2, 3)]);
    bad(&[
        put(7, 1, 0, 1),
        lost(8, 2, 3),
        put(9, 2, 4, 5),
        get(2, 8, 6, 7),
    ]);
}

#[test]
fn a_phantom_is_found() {
    bad(&[put(7, 1, 0, 1), get(1, 8, 2, 3)]);
    bad(&[get(1, 8, 0, 1), lost(8, 2, 3)]);
}

#[test]
fn two_leaders_are_found() {
    bad(&[put(7, 1, 0, 5), put(8, 1, 0, 5)]);
    bad(&[
        put(7, 1, 0, 1),
        swap(1, 8, Outcome::Wrote(2), 2, 5),
        swap(1, 9, Outcome::Wrote(2), 2, 5),
    ]);
}

#[test]
fn what_may_have_happened_may_happen_late_or_never() {
    good(&[lost(8, 0, 1), put(7, 1, 2, 3), get(1, 7, 4, 5)]);
    good(&[
        lost(8, 0, 1),
        put(7, 1, 2, 3),
        get(1, 7, 4, 5),
        get(2, 8, 6, 7),
    ]);
    good(&[lost(8, 0, 1), put(7, 2, 2, 3)]);
    // But once.
    bad(&[
        lost(8, 0, 1),
        get(1, 8, 2, 3),
        put(7, 2, 4, 5),
        get(3, 8, 6, 7),
    ]);
    bad(&[swap(3, 8, Outcome::Unknown, 0, 1), get(1, 8, 2, 3)]);
}

#[test]
fn what_was_refused_says_nothing_and_a_session_read_may_be_old() {
    let refused = event(Action::Put { value: 8 }, Outcome::Failed, 0, 1);
    good(&[refused, put(7, 1, 2, 3)]);
    bad(&[refused, put(7, 2, 2, 3)]);
    let outcome = Outcome::Read {
        version: 0,
        value: 0,
    };
    let old = event(Action::Get { strict: false }, outcome, 4, 5);
    good(&[put(7, 1, 2, 3), old]);
}

#[test]
fn a_long_history_with_many_doubts_is_decided() {
    let mut events = Vec::new();
    for n in 0..400 {
        events.push(put(n, n + 1, 10 * n, 10 * n + 15));
        events.push(get(n + 1, n, 10 * n + 3, 10 * n + 24));
    }
    let before = events.clone();
    events.extend((0..8).map(|n| lost(1000 + n, 37 * n, 37 * n + 5)));
    good(&events);
    let mut stale = before;
    stale.push(get(100, 99, 3000, 3001));
    bad(&stale);
}

/// Every order that time allows, one after another.
fn by_force(left: &[Event], state: (u64, u64)) -> bool {
    if !left.iter().any(is_certain) {
        return true;
    }
    let certain = left.iter().filter(|event| is_certain(event));
    let deadline = certain.map(|event| event.end).min().unwrap_or(u64::MAX);
    (0..left.len()).any(|at| {
        let mut rest = left.to_vec();
        let event = rest.remove(at);
        event.start <= deadline && after(&event, state).is_some_and(|state| by_force(&rest, state))
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let times = (0..12_u64, 0..6_u64);
    let written =
        prop_oneof![3 => (1..4_u64).prop_map(Outcome::Wrote), 1 => Just(Outcome::Unknown)];
    let swapped = prop_oneof![
        3 => (1..4_u64).prop_map(Outcome::Wrote),
        1 => Just(Outcome::Unknown),
        1 => Just(Outcome::Mismatch)
    ];
    let what = prop_oneof![
        (1..4_u64, written).prop_map(|(value, outcome)| (Action::Put { value }, outcome)),
        (0..3_u64, 1..4_u64, swapped)
            .prop_map(|(expected, value, outcome)| (Action::Swap { expected, value }, outcome)),
        (0..4_u64, 0..4_u64).prop_map(|(version, value)| {
            let value = if version == 0 { 0 } else { value };
            (
                Action::Get { strict: true },
                Outcome::Read { version, value },
            )
        }),
    ];
    (times, what).prop_map(|((start, length), (action, outcome))| {
        event(action, outcome, start, start + length)
    })
}

/// As if in turn, so that many of them have an order.
fn likely(seed: &[(u8, u64, u64)]) -> Vec<Event> {
    let (mut version, mut value) = (0, 0);
    let mut events = Vec::new();
    for (n, &(what, early, late)) in seed.iter().enumerate() {
        let (at, fresh) = (4 * n as u64 + 6, 10 + n as u64);
        let (start, end) = (at - early, at + late);
        match what {
            0 => events.push(get(version, value, start, end)),
            1 => {
                (version, value) = (version + 1, fresh);
                events.push(put(value, version, start, end));
            }
            2 => events.push(lost(fresh, start, end)),
            3 => {
                (version, value) = (version + 1, fresh);
                events.push(lost(value, start, end));
            }
            // A lie.
            4 => events.push(get(version, value + 1, start, end)),
            _ => events.push(get(version.saturating_sub(1), value, start, end)),
        }
    }
    events
}

#[track_caller]
fn agrees(events: &[Event]) -> bool {
    let counted: Vec<Event> = events.iter().copied().filter(counts).collect();
    let expected = by_force(&counted, (0, 0));
    assert_eq!(
        check(events) == Verdict::Linearizable,
        expected,
        "{events:?}"
    );
    expected
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_search_agrees_with_force_on_nonsense(events in prop::collection::vec(any_event(), 0..6)) {
        agrees(&events);
    }

    #[test]
    fn the_search_agrees_with_force_on_what_may_be_good(
        seed in prop::collection::vec((0..4_u8, 0..6_u64, 0..6_u64), 0..7),
        lie in prop::option::weighted(0.3, (4..6_u8, 0..6_u64, 0..6_u64)),
    ) {
        let seed: Vec<_> = seed.into_iter().chain(lie).collect();
        let found = agrees(&likely(&seed));
        prop_assert!(found || lie.is_some());
    }
}
