//! What is kept of identities: names, lists, references, and what is refused.

use super::*;

fn described(world: &mut World, resource: &Resource) -> Result<Described, Refusal> {
    let root = world.root;
    let (sort, _) = resource.named().unwrap();
    world.act(
        &root,
        Action::describe(sort),
        resource,
        |tx, _, grant, _| describe(tx, grant),
    )
}

#[test]
fn one_name_may_be_of_each_sort_and_of_each_once() {
    let mut world = World::new();
    for resource in [user("x"), group("x"), service("x")] {
        world.create(&resource);
        let again = world.create_as(&resource, &New::default());
        assert!(matches!(again, Err(Refusal::Exists(..))));
    }
    let alias = world.create_as(&user("X"), &New::default());
    assert!(
        matches!(alias, Err(Refusal::Exists(..))),
        "one canonical form"
    );
}

#[test]
fn a_list_is_in_order_and_in_pages() {
    let mut world = World::new();
    for name in ["carol", "alice", "bob"] {
        world.create(&user(name));
    }
    let root = world.root;
    let page = |world: &mut World, after: Option<&str>| {
        world
            .act(
                &root,
                Action::USER_LIST,
                &Resource::Every(Sort::User),
                |tx, _, grant, _| list(tx, grant, after, 2),
            )
            .unwrap()
    };
    assert_eq!(
        page(&mut world, None),
        (vec!["alice".to_owned(), "bob".to_owned()], true)
    );
    assert_eq!(
        page(&mut world, Some("bob")),
        (vec!["carol".to_owned()], false)
    );
}

#[test]
fn groups_know_their_users_and_users_their_groups_until_either_goes() {
    let mut world = World::new();
    world.create(&group("team"));
    let root = world.root;
    for name in ["alice", "bob"] {
        world.create(&user(name));
        assert!(world.join(&root, ("team", name)).unwrap());
        assert!(!world.join(&root, ("team", name)).unwrap());
    }
    assert_eq!(
        described(&mut world, &group("team")).unwrap().groups,
        ["alice", "bob"]
    );
    world
        .act(&root, Action::USER_DELETE, &user("bob"), delete)
        .unwrap();
    assert_eq!(
        described(&mut world, &group("team")).unwrap().groups,
        ["alice"]
    );
    world
        .act(&root, Action::GROUP_DELETE, &group("team"), delete)
        .unwrap();
    assert!(
        described(&mut world, &user("alice"))
            .unwrap()
            .groups
            .is_empty()
    );
    assert!(matches!(
        described(&mut world, &group("team")),
        Err(Refusal::NotFound(..))
    ));
}

#[test]
fn an_attached_policy_is_not_deleted_and_keeps_five_versions() {
    let mut world = World::new();
    world.create(&user("alice"));
    world.policy("p", &allow("secret:GetValue", "secret:1"));
    let root = world.root;
    world.attach_as(&root, &user("alice"), "p").unwrap();
    let named = Resource::Policy(policy("p"));
    let remove =
        |tx: &mut Tx<'_>, _: &Caller, grant: &Grant, _: &mut Proofs| delete_policy(tx, grant);
    let refused = world.act(&root, Action::POLICY_DELETE, &named, remove);
    assert!(matches!(refused, Err(Refusal::Attached(1))));
    let change = |world: &mut World, change: PolicyChange| {
        world.act(
            &root,
            Action::POLICY_UPDATE,
            &named,
            |tx, caller, grant, proofs| update_policy(tx, caller, grant, proofs, &change),
        )
    };
    for version in 2..=7 {
        let text = allow("secret:GetValue", &format!("secret:{version}"));
        change(&mut world, PolicyChange::Text(text)).unwrap();
    }
    let shown = world
        .act(&root, Action::POLICY_DESCRIBE, &named, |tx, _, grant, _| {
            describe_policy(tx, grant, None)
        })
        .unwrap();
    assert_eq!((shown.version, shown.versions.len()), (7, 5));
    let dropped = change(&mut world, PolicyChange::Version(1));
    assert!(matches!(dropped, Err(Refusal::VersionNotFound(1))));
    change(&mut world, PolicyChange::Version(6)).unwrap();
    let alice = world.session(Sort::User, "alice");
    assert_eq!(
        world.may(&alice, Action::GET_VALUE, &secret("6")),
        Some(true)
    );
    assert_eq!(
        world.may(&alice, Action::GET_VALUE, &secret("7")),
        Some(false)
    );
    world
        .act(&root, Action::USER_DELETE, &user("alice"), delete)
        .unwrap();
    world
        .act(&root, Action::POLICY_DELETE, &named, remove)
        .unwrap();
}

