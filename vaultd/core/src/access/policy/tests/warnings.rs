//! What is warned of, and what is not.

use super::*;

fn warned(kind: Kind, text: &str) -> Vec<(Code, usize, usize)> {
    let (_, warnings) =
        Document::parse(text, kind).unwrap_or_else(|error| panic!("{error}\n{text}"));
    warnings
        .iter()
        .map(|warning| (warning.code(), warning.line(), warning.column()))
        .collect()
}

fn codes(kind: Kind, text: &str) -> Vec<Code> {
    warned(kind, text)
        .into_iter()
        .map(|(code, ..)| code)
        .collect()
}

/// An identity policy of one statement about reading secrets.
fn about(effect: &str, rest: &str) -> Vec<Code> {
    let text =
        format!(r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", {rest}}}}}"#);
    codes(Kind::Identity, &text)
}

fn on(effect: &str, condition: &str) -> Vec<Code> {
    about(
        effect,
        &format!(
            r#""Action": "secret:GetValue", "Resource": "secret:a/*", "Condition": {condition}"#
        ),
    )
}

#[test]
fn careful_statements_are_not_warned_of() {
    for effect in ["Allow", "Deny"] {
        assert_eq!(
            about(
                effect,
                r#""Action": ["secret:Get*", "secret:List"], "Resource": ["secret:a/*", "secret:b"]"#
            ),
            []
        );
        for condition in [
            r#"{"Bool": {"vault:MultiFactorAuthPresent": true}}"#,
            r#"{"StringNotEquals": {"vault:PrincipalName": "bob"}}"#,
            r#"{"DateLessThan": {"vault:CurrentTime": "2026-11-24"}}"#,
            r#"{"StringEquals": {"vault:NodeRegion": "${vault:RequestedRegion}"}}"#,
            r#"{"Null": {"vault:PrincipalTag/t": true}}"#,
        ] {
            assert_eq!(on(effect, condition), [], "{effect} {condition}");
        }
    }
    assert_eq!(
        on(
            "Allow",
            r#"{"IpAddress": {"vault:SourceIp": "10.0.0.0/8"}}"#
        ),
        []
    );
    assert_eq!(
        on(
            "Deny",
            r#"{"NotIpAddress": {"vault:SourceIp": "10.0.0.0/8"}}"#
        ),
        []
    );
}

#[test]
fn what_allows_more_than_it_seems_is_warned_of() {
    assert_eq!(
        about(
            "Allow",
            r#""NotAction": "secret:Destroy", "Resource": "secret:a""#
        ),
        [Code::AllowNotAction]
    );
    assert_eq!(
        about(
            "Deny",
            r#""NotAction": "secret:List", "Resource": "secret:a""#
        ),
        []
    );
    assert_eq!(
        about(
            "Allow",
            r#""Action": "secret:List", "NotResource": "secret:a""#
        ),
        [Code::AllowNotResource]
    );
    assert_eq!(
        about("Allow", r#""Action": "*", "Resource": "*""#),
        [Code::AllowEverything]
    );
    assert_eq!(about("Deny", r#""Action": "*", "Resource": "*""#), []);
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    assert_eq!(codes(Kind::Boundary, text), []);
    for (principal, code) in [
        ("\"Principal\": \"*\"", Code::AllowAnyone),
        (
            "\"NotPrincipal\": {\"Vault\": \"user:#1\"}",
            Code::AllowNotPrincipal,
        ),
    ] {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "secret:List", {principal}}}}}"#
        );
        assert_eq!(codes(Kind::Resource, &text), [code]);
    }
}

