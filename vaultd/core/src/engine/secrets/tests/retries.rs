//! A write that comes again has no second effect.

use super::*;

fn once(id: u8, digest: u8) -> Once {
    Once {
        request_id: [id; 16],
        digest: [digest; 32],
        earlier: vec![],
    }
}

fn put_once(world: &mut World, path: &str, id: u8, digest: u8) -> Result<PutReply, Refusal> {
    let grant = world.on(Action::PUT_VALUE, path);
    let request = Put {
        fields: fields(&[("value", &digest.to_string())]),
        ..Put::default()
    };
    world.run(|tx| put(tx, &grant, Some(&once(id, digest)), &request))
}

#[test]
fn a_put_that_comes_again_is_answered_with_its_first_outcome() {
    let mut world = World::new();
    let first = put_once(&mut world, "s", 1, 1).unwrap();
    world.now += 60_000;
    assert_eq!(put_once(&mut world, "s", 1, 1).unwrap(), first);
    assert_eq!(world.rows, 0);
    assert!(
        put_once(&mut world, "s", 2, 1).unwrap().version == 2,
        "another id is another request"
    );
    assert_eq!(
        put_once(&mut world, "s", 1, 1).unwrap(),
        first,
        "the older one is still known"
    );
    assert_eq!(world.describe("s").unwrap().latest_version, 2);
}

#[test]
fn a_condition_that_held_the_first_time_is_not_asked_again() {
    let mut world = World::new();
    let grant = world.on(Action::PUT_VALUE, "s");
    let request = Put {
        fields: fields(&[("value", "x")]),
        if_version: Some(0),
        ..Put::default()
    };
    let first = world
        .run(|tx| put(tx, &grant, Some(&once(1, 1)), &request))
        .unwrap();
    assert_eq!(
        world
            .run(|tx| put(tx, &grant, Some(&once(1, 1)), &request))
            .unwrap(),
        first
    );
    let other = world.run(|tx| put(tx, &grant, Some(&once(2, 1)), &request));
    assert!(matches!(other, Err(Refusal::VersionMismatch { found: 1 })));
}

#[test]
fn an_id_with_another_body_is_refused() {
    let mut world = World::new();
    put_once(&mut world, "s", 1, 1).unwrap();
    assert!(matches!(
        put_once(&mut world, "s", 1, 2),
        Err(Refusal::RequestIdReused)
    ));
    let grant = world.on(Action::LABEL, "s");
    let request = SetLabel {
        label: label("x"),
        version: 1,
        if_at: None,
    };
    assert!(matches!(
        world.run(|tx| set_label(tx, &grant, Some(&once(1, 9)), &request)),
        Err(Refusal::RequestIdReused)
    ));
    assert_eq!(world.describe("s").unwrap().latest_version, 1);
}

#[test]
fn one_callers_id_is_not_anothers() {
    let mut world = World::new();
    put_once(&mut world, "s", 1, 1).unwrap();
    let token = TokenHash::of(&TokenSecret::make(&mut world.entropy));
    world
        .run(|tx| access::create_administrator(tx, &token, "other"))
        .unwrap();
    world.token = token;
    assert_eq!(put_once(&mut world, "s", 1, 2).unwrap().version, 2);
}

#[test]
fn outcomes_are_known_for_ten_minutes_however_many_follow() {
    let mut world = World::new();
    let first = put_once(&mut world, "s", 0, 0).unwrap();
    for id in 1..=100 {
        put_once(&mut world, "s", id, id).unwrap();
    }
    assert!(
        world.rows <= 4 + 3 + 1,
        "a head stays bounded: {}",
        world.rows
    );
    for id in 0..=100 {
        let reply = put_once(&mut world, "s", id, id).unwrap();
        assert_eq!(reply.version, u64::from(id) + 1);
    }
    world.now += 600_000 - 1;
    assert_eq!(put_once(&mut world, "s", 0, 0).unwrap(), first);
    world.sweep();
    assert_eq!(put_once(&mut world, "s", 0, 0).unwrap(), first);
}

