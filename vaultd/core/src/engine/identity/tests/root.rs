//! Who counts as somebody who can go on when root has ended.

use super::*;
use crate::{
    access::{
        RootRefusal, Successor, disable_root, find_successor, generate_root,
        password::{Cost, Credential, Origin as Chooser, Password, PasswordHash, Policy},
        principal::named,
        root_state,
    },
    crypto::entropy::Seeded,
};

const TO_HELP: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["user:*", "policy:*"], "Resource": "*"}}"#;

/// Gives a user a password.
fn password(world: &mut World, name: &str, chooser: Chooser) {
    let mut entropy = Seeded::new(5);
    let text = Password::try_from("long enough for all of them").unwrap();
    let hash = PasswordHash::make(&text, Cost::CHEAP, &mut entropy).unwrap();
    let replaced = world.store.write(|tx| {
        let id = named(tx, Sort::User, name)?.unwrap();
        Credential::replace(tx, id, &hash, chooser, None, &Policy::default())
    });
    let _replaced = replaced.unwrap();
}

/// Looks at everybody for one who could go on.
fn successor(tx: &mut Tx<'_>) -> Option<Successor> {
    let mut after = None;
    loop {
        match find_successor(tx, after.as_ref(), &Origin::local()).unwrap() {
            (None, Some(last)) => after = Some(last),
            (found, _) => return found,
        }
    }
}

/// Whether root could be disabled; nothing is done.
fn could_end(world: &mut World) -> bool {
    let root = world.root;
    let (tried, _) = world.store.evaluate(|tx| {
        let caller = access::authenticate(tx, &root, &Origin::local()).unwrap();
        let grant = access::authorise(&caller, Action::ROOT_DISABLE, Resource::System).unwrap();
        let left_to = successor(tx);
        disable_root(tx, &grant, (left_to, false), &Origin::local())
    });
    match tried {
        Ok(ended) => ended,
        Err(RootRefusal::Last) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn who_cannot_log_in_or_not_help_everybody_is_nobody_to_leave_the_vault_to() {
    let conditional = TO_HELP.replace(
        "\"Resource\"",
        "\"Condition\": {\"Bool\": {\"vault:MultiFactorAuthPresent\": \"true\"}}, \"Resource\"",
    );
    let with_deny = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "policy:Delete", "Resource": "*"}]}"#;
    let kept_out = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "auth:Login", "Resource": "*"}]}"#;
    for (case, document) in [
        ("nothing of policies", allow("user:*", "*")),
        ("nothing of users", allow("policy:*", "*")),
        ("some users", allow("*", "user:a*")),
        ("a Deny", with_deny.to_owned()),
        ("a Deny of logging in", kept_out.to_owned()),
        ("a second factor that he has not", conditional),
    ] {
        let mut world = World::new();
        world.user_with("alice", &document);
        password(&mut world, "alice", Chooser::Owner);
        assert!(!could_end(&mut world), "{case}");
    }
    let mut world = World::new();
    world.user_with("alice", TO_HELP);
    assert!(!could_end(&mut world), "no password");
    let until = world.store.now + 60_000;
    password(&mut world, "alice", Chooser::OneTime(until));
    assert!(!could_end(&mut world), "a password that somebody else drew");
    password(&mut world, "alice", Chooser::Owner);
    assert!(could_end(&mut world));
    let root = world.root;
    world.policy("little", &allow("secret:*", "*"));
    let bounded = |world: &mut World, boundary: Option<&PolicyName>| {
        let act = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
            set_boundary(tx, caller, grant, proofs, boundary)
        };
        world
            .act(&root, Action::USER_SET_BOUNDARY, &user("alice"), act)
            .unwrap();
    };
    bounded(&mut world, Some(&policy("little")));
    assert!(!could_end(&mut world), "a boundary");
    bounded(&mut world, None);
    assert!(could_end(&mut world));
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
    assert!(!could_end(&mut world), "disabled");
}

#[test]
fn who_was_found_before_the_write_is_looked_at_again_in_it() {
    let mut world = World::new();
    world.user_with("alice", TO_HELP);
    password(&mut world, "alice", Chooser::Owner);
    let (found, _) = world.store.evaluate(successor);
    assert!(found.is_some());
    world.policy("out", &deny("auth:Login", "*"));
    let root = world.root;
    world.attach_as(&root, &user("alice"), "out").unwrap();
    let mut end = |left_to, by_force| {
        world.store.evaluate(|tx| {
            let caller = access::authenticate(tx, &root, &Origin::local()).unwrap();
            let grant = access::authorise(&caller, Action::ROOT_DISABLE, Resource::System).unwrap();
            disable_root(tx, &grant, (left_to, by_force), &Origin::local())
        })
    };
    for left_to in [found, None] {
        let (refused, transaction) = end(left_to, false);
        assert!(matches!(refused, Err(RootRefusal::Last)));
        assert!(transaction.writes.is_empty());
        assert!(matches!(end(left_to, true).0, Ok(true)));
    }
}

#[test]
fn somebody_is_found_among_many_step_by_step() {
    let mut world = World::new();
    for n in 0..250 {
        world.create(&user(&format!("u{n}")));
    }
    world.user_with("alice", TO_HELP);
    password(&mut world, "alice", Chooser::Owner);
    let (first, _) = world
        .store
        .evaluate(|tx| find_successor(tx, None, &Origin::local()).unwrap());
    assert!(first.0.is_none() && first.1.is_some());
    assert!(could_end(&mut world));
}

#[test]
fn neither_a_program_nor_a_one_time_root_is_somebody_to_leave_the_vault_to() {
    let mut world = World::new();
    world.policy("all", &allow("*", "*"));
    let root = world.root;
    world.create(&service("ci"));
    world.attach_as(&root, &service("ci"), "all").unwrap();
    let token = world.session(Sort::Service, "ci");
    world.store.write(|tx| generate_root(tx, &token)).unwrap();
    assert!(!could_end(&mut world));
}

#[test]
fn a_grant_for_something_else_neither_shows_nor_ends_root() {
    let mut world = World::new();
    let root = world.root;
    world.store.evaluate(|tx| {
        let caller = access::authenticate(tx, &root, &Origin::local()).unwrap();
        let grant = access::authorise(&caller, Action::SEAL, Resource::System).unwrap();
        let shown = root_state(tx, &grant);
        assert!(matches!(shown, Err(RootRefusal::Grant(_))));
        let ended = disable_root(tx, &grant, (None, true), &Origin::local());
        assert!(matches!(ended, Err(RootRefusal::Grant(_))));
        assert!(tx.is_read_only());
    });
}
