//! The order of layers, and what a decision says of itself.

use super::*;

const ALL: &str = r#""Resource": "*""#;

fn policy(effect: &str) -> Arc<Compiled> {
    compiled(&statement(effect, ALL), Kind::Identity)
}

/// A resource policy about a principal, bound: names are ids already.
fn about(effect: &str, principal: &str) -> Arc<Compiled> {
    let rest = format!(r#""Principal": {principal}"#);
    compiled(&statement(effect, &rest), Kind::Resource)
}

fn decided<'a>(layers: &Layers<'a>, world: &World) -> Decision<'a> {
    evaluate(layers, &world.request())
}

const NONE: Layers<'static> = Layers {
    identity: &[],
    resource: ResourceLayer::Policies(&[]),
    boundary: None,
    session: None,
};

#[test]
fn nothing_is_allowed_that_nothing_allows() {
    assert_eq!(
        decided(&NONE, &World::default()),
        Decision::NotAllowed(Layer::Identity)
    );
}

#[test]
fn a_deny_in_any_layer_wins() {
    let (allow, deny) = (policy("Allow"), policy("Deny"));
    let both = [Arc::clone(&allow), deny];
    let allow = [allow];
    let usual = Layers {
        identity: &allow,
        boundary: Some(&allow),
        session: Some(&allow),
        ..NONE
    };
    assert!(decided(&usual, &World::default()).is_allowed());
    for (layers, layer) in [
        (
            Layers {
                identity: &both,
                ..usual
            },
            Layer::Identity,
        ),
        (
            Layers {
                resource: ResourceLayer::Policies(&both),
                ..usual
            },
            Layer::Resource,
        ),
        (
            Layers {
                resource: ResourceLayer::Trust(&both),
                ..usual
            },
            Layer::Trust,
        ),
        (
            Layers {
                boundary: Some(&both),
                ..usual
            },
            Layer::Boundary,
        ),
        (
            Layers {
                session: Some(&both),
                ..usual
            },
            Layer::Session,
        ),
    ] {
        let decision = decided(&layers, &World::default());
        let Decision::Denied(by, Certainty::Applies) = decision else {
            panic!("{decision:?}");
        };
        assert_eq!(by.layer, layer);
    }
}

#[test]
fn boundary_and_session_policies_limit_and_never_allow() {
    let allow = [policy("Allow")];
    let named = Layers {
        identity: &allow,
        ..NONE
    };
    let missing = |layers: Layers<'_>| {
        let decision = decided(&layers, &World::default());
        let Decision::NotAllowed(layer) = decision else {
            panic!("{decision:?}");
        };
        layer
    };
    assert_eq!(
        missing(Layers {
            boundary: Some(&allow),
            session: Some(&allow),
            ..NONE
        }),
        Layer::Identity
    );
    assert_eq!(
        missing(Layers {
            boundary: Some(&[]),
            ..named
        }),
        Layer::Boundary
    );
    assert_eq!(
        missing(Layers {
            session: Some(&[]),
            ..named
        }),
        Layer::Session
    );
    assert_eq!(
        missing(Layers {
            boundary: Some(&allow),
            session: Some(&[]),
            ..named
        }),
        Layer::Session
    );
}