/// Effect, condition, and what is said of it.
const DECIDED_BY_ABSENCE: &[(&str, &str, Code)] = &[
    (
        "Allow",
        r#"{"ForAllValues:StringEquals": {"vault:TagKeys": "a"}}"#,
        Code::ForAllInAllow,
    ),
    (
        "Allow",
        r#"{"StringNotEquals": {"vault:ResourceTag/t": "a"}}"#,
        Code::NegatedInAllow,
    ),
    (
        "Allow",
        r#"{"NotIpAddress": {"vault:SourceIp": "10.0.0.0/8"}}"#,
        Code::NegatedInAllow,
    ),
    (
        "Allow",
        r#"{"StringEqualsIfExists": {"vault:ResourceTag/t": "a"}}"#,
        Code::IfExistsInAllow,
    ),
    (
        "Allow",
        r#"{"Bool": {"vault:PrincipalTag/t": "false"}}"#,
        Code::BoolOnAbsent,
    ),
    (
        "Deny",
        r#"{"Bool": {"vault:PrincipalTag/t": "false"}}"#,
        Code::BoolOnAbsent,
    ),
    (
        "Deny",
        r#"{"StringEquals": {"vault:ResourceTag/t": "a"}}"#,
        Code::DenyEscapes,
    ),
    (
        "Deny",
        r#"{"NumericGreaterThan": {"vault:MultiFactorAuthAge": 300}}"#,
        Code::DenyEscapes,
    ),
    (
        "Deny",
        r#"{"ForAnyValue:StringEquals": {"vault:TagKeys": "a"}}"#,
        Code::DenyEscapes,
    ),
    (
        "Deny",
        r#"{"ForAllValues:StringEquals": {"vault:NodeRegion": "a"}}"#,
        Code::SetOnSingle,
    ),
    (
        "Deny",
        r#"{"StringEquals": {"vault:NodeRegion": "${vault:PrincipalTag/t}"}}"#,
        Code::UnresolvedVariable,
    ),
    (
        "Allow",
        r#"{"StringNotEquals": {"vault:NodeRegion": "${vault:PrincipalTag/t}"}}"#,
        Code::UnresolvedVariable,
    ),
    (
        "Deny",
        r#"{"StringEquals": {"vault:NodeRegion": "eu*"}}"#,
        Code::LiteralWildcard,
    ),
    (
        "Deny",
        r#"{"StringNotLike": {"vault:UserAgent": "vaultctl*"}}"#,
        Code::ClientSays,
    ),
];

#[test]
fn conditions_that_absence_decides_are_warned_of() {
    for (effect, condition, code) in DECIDED_BY_ABSENCE {
        assert_eq!(on(effect, condition), [*code], "{effect} {condition}");
    }
    assert_eq!(
        on(
            "Deny",
            r#"{"StringEquals": {"vault:NodeRegion": "${vault:PrincipalTag/t, 'x'}${*}"}}"#
        ),
        []
    );
    assert_eq!(
        on(
            "Allow",
            r#"{"StringEquals": {"vault:NodeRegion": "${vault:PrincipalTag/t}"}}"#
        ),
        []
    );
}

