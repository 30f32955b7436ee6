//! Who gets in, and who does not.

use super::*;
use crate::record::RecordError;

#[test]
fn a_right_password_makes_a_session_of_its_user() {
    let mut vault = Vault::new();
    let token = vault.token();
    assert_eq!(vault.log_in(FIRST, (None, None), &token), Came::In);
    let caller = vault.opens(&token).unwrap();
    assert_eq!(caller.principal(), "user:alice");
    assert!(!caller.session().elevation.present());
    let half_a_day = vault.world.now + 12 * 60 * MINUTE;
    assert_eq!(caller.session().expires_at(), Some(half_a_day));
}

#[test]
fn a_session_is_narrowed_and_shortened_as_it_was_asked_for_and_no_longer_than_a_day() {
    let mut vault = Vault::new();
    for (ttl, fine) in [
        (MINUTE, true),
        (24 * 60 * MINUTE, true),
        (1, false),
        (25 * 60 * MINUTE, false),
    ] {
        let token = vault.token();
        let begun = vault.begin("alice").unwrap();
        let (checked, _) = vault.compare(begun, FIRST).unwrap();
        let login = Login {
            ttl: Some(ttl),
            actions: vec![ActionGlob::try_from("secret:GetValue").unwrap()],
            under: Some("prod".try_into().unwrap()),
            ..Login::default()
        };
        let brought = Brought {
            login: &login,
            token: &token,
            code: None,
            chosen: None,
            upgraded: None,
        };
        let came = vault.arrive(&checked, &brought);
        assert_eq!(came.is_ok(), fine, "{ttl}");
        if fine {
            let session = vault.opens(&token).unwrap().session().clone();
            assert_eq!(session.expires_at(), Some(vault.world.now + ttl));
            assert_eq!(session.actions(), Some(&login.actions[..]));
            assert_eq!(session.under(), login.under.as_ref());
        }
    }
}

#[test]
fn a_name_that_nobody_has_a_wrong_password_none_and_a_disabled_user_begin_alike() {
    let mut vault = Vault::new();
    let mut reads = Vec::new();
    for who in ["alice", "nobody"] {
        let mut count = 0;
        let begun = vault
            .world
            .evaluate(|tx| begin_login(tx, &name(who), here()));
        count += begun.1.writes.len();
        reads.push(count);
        let begun = begun.0.unwrap();
        assert!(vault.compare(begun, "another password").is_none());
    }
    assert_eq!(reads[0], reads[1], "they write differently");
    let begun = vault.begin("nobody").unwrap();
    assert!(vault.compare(begun, FIRST).is_none());
    vault.change_user(|alice| alice.disabled = true);
    assert_eq!(vault.tried(FIRST), Came::Refused("nobody"));
    vault.change_user(|alice| alice.disabled = false);
    vault
        .world
        .write(|tx| {
            Credential::delete(tx, ALICE).unwrap();
            Ok::<_, RecordError>(())
        })
        .unwrap();
    assert_eq!(vault.tried(FIRST), Came::Failed);
}

#[test]
fn the_fifth_wrong_password_is_the_last_and_the_right_one_is_locked_out_too() {
    let mut vault = Vault::new();
    for _ in 0..5 {
        assert_eq!(vault.tried("another password"), Came::Failed);
    }
    assert_eq!(vault.tried(FIRST), Came::Locked);
    vault.world.now += MINUTE;
    assert_eq!(vault.tried(FIRST), Came::In);
}

#[test]
fn a_disabled_users_right_password_stays_counted() {
    let mut vault = Vault::new();
    vault.change_user(|alice| alice.disabled = true);
    for _ in 0..5 {
        assert_eq!(vault.tried(FIRST), Came::Refused("nobody"));
    }
    assert_eq!(vault.tried(FIRST), Came::Locked);
}

#[test]
fn who_has_an_authenticator_shows_a_code_and_is_elevated_by_it() {
    let mut vault = Vault::new();
    let device = enrolled(&mut vault.world, ALICE, "phone");
    assert_eq!(vault.tried(FIRST), Came::Wants(Wants::Code));
    let code = typed(&device.shows(&vault.world, 0));
    let token = vault.token();
    assert_eq!(vault.log_in(FIRST, (Some(&code), None), &token), Came::In);
    let caller = vault.opens(&token).unwrap();
    let elevation = caller.session().elevation;
    assert_eq!(elevation.method(), Some(Method::Totp));
    assert_eq!(elevation.mfa_at(), Some(vault.world.now));
    let used = Came::Wants(Wants::RightCode { used: true });
    let token = vault.token();
    assert_eq!(vault.log_in(FIRST, (Some(&code), None), &token), used);
    assert!(vault.opens(&token).is_none());
}

