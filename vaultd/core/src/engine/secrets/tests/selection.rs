//! Which version and which fields a read returns.

use super::*;

#[test]
fn a_selector_finds_its_version_or_says_what_is_missing() {
    let mut world = World::new();
    assert!(matches!(world.value("s"), Err(Refusal::SecretNotFound)));
    world.put("s", "1");
    world.put("s", "2");
    world.set_label("s", "stable", 1, None).unwrap();
    let mut read = |version, label: Option<&str>| {
        let selector = Selector {
            version,
            label: label.map(self::label),
        };
        world
            .read("s", selector)
            .map(|mut fields| fields.remove("value").unwrap())
    };
    assert_eq!(read(None, None).unwrap(), "2");
    assert_eq!(read(None, Some("stable")).unwrap(), "1");
    assert_eq!(read(None, Some("previous")).unwrap(), "1");
    assert_eq!(read(Some(1), None).unwrap(), "1");
    assert_eq!(read(Some(1), Some("stable")).unwrap(), "1");
    assert!(matches!(
        read(Some(2), Some("stable")),
        Err(Refusal::LabelMismatch { found: 1 })
    ));
    assert!(matches!(
        read(None, Some("absent")),
        Err(Refusal::LabelNotFound)
    ));
    for version in [0, 3, u64::MAX] {
        assert!(
            matches!(read(Some(version), None), Err(Refusal::VersionNotFound)),
            "{version}"
        );
    }
}

#[test]
fn only_the_fields_that_were_asked_for_are_returned() {
    let mut world = World::new();
    world
        .put_with(
            "s",
            &Put {
                fields: fields(&[("a", "1"), ("b", "2")]),
                ..Put::default()
            },
        )
        .unwrap();
    let mut get = |names: &[&str]| {
        let fields = names.iter().map(|name| field(name)).collect();
        let value = world.get_with(
            "s",
            &Get {
                selector: Selector::default(),
                fields,
            },
        )?;
        Ok::<_, Refusal>(
            value
                .fields
                .names()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(get(&[]).unwrap(), ["a", "b"]);
    assert_eq!(get(&["b"]).unwrap(), ["b"]);
    assert_eq!(get(&["b", "b"]).unwrap(), ["b"]);
    assert!(matches!(get(&["a", "c"]), Err(Refusal::FieldNotFound(name)) if name == field("c")));
}

#[test]
fn a_folder_is_not_a_secret_and_a_name_may_be_both() {
    let mut world = World::new();
    world.put("a/b", "inner");
    assert!(matches!(world.value("a"), Err(Refusal::SecretNotFound)));
    world.put("a", "outer");
    assert_eq!(
        (world.value("a").unwrap(), world.value("a/b").unwrap()),
        ("outer".into(), "inner".into())
    );
    assert!(matches!(world.value("a/b/c"), Err(Refusal::SecretNotFound)));
    assert!(matches!(world.value("A"), Err(Refusal::SecretNotFound)));
}
