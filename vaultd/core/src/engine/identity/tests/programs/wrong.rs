//! Programs that are not let in, and what is not given out for them.

use super::*;

#[test]
fn terms_of_a_session_out_of_bounds_are_told_to_whoever_is_proved_and_use_nothing_up() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &uses(1));
    let token = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let limits = |uses| Limits {
        uses,
        ..Limits::default()
    };
    for login in [
        Login {
            ttl: Some(1),
            ..Login::default()
        },
        Login {
            ttl: Some(2 * DAY),
            ..Login::default()
        },
        Login {
            limits: limits(Some(0)),
            ..Login::default()
        },
    ] {
        let tried = world
            .store
            .write(|tx| coming(tx, "ci", &id, (&token, &Origin::local()), &login));
        let told = matches!(
            tried,
            Err(NotIn::Login(LoginRefusal::Ttl | LoginRefusal::Uses))
        );
        assert!(told, "{login:?}");
        let stranger = draw(&mut world);
        let tried = world
            .store
            .write(|tx| coming(tx, "ci", &stranger, (&token, &Origin::local()), &login));
        assert!(wrong(&tried), "{login:?}");
    }
    assert!(log_in(&mut world, "ci", &id).is_ok());
}

#[test]
fn whatever_is_wrong_is_one_answer() {
    let mut world = with_service("ci");
    world.create(&service("other"));
    world.create(&user("alice"));
    let id = issue(&mut world, "ci", &Terms::default());
    let others = issue(&mut world, "other", &Terms::default());
    let never = draw(&mut world);
    for (name, id) in [
        ("ci", &never),
        ("ci", &others),
        ("other", &id),
        ("nobody", &id),
        ("nobody", &never),
        ("alice", &id),
        ("administrator", &id),
    ] {
        assert!(wrong(&log_in(&mut world, name, id)), "{name}");
    }
    switch(&mut world, "ci", true);
    assert!(wrong(&log_in(&mut world, "ci", &id)));
    assert!(wrong(&log_in(&mut world, "ci", &never)));
    switch(&mut world, "ci", false);
    assert!(log_in(&mut world, "ci", &id).is_ok());
}

#[test]
fn what_is_looked_up_is_the_same_whether_or_not_there_is_such_a_service() {
    let mut world = with_service("ci");
    let id = draw(&mut world);
    let mut looked = |name: &str| {
        let (result, transaction) = world
            .store
            .evaluate(|tx| secret_id::prove(tx, &called(name), &id, &Origin::local()));
        assert!(wrong(&result), "{name}");
        (transaction.checks.len(), transaction.writes.len())
    };
    assert_eq!(looked("ci"), looked("nobody"));
}

#[test]
fn a_disabled_service_tells_nothing_of_the_terms_of_a_session() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &Terms::default());
    switch(&mut world, "ci", true);
    let token = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    let login = Login {
        ttl: Some(1),
        ..Login::default()
    };
    let tried = world
        .store
        .write(|tx| coming(tx, "ci", &id, (&token, &Origin::local()), &login));
    assert!(wrong(&tried));
}

#[test]
fn a_secret_id_is_good_from_its_places_only() {
    let mut world = with_service("ci");
    let bound = |places: &[&str]| Terms {
        places: Some(Places::parse(places).unwrap()),
        uses: Some(1),
        ..Terms::default()
    };
    let id = issue(&mut world, "ci", &bound(&["10.1.0.0/16", "2001:db8::/32"]));
    for elsewhere in ["10.2.0.1", "127.0.0.1", "2001:db9::1", "::ffff:10.2.0.1"] {
        let tried = log_in_from(&mut world, "ci", &id, &from(elsewhere));
        assert!(wrong(&tried), "{elsewhere}");
    }
    assert!(wrong(&log_in(&mut world, "ci", &id)), "the unix socket");
    assert!(
        log_in_from(&mut world, "ci", &id, &from("10.1.9.9")).is_ok(),
        "and none of those used it up"
    );
    let local = issue(&mut world, "ci", &bound(&["unix"]));
    assert!(wrong(&log_in_from(
        &mut world,
        "ci",
        &local,
        &from("127.0.0.1")
    )));
    assert!(log_in(&mut world, "ci", &local).is_ok());
}

#[test]
fn terms_of_a_secret_id_out_of_bounds_are_refused() {
    let mut world = with_service("ci");
    let root = world.root;
    let ttl = |ttl| Terms {
        ttl: Some(ttl),
        ..Terms::default()
    };
    for out in [0, 1, MINUTE - 1, 365 * DAY + 1, u64::MAX] {
        let refused = issue_as(&mut world, &root, "ci", &ttl(out));
        let why = matches!(refused, Err(Refusal::SecretId(IssueRefusal::Ttl)));
        assert!(why, "{out}");
    }
    let refused = issue_as(&mut world, &root, "ci", &uses(0));
    assert!(matches!(
        refused,
        Err(Refusal::SecretId(IssueRefusal::Uses))
    ));
    for good in [MINUTE, 365 * DAY] {
        assert!(issue_as(&mut world, &root, "ci", &ttl(good)).is_ok());
    }
    let nobody = issue_as(&mut world, &root, "nobody", &Terms::default());
    assert!(matches!(nobody, Err(Refusal::NotFound(..))));
}

