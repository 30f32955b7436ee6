//! Listings, finding, positions.

use super::*;
use crate::name::Glob;

pub(super) fn found(
    world: &mut World,
    folder: &str,
    glob: Option<&str>,
    tags: &[(&str, Option<&str>)],
    size: usize,
) -> Vec<String> {
    let grant = world.below(Action::LIST, folder);
    let tags: BTreeMap<TagKey, Option<TagValue>> = tags
        .iter()
        .map(|(key, value)| {
            (
                (*key).try_into().unwrap(),
                value.map(|value| value.try_into().unwrap()),
            )
        })
        .collect();
    let glob = glob.map(|glob| Glob::try_from(glob).unwrap());
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest {
            size,
            after: after.take(),
        };
        let request = Find {
            glob: glob.clone(),
            tags: tags.clone(),
            page,
        };
        let listing = world
            .run(|tx| find(tx, &grant, &|_| true, &request))
            .unwrap();
        all.extend(paths(listing.entries));
        match listing.next {
            Some(next) => after = Some(Position::from_bytes(&next.to_bytes()).unwrap()),
            None => return all,
        }
    }
}

fn tree(world: &mut World) {
    for path in ["b", "a", "a/z", "a/b/c", "a/b/d", "a-b", "c/d/e/f/g", "Z"] {
        world.put(path, path);
    }
}

#[test]
fn a_folder_lists_its_own_names_in_order_with_folders_marked() {
    let mut world = World::new();
    assert!(world.list("").is_empty());
    tree(&mut world);
    assert_eq!(world.list(""), ["Z", "a", "a/", "a-b", "b", "c/"]);
    assert_eq!(world.list("a"), ["a/b/", "a/z"]);
    assert_eq!(world.list("c/d/e/f"), ["c/d/e/f/g"]);
    for folder in ["b", "x", "a/z", "a/b/c"] {
        assert!(
            matches!(
                world.list_with(folder, false, 0, 10),
                Err(Refusal::FolderNotFound)
            ),
            "{folder}"
        );
    }
}

#[test]
fn a_secret_in_a_listing_has_its_version_and_time_and_a_folder_has_not() {
    let mut world = World::new();
    world.put("s", "1");
    world.now += HOUR;
    world.put("s", "2");
    world.put("f/s", "3");
    let entries = world.list_with("", false, 0, 10).unwrap();
    assert_eq!(
        entries[0],
        Listed {
            path: "f/".into(),
            folder: true,
            latest_version: 0,
            updated_at: 0
        }
    );
    assert_eq!(
        entries[1],
        Listed {
            path: "s".into(),
            folder: false,
            latest_version: 2,
            updated_at: world.now
        }
    );
}

#[test]
fn all_below_is_listed_to_any_depth() {
    let mut world = World::new();
    tree(&mut world);
    let all = ["Z", "a", "a/b/c", "a/b/d", "a/z", "a-b", "b", "c/d/e/f/g"];
    assert_eq!(world.list_all(""), all);
    assert_eq!(world.list_all("a"), ["a/b/c", "a/b/d", "a/z"]);
    let mut to_depth = |depth| paths(world.list_with("", true, depth, 100).unwrap());
    assert_eq!(to_depth(1), ["Z", "a", "a/", "a-b", "b", "c/"]);
    assert_eq!(to_depth(2), ["Z", "a", "a/b/", "a/z", "a-b", "b", "c/d/"]);
    assert_eq!(
        to_depth(3),
        ["Z", "a", "a/b/c", "a/b/d", "a/z", "a-b", "b", "c/d/e/"]
    );
    assert_eq!(to_depth(5), all);
    assert_eq!(to_depth(usize::MAX), all);
    assert!(matches!(
        world.list_with("", false, 2, 10),
        Err(Refusal::Invalid(_))
    ));
}

#[test]
fn pages_of_any_size_make_the_same_listing() {
    let mut world = World::new();
    tree(&mut world);
    for (recursive, depth) in [(false, 0), (true, 0), (true, 1), (true, 2), (true, 3)] {
        let whole = world.list_with("", recursive, depth, 1000).unwrap();
        for size in 1..=whole.len() + 1 {
            assert_eq!(
                world.list_with("", recursive, depth, size).unwrap(),
                whole,
                "{recursive} {depth} {size}"
            );
        }
    }
    let whole = world.list_with("a", true, 0, 1000).unwrap();
    assert_eq!(world.list_with("a", true, 0, 1).unwrap(), whole);
}

#[test]
fn a_listing_goes_on_where_it_was_though_what_it_stopped_at_is_gone() {
    let mut world = World::new();
    tree(&mut world);
    let whole = world.list_all("");
    let grant = world.below(Action::LIST, "");
    for cut in 1..whole.len() {
        let mut world = World::new();
        tree(&mut world);
        let first = List {
            recursive: true,
            depth: 0,
            page: PageRequest {
                size: cut,
                after: None,
            },
        };
        let listing = world.run(|tx| list(tx, &grant, &|_| true, &first)).unwrap();
        world.delete(&whole[cut - 1], None).unwrap();
        let rest = List {
            recursive: true,
            depth: 0,
            page: PageRequest {
                size: 100,
                after: listing.next,
            },
        };
        let listing = world.run(|tx| list(tx, &grant, &|_| true, &rest)).unwrap();
        assert_eq!(paths(listing.entries), whole[cut..], "{cut}");
    }
}

