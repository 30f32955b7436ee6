//! Whom a document may name, and how names become ids.

use super::{documents::refused, *};

#[test]
fn principals_are_named_where_they_belong_and_only_as_they_can_be() {
    let policy = |principal: &str| {
        format!(
            "{{\"Statement\": {{\"Effect\": \"Allow\", \"Action\": \"*\",\n\"Principal\": {principal}}}}}"
        )
    };
    for (principal, says) in [
        ("\"alice\"", "a principal is `*` or an object"),
        ("{}", "a principal is `*` or an object"),
        (r#"{"Federated": "*"}"#, "no type of principal"),
        (r#"{"Vault": []}"#, "at least one entry"),
        (r#"{"Vault": "alice"}"#, "write `user:…`"),
        (r#"{"Vault": "user:al*"}"#, "has a wildcard"),
        (r#"{"Vault": "user:"}"#, "the name is not one"),
        (r#"{"Vault": "user:#007"}"#, "the name is not one"),
        (r#"{"Vault": "user:##7"}"#, "the name is not one"),
        (r#"{"Vault": "user:#-1"}"#, "the name is not one"),
        (r#"{"Vault": "group:dev"}"#, "a group cannot call"),
        (r#"{"Vault": "root:#1"}"#, "write `user:…`"),
        (r#"{"Vault": "session:deploy"}"#, "a role's session is"),
        (r#"{"Vault": "session:deploy/#1"}"#, "the session's name"),
    ] {
        for kind in [Kind::Resource, Kind::Trust] {
            let (line, _, message) = refused(kind, &policy(principal));
            assert!(
                line == 2 && message.contains(says),
                "{principal}: {message}"
            );
        }
    }
    let without = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    assert!(
        refused(Kind::Resource, without)
            .2
            .contains("has no `Principal`")
    );
    let trust =
        r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}"#;
    assert!(refused(Kind::Trust, trust).2.contains("names no resource"));
    for kind in [Kind::Identity, Kind::Boundary, Kind::Session] {
        assert!(
            refused(kind, &policy("\"*\""))
                .2
                .contains("whom it is attached to")
        );
    }
}

#[test]
fn names_of_principals_are_bound_to_ids_and_shown_as_names_again() {
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Principal": {"Vault": ["user:alice", "session:deploy/x"]}}}"#;
    let read = document(text, Kind::Resource);
    let id = |kind, name: &str| match (kind, name) {
        (PrincipalKind::User, "alice") => Some(4),
        (PrincipalKind::Role, "deploy") => Some(5),
        _ => None,
    };
    let bound = read.clone().bind(id).unwrap();
    let shown = bound.to_string();
    assert!(shown.contains(r#"["user:#4", "session:#5/x"]"#), "{shown}");
    assert_eq!(document(&shown, Kind::Resource), bound);
    let named =
        bound.unbind(|kind, id| (kind == PrincipalKind::User && id == 4).then(|| "al".into()));
    assert!(named.to_string().contains(r#"["user:al", "session:#5/x"]"#));
    assert_eq!(&*read.bind(|_, _| None).unwrap_err(), "user:alice");
}
