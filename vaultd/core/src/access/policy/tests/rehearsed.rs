//! Documents tried against requests that nobody made.

use super::{
    rehearsal::{Case, Outcome, Rehearsal, RehearsalError, Surroundings},
    *,
};

const READ: &str = r#"{"Statement": {"Sid": "Read", "Effect": "Allow", "Action": "secret:GetValue", "Resource": "secret:db/*"}}"#;
const ALL: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;

/// Documents with their kind and what they are attached to.
fn rehearsal(attached: &[(&str, Kind, &str, &[&str])]) -> Rehearsal {
    let mut rehearsal = Rehearsal::default();
    for (name, kind, text, to) in attached {
        let document = document(text, *kind);
        rehearsal
            .attach(name, document, to.iter().copied())
            .unwrap();
    }
    rehearsal
}

fn case(who: &str, action: &str, resource: &str, context: &[(&str, &str)]) -> Case {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Case {
        who: who.into(),
        action: action.into(),
        resource: resource.into(),
        context: context.iter().map(pair).collect(),
    }
}

fn decide(rehearsal: &Rehearsal, case: &Case) -> Result<Outcome, RehearsalError> {
    let surroundings = Surroundings {
        now: NOW,
        region: "eu",
    };
    rehearsal.decide(case, surroundings)
}

fn allows(rehearsal: &Rehearsal, who: &str, resource: &str, context: &[(&str, &str)]) -> bool {
    let case = case(who, "secret:GetValue", resource, context);
    decide(rehearsal, &case).unwrap().allowed
}

#[test]
fn a_decision_names_the_statement_or_the_layer_where_one_is_missing() {
    let frozen =
        r#"{"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "secret:db/frozen"}]}"#;
    let tried = rehearsal(&[
        ("readers", Kind::Identity, READ, &[]),
        ("frozen", Kind::Identity, frozen, &[]),
        ("limit", Kind::Boundary, READ, &["user:bob"]),
    ]);
    let get =
        |resource| decide(&tried, &case("user:bob", "secret:GetValue", resource, &[])).unwrap();
    let by = get("secret:db/x").by.unwrap();
    assert_eq!(
        (&*by.policy, by.statement, by.sid.as_deref()),
        ("readers", 0, Some("Read"))
    );
    let denied = get("secret:db/frozen");
    assert_eq!(
        (denied.allowed, &*denied.by.unwrap().policy),
        (false, "frozen")
    );
    let missing = get("secret:web/x");
    assert_eq!(
        (missing.allowed, missing.layer, missing.by),
        (false, Layer::Identity, None)
    );
}

#[test]
fn documents_speak_for_those_only_to_whom_they_are_attached() {
    let tried = rehearsal(&[
        (
            "readers",
            Kind::Identity,
            READ,
            &["user:alice", "service:ci"],
        ),
        ("all", Kind::Identity, ALL, &["role:deploy"]),
        ("limit", Kind::Session, READ, &["session:deploy/night"]),
    ]);
    for (who, resource, allowed) in [
        ("user:alice", "secret:db/x", true),
        ("user:Alice", "secret:db/x", true),
        ("user:bob", "secret:db/x", false),
        ("service:ci", "secret:db/x", true),
        ("user:ci", "secret:db/x", false),
        ("role:deploy", "secret:web/x", true),
        ("session:deploy/day", "secret:web/x", true),
        ("session:deploy/night", "secret:web/x", false),
        ("session:deploy/night", "secret:db/x", true),
    ] {
        assert_eq!(
            allows(&tried, who, resource, &[]),
            allowed,
            "{who} {resource}"
        );
    }
}

#[test]
fn a_name_in_a_document_is_whoever_bears_it_and_no_number_is_mistaken_for_it() {
    let of = |who: &str| {
        format!(
            r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"Vault": "{who}"}}, "Action": "*"}}}}"#
        )
    };
    let (alice, zero, night) = (of("user:alice"), of("user:#0"), of("session:deploy/night"));
    let tried = rehearsal(&[
        ("alice", Kind::Resource, &alice, &["secret:a/"]),
        ("zero", Kind::Resource, &zero, &["secret:z/x"]),
        ("night", Kind::Resource, &night, &["secret:n/"]),
    ]);
    for (who, resource, allowed) in [
        ("user:alice", "secret:a/x", true),
        ("user:alice", "secret:a/", true),
        ("user:alice", "secret:ab/x", false),
        ("user:bob", "secret:a/x", false),
        ("service:alice", "secret:a/x", false),
        ("user:#0", "secret:z/x", true),
        ("user:#0", "secret:z/x/y", false),
        ("user:alice", "secret:z/x", false),
        ("session:deploy/night", "secret:n/x", true),
        ("session:deploy/day", "secret:n/x", false),
        ("role:deploy", "secret:n/x", false),
    ] {
        assert_eq!(
            allows(&tried, who, resource, &[]),
            allowed,
            "{who} {resource}"
        );
    }
}