fn outcomes_apart(world: &World) -> usize {
    let kind = crate::record::Kind::Outcome as u8;
    let keys = world.state.records().map(|(key, _)| key.as_bytes()[0]);
    keys.filter(|first| *first == kind).count()
}

#[test]
fn a_steady_stream_of_puts_is_remembered_for_ten_minutes_and_no_more_than_twenty() {
    let mut world = World::new();
    let mut puts = Vec::new();
    for n in 0..300u16 {
        world.now += 7_000;
        let (id, digest) = (
            u8::try_from(n % 250).unwrap(),
            u8::try_from(n / 250).unwrap(),
        );
        puts.push((
            world.now,
            id,
            digest,
            put_once(&mut world, "s", id, digest).unwrap(),
        ));
        world.sweep();
        assert!(outcomes_apart(&world) <= 2 * 600 / 7);
    }
    for (at, id, digest, reply) in puts {
        if world.now - at < 600_000 {
            assert_eq!(put_once(&mut world, "s", id, digest).unwrap(), reply);
        }
    }
}

#[test]
fn outcomes_are_dropped_after_their_time() {
    let mut world = World::new();
    for id in 0..=100 {
        put_once(&mut world, "s", id, id).unwrap();
    }
    world.now += HOUR;
    put_once(&mut world, "s", 200, 1).unwrap();
    world.sweep();
    assert_eq!(outcomes_apart(&world), 0);
    assert_eq!(
        put_once(&mut world, "s", 0, 0).unwrap().version,
        103,
        "it is a new request now"
    );
}

#[test]
fn a_late_retry_of_a_put_does_not_bring_a_deleted_or_moved_secret_back() {
    let mut world = World::new();
    let first = put_once(&mut world, "s", 1, 1).unwrap();
    world.delete("s", None).unwrap();
    assert_eq!(put_once(&mut world, "s", 1, 1).unwrap(), first);
    assert!(world.list_all("").is_empty());
    let first = put_once(&mut world, "t", 2, 2).unwrap();
    world.move_secret("t", "u").unwrap();
    assert_eq!(put_once(&mut world, "t", 2, 2).unwrap(), first);
    assert_eq!(put_once(&mut world, "u", 2, 2).unwrap(), first);
    assert_eq!(world.list_all(""), ["u"]);
}

#[test]
fn a_late_retry_of_a_put_finds_its_outcome_though_another_secret_is_at_its_path_now() {
    let replaced = |replace: &dyn Fn(&mut World)| {
        let mut world = World::new();
        world.put("other/s", "other");
        let first = put_once(&mut world, "f/s", 1, 1).unwrap();
        put_once(&mut world, "f/s", 2, 2).unwrap();
        replace(&mut world);
        world.now += 600_000 - 1;
        let meta = format!("{:?}", world.describe("f/s").unwrap());
        assert_eq!(put_once(&mut world, "f/s", 1, 1).unwrap(), first);
        assert_eq!(world.rows, 0, "the retry wrote");
        assert_eq!(format!("{:?}", world.describe("f/s").unwrap()), meta);
        let reused = put_once(&mut world, "f/s", 1, 9);
        assert!(matches!(reused, Err(Refusal::RequestIdReused)));
    };
    // Made anew, moved there, brought there with a folder, brought back.
    replaced(&|world| {
        world.delete("f/s", None).unwrap();
        world.put("f/s", "new");
    });
    replaced(&|world| {
        world.delete("f/s", Some(0)).unwrap();
        world.put("f/s", "new");
    });
    replaced(&|world| {
        world.delete("f/s", None).unwrap();
        world.move_secret("other/s", "f/s").unwrap();
    });
    replaced(&|world| {
        world.delete("f/s", None).unwrap();
        world.move_folder("other", "f").unwrap();
    });
    replaced(&|world| {
        world.delete("f/s", None).unwrap();
        let grant = world.on(Action::RESTORE, "f/s");
        world
            .run(|tx| restore(tx, &grant, None, &Restore::default()))
            .unwrap();
    });
}

