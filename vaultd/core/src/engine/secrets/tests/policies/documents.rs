//! Documents that are no policies of secrets and folders.

use super::*;
use crate::access::{
    policy::{Code, Warning},
    resource_policy::{Holder, ResourcePolicy},
};

fn warnings(world: &mut World, text: &str, policy: &str) -> Vec<Warning> {
    let (token, resource) = (world.token, place(text));
    let put = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        put_policy(tx, caller, grant, proofs, policy)
    };
    world
        .act(&token, (Action::PUT_RESOURCE_POLICY, &resource), put)
        .unwrap()
}

fn with(resource: &str) -> String {
    says("Deny", "*", "secret:GetValue").replace("}}", &format!(", {resource}}}}}"))
}

#[test]
fn what_is_no_policy_of_a_resource_is_refused_with_its_place() {
    let mut world = World::new();
    world.put("a/b", "1");
    let token = world.token;
    for text in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"Statement": []}"#,
        ALL,
        r#"{"Statement": {"Effect": "Allow", "Principal": {}, "Action": "*"}}"#,
        r#"{"Statement": {"Effect": "Allow", "Principal": "alice", "Action": "*"}}"#,
        r#"{"Statement": {"Effect": "Allow", "Principal": {"Vault": "group:ops"}, "Action": "*"}}"#,
        r#"{"Statement": {"Effect": "Allow", "Principal": {"Vault": "user:a*"}, "Action": "*"}}"#,
        r#"{"Statement": {"Effect": "Allow", "Principal": "*", "NotPrincipal": "*", "Action": "*"}}"#,
        r#"{"Statement": {"Effect": "Allow", "Principal": "*"}}"#,
        r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "secret:Nothing"}}"#,
        r#"{"Statement": {"Principal": "*", "Action": "*"}}"#,
    ] {
        for at in ["a/b", "a/", "/"] {
            let refused = world.set_as(&token, at, text).unwrap_err();
            assert!(matches!(refused, Refusal::Document(_)), "{text}: {refused}");
        }
    }
    let refused = world.set_as(&token, "a/b", &says("Deny", "user:nobody", "*"));
    assert!(matches!(refused, Err(Refusal::UnknownPrincipal(name)) if &*name == "user:nobody"));
    world.principal(PrincipalKind::Role, "alice", None);
    let refused = world.set_as(&token, "a/b", &says("Deny", "user:alice", "*"));
    assert!(matches!(refused, Err(Refusal::UnknownPrincipal(_))));
}

