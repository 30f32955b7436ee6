//! Second factors that are reset, or go with their user; and what is typed in place of a code.

use super::*;

#[test]
fn a_reset_ends_sessions_and_codes_and_is_not_for_oneself() {
    let mut world = World::new();
    let (token, phone, fresh) = enrolled(&mut world, "alice");
    let admin = world.user_with("admin", &allow("user:*", "*"));
    let beyond = reset(&mut world, &admin, "alice");
    assert!(matches!(beyond, Err(Refusal::Exceeds(Exceeds::Beyond(_)))));
    let beyond = issue(&mut world, &admin, "alice").map(drop);
    assert!(matches!(beyond, Err(Refusal::Exceeds(Exceeds::Beyond(_)))));
    let own = reset(&mut world, &admin, "admin");
    assert!(matches!(own, Err(Refusal::Invalid(_))));
    let own = issue(&mut world, &admin, "admin").map(drop);
    assert!(matches!(own, Err(Refusal::OneTime(IssueRefusal::Own))));
    let root = world.root;
    let beside = issue(&mut world, &root, "alice").map(drop);
    assert!(matches!(
        beside,
        Err(Refusal::OneTime(IssueRefusal::HasFactor))
    ));
    assert_eq!(reset(&mut world, &root, "alice").unwrap(), 1);
    assert_eq!(
        world.may(&token, Action::GET_VALUE, &secret("team/a")),
        None
    );
    world.store.now += STEP;
    let token = world.session(Sort::User, "alice");
    for typed in [
        phone.typed(&world),
        Typed::parse(fresh.codes()[0].expose()).unwrap(),
    ] {
        let refused = elevate(&mut world, &token, &typed);
        assert!(matches!(refused, Err(factor::Refusal::NoFactor)));
    }
    let code = issue(&mut world, &root, "alice").unwrap();
    start(&mut world, &token, "new phone", Some(&code)).unwrap();
}

#[test]
fn nothing_is_left_of_the_second_factors_of_a_user_who_was_deleted() {
    let mut world = World::new();
    let (token, phone, _) = enrolled(&mut world, "alice");
    right(show(&mut world, &token, &phone).unwrap());
    start(&mut world, &token, "pending", None).unwrap();
    world.user_with("bob", &allow("secret:GetValue", "*"));
    let root = world.root;
    issue(&mut world, &root, "bob").unwrap();
    let kept = |world: &World| {
        let kinds = [
            Kind::Factors,
            Kind::Authenticator,
            Kind::Recovery,
            Kind::OneTime,
        ];
        kinds.map(|kind| {
            let all = Key::new(kind, &[]);
            world
                .store
                .state
                .scan(all.as_bytes(), None, 9)
                .unwrap()
                .len()
        })
    };
    assert_eq!(kept(&world), [1, 2, 1, 1]);
    for name in ["alice", "bob"] {
        world
            .act(&root, Action::USER_DELETE, &user(name), delete)
            .unwrap();
    }
    assert_eq!(kept(&world), [0; 4]);
}

#[test]
fn disabling_a_user_takes_his_one_time_code_back() {
    let mut world = World::new();
    world.user_with("bob", &allow("secret:GetValue", "*"));
    let root = world.root;
    let code = issue(&mut world, &root, "bob").unwrap();
    for disabled in [true, false] {
        let change = Change {
            disabled: Some(disabled),
            ..Change::default()
        };
        let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            update(tx, caller, grant, proofs, &change)
        };
        world
            .act(&root, Action::USER_UPDATE, &user("bob"), act)
            .unwrap();
    }
    let token = world.session(Sort::User, "bob");
    let spent = start(&mut world, &token, "phone", Some(&code)).map(drop);
    assert!(matches!(
        spent,
        Err(factor::Refusal::Enrol(EnrolRefusal::Code(
            onetime::SpendRefusal::Unknown
        )))
    ));
}

#[test]
fn what_is_no_code_is_refused_by_what_it_looks_like() {
    let mut entropy = crate::crypto::entropy::Seeded::new(3);
    let fresh = Fresh::make(1, &mut entropy);
    let recovery = fresh.codes()[0].expose();
    let (one_time, _) = onetime::make(Purpose::Enrol, &mut entropy);
    let factor = |text: &str| Typed::parse(text).and_then(Typed::factor);
    assert!(matches!(factor("123456"), Ok(Factor::Code(_))));
    assert!(matches!(factor(recovery), Ok(Factor::Recovery(_))));
    assert!(matches!(
        Typed::parse(one_time.expose()),
        Ok(Typed::OneTime(_))
    ));
    assert_eq!(
        factor(one_time.expose()).unwrap_err(),
        TypedError::NoFactor,
        "it is none at a login"
    );
    let cut = |text: &str| text.get(..text.len() - 1).unwrap().to_owned();
    for typed in [
        "",
        "123 456",
        "12345",
        "1234567",
        "123456\n",
        "alice",
        "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}",
        "12345a",
    ] {
        let refused = Typed::parse(typed).unwrap_err();
        assert!(matches!(refused, TypedError::Code(_)), "{typed:?}");
    }
    for typed in [&cut(recovery), "one two three"] {
        let refused = Typed::parse(typed).unwrap_err();
        assert!(matches!(refused, TypedError::Recovery(_)), "{typed:?}");
    }
    for typed in [&cut(one_time.expose()), "vlt_a_token_of_a_session"] {
        let refused = Typed::parse(typed).unwrap_err();
        assert!(matches!(refused, TypedError::OneTime(_)), "{typed:?}");
        assert!(!refused.to_string().contains(typed));
    }
    let long = "a1".repeat(10_000);
    assert!(matches!(Typed::parse(&long), Err(TypedError::Code(_))));
    let printed = format!("{:?}", Typed::parse(recovery).unwrap());
    assert!(!printed.contains(recovery.get(..4).unwrap()), "{printed}");
}
