//! Documents: what is refused, where, and what is read back.

use super::*;

/// Reads two lines: a good one and the one under test.
pub(super) fn refused(kind: Kind, text: &str) -> (usize, usize, String) {
    let error = Document::parse(text, kind).expect_err(text);
    (error.line(), error.column(), error.message().to_owned())
}

/// A statement of an identity policy, with one member more, on a line of its own.
pub(super) fn with(member: &str) -> String {
    format!(
        "{{\"Version\": \"2012-10-17\", \"Statement\": {{\"Effect\": \"Allow\", \"Action\": \"*\",\n{member}}}}}"
    )
}

/// A member of a statement, the column of the word that is wrong, and what is said of it.
const WRONG: &[(&str, usize, &str)] = &[
    (
        r#""Resource": "secrets:a""#,
        14,
        "`secrets` is no kind of resource",
    ),
    (
        r#""Resource": ["*", "db/password"]"#,
        20,
        "a resource is `kind:path`",
    ),
    (
        r#""Resource": "sec*:a""#,
        14,
        "the kind of a resource is written out",
    ),
    (
        r#""Resource": "secret:${vault:Nope}""#,
        14,
        "`vault:Nope` is not a condition key",
    ),
    (
        r#""Resource": "secret:${vault:CurrentTime}""#,
        14,
        "cannot stand in a text",
    ),
    (
        r#""Resource": "secret:${vault:PrincipalName""#,
        14,
        "has no `}`",
    ),
    (
        r#""Resource": "secret:${vault:PrincipalName, x}""#,
        14,
        "a default is written",
    ),
    (r#""Resource": []"#, 2, "at least one entry"),
    (
        r#""Resource": "*", "Resource": "*""#,
        19,
        "`Resource` is given twice",
    ),
    (
        r#""Resource": "*", "NotResource": "*""#,
        19,
        "not given together",
    ),
    (
        r#""Resource": "*", "NotAction": "*""#,
        19,
        "not given together",
    ),
    (
        r#""Resource": "*", "Principal": "*""#,
        19,
        "only policies on resources and roles",
    ),
    (r#""Resource": "*", "Actions": "*""#, 19, "write `Action`"),
    (r#""Resource": "*", "Sid": "a b""#, 26, "letters and digits"),
    (r#""Resource": "*", "Sid": 5"#, 19, "is a text"),
    (r#""Resource": "*", "Condition": {}"#, 19, "not empty"),
    (
        r#""Resource": "*", "Condition": {"StringEqual": {}}"#,
        33,
        "`StringEqual` is no operator",
    ),
    (
        r#""Resource": "*", "Condition": {"NullIfExists": {"vault:SourceIp": true}}"#,
        33,
        "is no operator",
    ),
    (
        r#""Resource": "*", "Condition": {"ForAllValues:Null": {"vault:SourceIp": true}}"#,
        33,
        "is no operator",
    ),
    (
        r#""Resource": "*", "Condition": {"Bool": {"vault:Secure": true}}"#,
        42,
        "is not a condition key",
    ),
    (
        r#""Resource": "*", "Condition": {"Bool": {"vault:CurrentTime": true}}"#,
        42,
        "use Date…",
    ),
    (
        r#""Resource": "*", "Condition": {"StringLike": {"vault:SourceIp": "10.*"}}"#,
        48,
        "use IpAddress",
    ),
    (
        r#""Resource": "*", "Condition": {"StringLike": {"vault:TagKeys": "a"}}"#,
        48,
        "has several values",
    ),
    (
        r#""Resource": "*", "Condition": {"StringLike": {"vault:PrincipalTag/": "a"}}"#,
        48,
        "no valid name of a tag",
    ),
    (
        r#""Resource": "*", "Condition": {"Bool": {"vault:SecureTransport": "yes"}}"#,
        67,
        "neither `true` nor `false`",
    ),
    (
        r#""Resource": "*", "Condition": {"IpAddress": {"vault:SourceIp": "10.0.0.0/33"}}"#,
        65,
        "is not an address",
    ),
    (
        r#""Resource": "*", "Condition": {"IpAddress": {"vault:SourceIp": "10.0.0.1/8"}}"#,
        65,
        "beyond its prefix",
    ),
    (
        r#""Resource": "*", "Condition": {"DateEquals": {"vault:CurrentTime": "today"}}"#,
        69,
        "is no date",
    ),
    (
        r#""Resource": "*", "Condition": {"NumericEquals": {"vault:PrincipalTag/t": "1e3"}}"#,
        75,
        "is no number",
    ),
    (
        r#""Resource": "*", "Condition": {"BinaryEquals": {"vault:PrincipalTag/t": "%"}}"#,
        74,
        "is not padded base64",
    ),
    (
        r#""Resource": "*", "Condition": {"StringEquals": {"vault:PrincipalTag/t": []}}"#,
        50,
        "at least one value",
    ),
    (
        r#""Resource": "*", "Condition": {"StringEquals": {"vault:PrincipalTag/t": null}}"#,
        50,
        "a value is a text",
    ),
    (
        r#""Resource": "*", "Condition": {"Null": {"aws:SourceIp": true, "vault:sourceip": true}}"#,
        64,
        "given twice",
    ),
];

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (member, column, says) in WRONG {
        let (line, found, message) = refused(Kind::Identity, &with(member));
        assert!(message.contains(says), "{member}\n{message}");
        assert_eq!((line, found), (2, *column), "{member}\n{message}");
    }
}

#[test]
fn actions_must_exist() {
    for action in [
        "secret:Nope",
        "secret:",
        "",
        "Secret",
        "secret:get value",
        "ecs:*",
        "?",
        "secret:GetValue/x",
        "**:x",
    ] {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}}}"#
        );
        let (_, column, message) = refused(Kind::Identity, &text);
        assert!(
            column == 46 && message.contains("is no action"),
            "{action} {column} {message}"
        );
    }
}

