//! Comparing documents: no new access, new access with an example, and what cannot be proven.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

fn policy(statements: &str) -> Document {
    document(
        &format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#),
        Kind::Identity,
    )
}

fn on(effect: &str, actions: &str, resource: &str) -> String {
    format!(r#"{{"Effect": "{effect}", "Action": "{actions}", "Resource": "{resource}"}}"#)
}

pub(super) fn allow(resource: &str) -> String {
    on("Allow", "secret:GetValue", resource)
}

fn when(resource: &str, name: &str) -> String {
    format!(
        r#"{{"Effect": "Allow", "Action": "secret:GetValue", "Resource": "{resource}",
            "Condition": {{"StringEquals": {{"vault:PrincipalName": "{name}"}}}}}}"#
    )
}

pub(super) fn compare(old: &[String], new: &[String]) -> NewAccess {
    check(&policy(&old.join(", ")), &policy(&new.join(", ")))
}

fn example(old: &Document, new: &Document) -> Example {
    let told = check(old, new);
    let NewAccess::Found(example) = told else {
        panic!("{told:?}");
    };
    example
}

fn found(old: &[String], new: &[String]) -> String {
    example(&policy(&old.join(", ")), &policy(&new.join(", ")))
        .resource
        .into()
}

#[test]
fn what_lies_within_is_proven() {
    for (old, new) in [
        (
            vec![allow("secret:a/*")],
            vec![allow("secret:a/b"), allow("secret:a/*/c?")],
        ),
        (
            vec![allow("secret:*")],
            vec![allow("secret:*"), on("Deny", "*", "*")],
        ),
        (
            vec![allow("secret:a*"), allow("secret:b*")],
            vec![allow("secret:a?"), allow("secret:b")],
        ),
        // Neither alone covers it.
        (
            vec![allow("secret:a*"), allow("secret:?"), allow("secret:")],
            vec![allow("secret:a"), allow("secret:b"), allow("secret:ab")],
        ),
        (
            vec![allow("*"), on("Deny", "*", "secret:x/*")],
            vec![allow("secret:y/*")],
        ),
        (
            vec![allow("*"), on("Deny", "*", "secret:x/*")],
            vec![allow("*"), on("Deny", "*", "secret:x*")],
        ),
        // No resource has such a name.
        (
            vec![allow("secret:a")],
            vec![allow("secret:a"), allow("secret:/*"), allow("secret:b//*")],
        ),
        (
            vec![on("Allow", "secret:*", "secret:a")],
            vec![on("Allow", "secret:Get*", "secret:a")],
        ),
    ] {
        assert_eq!(compare(&old, &new), NewAccess::None, "{old:?} {new:?}");
    }
}

#[test]
fn what_lies_beyond_is_shown_by_a_short_example() {
    assert_eq!(
        found(&[allow("secret:a/*")], &[allow("secret:a*")]),
        "secret:a"
    );
    assert_eq!(
        found(&[allow("secret:a?")], &[allow("secret:a*")]),
        "secret:a"
    );
    assert_eq!(
        found(&[allow("*"), on("Deny", "*", "secret:x/y")], &[allow("*")]),
        "secret:x/y"
    );
    assert_eq!(
        found(&[on("Deny", "*", "*")], &[allow("secret:x")]),
        "secret:x"
    );
    let more = compare(
        &[on("Allow", "secret:Get*", "secret:a")],
        &[on("Allow", "secret:*", "secret:a")],
    );
    assert!(matches!(more, NewAccess::Found(example) if example.action == Action::PUT_VALUE));
    let not =
        r#"{"Effect": "Allow", "Action": "secret:List", "NotResource": "secret:*"}"#.to_owned();
    assert_eq!(found(&[allow("secret:*")], &[not]), "user:");
}

