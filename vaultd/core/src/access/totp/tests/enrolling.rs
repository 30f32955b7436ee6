//! From a seed to an authenticator that counts, and away again.

use super::*;

fn active(world: &mut World) -> usize {
    world.write(|tx| count_active(tx, ALICE)).unwrap()
}

fn active_from(confirmed: Result<Confirmed, ConfirmRefusal>) -> Listed {
    match confirmed.unwrap() {
        Confirmed::Active(listed) => listed,
        Confirmed::Wrong => panic!("the code was not right"),
    }
}

fn removed(world: &mut World, id: u64) -> Result<usize, RemoveRefusal> {
    let shown = Elevation::shown(world.now, Method::Totp);
    world.write(|tx| remove(tx, ALICE, &shown, id))
}

fn listed(world: &mut World) -> Vec<Listed> {
    world.write(|tx| list(tx, ALICE)).unwrap()
}

#[test]
fn an_authenticator_counts_from_its_first_code_which_is_used_up() {
    let mut world = World::new();
    let device = begun(&mut world, ALICE, "phone").unwrap();
    let code = device.shows(&world, 0);
    assert_eq!(active(&mut world), 0);
    assert_eq!(used(&mut world, ALICE, &code), Verdict::Wrong, "pending");
    let confirmed = active_from(confirmed(&mut world, ALICE, &code));
    assert_eq!(confirmed.state, State::Active { since: world.now });
    assert_eq!(active(&mut world), 1);
    assert_eq!(used(&mut world, ALICE, &code), Verdict::Used);
    let earlier = device.shows(&world, -1);
    assert_eq!(used(&mut world, ALICE, &earlier), Verdict::Used);
}

#[test]
fn a_wrong_late_or_foreign_first_code_confirms_nothing() {
    let mut world = World::new();
    let device = begun(&mut world, ALICE, "phone").unwrap();
    let wrong = |result| matches!(result, Ok(Confirmed::Wrong));
    let none = |result| matches!(result, Err(ConfirmRefusal::NotPending));
    for ahead in [-9, -3, 2, -2, 3, 9] {
        let code = device.shows(&world, ahead);
        assert!(wrong(confirmed(&mut world, ALICE, &code)), "{ahead}");
    }
    let eight = Code::parse("12345678").unwrap();
    assert!(wrong(confirmed(&mut world, ALICE, &eight)));
    let code = device.shows(&world, 0);
    assert!(none(confirmed(&mut world, 99, &code)), "somebody else");
    world.now += 10 * 60_000;
    let code = device.shows(&world, 0);
    assert!(none(confirmed(&mut world, ALICE, &code)), "too late");
    assert_eq!(active(&mut world), 0);
    assert!(listed(&mut world).is_empty());
}

#[test]
fn a_first_authenticator_takes_an_administrators_code_which_is_spent_by_it() {
    let mut world = World::new();
    let (_, code) = onetime::make(Purpose::Enrol, &mut world.entropy);
    let password_only = Proof::Session(&Elevation::NONE);
    assert!(matches!(
        begun_with(&mut world, ALICE, "phone", &password_only),
        Err(EnrolRefusal::NotAllowed(NotAllowed::NoFactor))
    ));
    let unknown = |result| {
        matches!(
            result,
            Err(EnrolRefusal::Code(onetime::SpendRefusal::Unknown))
        )
    };
    assert!(unknown(
        begun_with(&mut world, ALICE, "phone", &Proof::Code(&code)).map(|_| ())
    ));
    world
        .write(|tx| onetime::issue(tx, ALICE, &code, ADMIN, None))
        .unwrap();
    assert!(unknown(
        begun_with(&mut world, 99, "phone", &Proof::Code(&code)).map(|_| ())
    ));
    begun_with(&mut world, ALICE, "phone", &Proof::Code(&code)).unwrap();
    assert!(unknown(
        begun_with(&mut world, ALICE, "phone", &Proof::Code(&code)).map(|_| ())
    ));
}

#[test]
fn a_code_for_a_new_password_enrols_nothing() {
    let mut world = World::new();
    let (_, code) = onetime::make(Purpose::Reset, &mut world.entropy);
    world
        .write(|tx| onetime::issue(tx, ALICE, &code, ADMIN, None))
        .unwrap();
    let refused = begun_with(&mut world, ALICE, "phone", &Proof::Code(&code));
    assert!(matches!(
        refused,
        Err(EnrolRefusal::Code(onetime::SpendRefusal::Purpose(
            Purpose::Reset
        )))
    ));
}