#[test]
fn a_trust_policy_must_allow_whatever_identities_say() {
    let trust = r#"{"Statement": {"Effect": "Allow", "Principal": {"Vault": "user:alice"}, "Action": "*"}}"#;
    let tried = rehearsal(&[
        ("all", Kind::Identity, ALL, &[]),
        ("trust", Kind::Trust, trust, &["role:deploy"]),
    ]);
    assert!(allows(&tried, "user:alice", "role:deploy", &[]));
    assert!(!allows(&tried, "user:bob", "role:deploy", &[]));
    assert!(allows(&tried, "user:bob", "role:other", &[]));
    let both = rehearsal(&[
        ("own", Kind::Resource, trust, &[]),
        ("trust", Kind::Trust, trust, &[]),
    ]);
    let asked = case("user:alice", "secret:GetValue", "role:deploy", &[]);
    let told = decide(&both, &asked).unwrap_err();
    assert!(
        told.to_string().contains("say `to` what each is attached"),
        "{told}"
    );
}

type Pairs = &'static [(&'static str, &'static str)];

/// Operator, key and value of a condition, what the request says, and whether the condition holds.
const CONDITIONS: &[(&str, &str, &str, Pairs, bool)] = &[
    (
        "IpAddress",
        "vault:SourceIp",
        "10.0.0.0/8",
        &[("aws:sourceip", "10.1.2.3")],
        true,
    ),
    (
        "IpAddress",
        "vault:SourceIp",
        "10.0.0.0/8",
        &[("vault:SourceIp", "11.1.2.3")],
        false,
    ),
    ("IpAddress", "vault:SourceIp", "10.0.0.0/8", &[], false),
    ("Bool", "vault:MultiFactorAuthPresent", "true", &[], false),
    (
        "Bool",
        "vault:MultiFactorAuthPresent",
        "true",
        &[("vault:MultiFactorAuthPresent", "true")],
        true,
    ),
    (
        "Bool",
        "vault:MultiFactorAuthPresent",
        "true",
        &[("vault:MultiFactorAuthAge", "60")],
        true,
    ),
    (
        "NumericLessThan",
        "vault:MultiFactorAuthAge",
        "60",
        &[("vault:MultiFactorAuthAge", "59")],
        true,
    ),
    (
        "NumericLessThan",
        "vault:MultiFactorAuthAge",
        "60",
        &[("vault:MultiFactorAuthAge", "60")],
        false,
    ),
    ("DateLessThan", "vault:CurrentTime", "2030-01-01", &[], true),
    (
        "DateLessThan",
        "vault:CurrentTime",
        "2030-01-01",
        &[("vault:CurrentTime", "2030-01-02")],
        false,
    ),
    ("Bool", "vault:SecureTransport", "true", &[], true),
    (
        "Bool",
        "vault:SecureTransport",
        "true",
        &[("vault:SecureTransport", "false")],
        false,
    ),
    ("StringEquals", "vault:NodeRegion", "eu", &[], true),
    (
        "StringEquals",
        "vault:RequestedRegion",
        "eu",
        &[("vault:RequestedRegion", "us")],
        false,
    ),
    ("StringEquals", "vault:PrincipalName", "alice", &[], true),
    (
        "StringEquals",
        "vault:PrincipalTag/team",
        "db",
        &[("vault:PrincipalTag/team", "db")],
        true,
    ),
    (
        "StringEquals",
        "vault:ResourceTag/team",
        "db",
        &[("vault:PrincipalTag/team", "db")],
        false,
    ),
    (
        "ForAnyValue:StringEquals",
        "vault:TagKeys",
        "env",
        &[("vault:RequestTag/env", "x")],
        true,
    ),
];

#[test]
fn conditions_ask_what_the_case_says_and_otherwise_of_an_ordinary_request() {
    for (operator, key, wanted, context, allowed) in CONDITIONS {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*",
                "Condition": {{"{operator}": {{"{key}": "{wanted}"}}}}}}}}"#
        );
        let tried = rehearsal(&[("it", Kind::Identity, &text, &[])]);
        assert_eq!(
            allows(&tried, "user:alice", "secret:x", context),
            *allowed,
            "{text} {context:?}"
        );
    }
}