#[test]
fn conditions_are_never_taken_to_hold() {
    // The same condition in both, narrowed, or left out on the side where that is safe.
    assert_eq!(
        compare(&[when("secret:a*", "bob")], &[when("secret:ab", "bob")]),
        NewAccess::None
    );
    assert_eq!(
        compare(&[allow("secret:a*")], &[when("secret:ab", "bob")]),
        NewAccess::None
    );
    // Another condition may or may not be within the first.
    for (old, new) in [
        ([when("secret:a", "bob")], [when("secret:a", "alice")]),
        ([when("secret:a", "bob")], [allow("secret:a")]),
    ] {
        assert!(
            matches!(compare(&old, &new), NewAccess::CannotProve(_)),
            "{old:?} {new:?}"
        );
    }
    assert_eq!(
        found(&[when("secret:a", "bob")], &[allow("secret:b")]),
        "secret:b"
    );
    let many: Vec<String> = (0..20)
        .map(|n| when("secret:a", &format!("n{n}")))
        .collect();
    assert!(matches!(
        compare(&many, &[allow("secret:a")]),
        NewAccess::CannotProve(_)
    ));
    assert_eq!(compare(&[allow("secret:a")], &many), NewAccess::None);
}

#[test]
fn variables_may_have_any_value() {
    let own = || allow("secret:${vault:PrincipalName}/*");
    assert_eq!(compare(&[own()], &[own()]), NewAccess::None);
    assert_eq!(
        compare(&[own(), allow("secret:b")], &[allow("secret:b"), own()]),
        NewAccess::None
    );
    assert_eq!(compare(&[allow("secret:*")], &[own()]), NewAccess::None);
    assert!(matches!(
        compare(&[own()], &[allow("secret:a/*")]),
        NewAccess::CannotProve(_)
    ));
    assert!(matches!(
        compare(&[allow("secret:a/*")], &[own()]),
        NewAccess::CannotProve(_)
    ));
    let denied = on("Deny", "*", "secret:${vault:PrincipalName}/*");
    assert!(matches!(
        compare(&[allow("*"), denied], &[allow("*")]),
        NewAccess::CannotProve(_)
    ));
    assert_eq!(found(&[own()], &[allow("user:x")]), "user:x");
}

