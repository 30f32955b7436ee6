//! What attached policies come to.

use super::*;
use crate::access::Why;

#[test]
fn somebody_new_may_do_nothing() {
    let mut world = World::new();
    world.create(&user("alice"));
    let alice = world.session(Sort::User, "alice");
    for action in Action::ALL {
        for resource in [secret("a"), folder("a"), user("alice"), Resource::System] {
            assert_eq!(
                world.may(&alice, *action, &resource),
                Some(false),
                "{action}"
            );
        }
    }
}

#[test]
fn policies_of_his_own_his_groups_and_managed_ones_bind_from_the_next_request_on() {
    let mut world = World::new();
    let alice = world.user_with("alice", &allow("secret:GetValue", "secret:own/*"));
    assert_eq!(
        world.may(&alice, Action::GET_VALUE, &secret("own/a")),
        Some(true)
    );
    assert_eq!(
        world.may(&alice, Action::GET_VALUE, &secret("team/a")),
        Some(false)
    );
    world.create(&group("team"));
    world.policy("team", &allow("secret:*", "secret:team/*"));
    let root = world.root;
    world.attach_as(&root, &group("team"), "team").unwrap();
    world.join(&root, ("team", "alice")).unwrap();
    assert_eq!(
        world.may(&alice, Action::PUT_VALUE, &secret("team/a")),
        Some(true)
    );
    world.policy("no", &deny("secret:PutValue", "*"));
    world.attach_as(&root, &user("alice"), "no").unwrap();
    assert_eq!(
        world.may(&alice, Action::PUT_VALUE, &secret("team/a")),
        Some(false)
    );
    assert_eq!(
        world.may(&alice, Action::GET_VALUE, &secret("team/a")),
        Some(true)
    );
    let text = allow("secret:GetValue", "secret:nothing");
    world
        .act(
            &root,
            Action::POLICY_UPDATE,
            &Resource::Policy(policy("team")),
            |tx, caller, grant, proofs| {
                update_policy(tx, caller, grant, proofs, &PolicyChange::Text(text.clone()))
            },
        )
        .unwrap();
    assert_eq!(
        world.may(&alice, Action::GET_VALUE, &secret("team/a")),
        Some(false)
    );
}

#[test]
fn a_boundary_limits_and_gives_nothing() {
    let mut world = World::new();
    let alice = world.user_with("alice", &allow("*", "*"));
    world.policy("most", &allow("secret:GetValue", "secret:a/*"));
    let root = world.root;
    world
        .act(
            &root,
            Action::USER_SET_BOUNDARY,
            &user("alice"),
            |tx, caller, grant, proofs| {
                set_boundary(tx, caller, grant, proofs, Some(&policy("most")))
            },
        )
        .unwrap();
    assert_eq!(
        world.may(&alice, Action::GET_VALUE, &secret("a/b")),
        Some(true)
    );
    assert_eq!(
        world.may(&alice, Action::PUT_VALUE, &secret("a/b")),
        Some(false)
    );
    assert_eq!(
        world.may(&alice, Action::SEAL, &Resource::System),
        Some(false)
    );
}

#[test]
fn whoever_is_disabled_or_deleted_is_nobody_and_a_namesake_has_nothing_of_his() {
    let mut world = World::new();
    let alice = world.user_with("alice", &allow("secret:*", "*"));
    let root = world.root;
    let disabled = |disabled| Change {
        disabled: Some(disabled),
        ..Change::default()
    };
    for (wanted, alive) in [(disabled(true), None), (disabled(false), None)] {
        world
            .act(
                &root,
                Action::USER_UPDATE,
                &user("alice"),
                |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &wanted),
            )
            .unwrap();
        assert_eq!(world.may(&alice, Action::GET_VALUE, &secret("a")), alive);
    }
    let again = world.session(Sort::User, "alice");
    assert_eq!(
        world.may(&again, Action::GET_VALUE, &secret("a")),
        Some(true)
    );
    world
        .act(&root, Action::USER_DELETE, &user("alice"), delete)
        .unwrap();
    assert_eq!(world.may(&again, Action::GET_VALUE, &secret("a")), None);
    world.create(&user("alice"));
    let new = world.session(Sort::User, "alice");
    assert_eq!(
        world.may(&new, Action::GET_VALUE, &secret("a")),
        Some(false)
    );
    assert_eq!(world.may(&again, Action::GET_VALUE, &secret("a")), None);
}

