//! Nobody hands out more than he has.

use super::*;

/// Somebody who runs users, groups, roles and policies, and may read `team/`.
fn administrator(world: &mut World) -> TokenHash {
    let text = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["user:*", "group:*", "role:*", "service:*", "policy:*"], "Resource": "*"},
        {"Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:team/*"}]}"#;
    world.user_with("admin", text)
}

fn beyond<R: std::fmt::Debug>(result: Result<R, Refusal>) {
    let refusal = result.unwrap_err();
    assert!(
        matches!(refusal, Refusal::Exceeds(Exceeds::Beyond(_))),
        "{refusal}"
    );
}

#[test]
fn a_policy_is_attached_only_by_who_may_do_what_it_allows() {
    let mut world = World::new();
    let admin = administrator(&mut world);
    world.create(&user("bob"));
    world.policy("less", &allow("secret:GetValue", "secret:team/db/*"));
    world.policy("same", &allow("secret:GetValue", "secret:team/*"));
    world.policy("more", &allow("secret:GetValue", "secret:*"));
    world.policy("other", &allow("secret:PutValue", "secret:team/*"));
    assert!(world.attach_as(&admin, &user("bob"), "less").unwrap());
    assert!(world.attach_as(&admin, &user("bob"), "same").unwrap());
    assert!(!world.attach_as(&admin, &user("bob"), "same").unwrap());
    beyond(world.attach_as(&admin, &user("bob"), "more"));
    beyond(world.attach_as(&admin, &user("bob"), "other"));
    beyond(world.attach_as(&admin, &user("admin"), "more"));
    let root = world.root;
    assert!(world.attach_as(&root, &user("bob"), "more").unwrap());
}

#[test]
fn neither_an_inline_policy_nor_a_new_text_nor_a_group_gives_more() {
    let mut world = World::new();
    let admin = administrator(&mut world);
    let more = allow("system:Seal", "*");
    let own = policy("own");
    beyond(world.act(
        &admin,
        Action::USER_ATTACH,
        &user("admin"),
        |tx, caller, grant, proofs| put_inline(tx, caller, grant, proofs, (&own, &more)),
    ));
    world.policy("mine", &allow("secret:GetValue", "secret:team/*"));
    world.attach_as(&admin, &user("admin"), "mine").unwrap();
    let change = PolicyChange::Text(more.clone());
    let mine = Resource::Policy(policy("mine"));
    beyond(world.act(
        &admin,
        Action::POLICY_UPDATE,
        &mine,
        |tx, caller, grant, proofs| update_policy(tx, caller, grant, proofs, &change),
    ));
    world.policy("seal", &more);
    world.create(&group("sealers"));
    let root = world.root;
    world.attach_as(&root, &group("sealers"), "seal").unwrap();
    beyond(world.join(&admin, ("sealers", "admin")));
}

#[test]
fn nobody_leaves_a_group_that_asks_more_of_passwords_but_by_who_may_do_everything() {
    let mut world = World::new();
    let admin = administrator(&mut world);
    let root = world.root;
    let leave = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        let bob = UserName::try_from("bob").unwrap();
        remove_member(tx, caller, grant, proofs, &bob)
    };
    world.create(&user("bob"));
    for name in ["plain", "strict"] {
        world.create(&group(name));
        world.join(&root, (name, "bob")).unwrap();
    }
    let strict = group("strict");
    let policy = access::password::Policy::from_json(r#"{"MfaRequiredFrom": "9999999999"}"#);
    let put = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, _: &mut Proofs| {
        put_password_policy(tx, caller, grant, Some(policy.as_ref().unwrap()))
    };
    world
        .act(&root, Action::PASSWORD_PUT_POLICY, &strict, put)
        .unwrap();
    let left = world.act(&admin, Action::GROUP_REMOVE_MEMBER, &group("plain"), leave);
    assert!(left.unwrap());
    beyond(world.act(&admin, Action::GROUP_REMOVE_MEMBER, &strict, leave));
    beyond(world.act(&admin, Action::GROUP_DELETE, &strict, delete));
    assert!(
        world
            .act(&root, Action::GROUP_REMOVE_MEMBER, &strict, leave)
            .unwrap()
    );
    // With nobody in it there is nobody whom it limits.
    world
        .act(&admin, Action::GROUP_DELETE, &strict, delete)
        .unwrap();
}

