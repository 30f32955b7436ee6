//! Deleting, restoring, making again, destroying: the matrix.

use super::*;
use crate::record::{Kind, RecordError};

pub(super) fn destroy_now(world: &mut World, path: &str, id: u64) -> Result<Destroyed, Refusal> {
    let grant = world.on(Action::DESTROY, path);
    world.run(|tx| destroy(tx, &grant, None, id))
}

pub(super) fn is_gone<R: std::fmt::Debug>(result: &Result<R, Refusal>) -> bool {
    matches!(result, Err(Refusal::SecretNotFound))
}

pub(super) fn records_of(world: &World, kind: Kind) -> usize {
    world
        .state
        .records()
        .filter(|(key, _)| key.as_bytes()[0] == kind as u8)
        .count()
}

#[test]
fn a_deleted_secret_is_gone_from_everywhere_but_the_deleted_ones() {
    let mut world = World::new();
    world
        .put_with(
            "a/b",
            &Put {
                fields: fields(&[("value", "1")]),
                tags: tags(&[("k", "v")]),
                ..Put::default()
            },
        )
        .unwrap();
    let id = world.describe("a/b").unwrap().id;
    let deleted = world.delete("a/b", None).unwrap();
    let expected = Deleted {
        id,
        path: "a/b".into(),
        deleted_at: world.now,
        destroy_at: world.now + 7 * DAY,
        latest_version: 1,
    };
    assert_eq!(deleted, expected);
    assert!(is_gone(&world.value("a/b")) && is_gone(&world.describe("a/b")));
    assert!(is_gone(&world.set_label("a/b", "x", 1, None)) && is_gone(&world.delete("a/b", None)));
    assert!(world.list_all("").is_empty() && world.list("").is_empty());
    let grant = world.below(Action::LIST, "");
    let by_tag = Find {
        tags: BTreeMap::from([("k".try_into().unwrap(), None)]),
        ..Find::default()
    };
    assert!(
        world
            .run(|tx| find(tx, &grant, &|_| true, &by_tag))
            .unwrap()
            .entries
            .is_empty()
    );
    assert_eq!(world.deleted(""), world.deleted("a"));
    assert_eq!(world.deleted("a"), [expected]);
    assert!(world.deleted("b").is_empty());
}

#[test]
fn a_restored_secret_is_as_it_was() {
    let mut world = World::new();
    world
        .put_with(
            "a/b",
            &Put {
                fields: fields(&[("value", "1")]),
                tags: tags(&[("k", "v")]),
                ..Put::default()
            },
        )
        .unwrap();
    world.put("a/b", "2");
    world.set_label("a/b", "blue", 1, None).unwrap();
    let before = world.describe("a/b").unwrap();
    world.delete("a/b", None).unwrap();
    world.now += 7 * DAY - 1;
    world.sweep();
    let reply = world.restore("a/b", None, None).unwrap();
    assert_eq!(
        reply,
        RestoreReply {
            path: "a/b".into(),
            latest_version: 2
        }
    );
    let after = world.describe("a/b").unwrap();
    assert_eq!(
        (after.id, &after.labels, &after.tags),
        (before.id, &before.labels, &before.tags)
    );
    assert_eq!(
        (
            world.value("a/b").unwrap(),
            world.version("a/b", 1).unwrap()
        ),
        ("2".into(), "1".into())
    );
    assert!(world.deleted("").is_empty());
    world.now += 100 * DAY;
    world.sweep();
    assert_eq!(world.value("a/b").unwrap(), "2");
}

#[test]
fn the_window_is_within_its_bounds_and_ends() {
    let mut world = World::new();
    world.put("s", "1");
    for window in [30 * DAY + 1, u64::MAX] {
        assert!(matches!(
            world.delete("s", Some(window)),
            Err(Refusal::Invalid(_))
        ));
    }
    world.delete("s", Some(30 * DAY)).unwrap();
    world.now += 30 * DAY;
    // Ended, though the sweeper was not here yet.
    assert!(world.deleted("").is_empty());
    assert!(is_gone(&world.restore("s", None, None)));
    world.sweep();
    world.now += HOUR;
    world.sweep();
    assert!(is_gone(&world.restore("s", None, None)) && world.deleted("").is_empty());
    assert_eq!(
        records_of(&world, Kind::Secret)
            + records_of(&world, Kind::Value)
            + records_of(&world, Kind::Wrap),
        0
    );
}

