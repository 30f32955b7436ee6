//! Random histories of codes that race: no step of an authenticator is ever accepted twice, and none that is
//! more than two steps from the server's time.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::record::Transaction;

#[derive(Clone, Debug)]
enum Event {
    /// A node evaluates a code that one of the devices shows, so many steps ahead.
    Evaluate { device: usize, ahead: i64 },
    /// One of the evaluated transactions reaches the log, the last or an old one.
    Apply { which: usize },
    /// Time passes, in seconds.
    Wait { seconds: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..2_usize, -4..=4_i64).prop_map(|(device, ahead)| Event::Evaluate { device, ahead }),
        4 => (0..8_usize).prop_map(|which| Event::Apply { which }),
        1 => (0..70_u64).prop_map(|seconds| Event::Wait { seconds }),
    ]
}

struct Racing {
    accepted: Option<(u64, u64)>,
    transaction: Transaction,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_history_of_racing_codes_accepts_a_step_twice(
        events in prop::collection::vec(event(), 1..80)
    ) {
        let mut world = World::new();
        let devices = ["phone", "key"].map(|name| enrolled(&mut world, ALICE, name));
        let mut racing: Vec<Racing> = Vec::new();
        let mut spent = BTreeSet::new();
        for event in events {
            match event {
                Event::Wait { seconds } => world.now += seconds * 1000,
                Event::Evaluate { device, ahead } => {
                    let code = devices[device].shows(&world, ahead);
                    let step = (world.now / STEP).saturating_add_signed(ahead);
                    let (verdict, transaction) =
                        world.evaluate(|tx| verify(tx, ALICE, &code, Window::OneStep).unwrap());
                    let accepted = match verdict {
                        Verdict::Accepted { authenticator } => Some((authenticator, step)),
                        Verdict::Used | Verdict::Wrong => None,
                    };
                    prop_assert!(accepted.is_none() || ahead.abs() <= 2, "{ahead}");
                    racing.push(Racing { accepted, transaction });
                }
                Event::Apply { which } if !racing.is_empty() => {
                    let chosen = racing.swap_remove(which % racing.len());
                    let applied = world.apply(&chosen.transaction);
                    if let Some(accepted) = chosen.accepted.filter(|_| applied) {
                        prop_assert!(spent.insert(accepted), "twice: {accepted:?}");
                        let newest = spent.iter().rfind(|(id, _)| *id == accepted.0);
                        prop_assert_eq!(newest, Some(&accepted), "an older step after a newer one");
                    }
                }
                Event::Apply { .. } => {}
            }
        }
    }
}