/// Runs twice: the second time answers the same and writes nothing.
fn twice<R: std::fmt::Debug>(world: &mut World, f: impl Fn(&mut Tx<'_>) -> Result<R, Refusal>) {
    let first = format!("{:?}", world.run(&f).unwrap());
    let records = world.state.clone();
    assert_eq!(format!("{:?}", world.run(&f).unwrap()), first);
    assert_eq!(world.rows, 0, "the second try wrote");
    assert!(world.state == records);
}

#[test]
fn what_changes_a_secret_in_its_place_is_idempotent() {
    let mut world = World::new();
    world.put_each("a", 1..3);
    let grant = world.on(Action::LABEL, "a");
    let request = SetLabel {
        label: label("x"),
        version: 1,
        if_at: Some(0),
    };
    twice(&mut world, |tx| {
        set_label(tx, &grant, Some(&once(1, 1)), &request)
    });
    let request = RemoveLabel {
        label: label("x"),
        if_at: Some(1),
    };
    twice(&mut world, |tx| {
        remove_label(tx, &grant, Some(&once(2, 1)), &request)
    });
    let grant = world.on(Action::UPDATE, "a");
    let request = Update {
        description: Some(description("d")),
        ..Update::default()
    };
    twice(&mut world, |tx| {
        update(tx, &grant, Some(&once(3, 1)), &request)
    });
    let grant = world.on(Action::DESTROY, "a");
    twice(&mut world, |tx| {
        destroy_version(tx, &grant, Some(&once(4, 1)), 1)
    });
}

#[test]
fn what_changes_the_place_of_a_secret_is_idempotent() {
    let mut world = World::new();
    for path in ["a", "b", "f/s"] {
        world.put_each(path, 1..3);
    }
    let (from, to) = (
        world.on(Action::GET_VALUE, "a"),
        world.on(Action::PUT_VALUE, "copy"),
    );
    twice(&mut world, |tx| {
        copy(tx, &from, &to, Some(&once(5, 1)), false)
    });
    let moving = Moving {
        from: world.on(Action::MOVE, "b"),
        read: world.on(Action::GET_VALUE, "b"),
        to: world.on(Action::PUT_VALUE, "c"),
    };
    twice(&mut world, |tx| move_secret(tx, &moving, Some(&once(6, 1))));
    let moving = Moving {
        from: world.below(Action::MOVE, "f"),
        read: world.below(Action::GET_VALUE, "f"),
        to: world.below(Action::PUT_VALUE, "h"),
    };
    twice(&mut world, |tx| move_folder(tx, &moving, Some(&once(7, 1))));
}

#[test]
fn what_ends_a_secret_or_brings_it_back_is_idempotent() {
    let mut world = World::new();
    for path in ["c", "g/s"] {
        world.put_each(path, 1..3);
    }
    let grant = world.on(Action::DELETE, "c");
    twice(&mut world, |tx| {
        delete(tx, &grant, Some(&once(8, 1)), &Delete::default())
    });
    let grant = world.below(Action::DELETE, "g");
    twice(&mut world, |tx| {
        delete_folder(tx, &grant, Some(&once(9, 1)), &Delete::default())
    });
    let grant = world.on(Action::RESTORE, "c");
    twice(&mut world, |tx| {
        restore(tx, &grant, Some(&once(10, 1)), &Restore::default())
    });
    let id = world.delete("c", None).unwrap().id;
    let grant = world.on(Action::DESTROY, "c");
    twice(&mut world, |tx| destroy(tx, &grant, Some(&once(11, 1)), id));
}

#[test]
fn without_an_id_every_request_counts() {
    let mut world = World::new();
    assert_eq!(world.put("s", "1").version, 1);
    assert_eq!(world.put("s", "1").version, 2);
}
