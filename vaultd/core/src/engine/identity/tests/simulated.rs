//! What would be decided of somebody is what then is.

use proptest::prelude::*;

use super::*;
use crate::access::{Absent, Why};

/// What would be decided of him.
fn simulated(
    world: &mut World,
    name: &str,
    action: Action,
    resource: &Resource,
) -> Result<Why, Why> {
    let (sort, facts) = (Sort::User, Facts::default());
    world.store.write(|tx| {
        let absent = Absent::of(tx, (sort, name), &Origin::local()).unwrap();
        absent.unwrap().decide(action, resource, &facts)
    })
}

/// What is decided of his request.
fn does(
    world: &mut World,
    token: &TokenHash,
    action: Action,
    resource: &Resource,
) -> Result<Why, Why> {
    world.store.write(|tx| {
        let caller = access::authenticate(tx, token, &Origin::local()).unwrap();
        let granted = access::authorise(&caller, action, resource.clone());
        let decided = caller.decide(action, resource, &Facts::default());
        assert_eq!(granted.is_ok(), decided.is_ok());
        decided
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_somebody_can_do_is_what_his_request_then_comes_to(
        statements in proptest::collection::vec(
            (
                any::<bool>(),
                proptest::sample::select(vec!["*", "secret:*", "secret:Get*", "secret:Delete", "user:Create", "policy:*"]),
                proptest::sample::select(vec!["*", "secret:*", "secret:a/*", "secret:a/b", "secret:", "user:*", "user:bob", "caller:self"]),
            ),
            1..5,
        ),
    ) {
        let statements: Vec<_> = statements
            .iter()
            .map(|(allows, action, resource)| {
                let effect = if *allows { "Allow" } else { "Deny" };
                format!(r#"{{"Effect": "{effect}", "Action": "{action}", "Resource": "{resource}"}}"#)
            })
            .collect();
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, statements.join(", "));
        let mut world = World::new();
        let token = world.user_with("alice", &text);
        for action in [Action::GET_VALUE, Action::DELETE, Action::LIST, Action::USER_CREATE, Action::POLICY_LIST, Action::LOGIN] {
            for resource in [
                secret("a/b"), secret("c"), folder(""), folder("a"), user("bob"),
                Resource::Every(Sort::Policy), Resource::Own, Resource::System,
            ] {
                let expected = simulated(&mut world, "alice", action, &resource);
                prop_assert_eq!(expected, does(&mut world, &token, action, &resource));
            }
        }
    }
}

#[test]
fn whoever_is_disabled_can_do_nothing_and_who_is_not_there_is_nobody() {
    let mut world = World::new();
    world.user_with("alice", &allow("*", "*"));
    let root = world.root;
    let change = Change {
        disabled: Some(true),
        ..Change::default()
    };
    world
        .act(
            &root,
            Action::USER_UPDATE,
            &user("alice"),
            |tx, caller, grant, proofs| update(tx, caller, grant, proofs, &change),
        )
        .unwrap();
    let denied = simulated(&mut world, "alice", Action::GET_VALUE, &secret("a"));
    assert_eq!(denied, Err(Why::Disabled));
    for nobody in [
        (Sort::User, "bob"),
        (Sort::Role, "alice"),
        (Sort::Group, "alice"),
    ] {
        let found = world
            .store
            .write(|tx| Absent::of(tx, nobody, &Origin::local()))
            .unwrap();
        assert!(found.is_none(), "{nobody:?}");
    }
}

#[test]
fn everybody_is_listed_once_in_pages_of_whatever_size() {
    let mut world = World::new();
    for one in [user("b"), user("a"), service("a"), service("z")] {
        world.create(&one);
    }
    let root = world.root;
    let all = ["user:a", "user:b", "service:a", "service:z"];
    for size in 1..6 {
        let (mut seen, mut after) = (Vec::new(), None::<(Sort, String)>);
        loop {
            let from = after.clone();
            let act = |tx: &mut Tx<'_>, _: &Caller, grant: &Grant, _: &mut Proofs| {
                let from = from.as_ref().map(|(sort, name)| (*sort, name.as_str()));
                everybody(tx, grant, from, size)
            };
            let (page, more) = world
                .act(&root, Action::POLICY_SIMULATE, &secret("a"), act)
                .unwrap();
            after = page.last().cloned();
            seen.extend(page.iter().map(|(sort, name)| format!("{sort}:{name}")));
            if !more {
                break;
            }
        }
        assert_eq!(seen, all, "pages of {size}");
    }
}
