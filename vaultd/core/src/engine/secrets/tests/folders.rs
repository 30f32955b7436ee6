//! Folders: deleting them, and how they come and go by what lies in them.

use super::{deletion::records_of, *};
use crate::record::Kind;

fn delete_folder_once(
    world: &mut World,
    folder: &str,
    window: Option<u64>,
) -> Result<DeleteReply, Refusal> {
    let grant = world.below(Action::DELETE, folder);
    world.run(|tx| {
        delete_folder(
            tx,
            &grant,
            None,
            &Delete {
                window,
                if_version: None,
            },
        )
    })
}

#[test]
fn a_folder_is_deleted_in_bounded_calls_and_its_neighbours_stay() {
    let mut world = World::new();
    for n in 0..150 {
        world.put(&format!("f/{}/s{n}", n % 7), "x");
    }
    world.put("f", "same name");
    world.put("g/s", "neighbour");
    let mut ids = std::collections::BTreeSet::new();
    let mut calls = 0;
    loop {
        let reply = delete_folder_once(&mut world, "f", None).unwrap();
        assert!(reply.deleted.len() <= 64);
        ids.extend(reply.deleted.iter().map(|deleted| deleted.id));
        calls += 1;
        if !reply.more {
            break;
        }
    }
    assert_eq!((ids.len(), calls > 2), (150, true));
    assert_eq!(world.list_all(""), ["f", "g/s"]);
    assert!(matches!(
        delete_folder_once(&mut world, "f", None),
        Err(Refusal::FolderNotFound)
    ));
    assert!(matches!(
        world.list_with("f", false, 0, 10),
        Err(Refusal::FolderNotFound)
    ));
    world.restore("f/3/s3", None, None).unwrap();
    assert_eq!(world.list_all("f"), ["f/3/s3"]);
}

#[test]
fn a_folder_of_deep_chains_and_busy_secrets_still_fits_its_transactions() {
    let mut world = World::new();
    for n in 0..40 {
        let chain = (0..25)
            .map(|level| format!("{n}-{level}"))
            .collect::<Vec<_>>()
            .join("/");
        let grant = world.on(Action::PUT_VALUE, &format!("f/{chain}/s"));
        for request in 0..16 {
            let once = Once {
                request_id: [request; 16],
                digest: [n; 32],
                earlier: vec![],
            };
            let request = Put {
                fields: fields(&[("value", "x")]),
                ..Put::default()
            };
            let _outcome = world.run(|tx| put(tx, &grant, Some(&once), &request));
        }
    }
    for window in [None, Some(0)] {
        let reply = delete_folder_once(&mut world, "f", window).unwrap();
        assert!(reply.more && !reply.deleted.is_empty());
    }
    while delete_folder_once(&mut world, "f", Some(0)).unwrap().more {}
    assert!(world.list_all("").is_empty());
    assert_eq!(
        records_of(&world, Kind::Entry) + records_of(&world, Kind::Folder),
        0
    );
}

#[test]
fn folders_go_with_the_last_thing_in_them() {
    let mut world = World::new();
    world.put("a/b/c/d", "1");
    world.put("a/x", "2");
    world.delete("a/b/c/d", None).unwrap();
    assert_eq!(world.list("a"), ["a/x"]);
    assert_eq!(
        (
            records_of(&world, Kind::Folder),
            records_of(&world, Kind::Entry)
        ),
        (1, 2)
    );
    world.delete("a/x", None).unwrap();
    assert_eq!(
        (
            records_of(&world, Kind::Folder),
            records_of(&world, Kind::Entry)
        ),
        (0, 0)
    );
    world.restore("a/b/c/d", None, None).unwrap();
    assert_eq!(world.list_all(""), ["a/b/c/d"]);
}

#[test]
fn a_delete_and_a_put_into_the_folder_it_would_empty_conflict() {
    let mut world = World::new();
    world.put("a/b", "1");
    let (delete_grant, put_grant) = (
        world.on(Action::DELETE, "a/b"),
        world.on(Action::PUT_VALUE, "a/c"),
    );
    let request = Put {
        fields: fields(&[("value", "x")]),
        ..Put::default()
    };
    let (_, deletion) =
        world.evaluate(|tx| delete(tx, &delete_grant, None, &Delete::default()).unwrap());
    let (_, creation) = world.evaluate(|tx| put(tx, &put_grant, None, &request).unwrap());
    let mut other = world.state.clone();
    assert!(world.state.apply(
        Revision {
            term: 1,
            sequence: 90
        },
        &deletion
    ));
    assert!(!world.state.apply(
        Revision {
            term: 1,
            sequence: 91
        },
        &creation
    ));
    assert!(other.apply(
        Revision {
            term: 1,
            sequence: 90
        },
        &creation
    ));
    assert!(!other.apply(
        Revision {
            term: 1,
            sequence: 91
        },
        &deletion
    ));
}
