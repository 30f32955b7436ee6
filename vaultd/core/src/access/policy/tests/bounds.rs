//! What a document may cost whoever reads or compares it.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use super::*;

/// An old and a new document that take more steps to compare than anybody waits for.
fn slow() -> (Document, Document) {
    let many = |more: &str| {
        let globs: Vec<String> = (0..12)
            .map(|n| format!("\"secret:*{}{}\"", char::from(b'a' + n), "?".repeat(12)))
            .collect();
        let text = format!(
            r#"{{"Statement": [{{"Effect": "Allow", "Action": "*", "Resource": [{}{more}]}}]}}"#,
            globs.join(", ")
        );
        document(&text, Kind::Identity)
    };
    (many(r#", "secret:x""#), many(""))
}

#[test]
fn a_comparison_that_takes_too_long_is_never_a_yes() {
    let (old, new) = slow();
    assert_eq!(check(&old, &new), NewAccess::TooLarge);
}

#[test]
fn a_comparison_ends_soon_after_it_is_stopped() {
    let (old, new) = slow();
    let asked = Cell::new(0);
    let told = check_no_new_access(&old, &new, &|| {
        asked.set(asked.get() + 1);
        asked.get() >= 3
    });
    assert_eq!((told, asked.get()), (NewAccess::TooLarge, 3));
}

/// Documents of a MiB, each of a shape that could be dear.
fn large() -> Vec<(&'static str, String)> {
    let fill = |item: &str, between: &str| {
        let room = (1 << 20) - 60_000;
        vec![item; room / (item.len() + between.len())].join(between)
    };
    let list = |items: &str| {
        format!(r#"{{"Statement": [{{"Effect": "Allow", "Action": "*", "Resource": [{items}]}}]}}"#)
    };
    let statement = r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#;
    let glob = format!("\"secret:{}\"", "*a".repeat(1_000));
    let conditions = |n: usize| {
        format!(
            r#"{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"StringLike":{{"vault:UserAgent":[{}]}}}}}}"#,
            vec!["\"*a*b*c\""; n].join(",")
        )
    };
    vec![
        ("entries", list(&fill("\"secret:a*\"", ","))),
        ("globs", list(&fill(&glob, ","))),
        (
            "statements",
            format!(r#"{{"Statement": [{}]}}"#, fill(statement, ",")),
        ),
        (
            "values",
            format!(r#"{{"Statement": [{}]}}"#, fill(&conditions(500), ",")),
        ),
        (
            "lists",
            format!(r#"{{"Statement": [{}]}}"#, fill("[]", ",")),
        ),
        ("lines", list(&fill("\n\"secret:${x}\"", ","))),
    ]
}

/// Far more than any of it takes, far less than what grows with the square of a document.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "what is tested is how long it takes"
)]
fn documents_of_a_mib_are_read_compared_and_tried_without_growing_with_their_square() {
    let began = Instant::now();
    let mut read = Vec::new();
    for (name, text) in large() {
        match Document::parse(&text, Kind::Identity) {
            Ok((document, _)) => read.push((name, document)),
            // no entries, and more behind wildcards than is decided by
            Err(_) => assert!(["lists", "globs", "values"].contains(&name), "{name}"),
        }
    }
    let unlike = large().swap_remove(2).1.replace("Deny", "Allow");
    let (unlike, _) = Document::parse(&unlike, Kind::Identity).unwrap();
    for (_, document) in &read {
        assert!(!diff(document, &unlike).is_empty());
        assert!(diff(document, document).is_empty());
    }
    let mut rehearsal = rehearsal::Rehearsal::default();
    for (name, document) in read {
        rehearsal.attach(name, document, []).unwrap();
    }
    let case = rehearsal::Case {
        who: "user:alice".into(),
        action: "secret:GetValue".into(),
        resource: format!("secret:{}", vec!["a".repeat(250); 4].join("/")),
        ..rehearsal::Case::default()
    };
    let surroundings = rehearsal::Surroundings {
        now: NOW,
        region: "eu",
    };
    assert!(!rehearsal.decide(&case, surroundings).unwrap().allowed);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}
