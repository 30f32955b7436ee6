//! Codes at login: once, in time, of the right user.

use super::*;
use crate::record::{Key, Kind, RecordError};

#[test]
fn a_code_is_accepted_once_in_its_window() {
    let mut world = World::new();
    let device = enrolled(&mut world, ALICE, "phone");
    let authenticator = device.id;
    for ahead in -4..=4 {
        world.now += 20 * STEP;
        let code = device.shows(&world, ahead);
        let expected = match ahead {
            -1..=1 => Verdict::Accepted { authenticator },
            _ => Verdict::Wrong,
        };
        assert_eq!(used(&mut world, ALICE, &code), expected, "{ahead}");
        if expected != Verdict::Wrong {
            assert_eq!(used(&mut world, ALICE, &code), Verdict::Used);
        }
    }
}

#[test]
fn in_one_transaction_too_a_code_is_accepted_once() {
    let mut world = World::new();
    let device = enrolled(&mut world, ALICE, "phone");
    let code = device.shows(&world, 0);
    let (verdicts, _) =
        world.evaluate(|tx| [(); 2].map(|()| verify(tx, ALICE, &code, Window::OneStep).unwrap()));
    let authenticator = device.id;
    assert_eq!(
        verdicts,
        [Verdict::Accepted { authenticator }, Verdict::Used]
    );
}

#[test]
fn of_fifty_uses_at_once_one_succeeds_and_the_rest_see_it_used() {
    let mut world = World::new();
    let device = enrolled(&mut world, ALICE, "phone");
    let code = device.shows(&world, 0);
    let attempts: Vec<_> = (0..50)
        .map(|_| world.evaluate(|tx| verify(tx, ALICE, &code, Window::OneStep).unwrap()))
        .collect();
    let mut accepted = 0;
    for (verdict, transaction) in &attempts {
        assert!(
            matches!(verdict, Verdict::Accepted { .. }),
            "none had seen another"
        );
        if world.apply(transaction) {
            accepted += 1;
        } else {
            assert_eq!(
                used(&mut world, ALICE, &code),
                Verdict::Used,
                "it runs again"
            );
        }
    }
    assert_eq!(accepted, 1);
}

#[test]
fn codes_of_the_last_step_die_with_a_newer_one() {
    let mut world = World::new();
    let device = enrolled(&mut world, ALICE, "phone");
    let (now, next) = (device.shows(&world, 0), device.shows(&world, 1));
    assert!(matches!(
        used(&mut world, ALICE, &next),
        Verdict::Accepted { .. }
    ));
    assert_eq!(used(&mut world, ALICE, &now), Verdict::Used);
}

#[test]
fn a_window_of_none_takes_the_present_step_only() {
    let mut world = World::new();
    let device = enrolled(&mut world, ALICE, "phone");
    let exact = |world: &mut World, ahead| {
        let code = device.shows(world, ahead);
        world
            .write(|tx| verify(tx, ALICE, &code, Window::Exact))
            .unwrap()
    };
    assert_eq!(exact(&mut world, -1), Verdict::Wrong);
    assert_eq!(exact(&mut world, 1), Verdict::Wrong);
    assert!(matches!(exact(&mut world, 0), Verdict::Accepted { .. }));
}

#[test]
fn a_clock_two_steps_off_is_learnt_from_two_codes_in_a_row_and_from_nothing_less() {
    for ahead in [-2, 2] {
        let mut world = World::new();
        let device = enrolled(&mut world, ALICE, "old token");
        let authenticator = device.id;
        let shown = |world: &mut World| {
            let code = device.shows(world, ahead);
            used(world, ALICE, &code)
        };
        assert_eq!(shown(&mut world), Verdict::Wrong);
        assert_eq!(shown(&mut world), Verdict::Wrong, "the same one again");
        world.now += 5 * STEP;
        assert_eq!(shown(&mut world), Verdict::Wrong, "not in a row");
        world.now += STEP;
        assert_eq!(shown(&mut world), Verdict::Accepted { authenticator });
        assert_eq!(shown(&mut world), Verdict::Used);
        world.now += 100 * STEP;
        assert_eq!(shown(&mut world), Verdict::Accepted { authenticator });
    }
}