#[test]
fn a_position_of_another_listing_is_refused() {
    let mut world = World::new();
    tree(&mut world);
    let root = world.below(Action::LIST, "");
    let page = PageRequest {
        size: 1,
        after: None,
    };
    let next = world
        .run(|tx| {
            list(
                tx,
                &root,
                &|_| true,
                &List {
                    page,
                    ..List::default()
                },
            )
        })
        .unwrap()
        .next;
    let page = PageRequest {
        size: 1,
        after: next,
    };
    let folder = world.below(Action::LIST, "a");
    let request = List {
        page: page.clone(),
        ..List::default()
    };
    assert!(matches!(
        world.run(|tx| list(tx, &folder, &|_| true, &request)),
        Err(Refusal::PositionInvalid)
    ));
    assert!(matches!(
        world.run(|tx| list_deleted(tx, &root, &|_| true, &page)),
        Err(Refusal::PositionInvalid)
    ));
    let versions = world.on(Action::DESCRIBE, "a");
    assert!(matches!(
        world.run(|tx| list_versions(tx, &versions, &page)),
        Err(Refusal::PositionInvalid)
    ));
    let tagged = Find {
        tags: BTreeMap::from([("k".try_into().unwrap(), None)]),
        page,
        glob: None,
    };
    assert!(matches!(
        world.run(|tx| find(tx, &root, &|_| true, &tagged)),
        Err(Refusal::PositionInvalid)
    ));
}

#[test]
fn bytes_that_are_no_position_and_pages_that_are_too_large_are_refused() {
    let mut world = World::new();
    let root = world.below(Action::LIST, "");
    for bytes in [&b""[..], b"x", b"\x81", &[0xff; 40]] {
        assert!(matches!(
            Position::from_bytes(bytes),
            Err(Refusal::PositionInvalid)
        ));
    }
    let page = PageRequest {
        size: 1001,
        after: None,
    };
    assert!(matches!(
        world.run(|tx| list(
            tx,
            &root,
            &|_| true,
            &List {
                page,
                ..List::default()
            }
        )),
        Err(Refusal::Invalid(_))
    ));
}

#[test]
fn secrets_are_found_by_glob_over_the_whole_path() {
    let mut world = World::new();
    tree(&mut world);
    let mut by = |folder: &str, glob: &str| found(&mut world, folder, Some(glob), &[], 2);
    assert_eq!(by("", "a/**"), ["a/b/c", "a/b/d", "a/z"]);
    assert_eq!(by("", "*"), ["Z", "a", "a-b", "b"]);
    assert_eq!(by("", "**/[cd]"), Vec::<String>::new());
    assert_eq!(
        by("", "**/?"),
        ["Z", "a", "a/b/c", "a/b/d", "a/z", "b", "c/d/e/f/g"]
    );
    assert_eq!(by("a/b", "a/b/*"), ["a/b/c", "a/b/d"]);
    assert_eq!(by("a", "**/d"), ["a/b/d"]);
    assert_eq!(by("a", "b"), Vec::<String>::new());
}

#[test]
fn secrets_are_found_by_tags_that_all_match() {
    let mut world = World::new();
    for (path, pairs) in [
        ("p/a", &[("env", "prod"), ("team", "x")][..]),
        ("p/b", &[("env", "prod")]),
        ("d/c", &[("env", "dev"), ("team", "x")]),
        ("d/e", &[("env", "")]),
        ("none", &[]),
    ] {
        world
            .put_with(
                path,
                &Put {
                    fields: fields(&[("value", "1")]),
                    tags: tags(pairs),
                    ..Put::default()
                },
            )
            .unwrap();
    }
    let mut by = |folder: &str, glob, tags: &[(&str, Option<&str>)]| {
        found(&mut world, folder, glob, tags, 1)
    };
    assert_eq!(by("", None, &[("env", None)]), ["p/a", "p/b", "d/c", "d/e"]);
    assert_eq!(by("", None, &[("env", Some("prod"))]), ["p/a", "p/b"]);
    assert_eq!(
        by("", None, &[("env", Some("prod")), ("team", None)]),
        ["p/a"]
    );
    assert_eq!(by("", None, &[("env", Some(""))]), ["d/e"]);
    assert_eq!(by("d", None, &[("env", None)]), ["d/c", "d/e"]);
    assert_eq!(by("", Some("**/c"), &[("team", Some("x"))]), ["d/c"]);
    assert!(by("", None, &[("absent", None)]).is_empty());
    assert!(by("", None, &[("env", Some("prodx"))]).is_empty());
    let grant = world.on(Action::UPDATE, "p/a");
    let request = Update {
        set_tags: tags(&[("env", "dev")]),
        remove_tags: vec!["team".try_into().unwrap()],
        ..Update::default()
    };
    world.run(|tx| update(tx, &grant, None, &request)).unwrap();
    assert_eq!(
        found(&mut world, "", None, &[("env", Some("prod"))], 10),
        ["p/b"]
    );
    assert_eq!(
        found(&mut world, "", None, &[("env", Some("dev"))], 10),
        ["p/a", "d/c"]
    );
    assert_eq!(found(&mut world, "", None, &[("team", None)], 10), ["d/c"]);
}

#[test]
fn deleted_secrets_are_paged() {
    let mut world = World::new();
    for n in 0..25 {
        world.put(&format!("f/{n}"), "x");
        world.delete(&format!("f/{n}"), None).unwrap();
    }
    let grant = world.below(Action::LIST, "f");
    let mut seen = std::collections::BTreeSet::new();
    let mut after = None;
    loop {
        let page = PageRequest {
            size: 4,
            after: after.take(),
        };
        let page = world
            .run(|tx| list_deleted(tx, &grant, &|_| true, &page))
            .unwrap();
        seen.extend(page.items.into_iter().map(|deleted| deleted.path));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
}
