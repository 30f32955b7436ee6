//! What a session of a role is asked to be like: tags, its name, limits.

use super::{
    assuming::{Not, tags, trust},
    *,
};
use crate::access::{Assume, AssumeRefusal, Limits, LoginRefusal};

#[test]
fn a_trust_policy_may_say_what_the_session_is_called() {
    let mut world = World::new();
    world.create(&user("alice"));
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*",
        "Action": "role:Assume",
        "Condition": {"StringEquals": {"vault:RoleSessionName": "${vault:PrincipalName}"}}}}"#;
    world.role_with("a", text, 0);
    let alice = world.session(Sort::User, "alice");
    let called = |name: &str| Assume {
        name: Some(UserName::try_from(name).unwrap()),
        ..Assume::default()
    };
    for name in ["bob", "alice.2", "administrator"] {
        let made = world.assume_as(&alice, "a", &called(name));
        assert!(matches!(made, Err(Not::Allowed)), "{name}");
    }
    assert!(world.assume_as(&alice, "a", &called("Alice")).is_ok());
    assert!(world.assume(&alice, "a").is_ok());
}

#[test]
fn session_tags_take_a_right_of_their_own_and_change_none_of_the_role() {
    let mut world = World::new();
    world.create(&user("alice"));
    world.role_with("plain", &trust("*", "role:Assume"), 0);
    let text = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "role:Assume"},
        {"Effect": "Allow", "Principal": "*", "Action": "role:TagSession", "Condition": {
            "StringEquals": {"vault:RequestTag/project": ["x", "y"]},
            "ForAllValues:StringEquals": {"vault:TagKeys": ["project", "team"]}}}]}"#;
    world.role_with("tagged", text, 0);
    let root = world.root;
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secret:GetValue",
        "Resource": "secret:${vault:PrincipalTag/team}/${vault:PrincipalTag/project}/*"}}"#;
    world.policy("by-tag", text);
    world.attach_as(&root, &role("tagged"), "by-tag").unwrap();
    let alice = world.session(Sort::User, "alice");
    let with = |of: &[(&str, &str)]| Assume {
        tags: tags(of),
        ..Assume::default()
    };
    let plain = world.assume_as(&alice, "plain", &with(&[("project", "x")]));
    assert!(matches!(plain, Err(Not::Allowed)));
    for wrong in [&[("project", "z")][..], &[("project", "x"), ("other", "1")]] {
        let made = world.assume_as(&alice, "tagged", &with(wrong));
        assert!(matches!(made, Err(Not::Allowed)), "{wrong:?}");
    }
    let other = world.assume_as(
        &alice,
        "tagged",
        &with(&[("project", "x"), ("team", "dev")]),
    );
    assert!(matches!(other, Err(Not::Made(AssumeRefusal::Tag(_)))));
    let session = world
        .assume_as(&alice, "tagged", &with(&[("project", "x")]))
        .unwrap();
    for (path, may) in [("ops/x/a", true), ("ops/y/a", false), ("dev/x/a", false)] {
        let found = world.may(&session, Action::GET_VALUE, &secret(path));
        assert_eq!(found, Some(may), "{path}");
    }
}

#[test]
fn a_role_that_is_disabled_or_gone_is_assumed_by_nobody() {
    let mut world = World::new();
    let root = world.root;
    world.role_with("a", &trust("*", "role:Assume"), 0);
    let change = Change {
        disabled: Some(true),
        ..Change::default()
    };
    world
        .act(
            &root,
            Action::ROLE_UPDATE,
            &role("a"),
            |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &change),
        )
        .unwrap();
    let made = world.assume(&root, "a");
    assert!(matches!(made, Err(Not::Made(AssumeRefusal::Disabled(_)))));
    let made = world.assume(&root, "none");
    assert!(matches!(made, Err(Not::Made(AssumeRefusal::NotFound(_)))));
    let unused = Assume {
        limits: Limits {
            uses: Some(0),
            ..Limits::default()
        },
        ..Assume::default()
    };
    world.role_with("b", &trust("*", "role:Assume"), 0);
    let made = world.assume_as(&root, "b", &unused);
    let Err(Not::Made(AssumeRefusal::Session(LoginRefusal::Uses))) = made else {
        panic!("{made:?}");
    };
}