#[test]
fn what_a_resource_allows_is_limited_by_how_it_names_the_caller() {
    let nothing: &[Arc<Compiled>] = &[];
    let user = World::default();
    let role = World {
        kind: PrincipalKind::Role,
        id: 7,
        session: Some("deploy".into()),
        ..World::default()
    };
    // Whom the policy names, who calls, and whether the boundary and the session policies still limit him.
    for (principal, world, boundary, session) in [
        (r#"{"Vault": "user:#1"}"#, &user, false, true),
        (r#""*""#, &user, true, true),
        (r#"{"Vault": ["role:#7", "user:#7"]}"#, &role, true, true),
        (r#"{"Vault": "session:#7/deploy"}"#, &role, false, false),
        (
            r#"{"Vault": ["*", "session:#7/deploy"]}"#,
            &role,
            false,
            false,
        ),
    ] {
        let own = [about("Allow", principal)];
        let layers = Layers {
            resource: ResourceLayer::Policies(&own),
            ..NONE
        };
        assert!(decided(&layers, world).is_allowed(), "{principal}");
        let bounded = Layers {
            boundary: Some(nothing),
            ..layers
        };
        assert_eq!(
            decided(&bounded, world).is_allowed(),
            !boundary,
            "{principal}"
        );
        let narrowed = Layers {
            session: Some(nothing),
            ..layers
        };
        assert_eq!(
            decided(&narrowed, world).is_allowed(),
            !session,
            "{principal}"
        );
    }
}

#[test]
fn a_resource_policy_means_whom_it_names_by_id() {
    let world = World::default();
    for (principal, meant) in [
        (r#"{"Vault": "user:#1"}"#, true),
        (r#"{"AWS": ["user:#2", "user:#1"]}"#, true),
        (r#"{"Vault": "user:#2"}"#, false),
        (r#"{"Vault": "service:#1"}"#, false),
        (r#"{"Vault": "role:#1"}"#, false),
        (r#"{"Vault": "session:#1/x"}"#, false),
    ] {
        let own = [about("Allow", principal)];
        let layers = Layers {
            resource: ResourceLayer::Policies(&own),
            ..NONE
        };
        assert_eq!(decided(&layers, &world).is_allowed(), meant, "{principal}");
    }
}

#[test]
fn a_name_that_was_never_bound_allows_nobody_and_denies_all_it_might_mean() {
    let (allow, deny) = (
        about("Allow", r#"{"Vault": "user:alice"}"#),
        about("Deny", r#"{"Vault": "user:alice"}"#),
    );
    let all = [policy("Allow")];
    let (allow, deny) = ([allow], [deny]);
    let layers = Layers {
        resource: ResourceLayer::Policies(&allow),
        ..NONE
    };
    assert!(!decided(&layers, &World::default()).is_allowed());
    let layers = Layers {
        identity: &all,
        resource: ResourceLayer::Policies(&deny),
        ..NONE
    };
    assert!(matches!(
        decided(&layers, &World::default()),
        Decision::Denied(_, Certainty::CouldNotTell)
    ));
    let service = World {
        kind: PrincipalKind::Service,
        ..World::default()
    };
    assert!(decided(&layers, &service).is_allowed());
}

#[test]
fn a_trust_policy_must_allow_whatever_else_does() {
    let all = [policy("Allow")];
    let trusting = |effect, principal: &str| {
        let text = statement(effect, &format!(r#""Principal": {principal}"#));
        [compiled(&text, Kind::Trust)]
    };
    let (own, other) = (
        trusting("Allow", r#"{"Vault": "user:#1"}"#),
        trusting("Allow", r#"{"Vault": "user:#2"}"#),
    );
    let asks = |trust| Layers {
        identity: &all,
        resource: ResourceLayer::Trust(trust),
        ..NONE
    };
    assert!(decided(&asks(&own), &World::default()).is_allowed());
    for trust in [&other[..], &[]] {
        assert_eq!(
            decided(&asks(trust), &World::default()),
            Decision::NotAllowed(Layer::Trust)
        );
    }
}

#[test]
fn not_principal_means_everybody_else() {
    let own = [about("Deny", r#""*""#)];
    let text = statement(
        "Deny",
        r#""NotPrincipal": {"Vault": ["user:#1", "role:#7"]}"#,
    );
    let others = [compiled(&text, Kind::Resource)];
    let all = [policy("Allow")];
    let under = |resource, world: &World| {
        let layers = Layers {
            identity: &all,
            resource: ResourceLayer::Policies(resource),
            ..NONE
        };
        decided(&layers, world).is_allowed()
    };
    let role = World {
        kind: PrincipalKind::Role,
        id: 7,
        session: Some("s".into()),
        ..World::default()
    };
    assert!(!under(&own, &World::default()));
    assert!(under(&others, &World::default()) && under(&others, &role));
    assert!(!under(
        &others,
        &World {
            id: 2,
            ..World::default()
        }
    ));
}

#[test]
fn a_decision_names_the_statement_that_made_it() {
    let text = r#"{"Statement": [
        {"Effect": "Allow", "Action": "secret:List", "Resource": "*"},
        {"Sid": "Readers", "Effect": "Allow", "Action": "secret:Get*", "Resource": "secret:db/*"}]}"#;
    let policies = [Arc::new(Compiled::new(
        "readers",
        &document(text, Kind::Identity),
    ))];
    let layers = Layers {
        identity: &policies,
        ..NONE
    };
    let Decision::Allowed(by) = decided(&layers, &World::default()) else {
        panic!("denied");
    };
    assert_eq!(
        (by.layer, by.policy, by.statement, by.sid),
        (Layer::Identity, "readers", 1, Some("Readers"))
    );
}

#[test]
fn folders_and_secrets_have_names_of_their_own() {
    use crate::{
        access::Resource,
        name::{FolderPath, SecretPath},
    };
    let secret = |path: &str| resource_name(&Resource::Secret(SecretPath::try_from(path).unwrap()));
    let folder = |path: &str| resource_name(&Resource::Folder(FolderPath::try_from(path).unwrap()));
    assert_eq!(&*secret("a/b"), "secret:a/b");
    assert_eq!(&*folder("a/b"), "secret:a/b/");
    assert_eq!(&*folder(""), "secret:");
    assert_eq!(&*resource_name(&Resource::Own), "caller:self");
    assert_eq!(&*resource_name(&Resource::System), "system:vault");
}
