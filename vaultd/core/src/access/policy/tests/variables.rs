//! Variables and wildcards: what they stand for, and what may not be put in their place.

use super::*;

fn reaches(resource: &str, world: &World) -> (bool, bool) {
    let of = |effect: &str, key: &str| {
        let rest = format!(r#""{key}": "{resource}""#);
        compiled(&statement(effect, &rest), Kind::Identity)
    };
    let all = compiled(&statement("Allow", r#""Resource": "*""#), Kind::Identity);
    (
        decide(&[of("Allow", "Resource")], world),
        decide(&[all, of("Deny", "Resource")], world),
    )
}

fn at(resource: &str, world: World) -> World {
    World {
        resource: resource.into(),
        ..world
    }
}

#[test]
fn wildcards_cross_slashes_and_stay_after_the_kind() {
    for (pattern, resource, meant) in [
        ("*", "secret:a", true),
        ("secret:*", "secret:", true),
        ("secret:a/*", "secret:a/", true),
        ("secret:a/*", "secret:a/b/c", true),
        ("secret:a/*", "secret:a", false),
        ("secret:a?c", "secret:a/c", true),
        ("secret:a?c", "secret:aéc", true),
        ("secret:*/x/*/y", "secret:a/x/b/x/c/y", true),
        ("secret:*ab", "secret:aab", true),
        ("secret:*", "user:a", false),
        ("secret:a**b", "secret:ab", true),
        ("secret:A", "secret:a", false),
        ("user:a", "user:ab", false),
    ] {
        let (allowed, spared) = reaches(pattern, &at(resource, World::default()));
        assert_eq!((allowed, spared), (meant, !meant), "{pattern} {resource}");
    }
}

#[test]
fn variables_stand_for_values_of_the_request() {
    for (pattern, resource) in [
        ("secret:${vault:PrincipalName}/*", "secret:alice/db"),
        ("secret:${aws:PrincipalTag/t}", "secret:eng"),
        ("secret:${ vault:principalname , 'x' }", "secret:alice"),
        (
            "secret:${vault:PrincipalTag/none, 'shared'}/*",
            "secret:shared/db",
        ),
        ("secret:${*}${?}${$}{x}", "secret:*?${x}"),
        ("secret:*${vault:PrincipalName}", "secret:alice-alice"),
    ] {
        let world = at(resource, World::tagged("eng"));
        assert_eq!(reaches(pattern, &world), (true, false), "{pattern}");
    }
    let other = at("secret:bob/db", World::default());
    assert_eq!(
        reaches("secret:${vault:PrincipalName}/*", &other),
        (false, true)
    );
}

#[test]
fn a_variable_without_a_value_matches_nothing() {
    let world = at("secret:/db", World::default());
    assert_eq!(
        reaches("secret:${vault:PrincipalTag/t}/*", &world),
        (false, true)
    );
    let all = r#"{"StringEquals": {"vault:PrincipalName": "${vault:PrincipalTag/t}"}}"#;
    assert!(!holds(all, &World::default()));
    let not = r#"{"StringNotEquals": {"vault:PrincipalName": "${vault:PrincipalTag/t}"}}"#;
    assert!(holds(not, &World::default()));
    let either =
        r#"{"StringEquals": {"vault:PrincipalName": ["${vault:PrincipalTag/t}", "alice"]}}"#;
    assert!(holds(either, &World::default()));
}

#[test]
fn a_value_that_would_mean_more_is_refused_and_a_deny_with_it_denies() {
    for value in ["*", "a/b", "a+b", "a,b", "?", "", "x*"] {
        for resource in ["secret:x/db", "secret:a/b/db", "secret:anything"] {
            let world = at(resource, World::tagged(value));
            assert_eq!(
                reaches("secret:${vault:PrincipalTag/t}/*", &world),
                (false, false),
                "{value}"
            );
        }
        let condition = r#"{"StringLike": {"vault:PrincipalName": "${vault:PrincipalTag/t}"}}"#;
        assert!(errs(condition, &World::tagged(value)), "{value}");
        let fields = r#"{"ArnLike": {"vault:PrincipalName": "${vault:PrincipalTag/t}"}}"#;
        assert!(errs(fields, &World::tagged(value)), "{value}");
        let negated =
            r#"{"StringNotEqualsIgnoreCase": {"vault:PrincipalName": "${vault:PrincipalTag/t}"}}"#;
        assert!(errs(negated, &World::tagged(value)), "{value}");
    }
}

#[test]
fn without_the_new_version_variables_are_plain_text() {
    for version in ["", r#""Version": "2008-10-17","#] {
        let text = format!(
            r#"{{{version} "Statement": {{"Effect": "Allow", "Action": "*", "Resource": "secret:${{vault:PrincipalName}}"}}}}"#
        );
        let policy = [compiled(&text, Kind::Identity)];
        assert!(decide(
            &policy,
            &at("secret:${vault:PrincipalName}", World::default())
        ));
        assert!(!decide(&policy, &at("secret:alice", World::default())));
    }
}

#[test]
fn a_pattern_made_to_explode_does_not() {
    let pattern = format!("secret:{}b", "*a".repeat(500));
    let world = at(&format!("secret:{}", "a".repeat(1000)), World::default());
    assert_eq!(reaches(&pattern, &world), (false, true));
}