#[test]
fn nobody_hands_out_a_service_that_may_do_more_than_he() {
    let mut world = with_service("ci");
    world.create(&service("idle"));
    let alice = world.user_with("alice", &allow("service:*", "*"));
    let beyond =
        |result: &Result<_, Refusal>| matches!(result, Err(Refusal::Exceeds(Exceeds::Beyond(_))));
    let issued = issue_as(&mut world, &alice, "ci", &Terms::default()).map(drop);
    assert!(beyond(&issued));
    assert!(list(&mut world, "ci").is_empty());
    let allowed = allow_as(&mut world, &alice, "ci", 1000).map(drop);
    assert!(beyond(&allowed));
    assert!(wrong(&by_uid(&mut world, "ci", 1000)));
    assert!(issue_as(&mut world, &alice, "idle", &Terms::default()).is_ok());
    assert!(allow_as(&mut world, &alice, "idle", 1000).is_ok());
}

#[test]
fn a_policy_may_keep_a_service_from_logging_in_and_uses_nothing_up() {
    let mut world = with_service("ci");
    let id = issue(&mut world, "ci", &uses(1));
    world.policy("nights", &deny("auth:Login", "*"));
    let root = world.root;
    world.attach_as(&root, &service("ci"), "nights").unwrap();
    assert!(matches!(
        log_in(&mut world, "ci", &id),
        Err(NotIn::Denied(_))
    ));
    let stranger = draw(&mut world);
    assert!(wrong(&log_in(&mut world, "ci", &stranger)));
    assert_eq!(list(&mut world, "ci")[0].uses, Some(1));
}

/// On a machine whose kernel shows strangers as most do.
pub(super) fn usual(uid: u32) -> peer::Uid {
    peer::Uid {
        uid,
        overflow: 65_534,
    }
}

#[test]
fn a_uid_that_the_kernel_has_come_to_show_strangers_as_is_no_service_any_more() {
    let mut world = with_service("ci");
    let root = world.root;
    assert!(allow_as(&mut world, &root, "ci", 7000).unwrap());
    let prove = |world: &mut World, overflow| {
        let uid = peer::Uid {
            uid: 7000,
            overflow,
        };
        let proven = |tx: &mut Tx<'_>| peer::prove(tx, &called("ci"), (uid, 100)).is_ok();
        world.store.evaluate(proven).0
    };
    assert!(prove(&mut world, 65_534));
    assert!(!prove(&mut world, 7000));
    let bound = world.act(
        &root,
        Action::SERVICE_ALLOW_UID,
        &service("ci"),
        |tx, caller, grant, proofs| {
            let member = Member {
                uid: 7001,
                gid: None,
            };
            allow_uid(tx, caller, grant, proofs, (member, 7001))
        },
    );
    assert!(matches!(
        bound,
        Err(Refusal::Uid(peer::AllowRefusal::Nobody(7001)))
    ));
}

#[test]
fn uids_that_are_nobodys_own_and_too_many_are_refused() {
    let mut world = with_service("ci");
    let root = world.root;
    for uid in [65_534, u32::MAX] {
        let refused = allow_as(&mut world, &root, "ci", uid);
        assert!(matches!(
            refused,
            Err(Refusal::Uid(peer::AllowRefusal::Nobody(_)))
        ));
    }
    for uid in 0..64 {
        assert!(allow_as(&mut world, &root, "ci", uid).unwrap());
    }
    let refused = allow_as(&mut world, &root, "ci", 64);
    assert!(matches!(
        refused,
        Err(Refusal::Uid(peer::AllowRefusal::TooMany))
    ));
    let uids = world.act(
        &root,
        Action::SERVICE_DESCRIBE,
        &service("ci"),
        |tx, _, grant, _| list_uids(tx, grant),
    );
    let all: Vec<_> = (0..64).map(|uid| Member { uid, gid: None }).collect();
    assert_eq!(uids.unwrap(), all);
    let narrowed = Member {
        uid: 63,
        gid: Some(7),
    };
    assert!(allow_in(&mut world, &root, "ci", narrowed).unwrap());
}

#[test]
fn an_accessor_is_twenty_digits_and_nothing_else() {
    let good = "0123456789abcdef0123";
    assert_eq!(Accessor::parse(good).unwrap().to_string(), good);
    for bad in [
        "",
        "0123456789abcdef012",
        "0123456789abcdef01234",
        "0123456789ABCDEF0123",
        "+123456789abcdef0123",
        "0123456789abcdef012g",
        "0123456789abcdef01 3",
        "٣١٢٣٤٥٦٧٨٩",
    ] {
        assert!(Accessor::parse(bad).is_none(), "{bad}");
    }
}
