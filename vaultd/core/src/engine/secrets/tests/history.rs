//! Versions over time: what is known of them, which are kept, and destroying one.

use super::*;
use crate::{
    name::{MetaKey, MetaValue, Note},
    record::Kind,
};

fn keep(world: &mut World, path: &str, keep: u32) {
    let grant = world.on(Action::UPDATE, path);
    world
        .run(|tx| {
            update(
                tx,
                &grant,
                None,
                &Update {
                    keep_versions: Some(keep),
                    ..Update::default()
                },
            )
        })
        .unwrap();
}

fn versions(world: &mut World, path: &str, size: usize) -> Vec<VersionInfo> {
    let grant = world.on(Action::DESCRIBE, path);
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let request = PageRequest {
            size,
            after: after.take(),
        };
        let page = world.run(|tx| list_versions(tx, &grant, &request)).unwrap();
        all.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn numbers(world: &mut World, path: &str) -> Vec<u64> {
    versions(world, path, 7)
        .iter()
        .map(|version| version.version)
        .collect()
}

fn values_stored(world: &World) -> usize {
    world
        .state
        .records()
        .filter(|(key, _)| key.as_bytes()[0] == Kind::Value as u8)
        .count()
}

#[test]
fn a_version_tells_who_made_it_when_and_why_but_not_its_value() {
    let mut world = World::new();
    world.put("s", "1");
    world.now += HOUR;
    let note = Note::try_from("rotated by hand").unwrap();
    let request = Put {
        fields: fields(&[("user", "me")]),
        note,
        operation: Operation::Import,
        ..Put::default()
    };
    world.put_with("s", &request).unwrap();
    let all = versions(&mut world, "s", 0);
    let newest = &all[0];
    assert_eq!(
        (
            newest.version,
            newest.created_at,
            newest.created_by.as_str()
        ),
        (2, world.now, "admin")
    );
    assert_eq!(
        (newest.note.as_str(), newest.operation.name(), newest.size),
        ("rotated by hand", "import", 3)
    );
    assert_eq!(newest.field_names, [field("user"), field("value")]);
    assert_eq!(newest.labels, [Label::current()]);
    assert_eq!(all[1].labels, [Label::previous()]);
}

#[test]
fn versions_are_paged_newest_first() {
    let mut world = World::new();
    world.put_each("s", 1..=20);
    for size in [1, 7, 20, 1000] {
        let numbers: Vec<_> = versions(&mut world, "s", size)
            .iter()
            .map(|v| v.version)
            .collect();
        assert_eq!(numbers, (1..=20).rev().collect::<Vec<u64>>(), "{size}");
    }
    let grant = world.on(Action::DESCRIBE, "s");
    let too_many = PageRequest {
        size: 1001,
        after: None,
    };
    assert!(matches!(
        world.run(|tx| list_versions(tx, &grant, &too_many)),
        Err(Refusal::Invalid(_))
    ));
}

#[test]
fn old_versions_go_a_few_at_a_time_and_labelled_ones_stay() {
    let mut world = World::new();
    world.put("s", "1");
    world.set_label("s", "first", 1, None).unwrap();
    keep(&mut world, "s", 3);
    for n in 2..=30 {
        world.put("s", &n.to_string());
        assert!(world.rows <= 4 + 3);
    }
    // Current, previous and `first` beside three others.
    assert_eq!(numbers(&mut world, "s"), [30, 29, 28, 27, 26, 1]);
    assert_eq!(values_stored(&world), 6);
    assert_eq!(world.version("s", 1).unwrap(), "1");
    assert!(matches!(
        world.version("s", 25),
        Err(Refusal::VersionNotFound)
    ));
    assert!(matches!(
        world.set_label("s", "late", 25, None),
        Err(Refusal::VersionNotFound)
    ));
    world.set_label("s", "first", 28, None).unwrap();
    world.put("s", "31");
    assert_eq!(numbers(&mut world, "s"), [31, 30, 29, 28, 27, 26]);
    assert_eq!(values_stored(&world), 6);
}

#[test]
fn lowering_retention_never_makes_a_write_large() {
    let mut world = World::new();
    keep_all_then_few(&mut world);
    for n in 0..30 {
        world.put("s", &n.to_string());
        assert!(world.rows <= 4 + 16 * 3, "{}", world.rows);
    }
    assert_eq!(numbers(&mut world, "s").len(), 2 + 2);
}

fn keep_all_then_few(world: &mut World) {
    world.put("s", "1");
    keep(world, "s", 0);
    world.put_each("s", 0..90);
    assert_eq!(numbers(world, "s").len(), 91);
    keep(world, "s", 2);
}

#[test]
fn by_default_a_hundred_unlabelled_versions_are_kept_and_few_more() {
    let mut world = World::new();
    world.put_each("s", 0..113);
    assert_eq!(numbers(&mut world, "s").len(), 102 + 11);
    world.put("s", "113");
    let kept: Vec<u64> = (13..=114).rev().collect();
    assert_eq!(numbers(&mut world, "s"), kept, "twelve went together");
    assert_eq!(values_stored(&world), 102);
    assert!(world.rows <= 4 + 12 * 3, "{}", world.rows);
    assert_eq!(world.describe("s").unwrap().keep_versions, 100);
}

#[test]
fn a_version_is_destroyed_for_good_but_stays_known() {
    let mut world = World::new();
    world.put_each("s", 1..=3);
    world.set_label("s", "blue", 2, None).unwrap();
    let grant = world.on(Action::DESTROY, "s");
    let mut destroy = |version| {
        world
            .run(|tx| destroy_version(tx, &grant, None, version))
            .map(|_| ())
    };
    assert!(matches!(destroy(3), Err(Refusal::CurrentVersionProtected)));
    assert!(matches!(destroy(4), Err(Refusal::VersionNotFound)));
    assert!(matches!(destroy(0), Err(Refusal::VersionNotFound)));
    destroy(2).unwrap();
    assert!(matches!(destroy(2), Err(Refusal::VersionDestroyed)));
    assert!(matches!(
        world.version("s", 2),
        Err(Refusal::VersionDestroyed)
    ));
    assert_eq!(
        (world.version("s", 1).unwrap(), world.value("s").unwrap()),
        ("1".into(), "3".into())
    );
    assert_eq!(
        world.labels("s"),
        BTreeMap::from([("current".to_owned(), 3)])
    );
    assert_eq!(values_stored(&world), 2);
    let destroyed: Vec<_> = versions(&mut world, "s", 0)
        .iter()
        .map(|v| v.destroyed)
        .collect();
    assert_eq!(destroyed, [false, true, false]);
}

#[test]
fn a_read_is_invalidated_by_the_destruction_of_its_version() {
    let mut world = World::new();
    world.put("s", "1");
    world.put("s", "2");
    let reader = world.on(Action::GET_VALUE, "s");
    let request = Get {
        selector: Selector {
            version: Some(1),
            label: None,
        },
        fields: Vec::new(),
    };
    let (value, reads) = world.evaluate(|tx| get(tx, &reader, &request));
    value.unwrap();
    let grant = world.on(Action::DESTROY, "s");
    world
        .run(|tx| destroy_version(tx, &grant, None, 1))
        .unwrap();
    assert!(!world.state.apply(
        Revision {
            term: 1,
            sequence: 99
        },
        &reads
    ));
}

#[test]
fn what_is_known_of_a_secret_can_be_changed() {
    let mut world = World::new();
    let request = Put {
        fields: fields(&[("value", "1")]),
        description: Some(description("for the database")),
        tags: tags(&[("team", "core"), ("env", "prod")]),
        ..Put::default()
    };
    world.put_with("s", &request).unwrap();
    world.now += HOUR;
    let grant = world.on(Action::UPDATE, "s");
    let key = |text: &str| MetaKey::try_from(text).unwrap();
    let request = Update {
        set_tags: tags(&[("env", "dev"), ("new", "")]),
        remove_tags: vec!["team".try_into().unwrap(), "absent".try_into().unwrap()],
        set_metadata: BTreeMap::from([(key("owner"), MetaValue::try_from("me").unwrap())]),
        ..Update::default()
    };
    let meta = world.run(|tx| update(tx, &grant, None, &request)).unwrap();
    assert_eq!(meta.description.as_str(), "for the database");
    assert_eq!(meta.tags, tags(&[("env", "dev"), ("new", "")]));
    assert_eq!(meta.metadata[&key("owner")].as_str(), "me");
    assert_eq!(
        (meta.created_at, meta.updated_at),
        (world.now - HOUR, world.now)
    );
    assert_eq!(meta.latest_version, 1);
    let request = Update {
        description: Some(Description::default()),
        remove_metadata: vec![key("owner")],
        ..Update::default()
    };
    let meta = world.run(|tx| update(tx, &grant, None, &request)).unwrap();
    assert!(meta.description.as_str().is_empty() && meta.metadata.is_empty());
}

#[test]
fn contradictions_and_excess_are_refused() {
    let mut world = World::new();
    let grant = world.on(Action::UPDATE, "s");
    assert!(matches!(
        world.run(|tx| update(tx, &grant, None, &Update::default())),
        Err(Refusal::SecretNotFound)
    ));
    world.put("s", "1");
    let both = Update {
        set_tags: tags(&[("k", "v")]),
        remove_tags: vec!["k".try_into().unwrap()],
        ..Update::default()
    };
    assert!(matches!(
        world.run(|tx| update(tx, &grant, None, &both)),
        Err(Refusal::Invalid(_))
    ));
    let key = MetaKey::try_from("k").unwrap();
    let both = Update {
        set_metadata: BTreeMap::from([(key.clone(), MetaValue::default())]),
        remove_metadata: vec![key],
        ..Update::default()
    };
    assert!(matches!(
        world.run(|tx| update(tx, &grant, None, &both)),
        Err(Refusal::Invalid(_))
    ));
    let names: Vec<String> = (0..65).map(|n| format!("k{n}")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let many = Update {
        set_tags: tags(&pairs[..51]),
        ..Update::default()
    };
    assert!(matches!(
        world.run(|tx| update(tx, &grant, None, &many)),
        Err(Refusal::TooLarge(_))
    ));
    let metadata = pairs
        .iter()
        .map(|(k, v)| ((*k).try_into().unwrap(), (*v).try_into().unwrap()))
        .collect();
    let many = Update {
        set_metadata: metadata,
        ..Update::default()
    };
    assert!(matches!(
        world.run(|tx| update(tx, &grant, None, &many)),
        Err(Refusal::TooLarge(_))
    ));
    let most = Update {
        set_tags: tags(&pairs[..50]),
        ..Update::default()
    };
    world.run(|tx| update(tx, &grant, None, &most)).unwrap();
}