#[test]
fn a_trust_policy_binds_its_principals_by_id() {
    let mut world = World::new();
    let trust = |who: &str| New {
        trust: Some(format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {{"Vault": "{who}"}}, "Action": "role:Describe"}}}}"#
        )),
        ..New::default()
    };
    let unknown = world.create_as(&role("deploy"), &trust("user:alice"));
    assert!(matches!(unknown, Err(Refusal::UnknownPrincipal(_))));
    world.create(&user("alice"));
    world
        .create_as(&role("deploy"), &trust("user:alice"))
        .unwrap();
    let shown = described(&mut world, &role("deploy"))
        .unwrap()
        .trust
        .unwrap();
    assert!(shown.contains("user:alice"), "{shown}");
    let root = world.root;
    world
        .act(&root, Action::USER_DELETE, &user("alice"), delete)
        .unwrap();
    world.create(&user("alice"));
    let shown = described(&mut world, &role("deploy"))
        .unwrap()
        .trust
        .unwrap();
    assert!(
        !shown.contains("user:alice"),
        "a namesake is not meant: {shown}"
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    let mut world = World::new();
    let trust = Some("{}".to_owned());
    let bad = [
        (role("r"), New::default()),
        (
            user("u"),
            New {
                trust: trust.clone(),
                ..New::default()
            },
        ),
        (
            group("g"),
            New {
                trust,
                ..New::default()
            },
        ),
        (
            role("r"),
            New {
                trust: Some("{".to_owned()),
                ..New::default()
            },
        ),
    ];
    for (resource, new) in bad {
        assert!(world.create_as(&resource, &new).is_err(), "{resource}");
    }
    let root = world.root;
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "secret:Nothing", "Resource": "*"}}"#;
    let made = world.act(
        &root,
        Action::POLICY_CREATE,
        &Resource::Policy(policy("p")),
        |tx, _, grant, _| create_policy(tx, grant, (text, "")),
    );
    assert!(matches!(made, Err(Refusal::Document(error)) if error.line() == 1));
    let missing = world.attach_as(&root, &user("nobody"), "p");
    assert!(matches!(missing, Err(Refusal::NotFound(Sort::User, _))));
}

#[test]
fn only_a_role_has_a_longest_session_and_0_is_its_default() {
    let mut world = World::new();
    let root = world.root;
    let new = New {
        longest_session: 900_000,
        ..New::default()
    };
    for who in [user("alice"), service("agent"), group("team")] {
        let refused = world.create_as(&who, &new);
        assert!(matches!(refused, Err(Refusal::Invalid(_))), "{who}");
        world.create(&who);
        for longest in [0, 900_000] {
            let change = Change {
                longest_session: Some(longest),
                ..Change::default()
            };
            let (sort, _) = who.named().unwrap();
            let changed = world.act(
                &root,
                Action::update(sort),
                &who,
                |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &change),
            );
            assert!(matches!(changed, Err(Refusal::Invalid(_))), "{who}");
        }
    }
    let trust = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "role:Assume"}}"#;
    let new = New {
        trust: Some(trust.to_owned()),
        ..new
    };
    world.create_as(&role("reader"), &new).unwrap();
    let change = Change {
        longest_session: Some(0),
        ..Change::default()
    };
    world
        .act(
            &root,
            Action::ROLE_UPDATE,
            &role("reader"),
            |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &change),
        )
        .unwrap();
}

#[test]
fn a_group_of_250_users_and_policies_is_deleted_at_once_and_of_one_more_once_a_user_is_out() {
    let mut world = World::new();
    let root = world.root;
    world.create(&group("team"));
    for number in 0..=MAX_MEMBERS {
        let name = format!("user{number}");
        world.create(&user(&name));
        world.join(&root, ("team", &name)).unwrap();
    }
    for number in 0..11 {
        world.policy(&format!("p{number}"), &allow("secret:GetValue", "*"));
        world
            .attach_as(&root, &group("team"), &format!("p{number}"))
            .unwrap();
    }
    for name in ["user0", "user1"] {
        let refused = world.act(&root, Action::GROUP_DELETE, &group("team"), delete);
        assert!(matches!(refused, Err(Refusal::TooMany(_))), "{refused:?}");
        let name = UserName::try_from(name).unwrap();
        let removed = world.act(
            &root,
            Action::GROUP_REMOVE_MEMBER,
            &group("team"),
            |tx, caller, grant, proofs| remove_member(tx, caller, grant, proofs, &name),
        );
        removed.unwrap();
    }
    world
        .act(&root, Action::GROUP_DELETE, &group("team"), delete)
        .unwrap();
}

const MAX_MEMBERS: usize = 240;