#[test]
fn the_frame_of_a_document_is_checked_too() {
    for (text, says) in [
        ("", "EOF"),
        ("[]", "a policy is an object"),
        ("\"x\"", "a policy is an object"),
        ("{}", "a policy has a `Statement`"),
        (r#"{"Statement": []}"#, "at least one statement"),
        (r#"{"Statement": [[]]}"#, "a statement is an object"),
        (r#"{"Statement": {}}"#, "the statement has no `Effect`"),
        (
            r#"{"Statement": {"Effect": "allow"}}"#,
            "`Effect` is `Allow` or `Deny`",
        ),
        (r#"{"Statement": {"Effect": "Allow"}}"#, "has no `Action`"),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "*"}}"#,
            "has no `Resource`",
        ),
        (
            r#"{"Version": "2013-01-01", "Statement": {}}"#,
            "`Version` is",
        ),
        (r#"{"Version": 2012, "Statement": {}}"#, "is a text"),
        (
            r#"{"version": "2012-10-17", "Statement": {}}"#,
            "write `Version`",
        ),
        (
            r#"{"Id": "x", "Statement": {}}"#,
            "`Id` belongs to policies on resources",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Effect": "Deny"}}"#,
            "`Effect` is given twice",
        ),
        (
            r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}} x"#,
            "trailing",
        ),
        (r#"{"Statement": [1,]}"#, "trailing comma"),
        (r#"{"Statement": NaN}"#, "expected"),
    ] {
        let (_, _, message) = refused(Kind::Identity, text);
        assert!(message.contains(says), "{text}: {message}");
    }
    let twice = r#"{"Statement": [{"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"},
 {"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    let (line, column, message) = refused(Kind::Identity, twice);
    assert!(message.contains("the `Sid` `A` is used twice"));
    assert_eq!((line, column), (2, 11));
}

#[test]
fn too_much_and_too_deep_are_refused() {
    let long = format!("{{\"Statement\": \"{}\"}}", "x".repeat(1024 * 1024));
    assert!(
        refused(Kind::Identity, &long)
            .2
            .contains("at most 1048576 bytes")
    );
    for open in ["[", "{\"a\":"] {
        let deep = format!("{{\"Statement\": {}", open.repeat(100_000));
        assert!(refused(Kind::Identity, &deep).2.contains("nested deeper"));
    }
    let keys: Vec<String> = (0..300).map(|n| format!("\"k{n}\": 1")).collect();
    assert!(
        refused(Kind::Identity, &format!("{{{}}}", keys.join(",")))
            .2
            .contains("at most 256 keys")
    );
    let quoted = format!(r#"{{"Statement": {{"Effect": "{}"}}}}"#, "y".repeat(10_000));
    assert!(refused(Kind::Identity, &quoted).2.chars().count() <= 300);
}

#[test]
fn hidden_and_unnormalised_resources_are_refused() {
    for (resource, says) in [
        ("secret:a\u{200b}", "zero-width"),
        ("secret:a\\u0000", "control"),
        ("secret:a\u{0308}", "normal form c"),
        ("sécret:a", "no kind of resource"),
    ] {
        let text = with(&format!("\"Resource\": \"{resource}\""));
        assert!(
            refused(Kind::Identity, &text).2.contains(says),
            "{resource}"
        );
    }
    assert!(
        refused(
            Kind::Identity,
            &with(&format!("\"Resource\": \"secret:{}\"", "a".repeat(3000)))
        )
        .2
        .contains("2048")
    );
}

#[test]
fn a_document_is_rendered_in_one_form() {
    let text = r#"{"Statement":{"Resource":["secret:a\u0062"],"Effect":"Deny","NotAction":"SECRET:getvalue","Condition":
        {"NumericLessThan":{"AWS:principaltag/x":[1,"2.5"]},"Bool":{"aws:SecureTransport":true}},"Sid":"S"},"Version":"2012-10-17"}"#;
    let expected = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "S",
      "Effect": "Deny",
      "NotAction": "secret:GetValue",
      "Resource": "secret:ab",
      "Condition": {
        "NumericLessThan": { "vault:PrincipalTag/x": ["1", "2.5"] },
        "Bool": { "vault:SecureTransport": "true" }
      }
    }
  ]
}
"#;
    assert_eq!(document(text, Kind::Identity).to_string(), expected);
}