#[test]
fn a_clock_two_steps_off_is_learnt_at_enrolment_from_two_codes_in_a_row() {
    for ahead in [-2, 2] {
        let mut world = World::new();
        let device = begun(&mut world, ALICE, "old token").unwrap();
        let shown = |world: &mut World| {
            let code = device.shows(world, ahead);
            confirmed(world, ALICE, &code).unwrap()
        };
        assert!(matches!(shown(&mut world), Confirmed::Wrong));
        assert!(matches!(shown(&mut world), Confirmed::Wrong), "the same");
        world.now += STEP;
        assert!(matches!(shown(&mut world), Confirmed::Active(_)));
        world.now += STEP;
        let code = device.shows(&world, ahead);
        let authenticator = device.id;
        assert_eq!(
            used(&mut world, ALICE, &code),
            Verdict::Accepted { authenticator }
        );
    }
}

#[test]
fn beside_an_active_authenticator_a_code_enrols_nothing() {
    let mut world = World::new();
    enrolled(&mut world, ALICE, "phone");
    let (_, code) = onetime::make(Purpose::Enrol, &mut world.entropy);
    assert!(matches!(
        begun_with(&mut world, ALICE, "mine too", &Proof::Code(&code)),
        Err(EnrolRefusal::NotAllowed(NotAllowed::HasFactor))
    ));
}

#[test]
fn to_remove_the_last_authenticator_is_a_reset() {
    let mut world = World::new();
    let phone = enrolled(&mut world, ALICE, "phone");
    let before = Elevation::shown(world.now, Method::Totp);
    let pending = begun(&mut world, ALICE, "new phone").unwrap();
    assert_eq!(removed(&mut world, phone.id).unwrap(), 0);
    assert_eq!(seeds(&world), 0, "a pending one goes too");
    let code = pending.shows(&world, 0);
    assert!(matches!(
        confirmed(&mut world, ALICE, &code),
        Err(ConfirmRefusal::NotPending)
    ));
    world.now += 1;
    assert!(matches!(
        begun_with(&mut world, ALICE, "mine", &Proof::Session(&before)),
        Err(EnrolRefusal::NotAllowed(NotAllowed::NoFactor))
    ));
}

#[test]
fn a_code_that_was_issued_before_an_authenticator_counted_or_a_reset_is_void() {
    let mut world = World::new();
    let issued = |world: &mut World| {
        let (_, code) = onetime::make(Purpose::Enrol, &mut world.entropy);
        world
            .write(|tx| onetime::issue(tx, ALICE, &code, ADMIN, None))
            .unwrap();
        code
    };
    let void = |world: &mut World, code| {
        let refused = begun_with(world, ALICE, "mine", &Proof::Code(code));
        matches!(
            refused,
            Err(EnrolRefusal::Code(onetime::SpendRefusal::Unknown))
        )
    };
    let unneeded = issued(&mut world);
    let phone = enrolled(&mut world, ALICE, "phone");
    removed(&mut world, phone.id).unwrap();
    assert!(void(&mut world, &unneeded));
    let old = issued(&mut world);
    world.write(|tx| reset(tx, ALICE)).unwrap();
    assert!(void(&mut world, &old));
}

#[test]
fn eight_authenticators_of_different_names_are_all() {
    let mut world = World::new();
    let mut ids = Vec::new();
    for at in 0..MOST {
        ids.push(enrolled(&mut world, ALICE, &format!("device {at}")).id);
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "ids grow");
    let ninth = begun(&mut world, ALICE, "one more");
    assert!(matches!(ninth, Err(EnrolRefusal::TooMany)));
    removed(&mut world, ids[0]).unwrap();
    let taken = begun(&mut world, ALICE, "device 3");
    assert!(matches!(taken, Err(EnrolRefusal::NameTaken)));
    assert!(begun(&mut world, ALICE, "device 0").unwrap().id > ids[7]);
}

#[test]
fn enrolments_at_once_do_not_exceed_the_limit() {
    let mut world = World::new();
    let shown = Elevation::shown(world.now, Method::Certificate);
    let attempts: Vec<_> = (0..20)
        .map(|at| {
            let parameters = Parameters::default();
            let seed = parameters.make_seed(&mut world.entropy);
            let name = name(&format!("device {at}"));
            let what = Enrolment {
                user: ALICE,
                name: &name,
                parameters,
                seed: &seed,
            };
            world.evaluate(|tx| enrol(tx, &Proof::Session(&shown), &what).unwrap())
        })
        .collect();
    let applied = attempts
        .iter()
        .filter(|(_, transaction)| world.apply(transaction))
        .count();
    assert_eq!(applied, 1);
}

