//! Random histories: in whatever order attempts begin and turn out right, guesses are bounded.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};

use super::*;

/// What somebody does next: time passes, an attempt begins somewhere, one of those under way turns out right.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Guess(u8),
    Right(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![
        0..40 * SECOND,
        0..2 * HOUR,
        Just(30 * SECOND),
        Just(30 * SECOND - 1)
    ];
    let step = prop_oneof![
        2 => wait.prop_map(Step::Wait),
        5 => (0..3_u8).prop_map(Step::Guess),
        1 => any::<usize>().prop_map(Step::Right),
    ];
    vec(step, 1..120)
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]
    #[test]
    fn no_order_of_events_lets_more_than_five_failures_through(steps in steps()) {
        let mut world = World::new();
        let places = [source("192.0.2.1"), source("198.51.100.1"), Source::of_uid(4)];
        log_in(&mut world, places[0]);
        let mut under_way = Vec::new();
        // when attempts began, by place, that never turned out right since the last that did
        let mut failed: [Vec<u64>; 3] = Default::default();
        for step in steps {
            match step {
                Step::Wait(time) => world.now += time,
                Step::Guess(at) => {
                    let at = usize::from(at);
                    if let Ok(attempt) = begin_at(&mut world, places[at]) {
                        under_way.push((at, world.now, attempt));
                        failed[at].push(world.now);
                    }
                }
                Step::Right(which) if !under_way.is_empty() => {
                    let (at, _, attempt) = under_way.swap_remove(which % under_way.len());
                    world.run(|tx| succeeded(tx, &attempt)).unwrap();
                    failed[at].clear();
                }
                Step::Right(_) => {}
            }
        }
        for times in &failed {
            for window in times.windows(6) {
                prop_assert!(window[5] - window[0] >= 30 * SECOND, "{times:?}");
            }
            // once five are spent the waits double: n more take at least so long
            for (more, window) in [(2, 7), (3, 8), (4, 9)] {
                for times in times.windows(window) {
                    let within_a_day = times.windows(2).all(|pair| pair[1] - pair[0] < LIMITS.forget);
                    let least = (0..more).map(|n| (30 * SECOND) << n).sum::<u64>();
                    prop_assert!(!within_a_day || times[window - 1] - times[0] >= least, "{times:?}");
                }
            }
        }
    }
}
