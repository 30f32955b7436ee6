//! Destroying: nothing is left, in bounded steps.

use super::{
    deletion::{destroy_now, is_gone, records_of},
    *,
};
use crate::record::Kind;

#[test]
fn nothing_is_left_of_what_was_destroyed() {
    let mut world = World::new();
    let empty = world.records();
    let request = Put {
        fields: fields(&[("value", "1")]),
        tags: tags(&[("k", "v"), ("l", "")]),
        ..Put::default()
    };
    world.put_with("a/b/c", &request).unwrap();
    world.put_each("a/b/c", 0..5);
    world.delete("a/b/c", Some(0)).unwrap();
    assert_eq!(world.records(), empty, "deleted at once");
    world.put_with("a/b/c", &request).unwrap();
    world.delete("a/b/c", Some(DAY)).unwrap();
    world.now += 2 * DAY;
    world.sweep();
    assert_eq!(world.records(), empty + 1, "only the sweeper's cursor");
    world.put_with("a/b/c", &request).unwrap();
    let id = world.delete("a/b/c", None).unwrap().id;
    assert_eq!(
        destroy_now(&mut world, "a/b/c", id).unwrap(),
        Destroyed {
            versions: 1,
            done: true
        }
    );
    assert_eq!(world.records(), empty + 1, "destroyed by hand");
}

/// A vault that was restored with a deleted secret that is long due.
fn restored_with_one_due() -> World {
    let mut world = World::new();
    world.put("a/b", "1");
    world.delete("a/b", Some(DAY)).unwrap();
    world.state.restored();
    world.now += 30 * DAY;
    world
}

/// As the leader does after it has run for so long.
fn run_for(world: &mut World, ran: u64) {
    while world.run(|tx| sweep_deleted(tx, ran, 10)).unwrap() {}
}

#[test]
fn after_a_restore_nothing_is_destroyed_before_the_vault_has_run_for_a_day() {
    let mut world = restored_with_one_due();
    for _ in 0..23 {
        run_for(&mut world, HOUR);
        assert_eq!(world.deleted("a").len(), 1);
    }
    // What was run without being counted, because it came to an end, is run again.
    run_for(&mut world, 0);
    run_for(&mut world, HOUR - 1);
    assert_eq!(world.deleted("a").len(), 1);
    run_for(&mut world, 1);
    assert_eq!(world.deleted("a").len(), 0);
    run_for(&mut world, HOUR);
    assert_eq!(world.rows, 0, "it is over: nothing is counted");
}

#[test]
fn what_came_back_deleted_is_listed_and_can_be_restored_for_as_long_as_the_respite() {
    let mut world = restored_with_one_due();
    run_for(&mut world, 23 * HOUR);
    assert_eq!(world.deleted("a").len(), 1);
    world.restore("a/b", None, None).unwrap();
    assert_eq!(world.value("a/b").unwrap(), "1");
    run_for(&mut world, HOUR);
    assert_eq!(world.value("a/b").unwrap(), "1", "what was restored stays");

    // What was being destroyed is gone for everyone, and what nobody restored in time too.
    let mut world = restored_with_one_due();
    let id = world.deleted("a")[0].id;
    destroy_now(&mut world, "a/b", id).unwrap();
    assert_eq!(world.deleted("a").len(), 0);
    let mut world = restored_with_one_due();
    run_for(&mut world, DAY);
    let gone = world.restore("a/b", None, None).unwrap_err();
    assert!(matches!(gone, Refusal::SecretNotFound), "{gone}");
}

#[test]
fn no_clock_that_jumps_ends_the_respite_after_a_restore() {
    let mut world = restored_with_one_due();
    run_for(&mut world, HOUR);
    // It was years behind until somebody set it.
    world.now += 3000 * DAY;
    for _ in 0..10 {
        run_for(&mut world, 0);
    }
    assert_eq!(world.deleted("a").len(), 1);
    // And back, as far as leader time can see.
    world.now -= 2999 * DAY;
    run_for(&mut world, 22 * HOUR);
    assert_eq!(world.deleted("a").len(), 1);
    run_for(&mut world, HOUR);
    assert_eq!(world.deleted("a").len(), 0);
}