#[test]
fn a_deleted_name_is_free_at_once_and_both_lives_can_be_had() {
    let mut world = World::new();
    world.put("s", "first");
    let first = world.delete("s", None).unwrap().id;
    assert!(world.put("s", "second").created);
    assert!(matches!(
        world.restore("s", None, None),
        Err(Refusal::Exists)
    ));
    assert_eq!(
        world.restore("s", None, Some("old/s")).unwrap().path,
        "old/s"
    );
    assert_eq!(
        (world.value("s").unwrap(), world.value("old/s").unwrap()),
        ("second".into(), "first".into())
    );
    assert_eq!(world.describe("old/s").unwrap().id, first);
}

#[test]
fn of_several_deletions_the_newest_is_restored_unless_another_is_named() {
    let mut world = World::new();
    let mut ids = Vec::new();
    for n in 0..4 {
        world.put("s", &n.to_string());
        ids.push(world.delete("s", None).unwrap().id);
        world.now += HOUR;
    }
    assert_eq!(world.deleted("").len(), 4);
    world.restore("s", None, None).unwrap();
    assert_eq!(world.value("s").unwrap(), "3");
    world.restore("s", Some(ids[1]), Some("one")).unwrap();
    assert_eq!(world.value("one").unwrap(), "1");
    assert!(is_gone(&world.restore("s", Some(ids[1]), Some("again"))));
    assert!(is_gone(&world.restore("s", Some(u64::MAX), None)));
    assert!(
        is_gone(&world.restore("other", Some(ids[0]), None)),
        "an id goes with its path"
    );
    let mut left: Vec<_> = world.deleted("").iter().map(|deleted| deleted.id).collect();
    left.sort_unstable();
    assert_eq!(left, [ids[0], ids[2]]);
}

#[test]
fn an_older_deletion_comes_back_when_the_window_of_the_newest_has_ended() {
    let mut world = World::new();
    world.put("s", "older");
    world.delete("s", Some(10 * DAY)).unwrap();
    world.now += 1;
    world.put("s", "newest");
    world.delete("s", Some(DAY)).unwrap();
    world.now += 2 * DAY;
    world.restore("s", None, None).unwrap();
    assert_eq!(world.value("s").unwrap(), "older");
}

#[test]
fn restoring_elsewhere_takes_the_right_to_read() {
    let mut world = World::new();
    world.put("s", "1");
    world.delete("s", None).unwrap();
    let grant = world.on(Action::RESTORE, "s");
    let (other, describe) = (
        world.on(Action::GET_VALUE, "t"),
        world.on(Action::DESCRIBE, "s"),
    );
    let write = |world: &mut World| world.on(Action::PUT_VALUE, "new");
    let request = Restore {
        id: None,
        to: Some(RestoreTo {
            read: other,
            write: write(&mut world),
        }),
    };
    assert!(matches!(
        world.run(|tx| restore(tx, &grant, None, &request)),
        Err(Refusal::Invalid(_))
    ));
    let request = Restore {
        id: None,
        to: Some(RestoreTo {
            read: describe,
            write: write(&mut world),
        }),
    };
    assert!(matches!(
        world.run(|tx| restore(tx, &grant, None, &request)),
        Err(Refusal::Grant(_))
    ));
}

#[test]
fn a_condition_on_the_version_protects_from_deleting() {
    let mut world = World::new();
    world.put("s", "1");
    world.put("s", "2");
    let grant = world.on(Action::DELETE, "s");
    let mut delete = |if_version| {
        world.run(|tx| {
            delete(
                tx,
                &grant,
                None,
                &Delete {
                    window: None,
                    if_version,
                },
            )
        })
    };
    assert!(matches!(
        delete(Some(1)),
        Err(Refusal::VersionMismatch { found: 2 })
    ));
    assert!(matches!(
        delete(Some(0)),
        Err(Refusal::VersionMismatch { found: 2 })
    ));
    delete(Some(2)).unwrap();
}

#[test]
fn a_record_in_the_wrong_place_is_damage_and_not_a_missing_secret() {
    let mut world = World::new();
    world.put("s", "1");
    let key = world
        .state
        .records()
        .map(|(key, _)| key.clone())
        .find(|key| key.as_bytes()[0] == Kind::Secret as u8);
    let forged = Transaction {
        checks: Vec::new(),
        writes: vec![crate::record::Write::Put(
            key.unwrap(),
            Bytes::from_static(b"forged"),
        )],
    };
    assert!(world.state.apply(
        Revision {
            term: 1,
            sequence: 99
        },
        &forged
    ));
    assert!(matches!(
        world.value("s"),
        Err(Refusal::Record(RecordError::Open(_)))
    ));
}
