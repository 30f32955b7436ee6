//! Names that could be taken for one another: refused where they are given, with the reason.

use super::*;

const CYRILLIC_ALICE: &str = "\u{430}lice";
/// Wholly Cyrillic, and looks like `ace`.
const CYRILLIC_ACE: &str = "\u{430}\u{441}\u{435}";

fn new(resource: &Resource) -> New {
    let trust = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "role:Assume"}}"#;
    New {
        trust: matches!(resource, Resource::Role(_)).then(|| trust.to_owned()),
        ..New::default()
    }
}

fn made(world: &mut World, resource: &Resource) -> Result<u64, Refusal> {
    world.create_as(resource, &new(resource))
}

fn policy_made(world: &mut World, name: &str) -> Result<(), Refusal> {
    let (root, text) = (world.root, allow("secret:GetValue", "secret:x"));
    let resource = Resource::Policy(policy(name));
    let create = |tx: &mut Tx<'_>, _: &Caller, grant: &Grant, _: &mut Proofs| {
        create_policy(tx, grant, (&text, "")).map(drop)
    };
    world.act(&root, Action::POLICY_CREATE, &resource, create)
}

fn inline(world: &mut World, name: &str) -> Result<(), Refusal> {
    let (root, text) = (world.root, allow("secret:GetValue", "secret:x"));
    let put = |tx: &mut Tx<'_>, caller: &Caller, grant: &Grant, proofs: &mut Proofs| {
        put_inline(tx, caller, grant, proofs, (&policy(name), &text)).map(drop)
    };
    world.act(&root, Action::USER_ATTACH, &user("bob"), put)
}

#[test]
fn a_name_of_mixed_scripts_is_refused_for_every_sort() {
    let mut world = World::new();
    let name = CYRILLIC_ALICE;
    for resource in [user(name), group(name), role(name), service(name)] {
        let refused = made(&mut world, &resource).unwrap_err();
        assert!(matches!(refused, Refusal::MixedScripts(..)), "{refused}");
        assert!(refused.to_string().contains("several scripts"));
    }
    let refused = policy_made(&mut world, name).unwrap_err();
    assert!(matches!(refused, Refusal::MixedScripts(..)), "{refused}");
}

#[test]
fn a_name_that_looks_like_anothers_is_refused_whichever_came_first() {
    for (first, second) in [
        ("ace", CYRILLIC_ACE),
        (CYRILLIC_ACE, "ace"),
        ("ismail", "\u{130}smail"),
        ("alice", "al\u{131}ce"),
    ] {
        let mut world = World::new();
        for (one, other) in [
            (user(first), user(second)),
            (group(first), group(second)),
            (role(first), role(second)),
            (service(first), service(second)),
        ] {
            made(&mut world, &one).unwrap();
            let refused = made(&mut world, &other).unwrap_err();
            assert!(matches!(refused, Refusal::LooksLike(..)), "{refused}");
        }
        policy_made(&mut world, first).unwrap();
        let refused = policy_made(&mut world, second).unwrap_err();
        assert!(matches!(refused, Refusal::LooksLike(..)), "{refused}");
    }
}

#[test]
fn inline_policies_of_one_holder_can_be_told_apart() {
    let mut world = World::new();
    world.create(&user("bob"));
    inline(&mut world, "ace").unwrap();
    let refused = inline(&mut world, CYRILLIC_ACE).unwrap_err();
    assert!(matches!(refused, Refusal::LooksLike(..)), "{refused}");
    let refused = inline(&mut world, CYRILLIC_ALICE).unwrap_err();
    assert!(matches!(refused, Refusal::MixedScripts(..)), "{refused}");
    inline(&mut world, "ace").unwrap();
}

#[test]
fn names_of_different_sorts_and_names_that_people_have_do_not_stand_in_each_others_way() {
    let mut world = World::new();
    made(&mut world, &user("ace")).unwrap();
    made(&mut world, &group(CYRILLIC_ACE)).unwrap();
    for name in [
        "rene",
        "ren\u{e9}",
        "barn",
        "bam",
        "user1",
        "userl",
        "\u{7530}\u{4e2d}tanaka",
    ] {
        made(&mut world, &user(name)).unwrap();
    }
}

#[test]
fn a_look_is_free_again_when_its_name_is() {
    let mut world = World::new();
    let root = world.root;
    made(&mut world, &user("ace")).unwrap();
    world
        .act(&root, Action::USER_DELETE, &user("ace"), delete)
        .unwrap();
    made(&mut world, &user(CYRILLIC_ACE)).unwrap();
    assert!(made(&mut world, &user("ace")).is_err());
}
