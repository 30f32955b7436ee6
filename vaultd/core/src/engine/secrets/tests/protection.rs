//! Nothing lies in the clear, under any term of any key, and no grant is used for another.

use super::*;

#[test]
fn neither_names_nor_values_lie_in_the_clear() {
    let mut world = World::new();
    let request = Put {
        fields: fields(&[("canary-field", "canary-value")]),
        description: Some(description("canary-description")),
        tags: tags(&[("canary-key", "canary-tag")]),
        labels: vec![label("canary-label")],
        ..Put::default()
    };
    world
        .put_with("canary-folder/canary-name", &request)
        .unwrap();
    world.delete("canary-folder/canary-name", None).unwrap();
    for (key, record) in world.state.records() {
        for bytes in [key.as_bytes(), &record.sealed] {
            assert!(
                !bytes.windows(6).any(|window| window == b"canary"),
                "{key:?}"
            );
        }
    }
    let (value, meta) = (
        format!("{request:?}"),
        format!("{:?}", fields(&[("canary", "canary")])),
    );
    assert!(
        !value.contains("canary") && !meta.contains("canary"),
        "{value} {meta}"
    );
}

#[test]
fn secrets_are_found_after_every_key_got_a_new_term() {
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
    world.keys = world
        .keys
        .rotate(Rotate::All, &mut world.entropy, world.now)
        .unwrap();
    world.keys = world
        .keys
        .rotate(Rotate::One(Role::Index), &mut world.entropy, world.now)
        .unwrap();
    assert_eq!(world.value("a/b").unwrap(), "1");
    assert!(!world.put("a/b", "2").created);
    world.put("a/c", "3");
    assert_eq!(world.list("a"), ["a/b", "a/c"]);
    world.delete("a/b", None).unwrap();
    world.keys = world
        .keys
        .rotate(Rotate::One(Role::Index), &mut world.entropy, world.now)
        .unwrap();
    world.restore("a/b", None, None).unwrap();
    assert_eq!(world.value("a/b").unwrap(), "2");
    world.delete("a/b", Some(DAY)).unwrap();
    world.keys = world
        .keys
        .rotate(Rotate::One(Role::Index), &mut world.entropy, world.now)
        .unwrap();
    world.now += 2 * DAY;
    world.sweep();
    assert!(world.deleted("").is_empty());
    assert_eq!(world.list_all(""), ["a/c"]);
}

#[test]
fn a_grant_for_something_else_opens_nothing() {
    let mut world = World::new();
    world.put("s", "1");
    let wrong = world.on(Action::DESCRIBE, "s");
    assert!(matches!(
        world.run(|tx| get(tx, &wrong, &Get::default())),
        Err(Refusal::Grant(_))
    ));
    assert!(matches!(
        world.run(|tx| put(tx, &wrong, None, &Put::default())),
        Err(Refusal::Grant(_))
    ));
    let folder = world.below(Action::GET_VALUE, "s");
    assert!(matches!(
        world.run(|tx| get(tx, &folder, &Get::default())),
        Err(Refusal::Grant(_))
    ));
}