#[test]
fn a_new_enrolment_voids_the_pending_one_and_its_seed() {
    let mut world = World::new();
    let old = begun(&mut world, ALICE, "phone").unwrap();
    let new = begun(&mut world, ALICE, "phone").unwrap();
    let code = old.shows(&world, 0);
    assert!(matches!(
        confirmed(&mut world, ALICE, &code),
        Ok(Confirmed::Wrong)
    ));
    assert_eq!(listed(&mut world).len(), 1);
    assert_eq!(seeds(&world), 1);
    let code = new.shows(&world, 0);
    let confirmed = active_from(confirmed(&mut world, ALICE, &code));
    assert_eq!(confirmed.id, new.id);
}

#[test]
fn a_seed_for_another_algorithm_is_refused() {
    let mut world = World::new();
    let shown = Elevation::shown(world.now, Method::Certificate);
    let seed = Parameters::default().make_seed(&mut world.entropy);
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let what = Enrolment {
            user: ALICE,
            name: &name("phone"),
            parameters: Parameters {
                algorithm,
                digits: Digits::Six,
            },
            seed: &seed,
        };
        let refused = world.write(|tx| enrol(tx, &Proof::Session(&shown), &what));
        assert!(matches!(refused, Err(EnrolRefusal::Seed)));
    }
}

#[test]
fn what_was_removed_accepts_no_code_and_the_others_still_do() {
    let mut world = World::new();
    let phone = enrolled(&mut world, ALICE, "phone");
    let key = enrolled(&mut world, ALICE, "key");
    let unknown = |result| matches!(result, Err(RemoveRefusal::Unknown));
    assert!(unknown(removed(&mut world, 4711)));
    assert_eq!(removed(&mut world, phone.id).unwrap(), 1);
    assert!(unknown(removed(&mut world, phone.id)));
    let (gone, kept) = (phone.shows(&world, 0), key.shows(&world, 0));
    assert_eq!(used(&mut world, ALICE, &gone), Verdict::Wrong);
    let authenticator = key.id;
    assert_eq!(
        used(&mut world, ALICE, &kept),
        Verdict::Accepted { authenticator }
    );
    assert_eq!(removed(&mut world, key.id).unwrap(), 0);
    assert_eq!(seeds(&world), 0);
}

#[test]
fn nothing_is_removed_without_a_second_factor_that_was_just_shown() {
    let mut world = World::new();
    let phone = enrolled(&mut world, ALICE, "phone");
    let stale = Elevation::shown(world.now - FRESH - 1, Method::Totp);
    for (elevation, expected) in [
        (Elevation::NONE, NotAllowed::NoFactor),
        (stale, NotAllowed::NotFresh),
    ] {
        let refused = world.write(|tx| remove(tx, ALICE, &elevation, phone.id));
        assert!(matches!(refused, Err(RemoveRefusal::NotAllowed(why)) if why == expected));
    }
    assert_eq!(active(&mut world), 1);
}

#[test]
fn after_a_reset_nothing_that_was_shown_before_enrols() {
    let mut world = World::new();
    enrolled(&mut world, ALICE, "phone");
    let thief = Elevation::shown(world.now, Method::Totp);
    assert_eq!(world.write(|tx| reset(tx, ALICE)).unwrap(), 1);
    assert_eq!((active(&mut world), seeds(&world)), (0, 0));
    world.now += 1;
    let refused = begun_with(&mut world, ALICE, "mine", &Proof::Session(&thief));
    assert!(matches!(
        refused,
        Err(EnrolRefusal::NotAllowed(NotAllowed::NoFactor))
    ));
    let (_, code) = onetime::make(Purpose::Enrol, &mut world.entropy);
    world
        .write(|tx| onetime::issue(tx, ALICE, &code, ADMIN, None))
        .unwrap();
    begun_with(&mut world, ALICE, "new phone", &Proof::Code(&code)).unwrap();
    world.write(|tx| forget(tx, ALICE)).unwrap();
    let of_users = |kind: u8| (0x30..0x33).contains(&kind);
    let kinds = world.state.records().map(|(key, _)| key.kind_byte());
    assert_eq!(kinds.filter(|kind| of_users(*kind)).count(), 0);
}

#[test]
fn neither_lists_nor_debug_output_nor_the_disk_show_a_seed() {
    let mut world = World::new();
    let device = enrolled(&mut world, ALICE, "canary-phone");
    let listed = listed(&mut world);
    assert_eq!(listed[0].name, "canary-phone");
    let seed = device.seed.expose();
    for (_, record) in world.state.records() {
        let holds = |bytes: &[u8]| record.sealed.windows(bytes.len()).any(|part| part == bytes);
        assert!(!holds(&seed[..8]) && !holds(b"canary"));
    }
    assert_eq!(format!("{:?}", device.seed), "Seed(..)");
}

fn seeds(world: &World) -> usize {
    let kinds = world.state.records().map(|(key, _)| key.kind_byte());
    let seed = crate::record::Kind::Authenticator as u8;
    kinds.filter(|kind| *kind == seed).count()
}