#[test]
fn a_resource_that_lies_elsewhere_is_refused() {
    let mut world = World::new();
    world.put("a/b", "1");
    world.put("ab", "1");
    world.put("w*?", "1");
    let token = world.token;
    for (place, resource) in [
        ("a/b", r#""Resource": "secret:a/c""#),
        ("a/b", r#""Resource": ["secret:a/b", "secret:a/c"]"#),
        ("a/b", r#""Resource": "secret:a/b/*""#),
        ("a/b", r#""Resource": "secret:a/""#),
        ("a/b", r#""NotResource": "secret:c/*""#),
        ("a/b", r#""Resource": "user:*""#),
        ("a/b", r#""Resource": "secret:a/?""#),
        ("a/b", r#""Resource": "secret:*c""#),
        ("a/", r#""Resource": "secret:ab""#),
        ("a/", r#""Resource": "secret:a""#),
        ("a/", r#""Resource": "secret:ab*""#),
        ("a/", r#""NotResource": "secret:b/*""#),
        ("/", r#""Resource": "user:alice""#),
        ("w*?", r#""Resource": "secret:w""#),
    ] {
        let text = with(resource);
        let done = world.set_as(&token, place, &text);
        let good = resource == r#""Resource": "secret:a/?""#;
        if good {
            done.unwrap();
            continue;
        }
        let refused = done.unwrap_err();
        let Refusal::Document(error) = &refused else {
            panic!("{place}: {text}: {refused}")
        };
        assert!(error.message().contains("nothing of"), "{error}");
    }
    for (place, resource) in [
        ("a/b", r#""Resource": "*""#),
        ("a/b", r#""Resource": "secret:a/b""#),
        ("a/b", r#""Resource": "secret:a/*""#),
        ("a/b", r#""NotResource": "secret:*""#),
        ("a/", r#""Resource": "secret:a/b""#),
        ("a/", r#""Resource": "secret:*b""#),
        ("a/", r#""Resource": "secret:a/${vault:PrincipalName}/*""#),
        ("/", r#""Resource": "secret:a/b""#),
        ("w*?", r#""Resource": "secret:w${*}${?}""#),
    ] {
        world.set(place, &with(resource));
    }
}

#[test]
fn an_allow_of_all_but_some_is_warned_of() {
    let mut world = World::new();
    world.put("a", "1");
    world.principal(PrincipalKind::User, "alice", None);
    let allow = says("Allow", "user:alice", "secret:GetValue").replace("Principal", "NotPrincipal");
    let found = warnings(&mut world, "a", &allow);
    assert!(
        found
            .iter()
            .any(|found| found.code() == Code::AllowNotPrincipal),
        "{found:?}"
    );
    let bob = world.user("bob", None);
    assert!(world.may(&bob, Action::GET_VALUE, "a"));
}

#[test]
fn a_policy_is_of_what_is_there_and_has_a_bound() {
    let mut world = World::new();
    world.put("a/b", "1");
    let token = world.token;
    let text = says("Deny", "*", "secret:GetValue");
    for nothing in ["a/c", "c/", "a/b/", "a"] {
        let refused = world.set_as(&token, nothing, &text).unwrap_err();
        assert!(refused.tells_absence(), "{nothing}: {refused}");
        assert!(world.shown(nothing).unwrap_err().tells_absence());
        assert!(world.take(nothing).unwrap_err().tells_absence());
    }
    for without in ["a/b", "a/", "/"] {
        assert!(matches!(world.shown(without), Err(Refusal::PolicyNotFound)));
        assert!(matches!(world.take(without), Err(Refusal::PolicyNotFound)));
    }
    let sids = (0..100).map(|n| {
        let sid = format!("{n}{}", "x".repeat(100));
        format!(
            r#"{{"Sid": "{sid}", "Effect": "Deny", "Principal": "*", "Action": "secret:GetValue"}}"#
        )
    });
    let statements: Vec<_> = sids.collect();
    let long = format!(r#"{{"Statement": [{}]}}"#, statements.join(", "));
    assert!(matches!(
        world.set_as(&token, "a/b", &long),
        Err(Refusal::TooLarge(_))
    ));
    let grant = world.grant(Action::GET_RESOURCE_POLICY, place("a/b"));
    let wrong = world.run(|tx| describe_policy(tx, &grant).map(drop));
    assert!(matches!(wrong, Err(Refusal::PolicyNotFound)));
    let grant = world.on(Action::GET_VALUE, "a/b");
    let wrong = world.run(|tx| describe_policy(tx, &grant).map(drop));
    assert!(matches!(wrong, Err(Refusal::Grant(_))));
}

#[test]
fn a_vault_has_so_many_policies_and_no_more() {
    let mut world = World::new();
    let token = world.token;
    let text = says("Allow", "*", "secret:Describe");
    world.put("a", "1");
    world.set("a", &text);
    // Of secrets that are not there: what counts is how many records there are.
    let mut policy = ResourcePolicy {
        place: String::new(),
        policy: StoredPolicy::parse("#1", &text, PolicyKind::Resource)
            .unwrap()
            .0,
        updated_at: 0,
        deleted: false,
    };
    for hundred in 0..10 {
        let fill = |tx: &mut Tx<'_>| {
            for number in (hundred * 100..).take(100).filter(|number| *number > 0) {
                policy.place = format!("secret:x/{}", number / 2);
                policy.deleted = number % 2 == 0;
                tx.put(Holder::Secret(1_000_000 + number).key(), &policy)?;
            }
            Ok::<_, crate::record::RecordError>(())
        };
        world.run(fill).unwrap();
    }
    world.put("b", "1");
    assert!(matches!(
        world.set_as(&token, "b", &text),
        Err(Refusal::TooMany(_))
    ));
    world.set("a", &text);
    world.take("a").unwrap();
    world.set("b", &text);
}
