//! Every operator: what it compares, and what it says of a key that is absent.

use super::*;
use crate::access::policy::operator::BASES;

/// Operator, value of the document, tag of the principal, whether they are related before any negation.
const TABLE: &[(&str, &str, &str, bool)] = &[
    ("StringEquals", "Ab", "Ab", true),
    ("StringEquals", "Ab", "ab", false),
    ("StringEquals", "a*", "ab", false),
    ("StringNotEquals", "Ab", "Ab", true),
    ("StringNotEquals", "Ab", "ab", false),
    ("StringEqualsIgnoreCase", "ÄB", "äb", true),
    ("StringEqualsIgnoreCase", "ab", "abc", false),
    ("StringNotEqualsIgnoreCase", "AB", "ab", true),
    ("StringNotEqualsIgnoreCase", "AB", "b", false),
    ("StringLike", "a*c?", "a/b/cd", true),
    ("StringLike", "a?c", "ac", false),
    ("StringNotLike", "a*", "ab", true),
    ("StringNotLike", "a*", "ba", false),
    ("NumericEquals", "1.50", "1.5", true),
    ("NumericEquals", "1", "1.000000001", false),
    ("NumericNotEquals", "1", "01", true),
    ("NumericNotEquals", "1", "2", false),
    ("NumericLessThan", "10", "9", true),
    ("NumericLessThan", "10", "10", false),
    ("NumericLessThanEquals", "10", "10", true),
    ("NumericLessThanEquals", "10", "10.1", false),
    ("NumericGreaterThan", "-2", "-1", true),
    ("NumericGreaterThan", "10", "9", false),
    ("NumericGreaterThanEquals", "10", "10", true),
    ("NumericGreaterThanEquals", "10", "9.9", false),
    ("DateEquals", "2026-11-24T12:30:00Z", "1795523400", true),
    (
        "DateEquals",
        "2026-11-24",
        "2026-11-24T00:00:00.001Z",
        false,
    ),
    (
        "DateNotEquals",
        "2026-11-24",
        "2026-11-24T01:00:00+01:00",
        true,
    ),
    ("DateNotEquals", "2026-11-24", "2026-11-25", false),
    ("DateLessThan", "2026-11-24", "2026-11-23", true),
    ("DateLessThan", "2026-11-24", "2026-11-24", false),
    ("DateLessThanEquals", "2026-11-24", "2026-11-24", true),
    ("DateLessThanEquals", "2026-11-24", "2026-11-25", false),
    ("DateGreaterThan", "2026-11-24", "2026-11-25", true),
    ("DateGreaterThan", "2026-11-24", "2026-11-24", false),
    ("DateGreaterThanEquals", "2026-11-24", "2026-11-24", true),
    ("DateGreaterThanEquals", "2026-11-24", "2026-11-23", false),
    ("Bool", "true", "TRUE", true),
    ("Bool", "true", "false", false),
    ("BinaryEquals", "aGk=", "hi", true),
    ("BinaryEquals", "aGk=", "aGk=", false),
    ("IpAddress", "10.0.0.0/8", "10.9.9.9", true),
    ("IpAddress", "10.0.0.0/8", "11.0.0.0", false),
    ("NotIpAddress", "2001:db8::/32", "2001:db8::1", true),
    ("NotIpAddress", "10.0.0.0/8", "2001:db8::1", false),
    ("ArnEquals", "user:al*", "user:alice/x:y", true),
    ("ArnEquals", "*:alice", "user:x:alice", false),
    (
        "ArnLike",
        "arn:aws:iam::*:role/*",
        "arn:aws:iam::12:role/a/b:c",
        true,
    ),
    ("ArnLike", "arn:*:role/a", "arn:aws:iam::12:role/a", false),
    ("ArnLike", "*", "user:alice", true),
    ("ArnNotEquals", "user:?", "user:a", true),
    ("ArnNotEquals", "user:?", "role:a", false),
    ("ArnNotLike", "user:*", "user:a", true),
    ("ArnNotLike", "user:*", "users", false),
];