#[test]
fn what_nobody_can_ask_is_refused_with_its_reason() {
    let tried = rehearsal(&[("all", Kind::Identity, ALL, &[])]);
    let told = |case: &Case| match decide(&tried, case) {
        Ok(outcome) => panic!("{case:?}: {outcome:?}"),
        Err(error) => error.to_string(),
    };
    let good = case("user:alice", "secret:GetValue", "secret:a", &[]);
    for (who, says) in [
        ("", "is no principal"),
        ("alice", "is no principal"),
        ("*", "nobody in particular"),
        ("user:*", "is no principal"),
        ("user:-", "nobody can have"),
        ("group:ops", "a group cannot call"),
        ("session:deploy", "session:role/name"),
        ("root:vault", "is no principal"),
    ] {
        let told = told(&Case {
            who: who.into(),
            ..good.clone()
        });
        assert!(told.contains(says), "{who}: {told}");
    }
    for action in ["", "*", "secret:*", "secret:getvalue", "s3:GetObject"] {
        let told = told(&Case {
            action: action.into(),
            ..good.clone()
        });
        assert!(told.contains("is no action"), "{action}: {told}");
    }
    for (resource, says) in [
        ("", "kind:path"),
        ("*", "no wildcard"),
        ("secret:db/*", "no wildcard"),
        ("file:x", "no kind of resource"),
        ("secret:a//b", "segment"),
        ("secret:/", "not empty"),
        ("secret:/a", ""),
        ("secret:a/../b", ""),
        ("system:other", "only `system:vault`"),
        ("caller:alice", "only `caller:self`"),
        ("user:e\u{301}", "normal form"),
    ] {
        let told = told(&Case {
            resource: resource.into(),
            ..good.clone()
        });
        assert!(told.contains(says), "{resource}: {told}");
    }
}

#[test]
fn a_value_that_no_request_has_is_refused_with_its_key() {
    let tried = rehearsal(&[("all", Kind::Identity, ALL, &[])]);
    let long = "x".repeat(1025);
    for (context, says) in [
        (
            &[("vault:Sourceip2", "10.1.2.3")][..],
            "is not a condition key",
        ),
        (&[("SourceIp", "10.1.2.3")], "is not a condition key"),
        (
            &[("vault:SourceIp", "10.0.0.0/8")],
            "`vault:SourceIp` is one address",
        ),
        (
            &[("vault:SourceIp", "10.1.2.3"), ("aws:sourceip", "10.1.2.3")],
            "given twice",
        ),
        (
            &[("vault:MultiFactorAuthPresent", "yes")],
            "`true` or `false`",
        ),
        (&[("vault:MultiFactorAuthAge", "-1")], "number of seconds"),
        (
            &[("vault:MultiFactorAuthAge", "18446744073709551615")],
            "beyond 1970",
        ),
        (
            &[
                ("vault:MultiFactorAuthAge", "1"),
                ("vault:MultiFactorAuthPresent", "false"),
            ],
            "only with a second factor",
        ),
        (&[("vault:CurrentTime", "tomorrow")], "is a moment"),
        (&[("vault:CurrentTime", "1969-12-31")], "is a moment"),
        (&[("vault:TokenIssueTime", "2099-01-01")], "lies after"),
        (&[("vault:PrincipalName", "bob")], "follows from who asks"),
        (&[("vault:PrincipalType", "User")], "follows from who asks"),
        (&[("vault:TagKeys", "env")], "follows from"),
        (&[("vault:PrincipalTag/", "x")], "name of a tag"),
        (&[("vault:UserAgent", &long)], "1024 visible"),
        (&[("vault:UserAgent", "a\u{202e}b")], "1024 visible"),
    ] {
        let asked = case("user:alice", "secret:GetValue", "secret:a", context);
        let told = decide(&tried, &asked).unwrap_err().to_string();
        assert!(told.contains(says), "{context:?}: {told}");
    }
}

#[test]
fn nothing_is_attached_to_what_cannot_be() {
    for (kind, to, says) in [
        (Kind::Identity, "secret:a", "is no principal"),
        (Kind::Boundary, "*", "nobody in particular"),
        (Kind::Resource, "secret:a/*", "no wildcard"),
        (Kind::Resource, "alice", "kind:path"),
    ] {
        let text = match kind {
            Kind::Resource | Kind::Trust => {
                r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*"}}"#
            }
            Kind::Identity | Kind::Boundary | Kind::Session => ALL,
        };
        let attached = Rehearsal::default().attach("it", document(text, kind), [to]);
        let told = attached.unwrap_err().to_string();
        assert!(told.contains(says), "{to}: {told}");
    }
    let nobody =
        r#"{"Statement": {"Effect": "Deny", "Principal": {"Vault": "user:-"}, "Action": "*"}}"#;
    let told = Rehearsal::default().attach("it", document(nobody, Kind::Resource), []);
    assert!(told.unwrap_err().to_string().contains("nobody can have"));
}