#[test]
fn principals_are_compared_by_how_directly_they_are_named() {
    let about = |principal: &str| {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "secret:List", {principal}}}}}"#
        );
        document(&text, Kind::Resource)
    };
    let (one, two) = (
        about(r#""Principal": {"Vault": "user:#1"}"#),
        about(r#""Principal": {"Vault": ["user:#1", "user:#2"]}"#),
    );
    let all = about(r#""Principal": "*""#);
    let others = about(r#""NotPrincipal": {"Vault": "user:#1"}"#);
    assert_eq!(check(&two, &one), NewAccess::None);
    let who = |old, new| example(old, new).principal.map(String::from);
    assert_eq!(who(&one, &two).as_deref(), Some("user:#2"));
    assert_eq!(who(&one, &all), None);
    assert_eq!(who(&others, &all).as_deref(), Some("user:#1"));
    assert_eq!(check(&all, &others), NewAccess::None);
    // Naming him lifts his boundary.
    assert_eq!(who(&all, &one).as_deref(), Some("user:#1"));
    let role = about(r#""Principal": {"Vault": "role:#7"}"#);
    let session = about(r#""Principal": {"Vault": "session:#7/x"}"#);
    assert_eq!(who(&role, &session).as_deref(), Some("session:#7/x"));
}

#[test]
fn changes_are_told_by_sid_and_order_means_nothing() {
    let sid = |sid: &str, resource: &str| {
        format!(
            r#"{{"Sid": "{sid}", "Effect": "Allow", "Action": "secret:List", "Resource": "{resource}"}}"#
        )
    };
    let old = policy(
        &[
            sid("A", "secret:a"),
            sid("B", "secret:b"),
            allow("secret:c"),
        ]
        .join(", "),
    );
    let new = policy(
        &[
            allow("secret:c"),
            sid("B", "secret:bb"),
            sid("C", "secret:a"),
        ]
        .join(", "),
    );
    assert_eq!(diff(&old, &old), []);
    assert_eq!(
        diff(&old, &new),
        [
            Change::Changed {
                from: &old.statements[1],
                to: &new.statements[1]
            },
            Change::Added(&new.statements[2]),
            Change::Removed(&old.statements[0]),
        ]
    );
}

/// Every path of up to five characters that a secret or folder may have.
fn names() -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut all = paths.clone();
    for _ in 0..5 {
        paths = paths
            .iter()
            .flat_map(|path| ["a", "b", "/"].map(|c| format!("{path}{c}")))
            .collect();
        all.extend(
            paths
                .iter()
                .filter(|path| !path.starts_with('/') && !path.contains("//"))
                .cloned(),
        );
    }
    let kinds = ["secret", "user"];
    kinds
        .iter()
        .flat_map(|kind| all.iter().map(move |path| format!("{kind}:{path}")))
        .collect()
}

fn plain_statement() -> impl Strategy<Value = String> {
    let effect = select(vec!["Allow", "Allow", "Deny"]);
    let not = select(vec!["", "", "", "Not"]);
    let resource = prop_oneof![6 => "[ab/?*]{0,5}".prop_map(|path| format!("secret:{path}")), 1 => Just("*".to_owned())];
    (effect, not, vec(resource, 1..3)).prop_map(|(effect, not, resources)| {
        format!(r#"{{"Effect": "{effect}", "Action": "secret:GetValue", "{not}Resource": {resources:?}}}"#)
    })
}

fn may(document: &Document, kind: Kind, world: &World) -> bool {
    let ready = [Arc::new(Compiled::new("p", document))];
    let (identity, resource): (&[_], &[_]) = if kind == Kind::Identity {
        (&ready, &[])
    } else {
        (&[], &ready)
    };
    let layers = Layers {
        identity,
        resource: ResourceLayer::Policies(resource),
        boundary: None,
        session: None,
    };
    evaluate(&layers, &world.request()).is_allowed()
}

/// The caller that an example names.
fn called(world: World, principal: Option<&str>) -> World {
    let (kind, id, session) = match principal.and_then(|text| text.split_once(":#")) {
        None => (PrincipalKind::User, 99, None),
        Some(("user", id)) => (PrincipalKind::User, id.parse().unwrap(), None),
        Some(("service", id)) => (PrincipalKind::Service, id.parse().unwrap(), None),
        Some(("role", id)) => (
            PrincipalKind::Role,
            id.parse().unwrap(),
            Some("other".to_owned()),
        ),
        Some((_, rest)) => {
            let (id, session) = rest.split_once('/').unwrap();
            (
                PrincipalKind::Role,
                id.parse().unwrap(),
                Some(session.to_owned()),
            )
        }
    };
    World {
        kind,
        id,
        session,
        ..world
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn comparing_agrees_with_trying_every_name(
        old in vec(plain_statement(), 1..4),
        new in vec(plain_statement(), 1..4),
    ) {
        let (old, new) = (policy(&old.join(", ")), policy(&new.join(", ")));
        let at = |resource: &str| World { resource: resource.into(), ..World::default() };
        let tells = |resource: &str| {
            may(&new, Kind::Identity, &at(resource)) && !may(&old, Kind::Identity, &at(resource))
        };
        let tried = names().into_iter().find(|name| tells(name));
        match check(&old, &new) {
            NewAccess::None => prop_assert_eq!(tried, None),
            NewAccess::Found(example) => {
                prop_assert!(tells(&example.resource), "{}", example.resource);
            }
            told @ (NewAccess::CannotProve(_) | NewAccess::TooLarge | NewAccess::Unbound) => {
                prop_assert!(false, "{:?} of documents without conditions", told);
            }
        }
    }

    #[test]
    fn what_is_said_of_documents_holds_of_requests(
        (kind, old, new) in select(vec![Kind::Identity, Kind::Resource]).prop_flat_map(|kind| {
            (Just(kind), agreement::policy_of(kind), agreement::policy_of(kind))
        }),
        worlds in vec(agreement::world(), 40),
    ) {
        let bind = |text: &str| document(text, kind).bind(|_, _| Some(3)).unwrap();
        let (old, new) = (bind(&old), bind(&new));
        let told = check(&old, &new);
        for world in worlds {
            match &told {
                NewAccess::None => {
                    prop_assert!(!may(&new, kind, &world) || may(&old, kind, &world), "{:?}", world);
                }
                NewAccess::Found(example) => {
                    let world = World { action: example.action, resource: example.resource.to_string(), ..world };
                    let world = called(world, example.principal.as_deref());
                    prop_assert!(may(&new, kind, &world), "{:?}", world);
                    // A name may lift a limit only, and then both allow.
                    let lifted = kind == Kind::Resource && example.principal.is_some();
                    prop_assert!(lifted || !may(&old, kind, &world), "{:?}", world);
                }
                NewAccess::CannotProve(_) | NewAccess::TooLarge | NewAccess::Unbound => {}
            }
        }
    }
}
