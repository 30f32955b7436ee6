//! A password that must be changed, and one that is.

use super::*;

#[test]
fn a_one_time_password_is_good_for_choosing_another_and_for_nothing_else() {
    let mut vault = Vault::new();
    let old = vault.token();
    assert_eq!(vault.log_in(FIRST, (None, None), &old), Came::In);
    let until = vault.world.now + 60 * MINUTE;
    vault.give("drawn by the vault", Chooser::OneTime(until));
    let drawn = "drawn by the vault";
    assert_eq!(vault.tried(FIRST), Came::Failed);
    assert_eq!(vault.tried(drawn), Came::Wants(Wants::NewPassword));
    let token = vault.token();
    assert_eq!(vault.log_in(drawn, (None, Some(SECOND)), &token), Came::In);
    assert!(vault.opens(&token).is_some());
    assert!(vault.opens(&old).is_none(), "an older session goes on");
    assert_eq!(vault.tried(drawn), Came::Failed);
    assert_eq!(vault.tried(SECOND), Came::In);
    vault.give(drawn, Chooser::OneTime(until));
    vault.world.now = until;
    assert_eq!(vault.tried(drawn), Came::Refused("ended"));
}

#[test]
fn a_new_password_comes_before_the_code_so_that_no_code_is_used_up_for_nothing() {
    let mut vault = Vault::new();
    let device = enrolled(&mut vault.world, ALICE, "phone");
    let until = vault.world.now + 60 * MINUTE;
    vault.give("drawn by the vault", Chooser::OneTime(until));
    let code = typed(&device.shows(&vault.world, 0));
    let token = vault.token();
    let drawn = "drawn by the vault";
    let steps = [
        ((Some(&code), None), Came::Wants(Wants::NewPassword)),
        ((None, Some(SECOND)), Came::Wants(Wants::Code)),
        ((Some(&code), Some(SECOND)), Came::In),
    ];
    for (brought, expected) in steps {
        assert_eq!(vault.log_in(drawn, brought, &token), expected);
    }
    assert_eq!(vault.tried(SECOND), Came::Wants(Wants::Code));
}

#[test]
fn a_password_that_need_not_be_changed_is_not_changed_by_a_login() {
    let mut vault = Vault::new();
    let token = vault.token();
    let came = vault.log_in(FIRST, (None, Some(SECOND)), &token);
    assert_eq!(came, Came::Refused("not due"));
    assert_eq!(vault.tried(SECOND), Came::Failed);
}

#[test]
fn ones_own_change_ends_the_other_sessions_and_no_weak_or_used_one_is_taken() {
    let mut vault = Vault::new();
    let (own, other) = (vault.token(), vault.token());
    for token in [own, other] {
        assert_eq!(vault.log_in(FIRST, (None, None), &token), Came::In);
    }
    let caller = vault.opens(&own).unwrap();
    let begun = vault
        .world
        .write(|tx| begin_change(tx, &caller, (here(), false)));
    let (checked, credential) = vault.compare(begun.unwrap(), FIRST).unwrap();
    assert!(matches!(
        vault.choose(&credential, FIRST),
        Err(Unfit::Reused)
    ));
    assert!(matches!(
        vault.choose(&credential, "short"),
        Err(Unfit::Weak(_))
    ));
    let chosen = vault.choose(&credential, SECOND).unwrap();
    vault
        .world
        .write(|tx| change_password(tx, &caller, &checked, (&chosen, None)))
        .unwrap()
        .unwrap();
    assert!(vault.opens(&own).is_some());
    assert!(vault.opens(&other).is_none());
    let again = vault
        .world
        .write(|tx| change_password(tx, &caller, &checked, (&chosen, None)));
    assert!(matches!(again, Err(Refusal::Overtaken)));
    assert_eq!(vault.tried(SECOND), Came::In);
}

