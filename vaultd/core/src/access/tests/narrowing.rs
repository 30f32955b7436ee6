//! What is left of a caller's rights in a session exchanged from his.

use proptest::prelude::*;

use super::*;

#[test]
fn a_session_never_exceeds_the_one_it_was_exchanged_from() {
    let mut world = World::new();
    let admin = world.administrator();
    let parent = world
        .login(
            &admin,
            &narrowed(&["secret:De*", "auth:Login"], Some("a/b")),
        )
        .unwrap();
    let child = world.login(&parent, &narrowed(&[], None)).unwrap();
    assert!(
        world.may(&child, Action::DELETE, secret("a/b/c"))
            && !world.may(&child, Action::DELETE, secret("a/c"))
    );
    assert!(!world.may(&child, Action::GET_VALUE, secret("a/b/c")));
    let child = world.login(&parent, &narrowed(&["*"], Some("a"))).unwrap();
    assert!(
        world.may(&child, Action::DESCRIBE, secret("a/b/c"))
            && !world.may(&child, Action::DESCRIBE, secret("a/c"))
    );
    assert!(!world.may(&child, Action::PUT_VALUE, secret("a/b/c")));
    let child = world
        .login(&parent, &narrowed(&["secret:Delete"], Some("a/b/c")))
        .unwrap();
    assert!(
        world.may(&child, Action::DELETE, secret("a/b/c/d"))
            && !world.may(&child, Action::DELETE, secret("a/b/d"))
    );
    for apart in [
        narrowed(&["secret:GetValue"], None),
        narrowed(&[], Some("c")),
        narrowed(&[], Some("a/bc")),
    ] {
        assert!(matches!(
            world.login(&parent, &apart),
            Err(LoginRefusal::Nothing)
        ));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_asked_for_a_child_may_nothing_that_its_parent_may_not(
        parent in proptest::sample::subsequence(vec!["secret:*", "secret:De*", "secret:Delete", "system:*"], 0..4),
        child in proptest::sample::subsequence(vec!["*", "secret:*", "secret:Del*", "system:Seal", "auth:*"], 0..4),
        over in proptest::option::of(proptest::sample::select(vec!["", "a", "a/b"])),
        under in proptest::option::of(proptest::sample::select(vec!["", "a", "a/b", "a/b/c", "d"])),
    ) {
        let mut world = World::new();
        let admin = world.administrator();
        let mut actions = parent.clone();
        if !actions.is_empty() {
            actions.push("auth:Login");
        }
        let parent = world.login(&admin, &narrowed(&actions, over)).unwrap();
        let Ok(child) = world.login(&parent, &narrowed(&child, under)) else { return Ok(()) };
        for action in Action::ALL {
            for resource in [secret("a"), secret("a/b"), secret("a/b/c"), secret("d/e"), folder(""), folder("a"), Resource::Own, Resource::System] {
                if world.may(&child, *action, resource.clone()) {
                    prop_assert!(world.may(&parent, *action, resource));
                }
            }
        }
    }
}