#[test]
fn each_restore_has_a_respite_of_its_own_and_a_vault_that_was_never_restored_has_none() {
    let mut world = restored_with_one_due();
    run_for(&mut world, 20 * HOUR);
    // The backup that is restored now was made in the respite of the last.
    world.state.restored();
    run_for(&mut world, 20 * HOUR);
    assert_eq!(world.deleted("a").len(), 1);
    run_for(&mut world, 4 * HOUR);
    assert_eq!(world.deleted("a").len(), 0);

    let mut world = World::new();
    world.put("a/b", "1");
    world.delete("a/b", Some(DAY)).unwrap();
    world.now += 2 * DAY;
    run_for(&mut world, 0);
    assert_eq!(world.deleted("a").len(), 0);
}

#[test]
fn a_leap_of_the_clock_gives_what_is_deleted_a_day_of_running_and_the_same_leap_no_second_one() {
    let mut world = World::new();
    world.put("a/b", "1");
    world.delete("a/b", Some(DAY)).unwrap();
    world.now += 30 * DAY;
    let leapt = world.now;
    world.run(|tx| hold_deletions(tx, leapt)).unwrap();
    run_for(&mut world, 20 * HOUR);
    world.run(|tx| hold_deletions(tx, leapt)).unwrap();
    // Other nodes, which started at other times, come to lead in turn.
    for other in [leapt + HOUR, leapt, leapt + 23 * HOUR, leapt - 3 * HOUR] {
        world.run(|tx| hold_deletions(tx, other)).unwrap();
    }
    run_for(&mut world, 3 * HOUR);
    assert_eq!(world.deleted("a").len(), 1);
    run_for(&mut world, HOUR);
    assert_eq!(world.deleted("a").len(), 0);

    world.put("a/b", "1");
    world.delete("a/b", Some(DAY)).unwrap();
    world.now += 30 * DAY;
    let leapt = world.now;
    world.run(|tx| hold_deletions(tx, leapt)).unwrap();
    run_for(&mut world, 23 * HOUR);
    assert_eq!(world.deleted("a").len(), 1, "another leap has another");
}

#[test]
fn a_secret_is_destroyed_only_once_deleted_and_under_its_path() {
    let mut world = World::new();
    world.put("s", "1");
    let id = world.describe("s").unwrap().id;
    assert!(is_gone(&destroy_now(&mut world, "s", id)));
    world.delete("s", None).unwrap();
    assert!(is_gone(&destroy_now(&mut world, "t", id)));
    assert!(is_gone(&destroy_now(&mut world, "s", id + 1)));
    destroy_now(&mut world, "s", id).unwrap();
    assert!(is_gone(&destroy_now(&mut world, "s", id)));
    assert!(is_gone(&world.restore("s", Some(id), None)));
}

#[test]
fn many_versions_are_destroyed_in_bounded_steps_and_cannot_come_back_in_between() {
    let mut world = World::new();
    let grant = world.on(Action::UPDATE, "s");
    world.put("s", "0");
    world
        .run(|tx| {
            update(
                tx,
                &grant,
                None,
                &Update {
                    keep_versions: Some(0),
                    ..Update::default()
                },
            )
        })
        .unwrap();
    world.put_each("s", 0..400);
    let empty = World::new().records();
    let id = world.delete("s", Some(DAY)).unwrap().id;
    let first = destroy_now(&mut world, "s", id).unwrap();
    assert!(!first.done && first.versions > 100, "{first:?}");
    assert!(
        is_gone(&world.restore("s", Some(id), None)) && is_gone(&world.restore("s", None, None))
    );
    assert!(world.deleted("").is_empty());
    let second = destroy_now(&mut world, "s", id).unwrap();
    assert!(!second.done);
    world.now += 2 * HOUR;
    world.sweep();
    assert_eq!(
        records_of(&world, Kind::Value) + records_of(&world, Kind::Secret),
        0
    );
    assert_eq!(world.records(), empty + 1);
}

#[test]
fn a_secret_with_many_versions_is_deleted_at_once_and_the_rest_swept() {
    let mut world = World::new();
    let grant = world.on(Action::UPDATE, "s");
    world.put("s", "0");
    world
        .run(|tx| {
            update(
                tx,
                &grant,
                None,
                &Update {
                    keep_versions: Some(0),
                    ..Update::default()
                },
            )
        })
        .unwrap();
    world.put_each("s", 0..200);
    world.delete("s", Some(0)).unwrap();
    assert!(
        is_gone(&world.value("s"))
            && is_gone(&world.restore("s", None, None))
            && world.deleted("").is_empty()
    );
    world.now += HOUR;
    world.sweep();
    assert_eq!(records_of(&world, Kind::Value), 0);
}