#[test]
fn a_change_counts_as_an_attempt_and_is_not_everybodys() {
    let mut vault = Vault::new();
    let own = vault.token();
    assert_eq!(vault.log_in(FIRST, (None, None), &own), Came::In);
    let caller = vault.opens(&own).unwrap();
    let policy = Policy::from_json(r#"{"AllowUsersToChangePassword": false}"#).unwrap();
    vault.world.write(|tx| policy.store(tx, 0)).unwrap();
    let refused = vault
        .world
        .write(|tx| begin_change(tx, &caller, (here(), false)));
    assert!(matches!(refused, Err(Refusal::NotSelf)));
    vault
        .world
        .write(|tx| Policy::default().store(tx, 0))
        .unwrap();
    for _ in 0..5 {
        let begun = vault
            .world
            .write(|tx| begin_change(tx, &caller, (here(), false)));
        assert!(vault.compare(begun.unwrap(), "another password").is_none());
    }
    let locked = vault
        .world
        .write(|tx| begin_change(tx, &caller, (here(), false)));
    assert!(matches!(locked, Err(Refusal::Lockout(_))));
}

#[test]
fn a_narrowed_session_or_one_of_a_role_changes_no_password() {
    let mut vault = Vault::new();
    let whole = vault.token();
    assert_eq!(vault.log_in(FIRST, (None, None), &whole), Came::In);
    let begun = vault.opens(&whole).unwrap();
    let begun = vault
        .world
        .write(|tx| begin_change(tx, &begun, (here(), false)));
    let (checked, credential) = vault.compare(begun.unwrap(), FIRST).unwrap();
    let chosen = vault.choose(&credential, SECOND).unwrap();
    for session in less(&vault.opens(&whole).unwrap().session().clone()) {
        let mut caller = vault.opens(&whole).unwrap();
        caller.session = Arc::new(session);
        let begun = vault
            .world
            .write(|tx| begin_change(tx, &caller, (here(), false)));
        assert!(matches!(begun, Err(Refusal::NotOneself(_))), "{begun:?}");
        let changed = vault
            .world
            .write(|tx| change_password(tx, &caller, &checked, (&chosen, None)));
        assert!(matches!(changed, Err(Refusal::NotOneself(_))));
    }
    assert_eq!(vault.tried(FIRST), Came::In);
}

#[test]
fn a_change_by_the_password_alone_buys_no_further_guesses_of_the_code() {
    let mut vault = Vault::new();
    let device = enrolled(&mut vault.world, ALICE, "phone");
    let code = typed(&device.shows(&vault.world, 0));
    let token = vault.token();
    assert_eq!(vault.log_in(FIRST, (Some(&code), None), &token), Came::In);
    let wrong = typed(&device.shows(&vault.world, 1000));
    let mut guesses = 0;
    let words = [FIRST, SECOND];
    for round in 0..6 {
        let (old, new) = (words[round % 2], words[(round + 1) % 2]);
        for _ in 0..4 {
            let other = vault.token();
            let came = vault.log_in(old, (Some(&wrong), None), &other);
            guesses += usize::from(came == Came::Wants(Wants::RightCode { used: false }));
        }
        let caller = vault.opens(&token).unwrap();
        let begun = vault
            .world
            .write(|tx| begin_change(tx, &caller, (here(), false)));
        let Ok(begun) = begun else { break };
        let (checked, _) = vault.compare(begun, old).unwrap();
        let before = vault.world.evaluate(|tx| Credential::load(tx, ALICE)).0;
        let Ok(chosen) = vault.choose(&before.unwrap().unwrap(), new) else {
            break;
        };
        vault
            .world
            .write(|tx| change_password(tx, &caller, &checked, (&chosen, None)))
            .unwrap()
            .unwrap();
    }
    assert!(guesses <= 5, "{guesses}");
}

#[test]
fn who_has_a_second_factor_shows_it_to_change_the_password() {
    let mut vault = Vault::new();
    let device = enrolled(&mut vault.world, ALICE, "phone");
    let code = typed(&device.shows(&vault.world, 0));
    let token = vault.token();
    assert_eq!(vault.log_in(FIRST, (Some(&code), None), &token), Came::In);
    // a session that was stolen later
    vault.world.now += crate::access::totp::FRESH + MINUTE;
    let caller = vault.opens(&token).unwrap();
    let alone = vault
        .world
        .write(|tx| begin_change(tx, &caller, (here(), false)));
    assert!(matches!(alone, Err(Refusal::NotShown)));
    let change = |vault: &mut Vault, (old, new): (&str, &str), code: Option<&Factor>| {
        let begun = vault
            .world
            .write(|tx| begin_change(tx, &caller, (here(), true)));
        let (checked, credential) = vault.compare(begun.unwrap(), old).unwrap();
        let chosen = vault.choose(&credential, new).unwrap();
        vault
            .world
            .write(|tx| change_password(tx, &caller, &checked, (&chosen, code)))
    };
    let wrong = typed(&device.shows(&vault.world, 1000));
    let refused = change(&mut vault, (FIRST, SECOND), Some(&wrong));
    assert_eq!(refused.unwrap(), Err(Wants::RightCode { used: false }));
    let without = change(&mut vault, (FIRST, SECOND), None);
    assert!(matches!(without, Err(Refusal::NotShown)), "it was promised");
    let code = typed(&device.shows(&vault.world, 0));
    change(&mut vault, (FIRST, SECOND), Some(&code))
        .unwrap()
        .unwrap();
    let after = vault.opens(&token).unwrap();
    let shown = after.session().elevation.mfa_at();
    assert_eq!(shown, Some(vault.world.now), "the session has shown it");
    let login = vault.token();
    let used = Came::Wants(Wants::RightCode { used: true });
    assert_eq!(vault.log_in(SECOND, (Some(&code), None), &login), used);
    let again = vault
        .world
        .write(|tx| begin_change(tx, &after, (here(), false)));
    assert!(again.is_ok(), "it was shown just now");
}

#[test]
fn wrong_codes_beside_a_change_are_counted_as_those_of_a_login() {
    let mut vault = Vault::new();
    let device = enrolled(&mut vault.world, ALICE, "phone");
    let code = typed(&device.shows(&vault.world, 0));
    let token = vault.token();
    assert_eq!(vault.log_in(FIRST, (Some(&code), None), &token), Came::In);
    let caller = vault.opens(&token).unwrap();
    let wrong = typed(&device.shows(&vault.world, 1000));
    let mut guesses = 0;
    for _ in 0..20 {
        let begun = vault
            .world
            .write(|tx| begin_change(tx, &caller, (here(), true)));
        let Ok(begun) = begun else { continue };
        let (checked, credential) = vault.compare(begun, FIRST).unwrap();
        let chosen = vault.choose(&credential, SECOND).unwrap();
        let came = vault
            .world
            .write(|tx| change_password(tx, &caller, &checked, (&chosen, Some(&wrong))));
        assert_eq!(came.unwrap(), Err(Wants::RightCode { used: false }));
        guesses += 1;
    }
    assert_eq!(guesses, 5);
}

/// What is made of a whole session, as less.
fn less(whole: &Session) -> [Session; 4] {
    let text = r#"{"Version": "2012-10-17", "Statement":
        {"Effect": "Allow", "Action": "secret:*", "Resource": "*"}}"#;
    let (policy, _) = StoredPolicy::parse("1", text, PolicyKind::Session).unwrap();
    let role = crate::access::Assumed {
        role: 9,
        epoch: 0,
        name: "alice".to_owned(),
        tags: crate::access::policy::Tags::new(),
    };
    let whole = || whole.clone();
    [
        Session {
            actions: Some(vec![ActionGlob::try_from("auth:*").unwrap()]),
            ..whole()
        },
        Session {
            under: Some(crate::name::FolderPath::try_from("a").unwrap()),
            ..whole()
        },
        Session {
            policies: Some(vec![policy]),
            ..whole()
        },
        Session {
            role: Some(role),
            ..whole()
        },
    ]
}