#[test]
fn what_is_done_to_a_folder_must_be_allowed_for_all_below_it() {
    let mut world = World::new();
    let cases = [
        (allow("secret:*", "secret:a/*"), true),
        (allow("secret:*", "*"), true),
        (allow("secret:*", "secret:a/"), false),
        (allow("secret:*", "secret:a/?"), false),
        (allow("secret:*", "secret:${vault:PrincipalName}/*"), false),
    ];
    for (at, (text, allowed)) in cases.iter().enumerate() {
        let name = format!("u{at}");
        let token = world.user_with(&name, text);
        assert_eq!(
            world.may(&token, Action::MOVE, &folder("a")),
            Some(*allowed),
            "{text}"
        );
    }
    let both = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "secret:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "secret:GetValue", "Resource": "secret:a/b/c"}]}"#;
    let token = world.user_with("both", both);
    assert_eq!(
        world.may(&token, Action::GET_VALUE, &folder("a")),
        Some(false)
    );
    assert_eq!(
        world.may(&token, Action::GET_VALUE, &folder("a/b")),
        Some(false)
    );
    assert_eq!(
        world.may(&token, Action::GET_VALUE, &folder("b")),
        Some(true)
    );
    assert_eq!(world.may(&token, Action::LIST, &folder("a")), Some(true));
    let mfa = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "secret:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"vault:SecureTransport": "false"}}}]}"#;
    let token = world.user_with("mfa", mfa);
    assert_eq!(world.may(&token, Action::MOVE, &folder("a")), Some(true));
}

#[test]
fn a_denial_names_the_statement_or_what_is_missing() {
    let mut world = World::new();
    let alice = world.user_with("alice", &deny("secret:GetValue", "*"));
    let why = |world: &mut World, action| {
        let decided = world.decided(&alice, action, &secret("a")).unwrap();
        decided.unwrap_err().why
    };
    assert!(matches!(
        why(&mut world, Action::GET_VALUE),
        Why::Statement { statement: 0, .. }
    ));
    assert_eq!(
        why(&mut world, Action::PUT_VALUE).to_string(),
        "no identity policy"
    );
}

#[test]
fn what_is_his_own_anybody_may_do_unless_it_is_denied() {
    let mut world = World::new();
    world.create(&user("alice"));
    let alice = world.session(Sort::User, "alice");
    assert_eq!(world.may(&alice, Action::LOGIN, &Resource::Own), Some(true));
    let bob = world.user_with("bob", &deny("random:Generate", "*"));
    assert_eq!(world.may(&bob, Action::RANDOM, &Resource::Own), Some(false));
}

#[test]
fn a_session_of_a_session_has_the_same_rights_and_ends_with_it() {
    let mut world = World::new();
    let alice = world.user_with("alice", &allow("secret:GetValue", "*"));
    let child = TokenHash::of(&TokenSecret::make(&mut world.store.entropy));
    world
        .store
        .write(|tx| {
            let caller = access::authenticate(tx, &alice, &Origin::local()).unwrap();
            let grant = access::authorise(&caller, Action::LOGIN, Resource::Own).unwrap();
            access::login(tx, &caller, &grant, &child, &Login::default())
        })
        .unwrap();
    assert_eq!(
        world.may(&child, Action::GET_VALUE, &secret("a")),
        Some(true)
    );
    world
        .store
        .write(|tx| {
            let caller = access::authenticate(tx, &alice, &Origin::local()).unwrap();
            access::logout(tx, &caller)
        })
        .unwrap();
    assert_eq!(world.may(&child, Action::GET_VALUE, &secret("a")), None);
}

#[test]
fn absence_is_told_by_the_right_to_list() {
    let mut world = World::new();
    let alice = world.user_with("alice", &allow("secret:List", "secret:a/*"));
    let list = |world: &mut World, at| {
        let folder = FolderPath::try_from(at).unwrap();
        let decided = world.store.evaluate(|tx| {
            let caller = access::authenticate(tx, &alice, &Origin::local()).unwrap();
            caller.may_list(&folder, &Facts::default())
        });
        decided.0
    };
    assert!(list(&mut world, "a") && list(&mut world, "a/b"));
    assert!(!list(&mut world, "") && !list(&mut world, "b"));
}