fn on_tag(operator: &str, values: &str) -> String {
    format!(r#"{{"{operator}": {{"vault:PrincipalTag/t": {values}}}}}"#)
}

fn negated(operator: &str) -> bool {
    operator.contains("Not")
}

#[test]
fn every_operator_compares_what_it_should() {
    for (operator, value, tag, related) in TABLE {
        for prefix in ["", "ForAllValues:", "ForAnyValue:"] {
            for suffix in ["", "IfExists"] {
                let condition = on_tag(
                    &format!("{prefix}{operator}{suffix}"),
                    &format!("\"{value}\""),
                );
                let expected = *related != negated(operator);
                assert_eq!(
                    holds(&condition, &World::tagged(tag)),
                    expected,
                    "{condition} {tag}"
                );
            }
        }
    }
    for base in BASES.iter().filter(|base| base.name != "Null") {
        let of = |wanted| {
            TABLE
                .iter()
                .any(|(name, .., related)| *name == base.name && *related == wanted)
        };
        assert!(of(true) && of(false), "{} is not in the table", base.name);
    }
}

#[test]
fn an_absent_key_is_false_of_the_positive_and_true_of_the_negated() {
    for (operator, value, ..) in TABLE {
        for (prefix, suffix, expected) in [
            ("", "", negated(operator)),
            ("", "IfExists", true),
            ("ForAllValues:", "", true),
            ("ForAllValues:", "IfExists", true),
            ("ForAnyValue:", "", false),
            ("ForAnyValue:", "IfExists", true),
        ] {
            let condition = on_tag(
                &format!("{prefix}{operator}{suffix}"),
                &format!("\"{value}\""),
            );
            assert_eq!(
                holds(&condition, &World::default()),
                expected,
                "{condition}"
            );
        }
    }
}

#[test]
fn null_asks_whether_a_key_is_absent() {
    for (value, tagged, absent) in [
        ("\"true\"", false, true),
        ("false", true, false),
        ("[true, false]", true, true),
    ] {
        let condition = on_tag("Null", value);
        assert_eq!(
            holds(&condition, &World::tagged("x")),
            tagged,
            "{condition}"
        );
        assert_eq!(holds(&condition, &World::default()), absent, "{condition}");
    }
    let keys = r#"{"Null": {"vault:TagKeys": "true"}}"#;
    assert!(holds(keys, &World::default()));
}

#[test]
fn values_are_alternatives_and_a_negated_operator_wants_none_of_them() {
    let two = "[\"a\", \"b\"]";
    for (tag, expected) in [("a", true), ("b", true), ("c", false)] {
        assert_eq!(
            holds(&on_tag("StringEquals", two), &World::tagged(tag)),
            expected
        );
        assert_eq!(
            holds(&on_tag("StringNotEquals", two), &World::tagged(tag)),
            !expected
        );
    }
}

#[test]
fn keys_and_operators_must_all_hold() {
    let condition = r#"{"StringEquals": {"vault:PrincipalTag/t": "a", "vault:PrincipalName": "alice"},
                        "Bool": {"vault:SecureTransport": true}}"#;
    assert!(holds(condition, &World::tagged("a")));
    assert!(!holds(condition, &World::tagged("b")));
    for world in [
        World {
            name: "bob".into(),
            ..World::tagged("a")
        },
        World {
            secure: false,
            ..World::tagged("a")
        },
    ] {
        assert!(!holds(condition, &world));
    }
}

