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
