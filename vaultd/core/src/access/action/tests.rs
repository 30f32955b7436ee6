//! Patterns over actions.

use super::*;

fn glob(text: &str) -> ActionGlob {
    text.try_into().unwrap()
}

#[test]
fn a_pattern_is_a_name_or_its_beginning() {
    assert!(glob("secret:GetValue").matches(Action::GET_VALUE));
    assert!(glob("secret:*").matches(Action::PUT_VALUE));
    assert!(glob("*").matches(Action::SEAL));
    assert!(!glob("secret:*").matches(Action::SEAL));
    assert!(!glob("secret:GetValue").matches(Action::PUT_VALUE));
}

#[test]
fn patterns_that_mean_nothing_are_refused() {
    for text in [
        "",
        "secret",
        "secret:",
        "Secret:*",
        "secret:getvalue",
        "secret:GetValue ",
        "secrets:*",
        "*:GetValue",
        "**",
        "secret:**",
    ] {
        assert_eq!(ActionGlob::try_from(text), Err(ActionGlobError), "{text:?}");
    }
}

#[test]
fn what_two_patterns_share_is_the_narrower_or_nothing() {
    let both = |a: &str, b: &str| glob(a).intersect(&glob(b)).map(|both| both.0.to_string());
    assert_eq!(both("*", "secret:*").as_deref(), Some("secret:*"));
    assert_eq!(
        both("secret:GetValue", "secret:*").as_deref(),
        Some("secret:GetValue")
    );
    assert_eq!(
        both("secret:De*", "secret:Del*").as_deref(),
        Some("secret:Del*")
    );
    assert_eq!(both("secret:*", "secret:*").as_deref(), Some("secret:*"));
    assert_eq!(both("secret:*", "system:*"), None);
    assert_eq!(both("secret:GetValue", "secret:PutValue"), None);
    for a in [
        "*",
        "secret:*",
        "secret:De*",
        "secret:Delete",
        "system:Seal",
    ] {
        for b in [
            "*",
            "secret:*",
            "secret:De*",
            "secret:Delete",
            "system:Seal",
        ] {
            let shared = glob(a).intersect(&glob(b));
            for action in Action::ALL {
                let expected = glob(a).matches(*action) && glob(b).matches(*action);
                assert_eq!(
                    shared.as_ref().is_some_and(|s| s.matches(*action)),
                    expected,
                    "{a} {b} {action}"
                );
            }
        }
    }
}

#[test]
fn names_are_found_and_unique() {
    for action in Action::ALL {
        assert_eq!(Action::from_name(action.name()), Some(*action));
    }
    assert_eq!(Action::from_name("secret:*"), None);
    let names: std::collections::BTreeSet<_> = Action::ALL.iter().collect();
    assert_eq!(names.len(), Action::ALL.len());
}
