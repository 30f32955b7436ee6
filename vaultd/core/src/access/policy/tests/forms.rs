//! Texts and numbers in another form than requests have them: a Deny of such a one would deny nobody.

use super::{
    documents::{refused, with},
    *,
};

#[test]
fn numbers_that_json_has_no_exact_form_for_are_refused_with_their_place() {
    for number in [
        "2.5",
        "0.1",
        "1e3",
        "-0",
        "99999999999999999999",
        "0.30000000000000004",
    ] {
        let condition = format!(
            "\"Resource\": \"*\", \"Condition\": {{\"NumericLessThan\": {{\"vault:PrincipalTag/x\": {number}}}}}"
        );
        let (line, column, message) = refused(Kind::Identity, &with(&condition));
        assert_eq!((line, column), (2, 53), "{number}");
        assert!(message.contains("written as text"), "{number}: {message}");
    }
    let exact = with(
        r#""Resource": "*", "Condition": {"NumericLessThan": {"vault:PrincipalTag/x": [-999999999999999999, "2.5"]}}"#,
    );
    document(&exact, Kind::Identity);
}

#[test]
fn names_in_another_form_than_they_are_stored_in_are_refused_with_their_place() {
    for (resource, says) in [
        ("user:Alice", "write `alice`"),
        ("role:Deploy", "write `deploy`"),
        ("group:DEV", "write `dev`"),
        ("service:\u{ff43}i", "write `ci`"),
        ("policy:ADMIN", "write `admin`"),
        ("user:alice ", "names no one"),
        ("user:-alice", "names no one"),
        ("user:dev/alice", "names no one"),
        ("user:Al*", "matches no name"),
        ("user:*E", "matches no name"),
        ("user:a?\u{ff4c}", "matches no name"),
        ("user:a b*", "matches no name"),
        ("user:${*}", "names no one"),
        ("user:${vault:PrincipalTag/t, 'Alice'}", "matches no name"),
    ] {
        let text = with(&format!("\"Resource\": [\"*\", \"{resource}\"]"));
        let (line, column, message) = refused(Kind::Identity, &text);
        assert_eq!((line, column), (2, 20), "{resource}: {message}");
        assert!(message.contains(says), "{resource}: {message}");
    }
    for resource in [
        "user:alice",
        "user:al*",
        "user:*",
        "user:?",
        "group:d\u{e9}v",
        "user:${vault:PrincipalName}",
        "user:a${vault:PrincipalTag/t, 'b'}",
        "secret:Db/Password",
        "role:deploy@eu_1.x-y",
    ] {
        document(
            &with(&format!("\"Resource\": \"{resource}\"")),
            Kind::Identity,
        );
    }
}

#[test]
fn texts_in_conditions_are_in_the_form_that_requests_have() {
    let condition = |operator: &str, key: &str, value: &str| {
        with(&format!(
            "\"Resource\": \"*\", \"Condition\": {{\"{operator}\": {{\"{key}\": [\"a\", \"{value}\"]}}}}"
        ))
    };
    let (name, tag) = ("vault:PrincipalName", "vault:PrincipalTag/t");
    for (operator, key, value, says) in [
        ("StringNotEquals", name, "Alice", "write `alice`"),
        ("StringNotLike", name, "Al*", "matches no name"),
        (
            "StringEquals",
            "aws:principalname",
            "\u{ff41}lice",
            "write `alice`",
        ),
        (
            "StringEqualsIgnoreCase",
            name,
            "\u{ff41}lice",
            "matches no name",
        ),
        ("ArnLike", name, "user:Al*", "matches no name"),
        ("StringEquals", name, "a\u{200b}", "zero-width"),
        ("StringEquals", tag, "a\u{202e}b", "bidirectional"),
        ("StringLike", tag, "e\u{301}*", "normal form c"),
        ("ArnNotLike", tag, "secret:e\u{301}", "normal form c"),
        (
            "StringNotEquals",
            "vault:UserAgent",
            "\u{feff}x",
            "zero-width",
        ),
    ] {
        let (line, column, message) = refused(Kind::Identity, &condition(operator, key, value));
        assert_eq!(line, 2);
        assert_eq!(
            column,
            19 + 14 + operator.len() + 5 + key.len() + 5 + 5,
            "{message}"
        );
        assert!(message.contains(says), "{operator} {value}: {message}");
    }
    for (operator, key, value) in [
        ("StringNotEquals", name, "alice"),
        ("StringEqualsIgnoreCase", name, "ALICE"),
        ("StringLike", name, "al*"),
        ("StringEquals", tag, "Caf\u{e9} \u{ff21}"),
    ] {
        document(&condition(operator, key, value), Kind::Identity);
    }
}