#[test]
fn set_qualifiers_take_the_names_of_tags_together() {
    let world = |names: &[&str]| World {
        request_tags: tags(&names.iter().map(|name| (*name, "v")).collect::<Vec<_>>()),
        ..World::default()
    };
    let asks = |operator: &str| format!(r#"{{"{operator}": {{"vault:TagKeys": ["a", "b"]}}}}"#);
    for (names, all, any, all_not, any_not) in [
        (&[][..], true, false, true, false),
        (&["a"], true, true, false, false),
        (&["a", "b"], true, true, false, false),
        (&["a", "c"], false, true, false, true),
        (&["c", "d"], false, false, true, true),
    ] {
        let world = world(names);
        assert_eq!(
            holds(&asks("ForAllValues:StringEquals"), &world),
            all,
            "{names:?}"
        );
        assert_eq!(
            holds(&asks("ForAnyValue:StringEquals"), &world),
            any,
            "{names:?}"
        );
        assert_eq!(
            holds(&asks("ForAllValues:StringNotEquals"), &world),
            all_not,
            "{names:?}"
        );
        assert_eq!(
            holds(&asks("ForAnyValue:StringNotEquals"), &world),
            any_not,
            "{names:?}"
        );
    }
}

#[test]
fn a_tag_that_is_not_what_is_compared_neither_allows_nor_escapes_a_deny() {
    for (operator, value) in [
        ("NumericLessThan", "5"),
        ("NumericNotEquals", "5"),
        ("DateLessThanEquals", "2026-11-24"),
        ("Bool", "true"),
        ("IpAddress", "10.0.0.0/8"),
        ("NotIpAddressIfExists", "10.0.0.0/8"),
    ] {
        assert!(
            errs(
                &on_tag(operator, &format!("\"{value}\"")),
                &World::tagged("nonsense")
            ),
            "{operator}"
        );
    }
    // What fails for certain needs no further telling.
    let condition = r#"{"NumericLessThan": {"vault:PrincipalTag/t": 5}, "StringEquals": {"vault:PrincipalName": "bob"}}"#;
    assert!(!holds(condition, &World::tagged("nonsense")));
}

#[test]
fn every_key_has_its_value() {
    let world = World {
        request_tags: tags(&[("r", "1")]),
        resource_tags: tags(&[("s", "2")]),
        user_agent: Some("vaultctl 1".into()),
        second_factor: Some(NOW - 90_500),
        ..World::tagged("3")
    };
    for condition in [
        r#"{"IpAddress": {"vault:SourceIp": "10.0.0.0/8"}}"#,
        r#"{"Bool": {"aws:MultiFactorAuthPresent": "true", "vault:securetransport": true}}"#,
        r#"{"NumericEquals": {"vault:MultiFactorAuthAge": "90.5"}}"#,
        r#"{"DateEquals": {"AWS:CurrentTime": "2026-11-24T12:30:00Z", "vault:TokenIssueTime": "2026-11-24T12:29:00Z"}}"#,
        r#"{"StringEquals": {"vault:PrincipalName": "alice", "vault:PrincipalType": "User"}}"#,
        r#"{"StringEquals": {"vault:RequestTag/r": "1", "vault:ResourceTag/s": "2", "vault:PrincipalTag/t": "3"}}"#,
        r#"{"StringEquals": {"vault:RequestedRegion": "eu", "vault:NodeRegion": "eu"}}"#,
        r#"{"StringLike": {"vault:UserAgent": "vaultctl*"}}"#,
        r#"{"ForAllValues:StringEquals": {"vault:TagKeys": "r"}}"#,
    ] {
        assert!(holds(condition, &world), "{condition}");
    }
    let without = r#"{"Bool": {"vault:MultiFactorAuthPresent": "false"}, "Null": {"vault:MultiFactorAuthAge": true}}"#;
    assert!(holds(without, &World::default()));
    let ahead = World {
        second_factor: Some(NOW + 5),
        ..World::default()
    };
    assert!(holds(
        r#"{"NumericEquals": {"vault:MultiFactorAuthAge": 0}}"#,
        &ahead
    ));
}

#[test]
fn the_name_of_a_roles_session_is_known_where_it_is_asked_for_and_where_it_is_used() {
    let called = r#"{"StringEquals": {"vault:RoleSessionName": "${vault:PrincipalName}"}}"#;
    let asking = |name: &str| World {
        asked_session: Some(name.into()),
        ..World::default()
    };
    assert!(holds(called, &asking("alice")));
    assert!(!holds(called, &asking("bob")));
    assert!(!holds(called, &World::default()));
    let by_session = |asked: Option<&str>| World {
        kind: PrincipalKind::Role,
        session: Some("alice".into()),
        asked_session: asked.map(str::to_owned),
        ..World::default()
    };
    assert!(holds(called, &by_session(None)));
    assert!(!holds(called, &by_session(Some("bob"))), "the next role's");
}