#[test]
fn variables_in_resources_that_may_be_missing_are_warned_of() {
    let resource = r#""Action": "secret:List", "Resource": "secret:${vault:PrincipalTag/t}/*""#;
    assert_eq!(about("Deny", resource), [Code::UnresolvedVariable]);
    assert_eq!(about("Allow", resource), []);
    let not = r#""Action": "secret:List", "NotResource": "secret:${vault:PrincipalTag/t}/*""#;
    assert_eq!(
        about("Allow", not),
        [Code::UnresolvedVariable, Code::AllowNotResource]
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    assert_eq!(about("Deny", not), []);
    let off = r#"{"Statement": {"Effect": "Deny", "Action": "secret:List", "Resource": "secret:${vault:PrincipalName}"}}"#;
    assert_eq!(codes(Kind::Identity, off), [Code::VariablesOff]);
}

#[test]
fn what_never_matches_or_does_nothing_more_is_warned_of() {
    for (rest, code) in [
        (
            r#""Action": "secret:List", "Resource": "secret:/a""#,
            Code::NeverMatches,
        ),
        (
            r#""Action": "secret:List", "Resource": "secret:a//*""#,
            Code::NeverMatches,
        ),
        (
            r#""Action": "secret:List", "Resource": "secret:a/../b""#,
            Code::NeverMatches,
        ),
        (
            r#""Action": "secret:List", "Resource": "secret:..""#,
            Code::NeverMatches,
        ),
        (
            r#""Action": "secret:List", "Resource": "user:alice""#,
            Code::NeverMatches,
        ),
        (
            r#""Action": "system:Seal", "Resource": "secret:*""#,
            Code::NeverMatches,
        ),
        (
            r#""NotAction": "*", "Resource": "secret:a""#,
            Code::NeverMatches,
        ),
        (
            r#""Action": "secret:List", "NotResource": "*""#,
            Code::NeverMatches,
        ),
        (
            r#""Action": ["secret:List", "secret:L*"], "Resource": "secret:a""#,
            Code::RedundantEntry,
        ),
        (
            r#""Action": ["secret:List", "secret:list"], "Resource": "secret:a""#,
            Code::RedundantEntry,
        ),
        (
            r#""Action": "secret:List", "Resource": ["secret:a/*", "secret:a/b?"]"#,
            Code::RedundantEntry,
        ),
        (
            r#""Action": "secret:List", "Resource": ["secret:a", "secret:a"]"#,
            Code::RedundantEntry,
        ),
    ] {
        assert_eq!(about("Deny", rest), [code], "{rest}");
    }
    assert_eq!(
        about(
            "Deny",
            r#""Action": "secret:List", "Resource": ["secret:a?", "secret:a*b"]"#
        ),
        []
    );
    let twice = r#"{"Statement": [
        {"Effect": "Allow", "Action": "secret:*", "Resource": "secret:a/*"},
        {"Effect": "Allow", "Action": "secret:Get*", "Resource": ["secret:a/b", "secret:a/c/*"]},
        {"Effect": "Allow", "Action": "secret:Get*", "Resource": "secret:b"}]}"#;
    assert_eq!(
        warned(Kind::Identity, twice),
        [(Code::RedundantStatement, 3, 11)]
    );
}

#[test]
fn a_warning_says_where_it_stands() {
    let text = "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Deny\", \"Action\": \"secret:List\",\n  \"Resource\": [\"secret:a\",\n \"secret:${vault:PrincipalTag/t}\"]}}";
    assert_eq!(
        warned(Kind::Identity, text),
        [(Code::UnresolvedVariable, 3, 3)]
    );
    let (_, warnings) = Document::parse(text, Kind::Identity).unwrap();
    assert!(
        warnings[0]
            .to_string()
            .starts_with("line 3, column 3: UNRESOLVED_VARIABLE: `vault:PrincipalTag/t` may")
    );
}

#[test]
fn codes_are_stable_and_distinct() {
    let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    assert!(
        names
            .iter()
            .all(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
    );
}

#[test]
fn who_allows_a_session_by_its_name_is_told_that_the_name_is_chosen() {
    let about = |effect: &str, principal: &str| {
        let text = format!(
            r#"{{"Statement": {{"Effect": "{effect}", "Action": "secret:GetValue", "Principal": {{"Vault": "{principal}"}}}}}}"#
        );
        codes(Kind::Resource, &text)
    };
    let session = "session:deploy/alice";
    assert_eq!(about("Allow", session), [Code::SessionNameIsChosen]);
    assert_eq!(about("Deny", session), []);
    assert_eq!(about("Allow", "role:deploy"), []);
}

#[test]
fn a_large_document_is_checked_in_no_time() {
    let statements: Vec<String> = (0..8_000)
        .map(|n| format!(r#"{{"Effect":"Allow","Action":"secret:*","Resource":["secret:a{n}/*","secret:b{n}"]}}"#))
        .collect();
    let text = format!(r#"{{"Statement":[{}]}}"#, statements.join(","));
    assert_eq!(codes(Kind::Identity, &text), []);
}
