//! Copies and moves.

use super::*;

fn history(world: &mut World, path: &str) -> Vec<(u64, String)> {
    let latest = world.describe(path).unwrap().latest_version;
    (1..=latest)
        .filter_map(|n| Some((n, world.version(path, n).ok()?)))
        .collect()
}

#[expect(clippy::too_many_lines, reason = "one story, told in order")]
#[test]
fn a_copy_has_the_history_and_lives_its_own_life() {
    let mut world = World::new();
    let request = Put {
        fields: fields(&[("value", "1")]),
        description: Some(description("d")),
        tags: tags(&[("k", "v")]),
        ..Put::default()
    };
    world.put_with("a/s", &request).unwrap();
    world.put("a/s", "2");
    world.put("a/s", "3");
    world.set_label("a/s", "blue", 1, None).unwrap();
    let grant = world.on(Action::DESTROY, "a/s");
    world
        .run(|tx| destroy_version(tx, &grant, None, 2))
        .unwrap();
    let reply = world.copy("a/s", "b/t", false).unwrap();
    assert_eq!(
        reply,
        CopyReply {
            latest_version: 3,
            versions: 3
        }
    );
    assert_eq!(
        history(&mut world, "b/t"),
        [(1, "1".into()), (3, "3".into())]
    );
    assert!(matches!(
        world.version("b/t", 2),
        Err(Refusal::VersionDestroyed)
    ));
    let (old, new) = (
        world.describe("a/s").unwrap(),
        world.describe("b/t").unwrap(),
    );
    assert_ne!(old.id, new.id);
    assert_eq!(
        (old.labels, old.tags, old.description),
        (new.labels, new.tags, new.description)
    );
    world.put("b/t", "4");
    assert_eq!(
        (world.value("a/s").unwrap(), world.value("b/t").unwrap()),
        ("3".into(), "4".into())
    );
    world.delete("a/s", Some(0)).unwrap();
    assert_eq!(world.version("b/t", 1).unwrap(), "1");
    let grant = world.below(Action::LIST, "");
    let tagged = Find {
        tags: BTreeMap::from([("k".try_into().unwrap(), None)]),
        ..Find::default()
    };
    assert_eq!(
        paths(
            world
                .run(|tx| find(tx, &grant, &|_| true, &tagged))
                .unwrap()
                .entries
        ),
        ["b/t"]
    );
}

#[test]
fn a_copy_without_history_is_the_current_version_alone() {
    let mut world = World::new();
    world.put_each("s", 1..=3);
    world.set_label("s", "current", 2, None).unwrap();
    assert_eq!(
        world.copy("s", "t", true).unwrap(),
        CopyReply {
            latest_version: 1,
            versions: 1
        }
    );
    assert_eq!(history(&mut world, "t"), [(1, "2".into())]);
    assert_eq!(
        world.labels("t"),
        BTreeMap::from([("current".to_owned(), 1)])
    );
}

#[test]
fn a_copy_goes_where_nothing_is_and_comes_from_where_something_is() {
    let mut world = World::new();
    world.put("s", "1");
    world.put("t", "2");
    for to in ["t", "s"] {
        assert!(matches!(world.copy("s", to, false), Err(Refusal::Exists)));
    }
    assert!(matches!(
        world.copy("absent", "u", false),
        Err(Refusal::SecretNotFound)
    ));
    assert_eq!(world.value("t").unwrap(), "2");
}

#[test]
fn a_history_larger_than_a_transaction_is_refused_with_the_reason() {
    let mut world = World::new();
    let mut big = |n: u8| {
        let mut fields = Fields::new();
        fields
            .insert(FieldName::value(), Bytes::from(vec![n; 700_000]))
            .unwrap();
        world
            .put_with(
                "big",
                &Put {
                    fields,
                    ..Put::default()
                },
            )
            .unwrap();
    };
    (0..3).for_each(&mut big);
    let refused = world.copy("big", "copy", false).unwrap_err();
    assert!(matches!(refused, Refusal::TooLarge(reason) if reason.contains("without history")));
    assert!(world.list_all("") == ["big"]);
    world.copy("big", "copy", true).unwrap();
    let grant = world.on(Action::UPDATE, "many");
    world.put("many", "0");
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
    world.put_each("many", 0..129);
    assert_eq!(world.copy("many", "many2", false).unwrap().versions, 130);
    world.put("many", "131");
    assert!(matches!(
        world.copy("many", "many3", false),
        Err(Refusal::TooLarge(_))
    ));
}

#[test]
fn the_largest_secret_copies_alone() {
    let mut world = World::new();
    let mut fields = Fields::new();
    fields
        .insert(FieldName::value(), Bytes::from(vec![1; MAX_VALUE_BYTES]))
        .unwrap();
    world
        .put_with(
            "big",
            &Put {
                fields,
                ..Put::default()
            },
        )
        .unwrap();
    world.copy("big", "copy", false).unwrap();
    assert_eq!(
        world
            .get_with("copy", &Get::default())
            .unwrap()
            .fields
            .size(),
        MAX_VALUE_BYTES
    );
}

