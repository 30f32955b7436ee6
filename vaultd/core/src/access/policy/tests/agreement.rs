//! The evaluator and the slow reference agree on random policies and requests.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(texts).prop_map(str::to_owned)
}

fn quoted(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
    format!("[{}]", texts.join(", "))
}

const RESOURCES: &[&str] = &[
    "*",
    "secret:*",
    "secret:a",
    "secret:a/*",
    "secret:a/b",
    "secret:*b",
    "secret:?",
    "secret:a?b",
    "user:*",
    "secret:${vault:PrincipalName}/*",
    "secret:${vault:PrincipalTag/t}",
    "secret:*${vault:PrincipalTag/t, 'b'}",
    "secret:${*}${vault:ResourceTag/t}*",
];

const ACTIONS: &[&str] = &[
    "*",
    "secret:*",
    "secret:Get*",
    "secret:getvalue",
    "secret:PutValue",
    "*:List",
    "secret:?etValue",
];

const TEXTS: &[&str] = &[
    "a",
    "b",
    "A",
    "a*",
    "?",
    "${vault:PrincipalName}",
    "${vault:PrincipalTag/t}",
    "${*}",
    "1",
];

/// What names may be compared with: they are stored in lower case.
const NAMES: &[&str] = &[
    "a",
    "b",
    "a*",
    "?",
    "${vault:PrincipalName}",
    "${vault:PrincipalTag/t}",
];

/// An operator, the key it is asked of, and values.
type Test = (String, String, Vec<String>);

fn test(
    operators: &'static [&'static str],
    keys: &'static [&'static str],
    values: &'static [&'static str],
) -> BoxedStrategy<Test> {
    (one_of(operators), one_of(keys), vec(one_of(values), 1..3)).boxed()
}