#[test]
fn a_wrong_code_does_not_touch_the_store_and_a_near_one_only_its_own_record() {
    let mut world = World::new();
    let device = enrolled(&mut world, ALICE, "phone");
    let (near, far) = (device.shows(&world, 2), device.shows(&world, 40));
    let (_, transaction) = world.evaluate(|tx| verify(tx, ALICE, &far, Window::OneStep));
    assert!(transaction.writes.is_empty());
    let (verdict, transaction) = world.evaluate(|tx| verify(tx, ALICE, &near, Window::OneStep));
    assert_eq!(verdict.unwrap(), Verdict::Wrong);
    assert_eq!(transaction.writes.len(), 1);
}

#[test]
fn a_code_of_another_user_or_of_none_is_wrong() {
    let mut world = World::new();
    let alices = enrolled(&mut world, ALICE, "phone");
    let bobs = enrolled(&mut world, 8, "phone");
    let (a, b) = (alices.shows(&world, 0), bobs.shows(&world, 0));
    assert_eq!(used(&mut world, 8, &a), Verdict::Wrong);
    assert_eq!(used(&mut world, ALICE, &b), Verdict::Wrong);
    assert_eq!(used(&mut world, 99, &a), Verdict::Wrong);
    let eight = Code::parse("12345678").unwrap();
    assert_eq!(used(&mut world, ALICE, &eight), Verdict::Wrong);
}

#[test]
fn several_authenticators_are_used_up_each_for_itself() {
    let mut world = World::new();
    let devices = ["phone", "tablet", "key"].map(|name| enrolled(&mut world, ALICE, name));
    for device in &devices {
        let code = device.shows(&world, 0);
        let authenticator = device.id;
        assert_eq!(
            used(&mut world, ALICE, &code),
            Verdict::Accepted { authenticator }
        );
        assert_eq!(used(&mut world, ALICE, &code), Verdict::Used);
    }
}

#[test]
fn a_code_whose_authenticator_was_removed_meanwhile_is_not_accepted() {
    let mut world = World::new();
    let device = enrolled(&mut world, ALICE, "phone");
    let code = device.shows(&world, 0);
    let (verdict, late) = world.evaluate(|tx| verify(tx, ALICE, &code, Window::OneStep).unwrap());
    assert!(matches!(verdict, Verdict::Accepted { .. }));
    let shown = Elevation::shown(world.now, Method::Totp);
    world
        .write(|tx| remove(tx, ALICE, &shown, device.id))
        .unwrap();
    assert!(!world.apply(&late));
}

#[test]
fn a_seed_that_was_moved_to_another_user_or_is_missing_fails_loudly() {
    let mut world = World::new();
    let phone = enrolled(&mut world, ALICE, "phone");
    let other = enrolled(&mut world, 8, "phone");
    let key = |user: u64, id: u64| {
        Key::new(
            Kind::Authenticator,
            &[&user.to_be_bytes(), &id.to_be_bytes()],
        )
    };
    let code = phone.shows(&world, 0);
    let bobs = |world: &mut World| world.write(|tx| verify(tx, 8, &code, Window::OneStep));
    world
        .write(|tx| {
            let moved = tx.get_stored(&key(ALICE, phone.id))?.unwrap().sealed;
            tx.put_stored(key(8, other.id), moved);
            Ok::<_, RecordError>(())
        })
        .unwrap();
    assert!(matches!(bobs(&mut world), Err(RecordError::Open(_))));
    world
        .write(|tx| {
            tx.delete(key(8, other.id));
            Ok::<_, RecordError>(())
        })
        .unwrap();
    assert!(matches!(bobs(&mut world), Err(RecordError::Damaged(_))));
}
