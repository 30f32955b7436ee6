//! Every rule of labels.

use super::*;

fn labels(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs
        .iter()
        .map(|(label, at)| ((*label).to_owned(), *at))
        .collect()
}

fn put_labelled(world: &mut World, names: &[&str]) -> PutReply {
    let labels = names.iter().map(|name| label(name)).collect();
    world
        .put_with(
            "s",
            &Put {
                fields: fields(&[("value", "x")]),
                labels,
                ..Put::default()
            },
        )
        .unwrap()
}

fn remove(world: &mut World, name: &str, if_at: Option<u64>) -> Result<(), Refusal> {
    let grant = world.on(Action::LABEL, "s");
    world
        .run(|tx| {
            remove_label(
                tx,
                &grant,
                None,
                &RemoveLabel {
                    label: label(name),
                    if_at,
                },
            )
        })
        .map(|_| ())
}

#[test]
fn a_put_moves_current_and_leaves_previous_behind() {
    let mut world = World::new();
    world.put("s", "1");
    assert_eq!(world.labels("s"), labels(&[("current", 1)]));
    world.put("s", "2");
    assert_eq!(
        world.labels("s"),
        labels(&[("current", 2), ("previous", 1)])
    );
    world.put("s", "3");
    assert_eq!(
        world.labels("s"),
        labels(&[("current", 3), ("previous", 2)])
    );
}

#[test]
fn a_put_with_other_labels_leaves_current_where_it_is() {
    let mut world = World::new();
    world.put("s", "1");
    let reply = put_labelled(&mut world, &["pending", "blue"]);
    assert_eq!((reply.version, reply.previous), (2, 1));
    assert_eq!(
        world.labels("s"),
        labels(&[("blue", 2), ("current", 1), ("pending", 2)])
    );
    put_labelled(&mut world, &["current", "blue"]);
    assert_eq!(
        world.labels("s"),
        labels(&[("blue", 3), ("current", 3), ("pending", 2), ("previous", 1)])
    );
}

#[test]
fn a_first_version_is_current_whatever_its_labels() {
    let mut world = World::new();
    put_labelled(&mut world, &["pending"]);
    assert_eq!(world.labels("s"), labels(&[("current", 1), ("pending", 1)]));
    assert_eq!(world.value("s").unwrap(), "x");
}

#[test]
fn rolling_back_swaps_current_and_previous() {
    let mut world = World::new();
    world.put_each("s", 1..=3);
    world.set_label("s", "current", 1, None).unwrap();
    assert_eq!(
        world.labels("s"),
        labels(&[("current", 1), ("previous", 3)])
    );
    assert_eq!(world.value("s").unwrap(), "1");
    world.set_label("s", "current", 3, None).unwrap();
    assert_eq!(
        world.labels("s"),
        labels(&[("current", 3), ("previous", 1)])
    );
    world.put("s", "4");
    assert_eq!(world.describe("s").unwrap().latest_version, 4);
}

#[test]
fn current_moved_to_where_it_is_leaves_previous_alone() {
    let mut world = World::new();
    world.put_each("s", 1..=3);
    world.set_label("s", "current", 3, None).unwrap();
    assert_eq!(
        world.labels("s"),
        labels(&[("current", 3), ("previous", 2)])
    );
}

#[test]
fn finishing_a_rotation_keeps_the_other_labels_of_the_version() {
    let mut world = World::new();
    world.put("s", "1");
    put_labelled(&mut world, &["pending", "blue"]);
    world.set_label("s", "current", 2, Some(1)).unwrap();
    assert_eq!(
        world.labels("s"),
        labels(&[("blue", 2), ("current", 2), ("pending", 2), ("previous", 1)])
    );
    remove(&mut world, "pending", Some(2)).unwrap();
    assert_eq!(
        world.labels("s"),
        labels(&[("blue", 2), ("current", 2), ("previous", 1)])
    );
}

#[test]
fn a_label_is_on_one_version_at_most() {
    let mut world = World::new();
    world.put_each("s", 1..=3);
    for version in [1, 3, 2] {
        world.set_label("s", "blue", version, None).unwrap();
        assert_eq!(world.labels("s")["blue"], version);
        assert_eq!(
            world.read("s", named("blue")).unwrap()["value"],
            version.to_string()
        );
    }
}

#[test]
fn a_condition_on_the_place_holds_or_nothing_happens() {
    let mut world = World::new();
    world.put_each("s", 1..=3);
    assert!(matches!(
        world.set_label("s", "blue", 1, Some(2)),
        Err(Refusal::LabelMismatch { found: 0 })
    ));
    world.set_label("s", "blue", 1, Some(0)).unwrap();
    assert!(matches!(
        world.set_label("s", "blue", 2, Some(0)),
        Err(Refusal::LabelMismatch { found: 1 })
    ));
    world.set_label("s", "blue", 2, Some(1)).unwrap();
    assert!(matches!(
        remove(&mut world, "blue", Some(1)),
        Err(Refusal::LabelMismatch { found: 2 })
    ));
    assert_eq!(world.labels("s")["blue"], 2);
    remove(&mut world, "blue", Some(2)).unwrap();
    assert!(!world.labels("s").contains_key("blue"));
}

#[test]
fn current_is_never_taken_off() {
    let mut world = World::new();
    world.put("s", "1");
    assert!(matches!(
        remove(&mut world, "current", None),
        Err(Refusal::CurrentVersionProtected)
    ));
    assert!(matches!(
        remove(&mut world, "current", Some(1)),
        Err(Refusal::CurrentVersionProtected)
    ));
    assert!(matches!(
        remove(&mut world, "current", Some(7)),
        Err(Refusal::LabelMismatch { found: 1 })
    ));
    assert_eq!(world.value("s").unwrap(), "1");
}

#[test]
fn labels_go_on_versions_that_are_there() {
    let mut world = World::new();
    assert!(matches!(
        world.set_label("s", "blue", 1, None),
        Err(Refusal::SecretNotFound)
    ));
    world.put("s", "1");
    world.put("s", "2");
    for version in [0, 3, u64::MAX] {
        assert!(matches!(
            world.set_label("s", "blue", version, None),
            Err(Refusal::VersionNotFound)
        ));
        assert!(matches!(
            world.set_label("s", "current", version, None),
            Err(Refusal::VersionNotFound)
        ));
    }
    let grant = world.on(Action::DESTROY, "s");
    world
        .run(|tx| destroy_version(tx, &grant, None, 1))
        .unwrap();
    assert!(matches!(
        world.set_label("s", "current", 1, None),
        Err(Refusal::VersionDestroyed)
    ));
    assert!(matches!(
        remove(&mut world, "blue", None),
        Err(Refusal::LabelNotFound)
    ));
}

#[test]
fn labels_are_bounded_in_number() {
    let mut world = World::new();
    world.put("s", "1");
    for n in 0..31 {
        world.set_label("s", &format!("l{n}"), 1, None).unwrap();
    }
    assert!(matches!(
        world.set_label("s", "one-more", 1, None),
        Err(Refusal::TooLarge(_))
    ));
    world.set_label("s", "l0", 1, None).unwrap();
    let many = (0..40).map(|n| label(&format!("m{n}"))).collect();
    let refused = world.put_with(
        "t",
        &Put {
            fields: fields(&[("value", "x")]),
            labels: many,
            ..Put::default()
        },
    );
    assert!(matches!(refused, Err(Refusal::TooLarge(_))));
    assert!(world.describe("t").is_err());
}