#[test]
fn a_right_password_alone_does_not_buy_further_guesses_of_the_code() {
    let mut vault = Vault::new();
    let device = enrolled(&mut vault.world, ALICE, "phone");
    let log_in = |vault: &mut Vault, code: &Factor| {
        let token = vault.token();
        vault.log_in(FIRST, (Some(code), None), &token)
    };
    let code = typed(&device.shows(&vault.world, 0));
    assert_eq!(log_in(&mut vault, &code), Came::In, "the place is known");
    let wrong = typed(&device.shows(&vault.world, 1000));
    let mut guesses = 0;
    for _ in 0..50 {
        let _nothing = vault.tried(FIRST);
        let came = log_in(&mut vault, &wrong);
        guesses += usize::from(came == Came::Wants(Wants::RightCode { used: false }));
    }
    assert_eq!(guesses, 5);
}

#[test]
fn a_right_password_that_only_lacks_something_is_not_counted() {
    let mut vault = Vault::new();
    enrolled(&mut vault.world, ALICE, "phone");
    for _ in 0..50 {
        assert_eq!(vault.tried(FIRST), Came::Wants(Wants::Code));
    }
}

#[test]
fn a_login_that_a_reset_overtook_comes_to_nothing() {
    let mut vault = Vault::new();
    let token = vault.token();
    let begun = vault.begin("alice").unwrap();
    let (checked, _) = vault.compare(begun, FIRST).unwrap();
    vault.give("drawn by the vault", Chooser::OneTime(u64::MAX));
    let brought = Brought {
        login: &Login::default(),
        token: &token,
        code: None,
        chosen: None,
        upgraded: None,
    };
    let came = vault.arrive(&checked, &brought);
    assert!(matches!(came, Err(Refusal::Overtaken)), "{came:?}");
    assert!(vault.opens(&token).is_none());
}

#[test]
fn a_policy_that_denies_logging_in_lets_nobody_in() {
    let mut vault = Vault::new();
    let text = r#"{"Version": "2012-10-17", "Statement":
        {"Effect": "Deny", "Action": "auth:Login", "Resource": "*"}}"#;
    let (deny, _) = StoredPolicy::parse("#1", text, PolicyKind::Identity).unwrap();
    vault.change_user(|alice| {
        alice.attached.inline.insert("no".to_owned(), deny);
    });
    let token = vault.token();
    assert_eq!(
        vault.log_in(FIRST, (None, None), &token),
        Came::Refused("denied")
    );
    assert!(vault.opens(&token).is_none());
    for _ in 0..20 {
        assert_eq!(vault.tried(FIRST), Came::Refused("denied"));
    }
    let device = enrolled(&mut vault.world, ALICE, "phone");
    let mut guesses = 0;
    for step in 0..50 {
        let code = typed(&device.shows(&vault.world, 1000 * (step % 2)));
        let token = vault.token();
        guesses += usize::from(vault.log_in(FIRST, (Some(&code), None), &token) != Came::Locked);
    }
    assert_eq!(guesses, 5, "a code that was brought beside it is a guess");
}

#[test]
fn what_a_session_cannot_be_like_is_known_before_anything_is_counted() {
    let with = |ttl, idle, uses| {
        let limits = Limits {
            idle,
            uses,
            ..Limits::default()
        };
        let login = Login {
            ttl,
            limits,
            ..Login::default()
        };
        login.check().is_ok()
    };
    assert!(with(None, None, None) && with(Some(MINUTE), Some(MINUTE), Some(1)));
    for (ttl, idle, uses) in [
        (Some(48 * 60 * MINUTE), None, None),
        (Some(MINUTE - 1), None, None),
        (None, Some(MINUTE - 1), None),
        (Some(MINUTE), Some(2 * MINUTE), None),
        (None, None, Some(0)),
    ] {
        assert!(!with(ttl, idle, uses), "{ttl:?} {idle:?} {uses:?}");
    }
}