#[test]
fn a_moved_secret_keeps_its_identity_and_history() {
    let mut world = World::new();
    world.put("a/b/s", "1");
    world.put("a/b/s", "2");
    let id = world.describe("a/b/s").unwrap().id;
    world.move_secret("a/b/s", "c/t").unwrap();
    assert_eq!(world.list_all(""), ["c/t"]);
    assert_eq!(world.describe("c/t").unwrap().id, id);
    assert_eq!(
        history(&mut world, "c/t"),
        [(1, "1".into()), (2, "2".into())]
    );
    assert!(matches!(world.value("a/b/s"), Err(Refusal::SecretNotFound)));
    world.move_secret("c/t", "c/u").unwrap();
    assert_eq!(world.list_all(""), ["c/u"]);
    world.move_secret("c/u", "c").unwrap();
    assert_eq!(world.list_all(""), ["c"]);
    world.move_secret("c", "c/c").unwrap();
    assert_eq!(
        (world.list_all(""), world.value("c/c").unwrap()),
        (vec!["c/c".to_owned()], "2".to_owned())
    );
}

#[test]
fn a_secret_does_not_move_onto_another_or_itself() {
    let mut world = World::new();
    world.put("s", "1");
    world.put("t", "2");
    for to in ["t", "s"] {
        assert!(matches!(world.move_secret("s", to), Err(Refusal::Exists)));
    }
    assert!(matches!(
        world.move_secret("absent", "u"),
        Err(Refusal::SecretNotFound)
    ));
    let moving = Moving {
        from: world.on(Action::MOVE, "s"),
        read: world.on(Action::GET_VALUE, "t"),
        to: world.on(Action::PUT_VALUE, "u"),
    };
    assert!(matches!(
        world.run(|tx| move_secret(tx, &moving, None)),
        Err(Refusal::Invalid(_))
    ));
    assert_eq!(world.list_all(""), ["s", "t"]);
}

#[test]
fn a_folder_moves_with_all_below_by_a_few_records() {
    let mut world = World::new();
    for n in 0..50 {
        world.put(&format!("a/f/{n:02}/s"), &n.to_string());
    }
    world.put("a/f", "secret of the same name");
    world.move_folder("a/f", "x/y/g").unwrap();
    assert!(world.rows <= 12, "{}", world.rows);
    assert_eq!(world.value("x/y/g/07/s").unwrap(), "7");
    assert_eq!(world.list("a"), ["a/f"]);
    assert_eq!(world.list_all("x").len(), 50);
    let tagged = world.on(Action::UPDATE, "x/y/g/07/s");
    world
        .run(|tx| {
            update(
                tx,
                &tagged,
                None,
                &Update {
                    set_tags: tags(&[("k", "v")]),
                    ..Update::default()
                },
            )
        })
        .unwrap();
    world.move_folder("x", "z").unwrap();
    let grant = world.below(Action::LIST, "");
    let find_tagged = Find {
        tags: BTreeMap::from([("k".try_into().unwrap(), None)]),
        ..Find::default()
    };
    assert_eq!(
        paths(
            world
                .run(|tx| find(tx, &grant, &|_| true, &find_tagged))
                .unwrap()
                .entries
        ),
        ["z/y/g/07/s"]
    );
}

#[test]
fn a_folder_does_not_move_into_itself_onto_another_or_from_the_root() {
    let mut world = World::new();
    world.put("a/b/s", "1");
    world.put("c/s", "2");
    for to in ["a", "a/b", "a/b/d", "a/x"] {
        assert!(
            matches!(world.move_folder("a", to), Err(Refusal::Invalid(_))),
            "{to}"
        );
    }
    assert!(matches!(world.move_folder("a", "c"), Err(Refusal::Exists)));
    assert!(matches!(
        world.move_folder("absent", "d"),
        Err(Refusal::FolderNotFound)
    ));
    assert!(matches!(
        world.move_folder("a/b/s", "d"),
        Err(Refusal::FolderNotFound)
    ));
    assert!(matches!(
        world.move_folder("", "d"),
        Err(Refusal::Invalid(_))
    ));
    assert!(matches!(
        world.move_folder("a", ""),
        Err(Refusal::Invalid(_))
    ));
    assert_eq!(world.list_all(""), ["a/b/s", "c/s"]);
    // A name that merely begins alike is another folder.
    world.move_folder("a", "ab").unwrap();
    assert_eq!(world.list_all(""), ["ab/b/s", "c/s"]);
    // Into where only a secret has the name, and up over an emptied folder.
    world.put("d", "3");
    world.move_folder("ab/b", "d").unwrap();
    assert_eq!(world.list_all(""), ["c/s", "d", "d/s"]);
}

#[test]
fn no_path_becomes_longer_than_paths_may_be() {
    let mut world = World::new();
    let deep = |levels: usize| vec!["d"; levels].join("/");
    world.put(&format!("a/{}/s", deep(28)), "1");
    world.put("t/u/v/s", "2");
    assert!(matches!(
        world.move_folder("a", "t/u/v/w"),
        Err(Refusal::TooLarge(_))
    ));
    world.move_folder("a", "t/u/w").unwrap();
    let long = "x".repeat(250);
    world.put(&format!("l/{long}/{long}/{long}/s"), "3");
    assert!(matches!(
        world.move_folder("l", &format!("{long}/{long}")),
        Err(Refusal::TooLarge(_))
    ));
    world.move_folder("l", &long).unwrap();
    assert_eq!(
        world
            .value(&format!("{long}/{long}/{long}/{long}/s"))
            .unwrap(),
        "3"
    );
}