#[test]
fn a_right_to_a_group_and_one_to_a_user_are_each_for_what_they_name() {
    let mut world = World::new();
    let root = world.root;
    world.create(&user("bob"));
    world.create(&group("bob"));
    let twice = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        add_member(tx, caller, [grant, grant], proofs)
    };
    let join = Action::GROUP_ADD_MEMBER;
    let wrong = world.act(&root, join, &group("bob"), twice);
    assert!(matches!(wrong, Err(Refusal::Invalid(_))), "{wrong:?}");
    let other = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        let to = access::authorise(caller, Action::USER_UPDATE, user("bob")).unwrap();
        add_member(tx, caller, [grant, &to], proofs)
    };
    let wrong = world.act(&root, join, &group("bob"), other);
    assert!(matches!(wrong, Err(Refusal::Grant(_))), "{wrong:?}");
}

#[test]
fn who_has_more_is_not_handed_over() {
    let mut world = World::new();
    let admin = administrator(&mut world);
    world.user_with("boss", &allow("*", "*"));
    world.user_with("clerk", &allow("secret:GetValue", "secret:team/a"));
    for (name, refused) in [("boss", true), ("clerk", false), ("admin", false)] {
        let done = world.act(
            &admin,
            Action::USER_UPDATE,
            &user(name),
            |tx, caller, _, proofs| hand_over(tx, caller, proofs, (Sort::User, name)),
        );
        assert_eq!(done.is_err(), refused, "{name}");
    }
}

#[test]
fn a_limit_is_lifted_only_by_who_may_do_everything() {
    let mut world = World::new();
    let admin = administrator(&mut world);
    world.policy("no", &deny("secret:GetValue", "*"));
    world.create(&user("bob"));
    let root = world.root;
    world.attach_as(&root, &user("bob"), "no").unwrap();
    let take = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        detach(tx, caller, grant, proofs, &policy("no"))
    };
    beyond(world.act(&admin, Action::USER_DETACH, &user("bob"), take));
    let bound = |world: &mut World, token: &TokenHash, name: Option<&str>| {
        let name = name.map(policy);
        world.act(
            token,
            Action::USER_SET_BOUNDARY,
            &user("bob"),
            |tx, caller, grant, proofs| set_boundary(tx, caller, grant, proofs, name.as_ref()),
        )
    };
    bound(&mut world, &admin, Some("no")).unwrap();
    beyond(bound(&mut world, &admin, None));
    bound(&mut world, &root, None).unwrap();
    assert!(
        world
            .act(&root, Action::USER_DETACH, &user("bob"), take)
            .unwrap()
    );
}

#[test]
fn a_role_is_opened_only_by_who_may_do_what_it_may() {
    let mut world = World::new();
    let admin = administrator(&mut world);
    let trust = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Principal": {"Vault": "user:admin"}, "Action": "role:Describe"}}"#;
    let new = New {
        trust: Some(trust.to_owned()),
        ..New::default()
    };
    world.create_as(&role("deploy"), &new).unwrap();
    world.policy("seal", &allow("system:Seal", "*"));
    let root = world.root;
    world.attach_as(&root, &role("deploy"), "seal").unwrap();
    let change = Change {
        trust: Some(trust.to_owned()),
        ..Change::default()
    };
    beyond(world.act(
        &admin,
        Action::ROLE_UPDATE,
        &role("deploy"),
        |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &change),
    ));
    world
        .act(
            &root,
            Action::ROLE_UPDATE,
            &role("deploy"),
            |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &change),
        )
        .unwrap();
}
