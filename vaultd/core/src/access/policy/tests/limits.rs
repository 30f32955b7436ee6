//! Documents that are too large or too slow, to be compared or to decide.

use super::{
    comparison::{allow, compare},
    documents::{refused, with},
    *,
};

#[test]
fn names_and_ids_are_not_taken_for_different_people() {
    let about = |principals: &str| {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "secret:List", "Principal": {{"Vault": [{principals}]}}}}}}"#
        );
        document(&text, Kind::Resource)
    };
    let (called, known) = (about(r#""user:alice""#), about(r#""user:#42""#));
    let both = about(r#""user:#42", "session:deploy/x""#);
    for (old, new) in [
        (&called, &known),
        (&known, &called),
        (&known, &both),
        (&both, &known),
        (&called, &both),
    ] {
        assert_eq!(check(old, new), NewAccess::Unbound);
    }
    for same in [&called, &known] {
        assert_eq!(check(same, same), NewAccess::None);
    }
    let anyone = document(
        r#"{"Statement": {"Effect": "Allow", "Action": "secret:List", "Principal": "*"}}"#,
        Kind::Resource,
    );
    assert_ne!(check(&anyone, &known), NewAccess::Unbound);
}

/// One limit each: what has only these statements, conditions or principals too many.
#[test]
fn each_limit_of_a_comparison_is_said_to_be_one() {
    let statements: Vec<String> = (0..1_001).map(|n| allow(&format!("secret:a{n}"))).collect();
    let one = [allow("secret:b")];
    assert_eq!(compare(&one, &statements), NewAccess::TooLarge);
    assert_eq!(compare(&statements, &one), NewAccess::TooLarge);

    let about = |principals: usize| {
        let listed: Vec<String> = (1..=principals)
            .map(|id| format!("\"user:#{id}\""))
            .collect();
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "secret:List", "Principal": {{"Vault": [{}]}}}}}}"#,
            listed.join(", ")
        );
        document(&text, Kind::Resource)
    };
    let told = |principals: usize| check(&about(principals), &about(1));
    assert_eq!(told(199), NewAccess::None);
    assert_eq!(told(200), NewAccess::TooLarge);
}

#[test]
fn documents_made_to_explode_are_given_up() {
    let pattern = |n: usize| {
        allow(&format!(
            "secret:*{}*{}",
            "a?".repeat(20 + n),
            "?".repeat(60)
        ))
    };
    let old: Vec<String> = (0..20).map(pattern).collect();
    assert_eq!(
        compare(&old, &[allow("secret:*")]),
        NewAccess::Found(Example {
            action: Action::GET_VALUE,
            resource: "secret:".into(),
            principal: None,
        })
    );
    // every choice of which of the last characters were a b is a state of its own
    let new = [allow(&format!("secret:*b{}", "?".repeat(200)))];
    let old = [allow(&format!("secret:*b{}c", "?".repeat(199)))];
    assert_eq!(compare(&old, &new), NewAccess::TooLarge);
}

/// A text that matches a pattern up to its last character, again and again.
#[test]
fn a_document_that_is_made_to_be_slow_is_refused_and_the_slowest_that_is_not_is_quick() {
    let pattern = |marks: usize| format!("\"secret:*{}b\"", "?".repeat(marks));
    let listed = |patterns: &[String]| with(&format!("\"Resource\": [{}]", patterns.join(",\n")));
    let hostile: Vec<String> = (0..2_000).map(|_| pattern(500)).collect();
    let (line, column, message) = refused(Kind::Identity, &listed(&hostile));
    assert_eq!(
        (line, column),
        (18, 2),
        "the one that is too much: {message}"
    );
    assert!(message.contains("8192 characters"), "{message}");

    let slowest: Vec<String> = (0..16).map(|_| pattern(511)).collect();
    let compiled = compiled(&listed(&slowest), Kind::Identity);
    let world = World {
        resource: format!("secret:{}a", "x".repeat(2040)),
        ..World::default()
    };
    // 16 million steps: half a second unoptimised; the refused one takes a hundred times as many
    assert!(!decide(&[compiled], &world));
}

#[test]
fn what_is_longer_than_any_name_is_not_searched() {
    let long = World {
        user_agent: Some("x".repeat(3_000)),
        ..World::default()
    };
    let like = |pattern: &str| format!(r#"{{"StringLike": {{"vault:UserAgent": "{pattern}"}}}}"#);
    assert!(errs(&like("*x?y"), &long));
    assert!(holds(&like("x*"), &long), "a beginning is compared at once");
}
