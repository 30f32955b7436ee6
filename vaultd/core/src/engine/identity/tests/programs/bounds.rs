//! How many secret ids a service has at once, whose a uid is, and in which group.

use super::*;

/// Lets a service have so many secret ids.
fn allow_most(world: &mut World, resource: &Resource, most: u64) -> Result<(), Refusal> {
    let root = world.root;
    let (sort, _) = resource.named().unwrap();
    let change = Change {
        most_secret_ids: Some(most),
        ..Change::default()
    };
    world.act(
        &root,
        Action::update(sort),
        resource,
        |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &change),
    )
}

#[test]
fn a_service_has_so_many_secret_ids_at_once_and_what_has_ended_makes_room() {
    let mut world = with_service("ci");
    world.create(&service("other"));
    let root = world.root;
    let too_many = |world: &mut World, most: u64| {
        let issued = issue_as(world, &root, "ci", &Terms::default());
        let why = Refusal::SecretId(IssueRefusal::TooMany(most)).to_string();
        matches!(issued, Err(refused) if refused.to_string() == why)
    };
    let short = Terms {
        ttl: Some(MINUTE),
        ..Terms::default()
    };
    let first = issue(&mut world, "ci", &Terms::default());
    for _ in 1..50 {
        issue(&mut world, "ci", &short);
    }
    assert!(too_many(&mut world, 50));
    issue(&mut world, "other", &Terms::default());
    allow_most(&mut world, &service("ci"), 51).unwrap();
    let last = issue(&mut world, "ci", &uses(1));
    assert!(too_many(&mut world, 51));
    log_in(&mut world, "ci", &last).unwrap();
    issue(&mut world, "ci", &short);
    assert!(too_many(&mut world, 51));
    allow_most(&mut world, &service("ci"), 2).unwrap();
    assert!(
        log_in(&mut world, "ci", &first).is_ok(),
        "those that are stay"
    );
    world.store.now += MINUTE;
    issue(&mut world, "ci", &Terms::default());
    assert!(too_many(&mut world, 2), "though nothing was swept");
    world.store.state.restored();
    issue(&mut world, "ci", &Terms::default());
}

#[test]
fn only_a_service_is_allowed_a_number_of_secret_ids_and_it_is_bounded() {
    let mut world = with_service("ci");
    for other in [user("alice"), group("ops")] {
        world.create(&other);
        let refused = allow_most(&mut world, &other, 7);
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{other}");
    }
    for most in [1_001, u64::MAX] {
        let refused = allow_most(&mut world, &service("ci"), most);
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{most}");
    }
    for most in [1, 1_000, 0] {
        allow_most(&mut world, &service("ci"), most).unwrap();
    }
}

#[test]
fn a_uid_may_be_bound_with_a_group_which_then_has_to_be_the_processes_own() {
    let mut world = with_service("ci");
    let root = world.root;
    let within = |gid| Member { uid: 1000, gid };
    assert!(allow_in(&mut world, &root, "ci", within(Some(7))).unwrap());
    assert!(!allow_in(&mut world, &root, "ci", within(Some(7))).unwrap());
    assert!(by_ids(&mut world, "ci", (1000, 7)).is_ok());
    for (uid, gid) in [(1000, 0), (1000, 8), (1000, u32::MAX), (7, 1000), (1001, 7)] {
        assert!(wrong(&by_ids(&mut world, "ci", (uid, gid))), "{uid} {gid}");
    }
    assert!(allow_in(&mut world, &root, "ci", within(Some(8))).unwrap());
    assert!(wrong(&by_ids(&mut world, "ci", (1000, 7))), "said last");
    assert!(by_ids(&mut world, "ci", (1000, 8)).is_ok());
    assert!(allow_in(&mut world, &root, "ci", within(None)).unwrap());
    assert!(by_ids(&mut world, "ci", (1000, 7)).is_ok());
    assert_eq!(left(&world.store.state, Kind::ServiceUid), 1);
    for gid in [65_534, u32::MAX] {
        let refused = allow_in(&mut world, &root, "ci", within(Some(gid)));
        let why = matches!(refused, Err(Refusal::Uid(peer::AllowRefusal::NoGroup(_))));
        assert!(why, "{gid}");
    }
}

#[test]
fn a_uid_is_the_service_that_it_was_bound_to_and_no_other() {
    let mut world = with_service("ci");
    world.create(&service("other"));
    world.create(&user("alice"));
    let root = world.root;
    assert!(allow_as(&mut world, &root, "ci", 1000).unwrap());
    assert!(!allow_as(&mut world, &root, "ci", 1000).unwrap(), "it was");
    let token = by_uid(&mut world, "ci", 1000).unwrap();
    assert_eq!(
        world.may(&token, Action::GET_VALUE, &secret("a")),
        Some(true)
    );
    for (name, uid) in [
        ("ci", 0),
        ("ci", 1001),
        ("ci", u32::MAX),
        ("other", 1000),
        ("nobody", 1000),
        ("alice", 1000),
        ("administrator", 1000),
    ] {
        assert!(wrong(&by_uid(&mut world, name, uid)), "{name} {uid}");
    }
    switch(&mut world, "ci", true);
    assert!(wrong(&by_uid(&mut world, "ci", 1000)));
    switch(&mut world, "ci", false);
    let action = Action::SERVICE_REMOVE_UID;
    for removed in [true, false] {
        let done = world.act(&root, action, &service("ci"), |tx, _, grant, _| {
            remove_uid(tx, grant, 1000)
        });
        assert_eq!(done.unwrap(), removed);
    }
    assert!(wrong(&by_uid(&mut world, "ci", 1000)));
}
