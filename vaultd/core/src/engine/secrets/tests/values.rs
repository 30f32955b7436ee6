//! Putting and getting values.

use super::*;

fn pairs(world: &mut World, path: &str) -> Vec<(String, String)> {
    world
        .read(path, Selector::default())
        .unwrap()
        .into_iter()
        .collect()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn what_was_put_is_read_back_with_its_version_and_labels() {
    let mut world = World::new();
    let reply = world.put("db/password", "one");
    assert_eq!(
        reply,
        PutReply {
            version: 1,
            created: true,
            previous: 0,
            created_at: world.now
        }
    );
    world.now += 5;
    let reply = world.put("db/password", "two");
    assert_eq!(
        reply,
        PutReply {
            version: 2,
            created: false,
            previous: 1,
            created_at: world.now
        }
    );
    let value = world.get_with("db/password", &Get::default()).unwrap();
    assert_eq!(
        (value.version, value.created_at, value.path.as_str()),
        (2, world.now, "db/password")
    );
    assert_eq!(value.labels, [Label::current()]);
    assert_eq!(
        value.fields.get(&FieldName::value()).unwrap().as_ref(),
        b"two"
    );
    assert_eq!(world.version("db/password", 1).unwrap(), "one");
}

#[test]
fn an_update_of_an_existing_secret_takes_four_records_and_six_checks() {
    let mut world = World::new();
    world.put("db/password", "one");
    let token = world.token;
    let request = Put {
        fields: fields(&[("value", "two")]),
        ..Put::default()
    };
    let once = Once {
        request_id: [1; 16],
        digest: [2; 32],
        earlier: vec![],
    };
    let (_, transaction) = world.evaluate(|tx| {
        let caller = access::authenticate(tx, &token, &access::Origin::local()).unwrap();
        let grant = access::authorise(
            &caller,
            Action::PUT_VALUE,
            Resource::Secret(at("db/password")),
        )
        .unwrap();
        put(tx, &grant, Some(&once), &request).unwrap()
    });
    assert_eq!(transaction.writes.len(), 4);
    assert!(
        transaction.checks.len() <= 6,
        "{}",
        transaction.checks.len()
    );
}

#[test]
fn a_read_writes_nothing() {
    let mut world = World::new();
    world.put("a/b", "1");
    world.value("a/b").unwrap();
    assert_eq!(world.rows, 0);
    world.describe("a/b").unwrap();
    assert_eq!(world.rows, 0);
    world.list_all("");
    assert_eq!(world.rows, 0);
}

#[test]
fn a_put_merges_replaces_and_removes_fields() {
    let mut world = World::new();
    let put = |world: &mut World, set: &[(&str, &str)], replace, remove: &[&str]| {
        let remove_fields = remove.iter().map(|name| field(name)).collect();
        world
            .put_with(
                "s",
                &Put {
                    fields: fields(set),
                    replace,
                    remove_fields,
                    ..Put::default()
                },
            )
            .map(|_| ())
    };
    put(&mut world, &[("user", "u"), ("pass", "1")], false, &[]).unwrap();
    put(&mut world, &[("pass", "2"), ("host", "h")], false, &[]).unwrap();
    assert_eq!(
        pairs(&mut world, "s"),
        owned(&[("host", "h"), ("pass", "2"), ("user", "u")])
    );
    put(&mut world, &[("pass", "3")], false, &["host"]).unwrap();
    assert_eq!(
        pairs(&mut world, "s"),
        owned(&[("pass", "3"), ("user", "u")])
    );
    put(&mut world, &[("only", "")], true, &[]).unwrap();
    assert_eq!(pairs(&mut world, "s"), owned(&[("only", "")]));
    for (set, replace, remove) in [
        (&[][..], true, &[][..]),
        (&[], false, &["only"]),
        (&[("only", "1")], false, &["only"]),
    ] {
        assert!(matches!(
            put(&mut world, set, replace, remove),
            Err(Refusal::Invalid(_))
        ));
    }
    for replace in [false, true] {
        let refused = put(&mut world, &[("x", "1")], replace, &["absent"]);
        assert!(matches!(refused, Err(Refusal::FieldNotFound(name)) if name == field("absent")));
    }
    assert_eq!(world.describe("s").unwrap().latest_version, 4);
}

#[test]
fn a_merge_goes_over_the_current_version_and_not_the_latest() {
    let mut world = World::new();
    world
        .put_with(
            "s",
            &Put {
                fields: fields(&[("a", "1"), ("b", "1")]),
                ..Put::default()
            },
        )
        .unwrap();
    let pending = vec![Label::pending()];
    world
        .put_with(
            "s",
            &Put {
                fields: fields(&[("a", "2")]),
                labels: pending,
                ..Put::default()
            },
        )
        .unwrap();
    world
        .put_with(
            "s",
            &Put {
                fields: fields(&[("b", "3")]),
                ..Put::default()
            },
        )
        .unwrap();
    assert_eq!(pairs(&mut world, "s"), owned(&[("a", "1"), ("b", "3")]));
    assert_eq!(world.read("s", named("pending")).unwrap()["a"], "2");
}

#[test]
fn a_condition_on_the_version_holds_or_nothing_happens() {
    let mut world = World::new();
    let put = |world: &mut World, if_version| {
        world
            .put_with(
                "s",
                &Put {
                    fields: fields(&[("value", "x")]),
                    if_version,
                    ..Put::default()
                },
            )
            .map(|r| r.version)
    };
    assert!(matches!(
        put(&mut world, Some(1)),
        Err(Refusal::VersionMismatch { found: 0 })
    ));
    assert!(world.describe("s").is_err());
    assert_eq!(put(&mut world, Some(0)).unwrap(), 1);
    assert!(matches!(
        put(&mut world, Some(0)),
        Err(Refusal::VersionMismatch { found: 1 })
    ));
    assert!(matches!(
        put(&mut world, Some(2)),
        Err(Refusal::VersionMismatch { found: 1 })
    ));
    assert_eq!(put(&mut world, Some(1)).unwrap(), 2);
    assert_eq!(put(&mut world, None).unwrap(), 3);
}

#[test]
fn of_two_writes_on_one_version_the_second_conflicts() {
    let mut world = World::new();
    world.put("s", "1");
    let grant = world.on(Action::PUT_VALUE, "s");
    let request = Put {
        fields: fields(&[("value", "x")]),
        ..Put::default()
    };
    let (_, first) = world.evaluate(|tx| put(tx, &grant, None, &request).unwrap());
    let (_, second) = world.evaluate(|tx| put(tx, &grant, None, &request).unwrap());
    assert!(world.state.apply(
        Revision {
            term: 1,
            sequence: 100
        },
        &first
    ));
    assert!(!world.state.apply(
        Revision {
            term: 1,
            sequence: 101
        },
        &second
    ));
}

#[test]
fn two_that_make_the_same_secret_or_folder_conflict() {
    let mut world = World::new();
    for (one, other) in [("a/b", "a/b"), ("c/d", "c/e")] {
        let (one, other) = (
            world.on(Action::PUT_VALUE, one),
            world.on(Action::PUT_VALUE, other),
        );
        let request = Put {
            fields: fields(&[("value", "x")]),
            ..Put::default()
        };
        let (_, first) = world.evaluate(|tx| put(tx, &one, None, &request).unwrap());
        let (_, second) = world.evaluate(|tx| put(tx, &other, None, &request).unwrap());
        world.sequence += 1;
        assert!(world.state.apply(
            Revision {
                term: 1,
                sequence: world.sequence
            },
            &first
        ));
        assert!(!world.state.apply(
            Revision {
                term: 2,
                sequence: world.sequence
            },
            &second
        ));
    }
}

#[test]
fn a_version_has_a_mebibyte_at_most_and_a_merge_cannot_pass_it() {
    let mut world = World::new();
    let mib = Bytes::from(vec![7; MAX_VALUE_BYTES]);
    let mut largest = Fields::new();
    largest.insert(field("a"), mib.clone()).unwrap();
    assert!(matches!(
        largest.insert(field("b"), Bytes::from_static(b"1")),
        Err(Refusal::TooLarge(_))
    ));
    largest.insert(field("a"), mib).unwrap();
    world
        .put_with(
            "big",
            &Put {
                fields: largest,
                ..Put::default()
            },
        )
        .unwrap();
    assert_eq!(
        world
            .get_with("big", &Get::default())
            .unwrap()
            .fields
            .size(),
        MAX_VALUE_BYTES
    );
    let merged = world.put_with(
        "big",
        &Put {
            fields: fields(&[("b", "1")]),
            ..Put::default()
        },
    );
    assert!(matches!(merged, Err(Refusal::TooLarge(_))));
}

#[test]
fn a_version_has_256_fields_at_most_and_a_merge_cannot_pass_them() {
    let mut world = World::new();
    let names: Vec<String> = (0..=MAX_FIELDS).map(|n| format!("f{n}")).collect();
    let mut many = Fields::new();
    for name in names.iter().take(MAX_FIELDS) {
        many.insert(field(name), Bytes::new()).unwrap();
    }
    assert!(matches!(
        many.insert(field("more"), Bytes::new()),
        Err(Refusal::TooLarge(_))
    ));
    world
        .put_with(
            "many",
            &Put {
                fields: many,
                ..Put::default()
            },
        )
        .unwrap();
    assert_eq!(
        world.describe("many").unwrap().field_names.len(),
        MAX_FIELDS
    );
    let merged = world.put_with(
        "many",
        &Put {
            fields: fields(&[("more", "1")]),
            ..Put::default()
        },
    );
    assert!(matches!(merged, Err(Refusal::TooLarge(_))));
}

#[test]
fn a_batch_answers_each_in_its_place() {
    let mut world = World::new();
    world.put("a", "1");
    world.put("b", "2");
    let batch =
        ["a", "absent", "b", "a"].map(|path| (world.on(Action::GET_VALUE, path), Get::default()));
    let (values, _) = world.evaluate(|tx| batch_get(tx, &batch));
    let versions: Vec<_> = values
        .iter()
        .map(|value| value.as_ref().ok().map(|value| value.path.to_string()))
        .collect();
    assert_eq!(
        versions,
        [Some("a".into()), None, Some("b".into()), Some("a".into())]
    );
    assert!(matches!(values[1], Err(Refusal::SecretNotFound)));
}