fn usual() -> impl Strategy<Value = Test> {
    prop_oneof![
        test(
            &[
                "StringEquals",
                "StringNotEquals",
                "StringLike",
                "StringNotLike"
            ],
            &[
                "RoleSessionName",
                "PrincipalTag/t",
                "ResourceTag/t",
                "UserAgent"
            ],
            TEXTS,
        ),
        test(&["StringLike", "StringNotLike"], &["PrincipalName"], NAMES),
        test(
            &["StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"],
            &["PrincipalName", "PrincipalTag/t"],
            &["a", "B", "${vault:PrincipalName}"],
        ),
        test(
            &[
                "NumericEquals",
                "NumericNotEquals",
                "NumericLessThan",
                "NumericGreaterThanEquals"
            ],
            &["PrincipalTag/t", "MultiFactorAuthAge"],
            &["1", "30", "100"],
        ),
        test(
            &["DateLessThan"],
            &["CurrentTime", "TokenIssueTime"],
            &["1795523400", "1795523390"]
        ),
        test(
            &["Bool"],
            &[
                "SecureTransport",
                "MultiFactorAuthPresent",
                "PrincipalTag/t"
            ],
            &["true", "false"],
        ),
        test(
            &["IpAddress", "NotIpAddress"],
            &["SourceIp", "PrincipalTag/t"],
            &["10.0.0.0/8", "10.1.2.0/23", "0.0.0.0/0"],
        ),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let written = |operator: String, key: String, values: &[String]| {
        format!(r#""{operator}": {{"vault:{key}": {}}}"#, quoted(values))
    };
    let set = one_of(&["", "ForAllValues:", "ForAnyValue:"]);
    let usual = (set, usual(), one_of(&["", "IfExists"])).prop_map(
        move |(set, (operator, key, values), suffix)| {
            written(format!("{set}{operator}{suffix}"), key, &values)
        },
    );
    let null = test(
        &["Null"],
        &["PrincipalTag/t", "SourceIp", "TagKeys"],
        &["true", "false"],
    );
    let sets = test(
        &[
            "ForAllValues:StringLike",
            "ForAnyValue:StringNotLike",
            "ForAllValues:StringNotEqualsIfExists",
        ],
        &["TagKeys"],
        &["a", "b", "${vault:PrincipalTag/t}"],
    );
    let others = prop_oneof![null, sets]
        .prop_map(move |(operator, key, values)| written(operator, key, &values));
    prop_oneof![3 => usual, 1 => others]
}

fn principals() -> impl Strategy<Value = String> {
    let names = [
        "*",
        "user:#1",
        "user:#2",
        "role:#1",
        "session:#1/s",
        "service:#2",
        "user:unbound",
    ];
    (
        one_of(&["", "Not"]),
        vec(select(names.to_vec()).prop_map(str::to_owned), 1..3),
    )
        .prop_map(|(not, names)| format!(r#""{not}Principal": {{"Vault": {}}}, "#, quoted(&names)))
}

fn statement_of(kind: Kind) -> impl Strategy<Value = String> {
    let principals = if kind.names_principals() {
        principals().boxed()
    } else {
        Just(String::new()).boxed()
    };
    let effect = prop_oneof![3 => Just("Allow"), 1 => Just("Deny")];
    let not = || prop_oneof![5 => Just(""), 1 => Just("Not")];
    let conditions =
        prop_oneof![2 => Just(vec![]), 2 => vec(condition(), 1..2), 1 => vec(condition(), 2..4)];
    (effect, principals, not(), vec(one_of(ACTIONS), 1..3), not(), vec(one_of(RESOURCES), 1..3), conditions).prop_map(
        move |(effect, principals, not_action, actions, not_resource, resources, mut conditions)| {
            // An operator is given once.
            conditions.sort();
            conditions.dedup_by_key(|condition| condition.split('{').next().unwrap().to_owned());
            let resources = if kind == Kind::Trust {
                String::new()
            } else {
                format!(r#", "{not_resource}Resource": {}"#, quoted(&resources))
            };
            let block = match conditions.len() {
                0 => String::new(),
                _ => format!(r#", "Condition": {{{}}}"#, conditions.join(", ")),
            };
            format!(r#"{{"Effect": "{effect}", {principals}"{not_action}Action": {}{resources}{block}}}"#, quoted(&actions))
        },
    )
}

pub(super) fn policy_of(kind: Kind) -> impl Strategy<Value = String> {
    let version = prop_oneof![4 => Just(r#""Version": "2012-10-17", "#), 1 => Just("")];
    (version, vec(statement_of(kind), 1..4)).prop_map(|(version, statements)| {
        format!(r#"{{{version}"Statement": [{}]}}"#, statements.join(", "))
    })
}

fn some_tags(values: &'static [&'static str]) -> impl Strategy<Value = Tags> {
    vec((select(vec!["t", "a", "b"]), select(values)), 0..3).prop_map(|pairs| tags(&pairs))
}

prop_compose! {
    pub(super) fn world()(
        action in select(vec![Action::GET_VALUE, Action::PUT_VALUE, Action::LIST, Action::SEAL]),
        resource in select(vec!["secret:a", "secret:a/b", "secret:b", "secret:", "secret:a/", "secret:*b", "user:a"]),
        (kind, session) in prop_oneof![
            Just((PrincipalKind::User, None)),
            Just((PrincipalKind::Service, None)),
            Just((PrincipalKind::Role, Some("s".to_owned()))),
            Just((PrincipalKind::Role, Some("a".to_owned()))),
        ],
        asked_session in select(vec![None, Some("b")]),
        id in 1..3_u64,
        name in select(vec!["a", "A", "b", "a*"]),
        principal_tags in some_tags(&["a", "b", "B", "1", "30", "a/b", "", "true", "10.1.2.3"]),
        resource_tags in some_tags(&["a", "b", ","]),
        request_tags in some_tags(&["a"]),
        source in select(vec![None, Some("10.1.2.3"), Some("10.200.0.1"), Some("192.0.2.1")]),
        secure in any::<bool>(),
        user_agent in select(vec![None, Some("a"), Some("b")]),
        second_factor in select(vec![None, Some(30), Some(100)]),
    ) -> World {
        World {
            action, resource: resource.into(), kind, id, session, asked_session: asked_session.map(str::to_owned), name: name.into(), principal_tags, resource_tags,
            request_tags, source: source.map(str::to_owned), secure, user_agent: user_agent.map(str::to_owned),
            second_factor: second_factor.map(|age: u64| NOW - age * 1000),
        }
    }
}

fn layer(kind: Kind) -> impl Strategy<Value = Vec<String>> {
    vec(policy_of(kind), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_evaluator_agrees_with_the_reference(
        identity in layer(Kind::Identity),
        (trust, resource) in prop_oneof![
            layer(Kind::Resource).prop_map(|texts| (false, texts)),
            layer(Kind::Trust).prop_map(|texts| (true, texts)),
        ],
        boundary in proptest::option::of(layer(Kind::Boundary)),
        session in proptest::option::of(layer(Kind::Session)),
        worlds in vec(world(), 8),
    ) {
        let own = if trust { Kind::Trust } else { Kind::Resource };
        let present = [boundary.is_some(), session.is_some()];
        let read = |texts: &[String], kind| -> Vec<Document> { texts.iter().map(|text| document(text, kind)).collect() };
        let documents = [
            read(&identity, Kind::Identity),
            read(&resource, own),
            read(&boundary.unwrap_or_default(), Kind::Boundary),
            read(&session.unwrap_or_default(), Kind::Session),
        ];
        let ready = documents.each_ref().map(|layer| {
            layer.iter().map(|document| Arc::new(Compiled::new("p", document))).collect::<Vec<_>>()
        });
        let [identity, resource, boundary, session] = &ready;
        let layers = Layers {
            identity,
            resource: if trust { ResourceLayer::Trust(resource) } else { ResourceLayer::Policies(resource) },
            boundary: present[0].then_some(boundary),
            session: present[1].then_some(session),
        };
        for world in &worlds {
            let expected = reference::allows(&documents, present, trust, world);
            let decision = evaluate(&layers, &world.request());
            prop_assert_eq!(decision.is_allowed(), expected, "{:?} {:?}", decision, world);
        }
    }

    #[test]
    fn what_is_rendered_reads_back_as_the_same_document(
        (kind, text) in select(vec![Kind::Identity, Kind::Resource, Kind::Trust])
            .prop_flat_map(|kind| (Just(kind), policy_of(kind)))
    ) {
        let first = document(&text, kind);
        let again = document(&first.to_string(), kind);
        prop_assert_eq!(&first, &again);
        prop_assert_eq!(first.to_string(), again.to_string());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,64}|[\\[\\]{}\":,a-zA-Z0-9* $]{0,64}") {
        for kind in [Kind::Identity, Kind::Trust] {
            let _ = Document::parse(&text, kind).is_ok();
        }
    }

    #[test]
    fn a_document_broken_anywhere_is_refused_with_a_place(text in policy_of(Kind::Resource), at in any::<proptest::sample::Index>()) {
        let at = at.index(text.len());
        let error = Document::parse(text.get(..at).unwrap(), Kind::Resource).unwrap_err();
        prop_assert!(error.line() == 1 && error.column() >= 1);
    }
}
